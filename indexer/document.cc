#include "indexer/document.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "indexer/html_text.h"
#include "indexer/terms.h"
#include "indexer/words.h"
#include "storage/mail/message_view.h"
#include "storage/mail/structure.h"

namespace kopial {
namespace {

// Phrases do not reach from one field or part into the next.
constexpr Xapian::termpos kGap = 100;

class DocumentBuilder {
 public:
  DocumentBuilder(BytesView raw, const DocumentLimits& limits) : raw_(raw), limits_(limits), structure_(scan(raw)) {}

  Xapian::Document build(const MessageRecord& record) {
    document_.add_boolean_term(terms::serial(record.serial));
    header(record.summary);
    parts();
    document_.set_data(excerpt_);
    return std::move(document_);
  }

 private:
  void text(std::string_view text, std::string_view prefix) {
    WordReader reader(text);
    std::string prefixed(prefix);
    for (Word word; reader.next(word);) {
      if (++words_ > limits_.words_max) return partial();
      ++position_;
      document_.add_posting(word.folded, position_);
      if (prefix.empty()) continue;
      prefixed.resize(prefix.size());
      prefixed += word.folded;
      document_.add_posting(prefixed, position_);
    }
    position_ += kGap;
  }

  void people(const std::vector<MailAddress>& addresses, std::string_view prefix) {
    for (const MailAddress& person : addresses) {
      text(person.name, prefix);
      position_ -= kGap - 1;  // "Anna Schmidt anna@example.org" is one phrase
      text(person.address, prefix);
      if (person.address.empty()) continue;
      document_.add_boolean_term(terms::address(prefix, person.address));
      if (const std::size_t at = person.address.rfind('@'); at != std::string::npos) {
        document_.add_boolean_term(terms::domain(person.address.substr(at + 1)));
      }
    }
  }

  void header(const Summary& summary) {
    text(summary.subject, terms::kSubject);
    people(summary.from, terms::kFrom);
    if (summary.sender != summary.from) people(summary.sender, terms::kFrom);
    people(summary.to, terms::kTo);
    people(summary.cc, terms::kCc);
    people(summary.bcc, terms::kBcc);
    if (!summary.message_id.empty()) document_.add_boolean_term(terms::message_id(summary.message_id));
    if (!summary.from.empty()) {
      const std::string& address = summary.from.front().address;
      if (const std::size_t at = address.rfind('@'); at != std::string::npos) document_.add_value(terms::kFromDomain, address.substr(at + 1));
    }
  }

  void parts() {
    if ((structure_.defects & (kTooDeep | kTooManyParts)) != 0) partial();
    const Parts parts = classify(structure_);
    std::unordered_set<std::size_t> words_of_plain;
    std::size_t plain_parts = 0;
    for (std::size_t i = 0; i < structure_.entities.size(); ++i) {
      const Entity& entity = structure_.entities[i];
      if (i > 0 && structure_.entities[static_cast<std::size_t>(std::max(entity.parent, 0))].is_message) nested_header(entity);
      flags(entity);
      if (!entity.filename.empty()) filename(entity.filename);
      if (!entity.is_leaf()) continue;
      if (entity.media_type == "text/html") {
        html(entity, words_of_plain, plain_parts > 0);
      } else if (entity.media_type.starts_with("text/")) {
        const std::string content = leaf(entity);
        if (entity.media_type == "text/plain") {
          ++plain_parts;
          WordReader reader(content);
          for (Word word; reader.next(word);) words_of_plain.insert(std::hash<std::string>()(word.folded));
        }
        body(content);
      } else if (!is_without_text(entity)) {
        partial();  // A kind of attachment nobody has looked into.
      }
    }
    if (!parts.attachments.empty()) attachments(parts);
  }

  // A forwarded message counts with its own header, as text.
  void nested_header(const Entity& root) {
    for (const std::string_view name : {"Subject", "From", "To", "Cc"}) {
      if (const auto value = header_value(raw_, root, name)) text(*value, "");
    }
  }

  std::string leaf(const Entity& entity) {
    if (text_bytes_ >= limits_.text_bytes_max) {
      partial();
      return {};
    }
    std::uint32_t defects = 0;
    const std::size_t room = limits_.text_bytes_max - text_bytes_;
    std::string content = leaf_text(raw_, entity, room, defects);
    text_bytes_ += content.size();
    if (content.size() + 4 >= room) partial();
    return content;
  }

  void html(const Entity& entity, const std::unordered_set<std::size_t>& words_of_plain, bool beside_plain) {
    const std::string source = leaf(entity);
    bool cut = false;
    const std::string content = html_to_text(source, limits_.text_bytes_max, cut);
    if (cut) partial();
    if (!has_link_ && source.find("href=") != std::string::npos) add_link();
    // Mail programs send most mail twice, as plain text and as HTML: when the HTML has no word of its own it is not counted again.
    if (beside_plain) {
      bool news = false;
      WordReader reader(content);
      for (Word word; !news && reader.next(word);) news = !words_of_plain.contains(std::hash<std::string>()(word.folded));
      if (!news) return;
    }
    body(content);
  }

  void body(std::string_view content) {
    text(content, "");
    if (!has_link_ && (content.find("http://") != std::string_view::npos || content.find("https://") != std::string_view::npos)) add_link();
    if (excerpt_.size() >= limits_.excerpt_bytes) return;
    // White space collapsed, so that the excerpt holds words.
    bool gap = !excerpt_.empty();
    for (std::size_t i = 0; i < content.size() && excerpt_.size() < limits_.excerpt_bytes; ++i) {
      const char c = content[i];
      if (c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\0') {
        gap = !excerpt_.empty();
        continue;
      }
      if (gap) excerpt_ += ' ';
      gap = false;
      excerpt_ += c;
    }
    while (!excerpt_.empty() && (static_cast<unsigned char>(excerpt_.back()) & 0xC0) == 0x80) excerpt_.pop_back();
    if (!excerpt_.empty() && static_cast<unsigned char>(excerpt_.back()) >= 0xC0) excerpt_.pop_back();
  }

  void filename(const std::string& name) {
    text(name, terms::kFilename);
    const std::size_t dot = name.rfind('.');
    if (dot != std::string::npos && name.size() - dot <= 12) document_.add_boolean_term(terms::attachment_type(name.substr(dot + 1)));
  }

  void flags(const Entity& entity) {
    const std::string& type = entity.media_type;
    if (type == "multipart/signed") document_.add_boolean_term(std::string(terms::kSigned));
    if (type == "multipart/encrypted" || type == "application/pgp-encrypted") document_.add_boolean_term(std::string(terms::kEncrypted));
    if (type == "application/pkcs7-mime" || type == "application/x-pkcs7-mime") {
      // RFC 8551 section 3.2: without the parameter it is enveloped data; a signed-only message names smime.p7m too.
      const auto content_type = header_value(raw_, entity, "Content-Type").value_or("");
      const bool is_signed = content_type.find("signed-data") != std::string::npos;
      document_.add_boolean_term(std::string(is_signed ? terms::kSigned : terms::kEncrypted));
    }
    if (type == "text/calendar") document_.add_boolean_term(std::string(terms::kCalendar));
  }

  static bool is_without_text(const Entity& entity) {
    const std::string& type = entity.media_type;
    return type.starts_with("image/") || type.starts_with("audio/") || type.starts_with("video/") || type.starts_with("font/") ||
           type == "application/pkcs7-signature" || type == "application/x-pkcs7-signature" || type == "application/pgp-signature" ||
           type == "application/pgp-encrypted" || type == "application/pgp-keys" || entity.body.size == 0;
  }

  void attachments(const Parts& parts) {
    document_.add_boolean_term(std::string(terms::kHasAttachment));
    static constexpr std::array<std::string_view, 10> kDocuments = {"pdf", "doc", "docx", "odt", "rtf", "txt", "ppt", "pptx", "odp", "pages"};
    static constexpr std::array<std::string_view, 4> kSheets = {"xls", "xlsx", "ods", "csv"};
    for (const std::size_t index : parts.attachments) {
      const Entity& entity = structure_.entities[index];
      if (entity.media_type.starts_with("image/")) document_.add_boolean_term(std::string(terms::kHasImage));
      const std::size_t dot = entity.filename.rfind('.');
      const std::string extension = dot == std::string::npos ? "" : fold_text(entity.filename.substr(dot + 1));
      const auto in = [&](const auto& list) { return std::find(list.begin(), list.end(), extension) != list.end(); };
      if (in(kDocuments) || entity.media_type == "application/pdf") document_.add_boolean_term("XHdocument");
      if (in(kSheets)) document_.add_boolean_term("XHspreadsheet");
      if (entity.media_type == "application/pdf") document_.add_boolean_term(terms::attachment_type("pdf"));
    }
  }

  void add_link() {
    has_link_ = true;
    document_.add_boolean_term(std::string(terms::kHasLink));
  }
  void partial() { document_.add_boolean_term(std::string(terms::kPartial)); }

  BytesView raw_;
  const DocumentLimits& limits_;
  Structure structure_;
  Xapian::Document document_;
  Xapian::termpos position_ = 0;
  std::size_t words_ = 0, text_bytes_ = 0;
  std::string excerpt_;
  bool has_link_ = false;
};

void add_folder(Xapian::Document& document, const Placement& placement) {
  document.add_boolean_term(terms::archive(placement.archive));
  const auto add = [&](std::string_view path) {
    if (path.empty()) return;
    document.add_boolean_term(terms::folder(path));
    document.add_boolean_term(terms::folder_in(placement.archive, path));
  };
  // The folder, everything above it, and its last name alone.
  const std::string& path = placement.folder;
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) add(path.substr(0, slash));
  add(path);
  if (const std::size_t slash = path.rfind('/'); slash != std::string::npos) add(path.substr(slash + 1));
}

}  // namespace

Time effective_date(const MessageRecord& record, const std::vector<Placement>& placements) {
  if (record.summary.date) return *record.summary.date;
  Time earliest = record.archived_at;
  for (const Placement& placement : placements) earliest = std::min(earliest, placement.received);
  return earliest;
}

BuiltDocument build_document(const MessageRecord& record, const std::vector<Placement>& placements, BytesView raw, const DocumentLimits& limits) {
  BuiltDocument built{DocumentBuilder(raw, limits).build(record), effective_date(record, placements)};
  built.document.add_value(terms::kDate, terms::slot_value(to_milliseconds(built.date)));
  built.document.add_value(terms::kSize, terms::slot_value(static_cast<std::int64_t>(record.bytes)));
  built.document.add_value(terms::kSerial, terms::slot_value(static_cast<std::int64_t>(to_number(record.serial))));
  replace_placements(built.document, placements);
  return built;
}

void replace_placements(Xapian::Document& document, const std::vector<Placement>& placements) {
  std::vector<std::string> old;
  for (const char* prefix : {"G", "H", "P"}) {
    auto term = document.termlist_begin();
    for (term.skip_to(prefix); term != document.termlist_end() && (*term).starts_with(prefix); ++term) old.push_back(*term);
  }
  for (const std::string& term : old) document.remove_term(term);
  Time received = Time::max();
  for (const Placement& placement : placements) {
    add_folder(document, placement);
    received = std::min(received, placement.received);
  }
  if (!placements.empty()) document.add_value(terms::kReceived, terms::slot_value(to_milliseconds(received)));
}

}  // namespace kopial
