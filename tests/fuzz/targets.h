// What is fuzzed: every parser that reads bytes from outside, with the property it promises for any of them.
//
// A target ends the process when its property is broken, so that libFuzzer and the replay both stop at the input. Targets take the
// input as it is and share no state.
#pragma once

#include <span>
#include <string_view>

#include "storage/base/bytes.h"

namespace kopial::fuzz {

struct Target {
  std::string_view name;
  void (*run)(BytesView input);
  // Inputs longer than this teach nothing more.
  std::size_t bytes_max;
};
std::span<const Target> targets();

// Ends the process, naming what was broken.
void require(bool holds, std::string_view what);

}  // namespace kopial::fuzz
