#include "connectors/files/maildir.h"

#include <charconv>

#include "storage/mail/message_view.h"

namespace kopial::files {

bool is_maildir(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::is_directory(folder / "cur", ignored) && std::filesystem::is_directory(folder / "new", ignored);
}

std::string decode_modified_utf7(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '&') {
      out += text[at++];
      continue;
    }
    const auto end = text.find('-', at);
    if (end == std::string::npos) return out + text.substr(at);
    if (end == at + 1) {
      out += '&';
    } else {
      // Inside is UTF-7's base64 with ',' for '/': hand it over as UTF-7.
      std::string utf7 = "+" + text.substr(at + 1, end - at - 1) + "-";
      for (char& c : utf7) c = c == ',' ? '/' : c;
      out += to_utf8(utf7, "utf-7").value_or(text.substr(at, end + 1 - at));
    }
    at = end + 1;
  }
  return make_valid_utf8(out);
}

std::string maildir_folder(const std::string& directory_name) {
  if (directory_name.empty() || directory_name.front() != '.') return decode_modified_utf7(directory_name);
  std::string path;
  for (std::size_t at = 1; at <= directory_name.size();) {
    const auto dot = std::min(directory_name.find('.', at), directory_name.size());
    auto name = decode_modified_utf7(directory_name.substr(at, dot - at));
    std::string escaped;
    for (const char c : name) escaped += c == '/' ? std::string("%2F") : std::string(1, c);
    if (!escaped.empty()) path += (path.empty() ? "" : "/") + escaped;
    at = dot + 1;
  }
  return path;
}

std::optional<Time> delivered_at(const std::string& file_name) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(file_name.data(), file_name.data() + file_name.size(), seconds);
  if (error != std::errc() || end == file_name.data() + file_name.size() || *end != '.' || seconds < 100'000'000 || seconds > 100'000'000'000) {
    return std::nullopt;
  }
  return from_milliseconds(seconds * 1000);
}

bool is_unread(const std::filesystem::path& file) {
  if (file.parent_path().filename() == "new") return true;
  const auto name = file.filename().string();
  const auto flags = name.rfind(":2,");
  return flags != std::string::npos && name.find('S', flags) == std::string::npos;
}

}  // namespace kopial::files
