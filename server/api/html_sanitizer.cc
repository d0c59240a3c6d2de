#include "server/api/html_sanitizer.h"

#include <libxml/HTMLparser.h>
#include <libxml/tree.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <vector>

namespace kopial {
namespace {

// Short lists: looking along them costs less than the allocation of the name that is looked up.
constexpr std::array kElements = std::to_array<std::string_view>(
    {"a",     "abbr",  "address", "article", "b",       "bdi",   "bdo",     "big",   "blockquote", "body",    "br",    "caption",
     "center", "cite",  "code",    "col",     "colgroup", "dd",    "del",     "dfn",   "div",        "dl",      "dt",    "em",
     "figcaption", "figure", "font", "footer", "h1",     "h2",    "h3",      "h4",    "h5",         "h6",      "header", "hr",
     "html",  "i",     "img",     "ins",     "kbd",     "li",    "main",    "mark",  "ol",         "p",       "pre",   "q",
     "s",     "samp",  "section", "small",   "span",    "strike", "strong",  "sub",   "sup",        "table",   "tbody", "td",
     "tfoot", "th",    "thead",   "time",    "tr",      "tt",    "u",       "ul",    "var",        "wbr"});
constexpr std::array kAttributes = std::to_array<std::string_view>(
    {"align", "alt", "bgcolor", "border", "cellpadding", "cellspacing", "color", "colspan", "dir", "face", "height", "lang", "rowspan",
     "size", "span", "start", "title", "type", "valign", "width"});
constexpr std::array kVoidElements = std::to_array<std::string_view>({"br", "col", "hr", "img", "wbr"});
// Their content is no text of the message and goes with them.
constexpr std::array kDroppedWhole = std::to_array<std::string_view>(
    {"applet", "audio", "canvas", "embed", "frame", "frameset", "head", "iframe", "math", "noembed", "noframes", "noscript", "object",
     "script", "select", "style", "svg", "template", "textarea", "title", "video", "xml"});
static_assert(std::is_sorted(kAttributes.begin(), kAttributes.end()) && std::is_sorted(kVoidElements.begin(), kVoidElements.end()) &&
              std::is_sorted(kDroppedWhole.begin(), kDroppedWhole.end()));

constexpr int kDepthMax = 256;

template <typename List>
bool has(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view view(const xmlChar* text) {
  return text == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(text));
}

// A URL as a browser reads it: without control characters and leading blanks, which are how "java\nscript:" slips past.
std::string normal_url(std::string_view url) {
  std::string out;
  for (const char c : url) {
    if (static_cast<unsigned char>(c) > 0x20 || (c == ' ' && !out.empty())) out += c;
  }
  return out;
}

bool starts_with(const std::string& text, std::string_view prefix) { return lower(text.substr(0, prefix.size())) == prefix; }

// Declarations that only paint. Anything that can fetch, run, or escape its property list removes the declaration.
std::string safe_style(std::string_view style, std::uint32_t& blocked) {
  std::string out;
  std::size_t at = 0;
  while (at < style.size() && out.size() < 4096) {
    const auto end = std::min(style.find(';', at), style.size());
    const auto declaration = style.substr(at, end - at);
    at = end + 1;
    const auto folded = lower(declaration);
    const bool fetches = folded.find("url") != std::string::npos || folded.find("image") != std::string::npos ||
                         folded.find("import") != std::string::npos;
    if (fetches) {
      ++blocked;
      continue;
    }
    if (folded.find("expression") != std::string::npos || folded.find("position") != std::string::npos ||
        folded.find_first_of("\\<>@{}&") != std::string::npos || folded.find("/*") != std::string::npos ||
        folded.find(':') == std::string::npos) {
      continue;
    }
    out.append(declaration).append(";");
  }
  return out;
}

class Writer {
 public:
  explicit Writer(const std::function<std::optional<std::string>(const std::string&)>& resolve_cid) : resolve_cid_(resolve_cid) {}

  // Depth-first by hand: libxml2 limits the depth of what it builds, and this does not trust that.
  void write(const xmlNode* root) {
    const xmlNode* node = root;
    int depth = 0;
    while (node != nullptr) {
      const bool descend = open(node) && node->children != nullptr;
      if (descend && depth >= kDepthMax) result_.cut = true;
      if (descend && depth < kDepthMax) {
        node = node->children;
        ++depth;
        continue;
      }
      close(node);
      while (node != root && node->next == nullptr) {
        node = node->parent;
        --depth;
        close(node);
      }
      if (node == root) break;
      node = node->next;
    }
  }

  SanitizedHtml take() { return std::move(result_); }
  void mark_cut() { result_.cut = true; }

 private:
  // Writes the start of `node`; true when its children are to be written too.
  bool open(const xmlNode* node) {
    if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE) {
      result_.html += escape_html(view(node->content));
      return false;
    }
    if (node->type != XML_ELEMENT_NODE) return false;
    const auto name = lower(view(node->name));
    if (has(kDroppedWhole, name)) return false;
    if (!is_written(name)) return true;
    result_.html += '<' + name;
    for (const xmlAttr* attribute = node->properties; attribute != nullptr; attribute = attribute->next) {
      write_attribute(name, lower(view(attribute->name)), attribute);
    }
    if (name == "a") result_.html += " target=\"_blank\" rel=\"noopener noreferrer nofollow\"";
    result_.html += '>';
    return !has(kVoidElements, name);
  }

  void close(const xmlNode* node) {
    if (node->type != XML_ELEMENT_NODE) return;
    const auto name = lower(view(node->name));
    if (is_written(name) && !has(kDroppedWhole, name) && !has(kVoidElements, name)) result_.html += "</" + name + ">";
  }

  static bool is_written(const std::string& name) { return name != "html" && name != "body" && has(kElements, name); }

  void write_attribute(const std::string& element, const std::string& name, const xmlAttr* attribute) {
    const std::unique_ptr<xmlChar, void (*)(void*)> held(xmlNodeListGetString(attribute->doc, attribute->children, 1),
                                                        [](void* text) { xmlFree(text); });
    const auto value = view(held.get());
    if (name == "style") {
      if (const auto style = safe_style(value, result_.blocked_remote); !style.empty()) put(name, style);
    } else if (name == "background" || name == "srcset" || name == "poster") {
      ++result_.blocked_remote;
    } else if (element == "img" && name == "src") {
      write_image(normal_url(value));
    } else if (element == "a" && name == "href") {
      const auto url = normal_url(value);
      if (starts_with(url, "http://") || starts_with(url, "https://") || starts_with(url, "mailto:")) put(name, url);
    } else if (has(kAttributes, name)) {
      put(name, value);
    }
  }

  void write_image(const std::string& url) {
    if (starts_with(url, "cid:")) {
      if (const auto data = resolve_cid_ ? resolve_cid_(url.substr(4)) : std::nullopt) put("src", *data);
    } else if (starts_with(url, "data:image/") && !starts_with(url, "data:image/svg")) {
      put("src", url);
    } else {
      ++result_.blocked_remote;
    }
  }

  void put(std::string_view name, std::string_view value) {
    result_.html.append(" ").append(name).append("=\"").append(escape_html(value)).append("\"");
  }

  const std::function<std::optional<std::string>(const std::string&)>& resolve_cid_;
  SanitizedHtml result_;
};

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 16);
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

SanitizedHtml sanitize_html(std::string_view html, const std::function<std::optional<std::string>(const std::string&)>& resolve_cid,
                            std::size_t bytes_max) {
  Writer writer(resolve_cid);
  if (html.size() > bytes_max) {
    html = html.substr(0, bytes_max);
    writer.mark_cut();
  }
  std::string clean;  // libxml2 ends at a NUL.
  clean.reserve(html.size());
  std::remove_copy(html.begin(), html.end(), std::back_inserter(clean), '\0');
  const std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)> document(
      htmlReadMemory(clean.data(), static_cast<int>(clean.size()), nullptr, "UTF-8",
                     HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET | HTML_PARSE_COMPACT),
      &xmlFreeDoc);
  if (document) {
    if (const xmlNode* root = xmlDocGetRootElement(document.get()); root != nullptr) writer.write(root);
  }
  return writer.take();
}

}  // namespace kopial
