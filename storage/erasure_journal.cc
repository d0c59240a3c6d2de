#include "storage/erasure_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "storage/base/encoding.h"
#include "storage/base/files.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

constexpr std::uint64_t kJournalBytesMax = 1ull << 30;
constexpr std::size_t kMarkDigits = 32;
constexpr std::string_view kFirstLine = "kopial erasures 1";

std::string to_line(const ErasureJournal::Entry& entry) {
  std::string copies;
  for (const auto& copy : entry.copies) copies += (copies.empty() ? "" : ",") + hex_encode(copy);
  return fmt::format("erase {} {} {} {}", entry.group, to_number(entry.message), hex_encode(entry.identity), copies.empty() ? "*" : copies);
}

}  // namespace

std::string ErasureJournal::marked(std::string line) const {
  const auto mark = hex_encode(hmac_sha256(key_.reveal(), line).view()).substr(0, kMarkDigits);
  return line + ' ' + mark;
}

Result<ErasureJournal> ErasureJournal::open(std::filesystem::path path, const Secret& tenant_key) {
  return open_with(std::move(path), derive_key(tenant_key, "kopial erasure journal"));
}

Result<ErasureJournal> ErasureJournal::open_with(std::filesystem::path path, Secret key) {
  ErasureJournal journal(std::move(path), std::move(key));
  auto content = read_file(journal.path_, kJournalBytesMax);
  if (!content && content.error().code == ErrorCode::not_found) return journal;
  if (!content) return content.error();
  if (auto done = journal.read(*content); !done) return done.error();
  // A torn last line must not become the beginning of the next one.
  const auto whole = content->rfind('\n') == Bytes::npos ? 0 : content->rfind('\n') + 1;
  if (whole < content->size() && ::truncate(journal.path_.c_str(), static_cast<off_t>(whole)) != 0) {
    return errno_error(errno, "truncate", journal.path_);
  }
  return journal;
}

Result<void> ErasureJournal::read(BytesView content) {
  std::size_t number = 0;
  for (std::size_t at = 0; at < content.size();) {
    const auto end = content.find('\n', at);
    if (end == BytesView::npos) break;
    ++number;
    if (!read_line(content.substr(at, end - at))) {
      return Error{ErrorCode::corrupt, fmt::format("line {} of {} is not one this tenant's archive wrote", number, path_.string())};
    }
    at = end + 1;
  }
  std::erase_if(entries_, [](const Entry& entry) { return entry.group == 0; });
  return {};
}

bool ErasureJournal::read_line(BytesView line) {
  const auto split = line.rfind(' ');
  if (split == BytesView::npos || marked(Bytes(line.substr(0, split))) != line) return false;
  const Bytes said(line.substr(0, split));
  if (said == kFirstLine) return true;
  std::istringstream in(said);
  std::string deed, identity, copies;
  Entry entry;
  std::uint64_t serial = 0;
  if (!(in >> deed >> entry.group)) return false;
  last_group_ = std::max(last_group_, entry.group);
  if (deed == "done" || deed == "cancelled") {
    for (auto one = entries_.rbegin(); one != entries_.rend(); ++one) {
      if (one->group != entry.group || !one->open) continue;
      one->open = false;
      if (deed == "cancelled") one->group = 0;
    }
    return true;
  }
  if (deed != "erase" || !(in >> serial >> identity >> copies)) return false;
  const auto tag = hex_decode(identity);
  if (!tag) return false;
  entry.message = Serial{serial};
  entry.identity = *tag;
  entry.open = true;
  if (copies != "*") {
    std::istringstream each(copies);
    for (std::string copy; std::getline(each, copy, ',');) {
      const auto decoded = hex_decode(copy);
      if (!decoded) return false;
      entry.copies.push_back(*decoded);
    }
  }
  entries_.push_back(std::move(entry));
  return true;
}

Result<void> ErasureJournal::append(const std::vector<std::string>& lines) {
  std::error_code none;
  const bool fresh = !std::filesystem::exists(path_, none);
  std::string text = fresh ? marked(std::string(kFirstLine)) + '\n' : "";
  for (const auto& line : lines) text += marked(line) + '\n';
  const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return errno_error(errno, "open", path_);
  const auto before = ::lseek(file, 0, SEEK_END);
  const bool wrote = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  const int failed = errno;
  // Half a line would make the next one unreadable. Where even this fails, opening the journal drops what has no end.
  const bool mended = wrote || ::ftruncate(file, before) == 0;
  ::close(file);
  if (!mended) return errno_error(failed, "write (and take back)", path_);
  if (!wrote) return errno_error(failed, "write", path_);
  return fresh ? sync_folder(path_.parent_path()) : Result<void>();
}

Result<std::uint64_t> ErasureJournal::begin(std::vector<Entry> entries) {
  const auto group = last_group_ + 1;
  std::vector<std::string> lines;
  for (auto& entry : entries) {
    entry.group = group;
    entry.open = true;
    lines.push_back(to_line(entry));
  }
  if (auto kept = append(lines); !kept) return kept.error();
  last_group_ = group;
  entries_.insert(entries_.end(), std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
  return group;
}

Result<void> ErasureJournal::end(std::uint64_t group, bool done) {
  if (auto kept = append({fmt::format("{} {}", done ? "done" : "cancelled", group)}); !kept) return kept;
  std::erase_if(entries_, [&](const Entry& entry) { return entry.group == group; });
  return {};
}

void ErasureJournal::forget_ended() {
  std::erase_if(entries_, [](const Entry& entry) { return !entry.open; });
}

Result<void> ErasureJournal::merge(const ErasureJournal& other) {
  auto mine = open_with(path_, key_);
  if (!mine) return mine.error();
  std::vector<Entry> missing;
  for (const auto& entry : other.entries_) {
    const bool known = std::any_of(mine->entries_.begin(), mine->entries_.end(), [&](const Entry& one) {
      return one.message == entry.message && one.identity == entry.identity && one.copies == entry.copies;
    });
    if (!known) missing.push_back(entry);
  }
  if (missing.empty()) return {};
  auto group = begin(std::move(missing));
  if (!group) return group.error();
  return end(*group, true);
}

}  // namespace kopial
