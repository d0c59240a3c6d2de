// People as a table that somebody keeps by hand or exports from elsewhere.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "connectors/directory/directory.h"

namespace kopial {
namespace {

constexpr std::size_t kRowsMax = 200'000, kFieldsMax = 50;

std::vector<std::string> split(const std::string& text, std::string_view separators) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find_first_of(separators, at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// RFC 4180, with LF as well as CRLF, and ';' where the header line has it instead of ','.
class Rows {
 public:
  explicit Rows(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
    const auto head = rest_.substr(0, rest_.find('\n'));
    if (head.find(',') == std::string_view::npos && head.find(';') != std::string_view::npos) separator_ = ';';
  }
  // False at the end.
  Result<bool> next(std::vector<std::string>& fields) {
    fields.clear();
    if (rest_.empty()) return false;
    row_ = line_;
    while (true) {
      std::string field;
      if (rest_.starts_with('"')) {
        if (!quoted(field)) return Error{ErrorCode::invalid, fmt::format("line {}: a quotation mark is not closed", row_)};
      } else {
        const char ends[] = {separator_, '\n', '\0'};
        const auto end = std::min(rest_.find_first_of(ends), rest_.size());
        field = rest_.substr(0, end);
        rest_.remove_prefix(end);
        if (field.ends_with('\r')) field.pop_back();
      }
      fields.push_back(std::move(field));
      if (fields.size() > kFieldsMax) return Error{ErrorCode::invalid, fmt::format("line {}: more than {} fields", row_, kFieldsMax)};
      if (rest_.starts_with('\r')) rest_.remove_prefix(1);
      if (rest_.empty()) return true;
      const char next = rest_.front();
      if (next != separator_ && next != '\n') return Error{ErrorCode::invalid, fmt::format("line {}: text behind a closing quotation mark", row_)};
      rest_.remove_prefix(1);
      if (next == '\n') {
        ++line_;
        return true;
      }
    }
  }
  std::size_t row() const { return row_; }

 private:
  bool quoted(std::string& field) {
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '\n') ++line_;
      if (c != '"') {
        field += c;
        continue;
      }
      if (!rest_.starts_with('"')) return true;
      rest_.remove_prefix(1);
      field += '"';
    }
    return false;
  }
  std::string_view rest_;
  char separator_ = ',';
  std::size_t line_ = 1, row_ = 1;
};

bool is_yes(const std::string& text) { return text == "1" || text == "true" || text == "yes" || text == "ja"; }
bool is_no(const std::string& text) { return text == "0" || text == "false" || text == "no" || text == "nein"; }

}  // namespace

Result<DirectoryState> read_csv_directory(std::string_view text) {
  Rows rows(text);
  std::vector<std::string> fields;
  auto more = rows.next(fields);
  if (!more) return more.error();
  static const std::set<std::string> kKnown{"id", "upn", "display_name", "addresses", "kind", "enabled", "groups"};
  std::map<std::string, std::size_t> columns;
  for (std::size_t at = 0; at < fields.size(); ++at) {
    const auto name = fold(fields[at]);
    if (!kKnown.contains(name)) return Error{ErrorCode::invalid, "the column '" + name.substr(0, 50) + "' is not known; id, upn, display_name, addresses, kind, enabled and groups are"};
    columns[name] = at;
  }
  if (!columns.contains("id") || !columns.contains("upn")) return Error{ErrorCode::invalid, "the first line must name the columns, id and upn among them"};
  DirectoryState state;
  std::map<std::string, DirectoryGroup> groups;
  std::set<std::string> seen;
  while (true) {
    more = rows.next(fields);
    if (!more) return more.error();
    if (!*more) break;
    if (fields.size() == 1 && fields.front().empty()) continue;
    if (fields.size() != columns.size()) return Error{ErrorCode::invalid, fmt::format("line {}: {} fields instead of {}", rows.row(), fields.size(), columns.size())};
    const auto field = [&](const char* name) {
      const auto found = columns.find(name);
      return found == columns.end() ? std::string() : fields[found->second];
    };
    DirectoryEntry entry;
    entry.id = fold(field("id"));
    if (entry.id.empty() || entry.id.size() > 200) return Error{ErrorCode::invalid, fmt::format("line {}: 'id' must have 1 to 200 bytes", rows.row())};
    if (!seen.insert(entry.id).second) return Error{ErrorCode::invalid, fmt::format("line {}: the id '{}' was there already", rows.row(), entry.id)};
    entry.upn = field("upn");
    entry.display_name = field("display_name");
    auto addresses = split(field("addresses"), " ");
    for (std::size_t at = 0; at < addresses.size(); ++at) addresses[at] = (at == 0 ? "SMTP:" : "smtp:") + addresses[at];
    read_proxy_addresses(addresses, "", entry);
    const auto kind = fold(field("kind")), enabled = fold(field("enabled"));
    entry.kind = kind.empty() ? MailboxKind::person : mailbox_kind_called(kind);
    if (entry.kind == MailboxKind::unknown) return Error{ErrorCode::invalid, fmt::format("line {}: '{}' is no kind; person, shared, room and equipment are", rows.row(), kind)};
    if (!enabled.empty() && !is_yes(enabled) && !is_no(enabled)) return Error{ErrorCode::invalid, fmt::format("line {}: 'enabled' must be yes or no", rows.row())};
    entry.enabled = !is_no(enabled);
    entry.licensed = true;
    for (const auto& name : split(field("groups"), ";")) {
      auto& group = groups[fold(name)];
      group.id = fold(name);
      group.name = name;
      group.members.push_back(entry.id);
    }
    state.entries.push_back(std::move(entry));
    if (state.entries.size() > kRowsMax) return Error{ErrorCode::too_large, fmt::format("more than {} lines", kRowsMax)};
  }
  for (auto& [name, group] : groups) state.groups.push_back(std::move(group));
  return state;
}

}  // namespace kopial
