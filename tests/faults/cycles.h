// How often a fault strikes: a short number in the tests of every day, another one by an environment variable.
#pragma once

#include <cstdlib>

namespace kopial::faults {

inline int cycles(const char* variable, int usual) {
  const char* const text = std::getenv(variable);
  const int wanted = text != nullptr ? std::atoi(text) : 0;
  return wanted > 0 ? wanted : usual;
}

}  // namespace kopial::faults
