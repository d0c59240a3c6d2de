// Times at which runs do not work, such as the hours when people do: "mon-fri 08:00-18:00", "sat,sun 00:00-24:00", "22:00-02:00", in UTC.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <vector>

#include "storage/base/clock.h"
#include "storage/base/result.h"

namespace kopial {

// Immutable.
class BlockedTimes {
 public:
  // invalid, naming the entry; also when no minute of the week is left.
  static Result<BlockedTimes> parse(const std::vector<std::string>& entries);
  bool contains(Time time) const;
  // The first minute that is not blocked, at or after `time`.
  Time free_from(Time time) const;

 private:
  static constexpr std::size_t kMinutes = 7 * 24 * 60;
  static std::size_t minute_of(Time time);
  std::bitset<kMinutes> blocked_;  // minutes of the week, from Sunday
};

}  // namespace kopial
