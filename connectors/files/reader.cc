#include "connectors/files/reader.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "connectors/files/maildir.h"
#include "connectors/files/mbox.h"
#include "storage/base/files.h"

namespace kopial {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kDepthMax = 64;
constexpr std::size_t kFindingsMax = 1000;

// What mail programs keep beside the mail they index: no mail in it, and nothing to tell about each of its files.
constexpr std::string_view kIndexFolders[] = {".notmuch", ".mu"};

bool is_index(const fs::path& directory) {
  return std::find(std::begin(kIndexFolders), std::end(kIndexFolders), directory.filename().string()) != std::end(kIndexFolders);
}

Time modified_at(const fs::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return Time{};
  return from_milliseconds(static_cast<std::int64_t>(facts.st_mtim.tv_sec) * 1000);
}

std::string escaped(const std::string& name) {
  std::string out;
  for (const char c : name) out += c == '/' ? std::string("%2F") : std::string(1, c);
  return out;
}

std::string below(const std::string& folder, const std::string& name) { return folder.empty() ? escaped(name) : folder + "/" + escaped(name); }

class Walk {
 public:
  Walk(std::uint64_t bytes_max, const std::function<Result<void>(FileMessage)>& take, std::stop_token stop)
      : bytes_max_(bytes_max), take_(take), stop_(std::move(stop)) {}

  Result<void> enter(const fs::path& directory, const std::string& folder, std::size_t depth) {
    if (depth > 0 && is_index(directory)) return {};
    if (depth > kDepthMax) return find(directory, "lies too deep and was left out"), Result<void>();
    if (files::is_maildir(directory)) return maildir(directory, folder, depth);
    std::error_code bad;
    std::vector<fs::path> entries;
    for (fs::directory_iterator at(directory, bad), end; !bad && at != end; at.increment(bad)) entries.push_back(at->path());
    if (bad) return find(directory, "could not be listed: " + bad.message()), Result<void>();
    std::sort(entries.begin(), entries.end());
    for (const auto& entry : entries) {
      if (fs::is_symlink(entry, bad)) {
        find(entry, "is a symbolic link and was not followed");
      } else if (fs::is_directory(entry, bad)) {
        if (auto done = enter(entry, below(folder, entry.filename().string()), depth + 1); !done) return done;
      } else if (fs::is_regular_file(entry, bad)) {
        if (auto done = file(entry, folder, false); !done) return done;
      }
    }
    return {};
  }

  // A file that was named by the caller is a message or an mbox whatever it is called.
  Result<void> file(const fs::path& path, const std::string& folder, bool named) {
    if (stop_.stop_requested()) return Error{ErrorCode::cancelled, "stopped while reading " + path.string()};
    std::ifstream stream(path, std::ios::binary);
    if (!stream) return find(path, "could not be opened"), Result<void>();
    char beginning[512];
    stream.read(beginning, sizeof beginning);
    const BytesView head(beginning, static_cast<std::size_t>(stream.gcount()));
    stream.close();
    const auto extension = path.extension().string();
    if (files::looks_like_mbox(head)) {
      const bool named_mbox = extension == ".mbox" || extension == ".mbx";
      const auto name = named ? folder : below(folder, named_mbox ? path.stem().string() : path.filename().string());
      return files::read_mbox(path, name, bytes_max_, take_, report_, stop_);
    }
    if (!named && extension != ".eml" && extension != ".EML") return find(path, "is neither .eml nor an mbox and was left out"), Result<void>();
    return message(path, folder, false, modified_at(path));
  }

  ReadReport take_report() {
    if (left_out_ > kFindingsMax) report_.findings.push_back(fmt::format("{} more files were left out", left_out_ - kFindingsMax));
    return std::move(report_);
  }

 private:
  Result<void> maildir(const fs::path& directory, const std::string& folder, std::size_t depth) {
    std::error_code bad;
    for (const char* part : {"cur", "new"}) {
      std::vector<fs::path> names;
      for (fs::directory_iterator at(directory / part, bad), end; !bad && at != end; at.increment(bad)) {
        if (at->is_regular_file(bad)) names.push_back(at->path());
      }
      std::sort(names.begin(), names.end());
      for (const auto& name : names) {
        if (stop_.stop_requested()) return Error{ErrorCode::cancelled, "stopped while reading " + directory.string()};
        const auto received = files::delivered_at(name.filename().string()).value_or(modified_at(name));
        if (auto done = message(name, folder.empty() ? "Inbox" : folder, files::is_unread(name), received); !done) return done;
      }
    }
    std::vector<fs::path> folders;  // Maildir++: ".Sent" beside cur; others nest directories
    for (fs::directory_iterator at(directory, bad), end; !bad && at != end; at.increment(bad)) {
      const auto name = at->path().filename().string();
      if (at->is_directory(bad) && !at->is_symlink(bad) && name != "cur" && name != "new" && name != "tmp") folders.push_back(at->path());
    }
    std::sort(folders.begin(), folders.end());
    for (const auto& one : folders) {
      const auto name = files::maildir_folder(one.filename().string());
      if (auto done = enter(one, folder.empty() ? name : folder + "/" + name, depth + 1); !done) return done;
    }
    return {};
  }

  Result<void> message(const fs::path& path, const std::string& folder, bool unread, Time received) {
    auto raw = read_file(path, bytes_max_);
    if (!raw) return find(path, raw.error().message), Result<void>();
    FileMessage message;
    message.path = path;
    message.folder = folder;
    message.received = received;
    message.unread = unread;
    message.raw = *std::move(raw);
    ++report_.messages;
    return take_(std::move(message));
  }

  void find(const fs::path& path, std::string_view what) {
    if (++left_out_ <= kFindingsMax) report_.findings.push_back(fmt::format("{}: {}", path.string(), what));
  }

  const std::uint64_t bytes_max_;
  const std::function<Result<void>(FileMessage)>& take_;
  const std::stop_token stop_;
  ReadReport report_;
  std::size_t left_out_ = 0;
};

}  // namespace

Result<ReadReport> read_files(const fs::path& start, std::uint64_t message_bytes_max, const std::function<Result<void>(FileMessage)>& take,
                              std::stop_token stop) {
  std::error_code bad;
  if (!fs::exists(start, bad)) return Error{ErrorCode::not_found, start.string() + " is not there"};
  Walk walk(message_bytes_max, take, std::move(stop));
  auto done = fs::is_directory(start, bad) ? walk.enter(start, "", 0) : walk.file(start, start.stem().string(), true);
  if (!done) return done.error();
  return walk.take_report();
}

}  // namespace kopial
