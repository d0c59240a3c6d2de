#include "storage/evidence/timestamps.h"

#include <fmt/format.h>

#include <charconv>

#include "storage/base/files.h"
#include "storage/base/log.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

constexpr std::size_t kResponseBytesMax = 64 << 10, kNoteBytes = 64 << 10;

std::filesystem::path note_path(const std::filesystem::path& folder, std::uint64_t size) { return folder / fmt::format("{}.note", size); }
std::filesystem::path stamp_path(const std::filesystem::path& folder, std::uint64_t size, std::size_t number) {
  return folder / fmt::format("{}-{}.tsr", size, number);
}

}  // namespace

Result<std::unique_ptr<Timestamps>> Timestamps::open(std::filesystem::path folder, TimestampsOptions options) {
  std::error_code bad;
  std::filesystem::create_directories(folder, bad);
  if (bad) return Error{ErrorCode::unavailable, fmt::format("making the folder {}: {}", folder.string(), bad.message())};
  std::unique_ptr<Timestamps> made(new Timestamps(std::move(folder), std::move(options)));
  if (auto loaded = made->load(); !loaded) return loaded.error();
  return made;
}

Result<void> Timestamps::load() {
  std::error_code bad;
  for (const auto& file : std::filesystem::directory_iterator(folder_, bad)) {
    if (file.path().extension() != ".note") continue;
    const auto name = file.path().stem().string();
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), size);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    auto stamped = read_file(file.path(), kNoteBytes);
    if (!stamped) return stamped.error();
    Bytes over = *std::move(stamped);
    const Bytes note = over;
    for (std::size_t number = 0;; ++number) {
      auto response = read_file(stamp_path(folder_, size, number), kResponseBytesMax);
      if (!response) break;
      auto stamp = read_timestamp(*response, sha256(over), "", options_.trusted_pem);
      if (!stamp) {
        spdlog::warn("a time-stamp of the checkpoint of {} leaves: {}", size, stamp.error().message);
        break;
      }
      last_[size] = {size, number, *std::move(stamp)};
      over = note + *response;
    }
  }
  if (bad) return Error{ErrorCode::unavailable, fmt::format("reading the folder {}: {}", folder_.string(), bad.message())};
  return {};
}

std::optional<Timestamps::Due> Timestamps::due(std::uint64_t size, const std::string& note, Time now) const {
  const auto make = [&](std::uint64_t of, std::size_t number, const std::string& stamped, BytesView before) {
    Due due{of, number, sha256(stamped + Bytes(before)), random_bytes(8), {}, stamped};
    due.nonce[0] = static_cast<char>((due.nonce[0] & 0x7f) | 1);  // A number of always eight bytes.
    due.request = timestamp_request(due.digest, due.nonce);
    return due;
  };
  const std::lock_guard lock(mutex_);
  for (const auto& [of, kept] : last_) {
    if (!kept.stamp.valid_until || *kept.stamp.valid_until - now > options_.renew_before) continue;
    const auto stamped = read_file(note_path(folder_, of), kNoteBytes);
    const auto before = read_file(stamp_path(folder_, of, kept.number), kResponseBytesMax);
    if (stamped && before) return make(of, kept.number + 1, *stamped, *before);
  }
  if (note.empty() || last_.contains(size)) return std::nullopt;
  if (!last_.empty() && now - last_.rbegin()->second.stamp.at < options_.every) return std::nullopt;
  return make(size, 0, note, "");
}

Result<Timestamp> Timestamps::keep(const Due& due, BytesView response) {
  if (response.size() > kResponseBytesMax) return Error{ErrorCode::too_large, "the time-stamp is too large"};
  auto stamp = read_timestamp(response, due.digest, due.nonce, options_.trusted_pem);
  if (!stamp) return stamp;
  if (due.number == 0) {
    if (auto kept = write_file_durably(note_path(folder_, due.size), due.note, 0644); !kept) return kept.error();
  }
  if (auto kept = write_file_durably(stamp_path(folder_, due.size, due.number), response, 0644); !kept) return kept.error();
  const std::lock_guard lock(mutex_);
  last_[due.size] = {due.size, due.number, *stamp};
  return stamp;
}

std::optional<Timestamps::Kept> Timestamps::newest() const {
  const std::lock_guard lock(mutex_);
  if (last_.empty()) return std::nullopt;
  return last_.rbegin()->second;
}

}  // namespace kopial
