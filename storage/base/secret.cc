#include "storage/base/secret.h"

#include <string.h>

namespace kopial {

Secret::Secret(Secret&& other) noexcept : value_(other.value_) { other.wipe(); }

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    value_ = other.value_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = other.value_;
    other.wipe();
  }
  return *this;
}

// explicit_bzero, because a plain fill before the end of a lifetime may be optimised away.
void Secret::wipe() {
  explicit_bzero(value_.data(), value_.capacity());
  value_.clear();
}

}  // namespace kopial
