// Cron expressions: five fields (minute, hour, day of month, month, day of week), in UTC.
#pragma once

#include <bitset>
#include <optional>
#include <string>

#include "storage/base/clock.h"
#include "storage/base/result.h"

namespace kopial {

// Immutable. '*', numbers, ranges "a-b", steps "/n" and lists; names of months and days are not known. 0 and 7 are Sunday. When both
// day fields are restricted, either one is enough, as in every cron.
class Cron {
 public:
  // invalid, naming the field.
  static Result<Cron> parse(const std::string& text);
  // The first minute after `time` that fits; nullopt when none comes within five years (31 February).
  std::optional<Time> next(Time time) const;

 private:
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool any_day_ = true, any_weekday_ = true;
};

}  // namespace kopial
