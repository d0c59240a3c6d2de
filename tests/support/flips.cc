#include "tests/support/flips.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

namespace kopial {
namespace {

void turn(const Flip& flip) {
  std::fstream file(flip.file, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(flip.offset));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(flip.offset));
  file.put(static_cast<char>(static_cast<unsigned>(byte) ^ 1u << flip.bit));
  EXPECT_TRUE(file.good()) << flip.text();
}

}  // namespace

std::string Flip::text() const { return fmt::format("bit {} of byte {} of {}", bit, offset, file.string()); }

Flip Flipper::flip_somewhere(const std::filesystem::path& folder, const std::vector<std::string>& endings) {
  std::vector<std::pair<std::filesystem::path, std::uint64_t>> files;
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    const bool wanted = endings.empty() || std::any_of(endings.begin(), endings.end(), [&](const auto& ending) { return name.ends_with(ending); });
    if (!wanted || !entry.is_regular_file() || entry.file_size() == 0) continue;
    files.emplace_back(entry.path(), entry.file_size());
    bytes += entry.file_size();
  }
  std::sort(files.begin(), files.end());
  EXPECT_GT(bytes, 0u) << "there is nothing to flip in " << folder;
  if (bytes == 0) return {};
  auto at = random_() % bytes;
  auto file = files.begin();
  while (at >= file->second) at -= (file++)->second;
  const Flip flip{file->first, at, static_cast<unsigned>(random_() % 8)};
  turn(flip);
  return flip;
}

void Flipper::undo(const Flip& flip) { turn(flip); }

}  // namespace kopial
