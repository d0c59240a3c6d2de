#include "indexer/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "indexer/query_range.h"
#include "indexer/words.h"

namespace kopial {
namespace {

using NodePtr = std::unique_ptr<QueryNode>;
using Kind = QueryNode::Kind;

struct FieldName {
  std::string_view name;
  QueryField field;
};
constexpr std::array<FieldName, 20> kFields = {{{"from", QueryField::from},
                                                {"to", QueryField::to},
                                                {"cc", QueryField::cc},
                                                {"bcc", QueryField::bcc},
                                                {"participants", QueryField::participants},
                                                {"subject", QueryField::subject},
                                                {"filename", QueryField::filename},
                                                {"type", QueryField::type},
                                                {"has", QueryField::has},
                                                {"message-id", QueryField::message_id},
                                                {"domain", QueryField::domain},
                                                {"folder", QueryField::folder},
                                                {"archive", QueryField::archive},
                                                {"size", QueryField::size},
                                                {"date", QueryField::date},
                                                {"after", QueryField::date},
                                                {"before", QueryField::date},
                                                {"received", QueryField::received},
                                                {"archived", QueryField::archived},
                                                {"is", QueryField::is}}};
// Fields of the language that this version does not answer yet. Named, so that nobody takes them for a misspelling.
constexpr std::array<std::string_view, 8> kLater = {"body", "attachment", "header", "list", "tag", "hash", "language", "thread"};

constexpr std::array<std::string_view, 5> kHas = {"attachment", "image", "link", "document", "spreadsheet"};
constexpr std::array<std::string_view, 4> kIs = {"encrypted", "signed", "partial", "calendar"};

std::string field_name(QueryField field) {
  for (const FieldName& known : kFields) {
    if (known.field == field) return std::string(known.name);
  }
  return "";
}

bool is_text_field(QueryField field) {
  switch (field) {
    case QueryField::any:
    case QueryField::from:
    case QueryField::to:
    case QueryField::cc:
    case QueryField::bcc:
    case QueryField::participants:
    case QueryField::subject:
    case QueryField::filename:
      return true;
    default:
      return false;
  }
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(c < 0x80 ? std::tolower(c) : c); });
  return out;
}

class Parser {
 public:
  Parser(std::string_view text, Time now, const QueryLimits& limits) : text_(text), now_(now), limits_(limits) {}

  Result<NodePtr> parse() {
    if (text_.size() > limits_.bytes_max) {
      return Error{ErrorCode::invalid, fmt::format("column {}: the query is longer than {} bytes", limits_.bytes_max, limits_.bytes_max)};
    }
    skip_space();
    if (at_end()) return node(Kind::all, 1);
    NodePtr tree = alternatives(QueryField::any, 0);
    if (error_) return *error_;
    skip_space();
    if (!at_end()) return fail(at_, "an opening parenthesis before this ')'"), *error_;
    return tree;
  }

 private:
  // --- positions and failure
  bool at_end() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  void skip_space() {
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }
  std::uint32_t column(std::size_t offset) const {
    // People count characters, not bytes.
    std::uint32_t characters = 1;
    for (std::size_t i = 0; i < offset && i < text_.size(); ++i) characters += (static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80;
    return characters;
  }
  NodePtr fail(std::size_t offset, std::string_view expected) {
    if (!error_) error_ = Error{ErrorCode::invalid, fmt::format("column {}: expected {}", column(offset), expected)};
    return nullptr;
  }
  NodePtr refuse(std::size_t offset, std::string_view sentence) {
    if (!error_) error_ = Error{ErrorCode::invalid, fmt::format("column {}: {}", column(offset), sentence)};
    return nullptr;
  }
  NodePtr node(Kind kind, std::uint32_t at_column) {
    if (++nodes_ > limits_.nodes_max) return refuse(at_, fmt::format("the query has more than {} terms", limits_.nodes_max));
    auto made = std::make_unique<QueryNode>();
    made->kind = kind;
    made->column = at_column;
    return made;
  }

  // --- operators, in capitals and followed by a gap
  bool is_keyword(std::string_view word) const {
    if (text_.substr(at_, word.size()) != word) return false;
    const char next = peek(word.size());
    return next == '\0' || next == ' ' || next == '\t' || next == '\n' || next == '\r' || next == '(' || next == ')' || next == '"';
  }
  bool take_keyword(std::string_view word) {
    skip_space();
    if (!is_keyword(word)) return false;
    at_ += word.size();
    return true;
  }

  NodePtr alternatives(QueryField field, std::size_t depth) {
    if (depth > limits_.depth_max) return refuse(at_, fmt::format("parentheses are nested more than {} deep", limits_.depth_max));
    const std::size_t begin = at_;
    NodePtr first = everything_of(field, depth);
    if (error_) return nullptr;
    if (!take_keyword("OR")) return first;
    NodePtr all = node(Kind::disjunction, column(begin));
    if (!all) return nullptr;
    all->children.push_back(std::move(first));
    do {
      NodePtr next = everything_of(field, depth);
      if (error_) return nullptr;
      all->children.push_back(std::move(next));
    } while (take_keyword("OR"));
    return all;
  }

  NodePtr everything_of(QueryField field, std::size_t depth) {
    skip_space();
    const std::size_t begin = at_;
    std::vector<NodePtr> terms;
    while (true) {
      skip_space();
      if (at_end() || peek() == ')' || is_keyword("OR")) break;
      if (is_keyword("AND")) {
        if (terms.empty()) return fail(at_, "a word before AND");
        take_keyword("AND");
        skip_space();
        if (at_end() || peek() == ')' || is_keyword("OR") || is_keyword("AND")) return fail(at_, "a word after AND");
      }
      NodePtr term = negatable(field, depth);
      if (error_) return nullptr;
      terms.push_back(std::move(term));
    }
    if (terms.empty()) return fail(at_, "a word, a phrase, a field or '('");
    if (terms.size() == 1) return std::move(terms.front());
    NodePtr all = node(Kind::conjunction, column(begin));
    if (!all) return nullptr;
    all->children = std::move(terms);
    return all;
  }

  NodePtr negatable(QueryField field, std::size_t depth) {
    const std::size_t begin = at_;
    bool negative = false;
    while (true) {  // a loop, so that "- - - -x" cannot recurse
      skip_space();
      if (take_keyword("NOT")) {
        negative = !negative;
        skip_space();
        if (at_end() || peek() == ')' || is_keyword("OR") || is_keyword("AND")) return fail(at_, "a word after NOT");
      } else if (peek() == '-' && peek(1) != '\0' && peek(1) != ' ') {
        ++at_;
        negative = !negative;
      } else {
        break;
      }
    }
    NodePtr term = near_chain(field, depth);
    if (error_ || !negative) return term;
    NodePtr negation = node(Kind::negation, column(begin));
    if (!negation) return nullptr;
    negation->children.push_back(std::move(term));
    return negation;
  }

  // word NEAR/5 word
  NodePtr near_chain(QueryField field, std::size_t depth) {
    NodePtr left = primary(field, depth);
    if (error_) return nullptr;
    skip_space();
    if (text_.substr(at_, 4) != "NEAR" || !(peek(4) == '/' || peek(4) == ' ')) return left;
    const std::size_t begin = at_;
    at_ += 4;
    std::uint32_t distance = 10;
    if (peek() == '/') {
      ++at_;
      const auto parsed = std::from_chars(text_.data() + at_, text_.data() + text_.size(), distance);
      if (parsed.ec != std::errc() || distance < 1 || distance > 100) return fail(at_, "a distance from 1 to 100 after NEAR/");
      at_ = static_cast<std::size_t>(parsed.ptr - text_.data());
    }
    skip_space();
    NodePtr right = primary(field, depth);
    if (error_) return nullptr;
    const auto fits = [](const QueryNode& side) { return side.kind == Kind::word && is_text_field(side.field); };
    if (!fits(*left) || !fits(*right) || left->field != right->field) return fail(begin, "one word of the same field on each side of NEAR");
    NodePtr near = node(Kind::near, left->column);
    if (!near) return nullptr;
    near->field = left->field;
    near->distance = distance;
    near->children.push_back(std::move(left));
    near->children.push_back(std::move(right));
    return near;
  }

  NodePtr primary(QueryField field, std::size_t depth) {
    skip_space();
    const std::size_t begin = at_;
    if (at_end()) return fail(at_, "a word, a phrase, a field or '('");
    if (peek() == '(') {
      ++at_;
      NodePtr inner = alternatives(field, depth + 1);
      if (error_) return nullptr;
      skip_space();
      if (peek() != ')') return fail(at_, fmt::format("')' for the '(' at column {}", column(begin)));
      ++at_;
      return inner;
    }
    if (peek() == ')') return fail(at_, "a word, a phrase, a field or '('");
    if (peek() == '"') return quoted(field, begin);
    if (peek() == '=' && peek(1) == '"') return refuse(at_, "exact words (=\"…\") are not available in this version; leave out the '='");

    std::size_t end = at_;
    while (end < text_.size() && std::string_view(" \t\r\n()\"").find(text_[end]) == std::string_view::npos && text_[end] != ':') ++end;
    if (end < text_.size() && text_[end] == ':' && end > at_) {
      const std::string name = lower(text_.substr(at_, end - at_));
      at_ = end + 1;
      return fielded(name, begin, depth);
    }
    while (end < text_.size() && std::string_view(" \t\r\n()\"").find(text_[end]) == std::string_view::npos) ++end;
    const std::string_view word = text_.substr(at_, end - at_);
    at_ = end;
    return word_node(field, word, begin);
  }

  NodePtr fielded(const std::string& name, std::size_t begin, std::size_t depth) {
    const auto known = std::find_if(kFields.begin(), kFields.end(), [&](const FieldName& field) { return field.name == name; });
    if (known == kFields.end()) {
      if (std::find(kLater.begin(), kLater.end(), name) != kLater.end()) {
        return refuse(begin, fmt::format("the field '{}:' is not available in this version", name));
      }
      std::string names;
      for (const FieldName& field : kFields) names += fmt::format("{}{}:", names.empty() ? "" : " ", field.name);
      return refuse(begin, fmt::format("there is no field '{}:'; fields are {}. To look for a text with a colon put it in quotes", name, names));
    }
    const char next = peek();
    if (next == '\0' || next == ' ') return fail(at_, fmt::format("a value right after '{}:'", name));
    const QueryField field = known->field;
    if (is_text_field(field)) return primary(field, depth);
    if (next == '(') {
      if (field == QueryField::folder || field == QueryField::archive || field == QueryField::type || field == QueryField::has ||
          field == QueryField::is) {
        return primary(field, depth);
      }
      return fail(at_, fmt::format("one value after '{}:'", name));
    }
    const std::size_t value_begin = at_;
    std::string value;
    if (!take_value(value)) return nullptr;
    if (field == QueryField::size || field == QueryField::date || field == QueryField::received || field == QueryField::archived) {
      return range_node(name, field, value, begin, value_begin);
    }
    return flag_node(field, value, begin, value_begin);
  }

  // A quoted or a bare value of a field that holds no text.
  bool take_value(std::string& value) {
    if (peek() == '"') {
      const std::size_t begin = at_++;
      const std::size_t end = text_.find('"', at_);
      if (end == std::string_view::npos) {
        fail(text_.size(), fmt::format("a closing quote for the one at column {}", column(begin)));
        return false;
      }
      value = text_.substr(at_, end - at_);
      at_ = end + 1;
      return true;
    }
    std::size_t end = at_;
    while (end < text_.size() && std::string_view(" \t\r\n()").find(text_[end]) == std::string_view::npos) ++end;
    value = text_.substr(at_, end - at_);
    at_ = end;
    return true;
  }

  NodePtr range_node(const std::string& name, QueryField field, const std::string& value, std::size_t begin, std::size_t value_begin) {
    const auto range = field == QueryField::size ? parse_size_range(value) : parse_date_range(name, value, now_);
    if (!range) return fail(value_begin, range.error().message);
    NodePtr made = node(Kind::range, column(begin));
    if (!made) return nullptr;
    made->field = field;
    made->low = range->low;
    made->high = range->high;
    return made;
  }

  NodePtr flag_node(QueryField field, const std::string& value, std::size_t begin, std::size_t value_begin) {
    if (value.empty()) return fail(value_begin, "a value");
    const auto list_of = [](const auto& names) {
      std::string text;
      for (const std::string_view name : names) text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
      return text;
    };
    std::string text = value;
    if (field == QueryField::has || field == QueryField::is || field == QueryField::type || field == QueryField::domain) text = lower(value);
    if (field == QueryField::has && std::find(kHas.begin(), kHas.end(), text) == kHas.end()) {
      return fail(value_begin, fmt::format("one of {} after 'has:'", list_of(kHas)));
    }
    if (field == QueryField::is && std::find(kIs.begin(), kIs.end(), text) == kIs.end()) {
      return fail(value_begin, fmt::format("one of {} after 'is:'", list_of(kIs)));
    }
    if (field == QueryField::message_id && text.size() > 2 && text.front() == '<' && text.back() == '>') text = text.substr(1, text.size() - 2);
    if (text.find('*') != std::string::npos && field != QueryField::message_id) {
      return fail(value_begin, "a value without wildcards: they work in words only");
    }
    NodePtr made = node(Kind::flag, column(begin));
    if (!made) return nullptr;
    made->field = field;
    made->text = std::move(text);
    return made;
  }

  NodePtr quoted(QueryField field, std::size_t begin) {
    ++at_;
    const std::size_t end = text_.find('"', at_);
    if (end == std::string_view::npos) return fail(text_.size(), fmt::format("a closing quote for the one at column {}", column(begin)));
    const std::string_view inside = text_.substr(at_, end - at_);
    const std::size_t inside_begin = at_;
    at_ = end + 1;
    if (!is_text_field(field)) return flag_node(field, std::string(inside), begin, inside_begin);
    if (const std::size_t star = inside.find('*'); star != std::string_view::npos) {
      return fail(inside_begin + star, "no '*' inside quotes: wildcards work in single words");
    }
    const std::vector<std::string> words = words_of(inside);
    if (words.empty()) return fail(inside_begin, "letters or digits inside the quotes");
    if (words.size() > 50) return refuse(inside_begin, "a phrase has at most 50 words");
    NodePtr made = node(Kind::phrase, column(begin));
    if (!made) return nullptr;
    made->field = field;
    made->text = inside;
    return made;
  }

  NodePtr word_node(QueryField field, std::string_view word, std::size_t begin) {
    if (!is_text_field(field)) return flag_node(field, std::string(word), begin, begin);
    const std::size_t star = word.find_first_of("*?");
    const bool question_at_end = star != std::string_view::npos && word[star] == '?' && word.find_first_not_of("?", star) == std::string_view::npos;
    if (star != std::string_view::npos && !question_at_end) {
      if (word[star] == '?' || star + 1 != word.size()) {
        return fail(begin + star, "'*' only at the end of a word: other wildcards are not available in this version");
      }
      const std::vector<std::string> stem = words_of(word.substr(0, star));
      if (stem.size() != 1) return fail(begin, "one word before '*'");
      if (stem.front().size() < 2) return fail(begin, "at least two letters before '*'");
      NodePtr made = node(Kind::prefix, column(begin));
      if (!made) return nullptr;
      made->field = field;
      made->text = word.substr(0, star);
      return made;
    }
    const std::vector<std::string> words = words_of(word);
    if (words.empty()) return fail(begin, fmt::format("letters or digits in '{}'", word));
    if (words.size() > 50) return refuse(begin, "a word made of more than 50 pieces");
    NodePtr made = node(Kind::word, column(begin));
    if (!made) return nullptr;
    made->field = field;
    made->text = word;
    return made;
  }

  std::string_view text_;
  Time now_;
  const QueryLimits& limits_;
  std::size_t at_ = 0, nodes_ = 0;
  std::optional<Error> error_;
};

bool needs_quotes(std::string_view value) { return value.find_first_of(" \t()") != std::string_view::npos; }

void write(const QueryNode& node, std::string& out, bool inside_conjunction) {
  const std::string field = node.field == QueryField::any ? "" : field_name(node.field) + ":";
  switch (node.kind) {
    case Kind::all:
      return;
    case Kind::word:
      out += field + node.text;
      return;
    case Kind::prefix:
      out += field + node.text + "*";
      return;
    case Kind::phrase:
      out += fmt::format("{}\"{}\"", field, node.text);
      return;
    case Kind::near:
      write(*node.children[0], out, true);
      out += fmt::format(" NEAR/{} ", node.distance);
      write(*node.children[1], out, true);
      return;
    case Kind::range:
      out += field + (node.field == QueryField::size ? size_range_text(node.low, node.high) : date_range_text(node.low, node.high));
      return;
    case Kind::flag:
      out += needs_quotes(node.text) ? fmt::format("{}\"{}\"", field, node.text) : field + node.text;
      return;
    case Kind::negation: {
      const QueryNode& child = *node.children.front();
      const bool group = child.kind == Kind::conjunction || child.kind == Kind::disjunction || child.kind == Kind::near;
      out += group ? "NOT (" : "NOT ";
      write(child, out, false);
      if (group) out += ")";
      return;
    }
    case Kind::conjunction:
    case Kind::disjunction: {
      const bool any = node.kind == Kind::disjunction;
      if (any && inside_conjunction) out += "(";
      bool first = true;
      for (const auto& child : node.children) {
        if (!first) out += any ? " OR " : " ";
        first = false;
        const bool nested = child->kind == node.kind;
        if (nested) out += "(";
        write(*child, out, !any);
        if (nested) out += ")";
      }
      if (any && inside_conjunction) out += ")";
      return;
    }
  }
}

}  // namespace

Result<std::unique_ptr<QueryNode>> parse_query(std::string_view text, Time now, const QueryLimits& limits) {
  return Parser(text, now, limits).parse();
}

std::string to_text(const QueryNode& node) {
  std::string out;
  write(node, out, false);
  return out;
}

}  // namespace kopial
