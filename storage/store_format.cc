#include "storage/store_format.h"

#include <fmt/format.h>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"
#include "storage/crypto/seal.h"

namespace kopial {
namespace {

constexpr std::size_t kDefaultFamily = 0;
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kKeyBytes = 32;
constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kCheckKey = "key check";
constexpr std::string_view kKnownText = "kopial";

}  // namespace

Result<void> check_format(Database& database, std::uint64_t format, const Secret& key, std::string_view what) {
  if (key.reveal().size() != kKeyBytes) {
    return Error{ErrorCode::invalid, fmt::format("the key of {} must have {} bytes", what, kKeyBytes)};
  }
  const Secret check_key = derive_key(key, "kopial key check");
  auto stored = database.get(kDefaultFamily, kFormatKey);
  if (!stored) return stored.error();
  auto check = database.get(kDefaultFamily, kCheckKey);
  if (!check) return check.error();

  if (!*stored && !*check) {
    rocksdb::WriteBatch batch;
    batch.Put(database.family(kDefaultFamily), slice(kFormatKey), Encoder().u8(kVersion).varint(format).take());
    batch.Put(database.family(kDefaultFamily), slice(kCheckKey), seal(check_key, kCheckKey, kKnownText));
    return database.write(batch);
  }
  if (!*stored || !*check) return Error{ErrorCode::corrupt, fmt::format("{} has lost its format record", what)};
  Decoder in(**stored);
  const auto version = in.u8();
  const auto number = in.varint();
  if (!in.ok()) return Error{ErrorCode::corrupt, fmt::format("the format record of {} cannot be read", what)};
  if (version != kVersion || number > format) {
    return Error{ErrorCode::invalid, fmt::format("{} has format {}, and this version knows formats up to {}: use a newer version",
                                                 what, number, format)};
  }
  const auto opened = unseal(check_key, kCheckKey, **check);
  if (!opened || *opened != kKnownText) {
    return Error{ErrorCode::invalid, fmt::format("{} was made under another key", what)};
  }
  return {};
}

}  // namespace kopial
