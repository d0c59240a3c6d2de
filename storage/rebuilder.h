// The raw bytes of a copy in pieces, from any offset on, with never more than a piece in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "storage/recipe.h"

namespace kopial {

// Gives `size` of the decoded bytes of a part, from `offset` on: all of them or an error. Precondition: they are in [0, step.size).
using PartRange = std::function<Result<Bytes>(const Step& step, std::uint64_t offset, std::uint64_t size)>;

// For one thread at a time. `recipe` outlives it.
class Rebuilder {
 public:
  Rebuilder(const Recipe& recipe, PartRange parts) : recipe_(recipe), parts_(std::move(parts)) {}

  // Stands at the beginning, and finds out where each step's bytes lie. Fails with corrupt when the recipe does not make
  // `raw_bytes`, and as `parts` fails.
  Result<void> open(std::uint64_t raw_bytes);
  void seek(std::uint64_t offset);  // at most the number of raw bytes
  // The next bytes, at most about kPieceBytes (of a body in quoted-printable: all of it); "" at the end.
  Result<Bytes> next();

  static constexpr std::uint64_t kPieceBytes = 256 << 10;

 private:
  Result<Bytes> piece(std::size_t step, std::uint64_t offset);

  const Recipe& recipe_;
  const PartRange parts_;
  std::vector<std::uint64_t> starts_;          // of each step in the raw bytes, and their end
  std::vector<std::uint64_t> literal_starts_;  // of each step in the literals
  std::uint64_t at_ = 0;
};

}  // namespace kopial
