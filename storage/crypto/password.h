// Passwords at rest: Argon2id (RFC 9106) in PHC string form.
#pragma once

#include <string>

#include "storage/base/result.h"
#include "storage/base/secret.h"

namespace kopial {

struct PasswordCost {
  std::uint32_t memory_kib = 46 * 1024;  // OWASP's first choice: m=46 MiB, t=1, p=1.
  std::uint32_t passes = 1;
};

// Blocks for tens of milliseconds and takes `memory_kib`: callers bound how many run at once.
Result<std::string> hash_password(const Secret& password, const PasswordCost& cost = {});
// False for a wrong password and for a hash that cannot be read.
bool verify_password(const std::string& hash, const Secret& password);

}  // namespace kopial
