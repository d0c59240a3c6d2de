#include "connectors/ews/xml.h"

#include <libxml/parser.h>
#include <libxml/xmlwriter.h>

#include <algorithm>
#include <charconv>

#include "storage/base/encoding.h"

namespace kopial::ews {
namespace {

constexpr std::size_t kDepthMax = 64;           // Exchange's deepest answers have about 12.
constexpr std::size_t kElementsMax = 2'000'000;  // A page of 1 000 items with all properties has about 100 000.
constexpr std::size_t kAttributesMax = 64;
constexpr std::size_t kChunk = 64 << 10;  // Given to libxml2 at a time: its own limit for one look-ahead is 10 MB.

std::string_view view(const xmlChar* text) { return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text); }

bool holds_bytes(std::string_view element) { return element == "MimeContent" || element == "MimeContentUTF8" || element == "Data" || element == "Content"; }

class Reader {
 public:
  Result<Node> read(BytesView xml) {
    xmlSAXHandler handler{};
    handler.initialized = XML_SAX2_MAGIC;
    handler.startElementNs = &on_start;
    handler.endElementNs = &on_end;
    handler.characters = &on_text;
    handler.cdataBlock = &on_text;
    handler.internalSubset = &on_doctype;
    handler.serror = [](void*, xmlErrorPtr) {};  // Said once, by the return code.
    const std::unique_ptr<xmlParserCtxt, decltype(&xmlFreeParserCtxt)> context(xmlCreatePushParserCtxt(&handler, this, nullptr, 0, nullptr), &xmlFreeParserCtxt);
    if (!context) return Error{ErrorCode::internal, "libxml2 gives no parser"};
    xmlCtxtUseOptions(context.get(), XML_PARSE_NONET | XML_PARSE_NOBLANKS | XML_PARSE_NOCDATA);
    context_ = context.get();
    int failed = 0;
    for (std::size_t at = 0; at < xml.size() && failed == 0 && why_.empty(); at += kChunk) {
      const auto piece = xml.substr(at, kChunk);
      failed = xmlParseChunk(context.get(), piece.data(), static_cast<int>(piece.size()), 0);
    }
    if (failed == 0 && why_.empty()) failed = xmlParseChunk(context.get(), nullptr, 0, 1);
    if (!why_.empty()) return Error{ErrorCode::invalid, why_};
    if (failed != 0 || !context->wellFormed || root_.name.empty()) {
      invalid_character_ = failed == XML_ERR_INVALID_CHAR;
      return Error{ErrorCode::unavailable, "the answer is no complete XML"};
    }
    return std::move(root_);
  }
  bool met_invalid_character() const { return invalid_character_; }

 private:
  static Reader& self(void* context) { return *static_cast<Reader*>(context); }

  static void on_doctype(void* context, const xmlChar*, const xmlChar*, const xmlChar*) { self(context).stop("the answer has a document type declaration"); }

  static void on_start(void* context, const xmlChar* name, const xmlChar*, const xmlChar*, int, const xmlChar**, int count, int, const xmlChar** attributes) {
    self(context).start(view(name), count, attributes);
  }
  void start(std::string_view name, int count, const xmlChar** attributes) {
    if (open_.size() >= kDepthMax || ++elements_ > kElementsMax || static_cast<std::size_t>(count) > kAttributesMax) return stop("the answer is nested too deeply, or has too many elements");
    Node* node = &root_;
    if (!open_.empty()) node = &open_.back()->children.emplace_back();
    node->name = name;
    for (int i = 0; i < count; ++i) {  // Five pointers each: name, prefix, namespace, value, end.
      const auto* begin = reinterpret_cast<const char*>(attributes[i * 5 + 3]);
      const auto* end = reinterpret_cast<const char*>(attributes[i * 5 + 4]);
      node->attributes.emplace_back(view(attributes[i * 5]), std::string(begin, end));
    }
    // Stays good: only the last element of each list grows.
    open_.push_back(node);
    pending_.clear();
  }

  static void on_end(void* context, const xmlChar*, const xmlChar*, const xmlChar*) { self(context).end(); }
  void end() {
    if (open_.empty()) return;
    if (holds_bytes(open_.back()->name)) decode(true);
    open_.pop_back();
  }

  static void on_text(void* context, const xmlChar* text, int size) { self(context).text({reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)}); }
  void text(std::string_view text) {
    if (open_.empty()) return;
    if (!holds_bytes(open_.back()->name)) {
      open_.back()->text.append(text);
      return;
    }
    for (const char c : text) {
      if (c != '\r' && c != '\n' && c != ' ' && c != '\t') pending_ += c;
    }
    if (pending_.size() >= kChunk) decode(false);
  }
  // Whole groups of four; the rest waits for what follows.
  void decode(bool last) {
    const auto size = last ? pending_.size() : pending_.size() / 4 * 4;
    const auto bytes = base64_decode(std::string_view(pending_).substr(0, size));
    if (!bytes) return stop("the answer has bytes that are no base64");
    open_.back()->text.append(*bytes);
    pending_.erase(0, size);
  }

  void stop(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    xmlStopParser(context_);
  }

  xmlParserCtxtPtr context_ = nullptr;
  Node root_;
  std::vector<Node*> open_;
  std::size_t elements_ = 0;
  std::string pending_, why_;
  bool invalid_character_ = false;
};

bool is_xml_character(unsigned long code) {
  return code == 9 || code == 10 || code == 13 || (code >= 0x20 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

// Characters that XML 1.0 forbids, written as themselves or as references, become spaces.
void remove_forbidden(Bytes& xml) {
  for (char& c : xml) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r' && c != '\n') c = ' ';
  }
  for (auto at = xml.find("&#"); at != Bytes::npos; at = xml.find("&#", at + 1)) {
    const auto end = xml.find(';', at);
    if (end == Bytes::npos || end - at > 12) continue;
    const bool hex = xml[at + 2] == 'x';
    const auto digits = std::string_view(xml).substr(at + (hex ? 3 : 2), end - at - (hex ? 3 : 2));
    unsigned long code = 0;
    const auto [stop, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
    if (bad != std::errc() || stop != digits.data() + digits.size() || is_xml_character(code)) continue;
    std::fill(xml.begin() + static_cast<std::ptrdiff_t>(at), xml.begin() + static_cast<std::ptrdiff_t>(end) + 1, ' ');
  }
}

}  // namespace

const Node* Node::at(std::initializer_list<std::string_view> path) const {
  const Node* node = this;
  for (const auto wanted : path) {
    const auto found = std::find_if(node->children.begin(), node->children.end(), [&](const Node& one) { return one.name == wanted; });
    if (found == node->children.end()) return nullptr;
    node = &*found;
  }
  return node;
}

std::string Node::child_text(std::string_view wanted) const {
  const auto* found = child(wanted);
  return found == nullptr ? std::string() : found->text;
}

std::string Node::attribute(std::string_view wanted) const {
  for (const auto& [key, value] : attributes) {
    if (key == wanted) return value;
  }
  return {};
}

Result<Node> parse(Bytes xml) {
  Reader reader;
  auto node = reader.read(xml);
  if (node || !reader.met_invalid_character()) return node;
  remove_forbidden(xml);
  return Reader().read(xml);
}

struct Writer::State {
  xmlBufferPtr buffer = xmlBufferCreate();
  xmlTextWriterPtr writer = xmlNewTextWriterMemory(buffer, 0);
  ~State() {
    if (writer != nullptr) xmlFreeTextWriter(writer);
    xmlBufferFree(buffer);
  }
};

namespace {
const xmlChar* chars(const char* text) { return reinterpret_cast<const xmlChar*>(text); }

// What cannot stand in XML cannot be asked for either.
std::string clean(std::string_view text) {
  std::string out(text);
  std::erase_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r'; });
  return out;
}

void write(Writer& writer, const Node& node) {
  writer.open(node.name.c_str());
  for (const auto& [key, value] : node.attributes) writer.attribute(key.c_str(), value);
  if (holds_bytes(node.name)) writer.base64(node.text);
  else if (!node.text.empty()) writer.text(node.text);
  for (const auto& child : node.children) write(writer, child);  // As deep as was read, which is bounded.
  writer.close();
}
}  // namespace

std::string serialize(const Node& node) {
  Writer writer;
  write(writer, node);
  return writer.take();
}

Writer::Writer() : state_(std::make_unique<State>()) {}
Writer::~Writer() = default;

Writer& Writer::open(const char* element) {
  xmlTextWriterStartElement(state_->writer, chars(element));
  return *this;
}
Writer& Writer::attribute(const char* name, std::string_view value) {
  xmlTextWriterWriteAttribute(state_->writer, chars(name), chars(clean(value).c_str()));
  return *this;
}
Writer& Writer::text(std::string_view text) {
  xmlTextWriterWriteString(state_->writer, chars(clean(text).c_str()));
  return *this;
}
Writer& Writer::base64(BytesView bytes) {
  const auto text = base64_encode(bytes);
  xmlTextWriterWriteRawLen(state_->writer, chars(text.data()), static_cast<int>(text.size()));
  return *this;
}
Writer& Writer::close() {
  xmlTextWriterEndElement(state_->writer);
  return *this;
}
std::string Writer::take() {
  xmlTextWriterFlush(state_->writer);
  return std::string(reinterpret_cast<const char*>(xmlBufferContent(state_->buffer)), static_cast<std::size_t>(xmlBufferLength(state_->buffer)));
}

}  // namespace kopial::ews
