// Ids that cannot be passed for one another. A tenant is no id but an object: see TenantStore.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace kopial {

enum class Serial : std::uint64_t {};     // a message within its tenant; counts from 1
enum class ArchiveId : std::uint32_t {};  // an archive within its tenant; counts from 1
enum class ProfileId : std::uint32_t {};  // a profile within its tenant; counts from 1; 0 = none (import)
enum class Sequence : std::uint64_t {};   // a position in a tenant's change log; 0 = before the first

// A SHA-256.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  std::string hex() const;  // 64 lower-case digits
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  static std::optional<Digest> from_hex(std::string_view hex);    // exactly 64 hex digits
  static std::optional<Digest> from_bytes(std::string_view raw);  // exactly 32 bytes
  auto operator<=>(const Digest&) const = default;
};

// SHA-256 of a copy's raw bytes: its name, in the API too.
using CopyId = Digest;

template <typename Id>
constexpr auto to_number(Id id) {
  return static_cast<std::underlying_type_t<Id>>(id);
}

}  // namespace kopial

template <>
struct std::hash<kopial::Digest> {
  std::size_t operator()(const kopial::Digest& digest) const noexcept {
    std::size_t value = 0;  // A digest is uniform already.
    for (std::size_t i = 0; i < sizeof value; ++i) value = value << 8 | digest.bytes[i];
    return value;
  }
};
