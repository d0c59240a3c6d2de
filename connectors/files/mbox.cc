#include "connectors/files/mbox.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <fstream>
#include <vector>

#include "storage/base/files.h"

namespace kopial::files {
namespace {

constexpr std::size_t kChunk = 256 << 10;

// "From sender Tue Nov 24 03:59:00 2026": the date is what follows the sender.
std::optional<Time> envelope_date(BytesView line) {
  const auto sender = line.find_first_not_of(' ', 5);
  if (sender == BytesView::npos) return std::nullopt;
  const auto space = line.find(' ', sender);
  if (space == BytesView::npos) return std::nullopt;
  const auto seconds = curl_getdate(std::string(line.substr(space + 1, 64)).c_str(), nullptr);
  if (seconds < 0) return std::nullopt;
  return from_milliseconds(static_cast<std::int64_t>(seconds) * 1000);
}

// A separator has a time of day in it; "From here on" in a text has not.
bool is_separator(BytesView line) {
  if (!line.starts_with("From ")) return false;
  for (std::size_t at = 5; at + 4 < line.size(); ++at) {
    const auto digit = [&](std::size_t i) { return line[i] >= '0' && line[i] <= '9'; };
    if (line[at + 2] == ':' && digit(at) && digit(at + 1) && digit(at + 3) && digit(at + 4)) return true;
  }
  return false;
}

bool is_quoted_from(BytesView line) {
  const auto first = line.find_first_not_of('>');
  return first != 0 && first != BytesView::npos && line.substr(first).starts_with("From ");
}

class Reader {
 public:
  Reader(const std::filesystem::path& path, const std::string& folder, std::uint64_t message_bytes_max,
         const std::function<Result<void>(FileMessage)>& take, ReadReport& report)
      : path_(path), folder_(folder), bytes_max_(message_bytes_max), take_(take), report_(report) {}

  Result<void> line(BytesView line, bool continues) {
    const bool starts_line = !within_line_;
    within_line_ = continues;
    if (starts_line && after_blank_ && is_separator(line)) {
      if (auto done = finish(); !done) return done;
      open_ = true;
      message_.offset = offset_;
      message_.received = envelope_date(line).value_or(Time{});
      skipping_separator_ = continues;
    } else if (skipping_separator_) {
      skipping_separator_ = continues;
    } else if (open_) {
      append(starts_line && is_quoted_from(line) ? line.substr(1) : line);
    }
    after_blank_ = starts_line && (line == "\n" || line == "\r\n");
    offset_ += line.size();
    return {};
  }

  Result<void> finish() {
    if (!open_) return {};
    open_ = false;
    auto message = std::exchange(message_, {});
    if (std::exchange(too_large_, false)) {
      report_.findings.push_back(fmt::format("{}: the message at offset {} is larger than {} bytes and was left out", path_.string(), message.offset, bytes_max_));
      return {};
    }
    // The blank line in front of the next separator belongs to the file, not to the message.
    if (message.raw.ends_with("\r\n\r\n")) message.raw.resize(message.raw.size() - 2);
    else if (message.raw.ends_with("\n\n")) message.raw.pop_back();
    message.path = path_;
    message.folder = folder_;
    ++report_.messages;
    return take_(std::move(message));
  }

 private:
  void append(BytesView bytes) {
    if (message_.raw.size() + bytes.size() > bytes_max_) {
      too_large_ = true;
      message_.raw = Bytes();
    }
    if (!too_large_) message_.raw += bytes;
  }

  const std::filesystem::path& path_;
  const std::string& folder_;
  const std::uint64_t bytes_max_;
  const std::function<Result<void>(FileMessage)>& take_;
  ReadReport& report_;
  FileMessage message_;
  std::uint64_t offset_ = 0;
  bool open_ = false, after_blank_ = true, within_line_ = false, skipping_separator_ = false, too_large_ = false;
};

}  // namespace

bool looks_like_mbox(BytesView beginning) { return is_separator(beginning.substr(0, beginning.find('\n'))); }

Result<void> read_mbox(const std::filesystem::path& path, const std::string& folder, std::uint64_t message_bytes_max,
                       const std::function<Result<void>(FileMessage)>& take, ReadReport& report, std::stop_token stop) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return errno_error(errno, "opening", path);
  Reader reader(path, folder, message_bytes_max, take, report);
  Bytes buffer;
  std::vector<char> chunk(kChunk);
  while (file) {
    if (stop.stop_requested()) return Error{ErrorCode::cancelled, "stopped while reading " + path.string()};
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    buffer.append(chunk.data(), static_cast<std::size_t>(file.gcount()));
    std::size_t from = 0;
    for (auto end = buffer.find('\n'); end != Bytes::npos; end = buffer.find('\n', from)) {
      if (auto done = reader.line(BytesView(buffer).substr(from, end + 1 - from), false); !done) return done;
      from = end + 1;
    }
    buffer.erase(0, from);
    if (buffer.size() >= 2 * kChunk) {  // One endless line is passed on in pieces.
      if (auto done = reader.line(buffer, true); !done) return done;
      buffer.clear();
    }
  }
  if (file.bad()) return Error{ErrorCode::unavailable, "reading " + path.string() + " failed"};
  if (!buffer.empty()) {
    if (auto done = reader.line(buffer, false); !done) return done;
  }
  return reader.finish();
}

}  // namespace kopial::files
