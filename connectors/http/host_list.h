// Which hosts an operator lets connectors reach: names, "*.example.org", addresses and CIDR blocks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/base/result.h"

namespace kopial {

// Immutable.
class HostList {
 public:
  // Fails with invalid and names the entry that is no pattern.
  static Result<HostList> parse(const std::vector<std::string>& patterns);

  bool allows_everything() const { return names_.empty() && blocks_.empty(); }
  bool allows_name(std::string_view host) const;        // lower case
  bool allows_address(std::string_view address) const;  // as text, IPv4 or IPv6; false for anything else

 private:
  struct Block {
    int family = 0;
    std::string bits;  // 4 or 16 bytes
    unsigned length = 0;
  };
  static bool read_block(const std::string& text, Block& block);
  std::vector<std::string> names_;
  std::vector<Block> blocks_;
};

}  // namespace kopial
