// Single bits turned over in files, where a disk might.
#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace kopial {

struct Flip {
  std::filesystem::path file;
  std::uint64_t offset = 0;
  unsigned bit = 0;
  std::string text() const;  // for a message
};

// For one thread at a time.
class Flipper {
 public:
  explicit Flipper(std::uint64_t seed) : random_(seed) {}
  // In one of the regular files below `folder` whose names end in one of `endings` (none: any), each byte as likely as any other. A test
  // that finds no such file fails.
  Flip flip_somewhere(const std::filesystem::path& folder, const std::vector<std::string>& endings = {});
  void undo(const Flip& flip);

 private:
  std::mt19937_64 random_;
};

}  // namespace kopial
