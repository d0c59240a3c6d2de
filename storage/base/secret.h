// A value that must not appear in logs, errors or answers: it has no operator<<, no formatter, and wipes itself.
#pragma once

#include <string>
#include <string_view>

namespace kopial {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  explicit Secret(std::string_view value) : value_(value) {}
  explicit Secret(const char* value) : value_(value) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  bool empty() const { return value_.empty(); }
  // The value itself: call where it is used, and never keep a copy.
  std::string_view reveal() const { return value_; }

 private:
  void wipe();
  std::string value_;
};

}  // namespace kopial
