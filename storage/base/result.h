// Result and Error: how every fallible call of ours answers.
//
// A failure the caller can act on is an Error with one of a few codes that say what to do next. Absence is
// std::optional and not an error. Nothing here throws.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace kopial {

enum class ErrorCode {
  invalid,          // the input is wrong; repeating it will not help
  unauthenticated,  // sign in first
  denied,           // known, and not allowed
  not_found,
  conflict,      // somebody changed it meanwhile, or it exists already
  held,          // a hold or a retention period forbids it
  too_large,     // over a stated limit
  rate_limited,  // later; the message says when, where that is known
  unavailable,   // the other side or the disk does not answer now; repeating may help
  disk_full,
  corrupt,  // what is stored does not match its name
  timeout,
  cancelled,
  internal,  // a defect of ours
};

// The stable lower-case name of a code, as used in problem documents and logs.
std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;  // One sentence for a person; never holds a secret.

  // The same error with the place it happened put in front: "reading cursor: ...".
  [[nodiscard]] Error with_context(std::string_view context) const;
  bool operator==(const Error&) const = default;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}     // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Precondition: ok(). A broken precondition ends the process with std::bad_variant_access.
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Precondition: !ok().
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT: implicit by design

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const { return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace kopial
