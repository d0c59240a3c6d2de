#include "storage/crypto/password.h"

#include <argon2.h>
#include <fmt/format.h>

#include "storage/crypto/digest.h"

namespace kopial {

Result<std::string> hash_password(const Secret& password, const PasswordCost& cost) {
  constexpr std::uint32_t kLanes = 1;
  constexpr std::size_t kHashBytes = 32;
  const Bytes salt = random_bytes(16);
  const auto text = password.reveal();
  std::string out(argon2_encodedlen(cost.passes, cost.memory_kib, kLanes, static_cast<std::uint32_t>(salt.size()), kHashBytes,
                                    Argon2_id),
                  '\0');
  const int code = argon2id_hash_encoded(cost.passes, cost.memory_kib, kLanes, text.data(), text.size(), salt.data(), salt.size(),
                                         kHashBytes, out.data(), out.size());
  if (code != ARGON2_OK) {
    return Error{ErrorCode::unavailable, fmt::format("hashing a password: {}", argon2_error_message(code))};
  }
  out.resize(out.find('\0') == std::string::npos ? out.size() : out.find('\0'));
  return out;
}

bool verify_password(const std::string& hash, const Secret& password) {
  const auto text = password.reveal();
  return argon2id_verify(hash.c_str(), text.data(), text.size()) == ARGON2_OK;
}

}  // namespace kopial
