#include "storage/piece_owners.h"

#include "storage/base/encoding.h"

namespace kopial {

Result<void> PieceOwners::check(const Database& database, const TenantReader& reader) const {
  std::size_t found = 0;
  auto rows = database.range(kPacks, "", "");
  for (; rows.valid(); rows.next()) {
    Decoder key(rows.key());
    const auto number = key.fixed64();
    const auto pack = reader.pack(number);
    if (!key.done() || !pack) {
      finding_(fmt::format("pack {} cannot be read", number));
      continue;
    }
    for (std::size_t place = 0; place < (*pack)->count(); ++place) {
      if (owned_.contains({number, place})) ++found;
      else if (!(*pack)->piece(place).empty()) finding_(fmt::format("piece {} of pack {} belongs to nothing", place, number));
    }
  }
  if (found != owned_.size()) finding_(fmt::format("{} pieces of packs are named, and there are {}", owned_.size(), found));
  return rows.status();
}

}  // namespace kopial
