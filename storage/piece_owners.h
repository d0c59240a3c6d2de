// Who owns which piece of which pack: each that holds anything has exactly one owner, and each that is named is there. For checkers.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <set>

#include "storage/database.h"
#include "storage/tenant_reader.h"

namespace kopial {

// Not thread-safe.
class PieceOwners {
 public:
  explicit PieceOwners(std::function<void(std::string)> finding) : finding_(std::move(finding)) {}

  // Of a row that was read; a row without a piece owns none.
  void own(const PieceName& piece) {
    if (piece.pack == 0) return;
    if (!owned_.insert({piece.pack, piece.place}).second) finding_(fmt::format("piece {} of pack {} has two owners", piece.place, piece.pack));
  }

  // Once every owner was heard: reads all packs. A piece that nobody owns could neither be erased nor proven.
  Result<void> check(const Database& database, const TenantReader& reader) const;

 private:
  const std::function<void(std::string)> finding_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> owned_;
};

}  // namespace kopial
