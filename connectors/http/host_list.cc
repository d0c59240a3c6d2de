#include "connectors/http/host_list.h"

#include <arpa/inet.h>

#include <charconv>

namespace kopial {

bool HostList::read_block(const std::string& text, Block& block) {
  const auto slash = text.find('/');
  const auto address = text.substr(0, slash);
  block.family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  block.bits.assign(block.family == AF_INET ? 4 : 16, '\0');
  if (inet_pton(block.family, address.c_str(), block.bits.data()) != 1) return false;
  block.length = static_cast<unsigned>(block.bits.size() * 8);
  if (slash == std::string::npos) return true;
  const char* const end = text.data() + text.size();
  unsigned length = 0;
  const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, length);
  if (error != std::errc() || stop != end || length > block.length) return false;
  block.length = length;
  return true;
}

Result<HostList> HostList::parse(const std::vector<std::string>& patterns) {
  HostList list;
  for (const auto& pattern : patterns) {
    Block block;
    if (read_block(pattern, block)) {
      list.blocks_.push_back(std::move(block));
      continue;
    }
    std::string name;
    for (const char c : pattern) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const auto plain = name.starts_with("*.") ? name.substr(2) : name;
    if (plain.empty() || plain.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") != std::string::npos) {
      return Error{ErrorCode::invalid, "'" + pattern + "' is neither a host name, nor '*.domain', nor an address or CIDR block"};
    }
    list.names_.push_back(std::move(name));
  }
  return list;
}

bool HostList::allows_name(std::string_view host) const {
  for (const auto& name : names_) {
    if (name == host) return true;
    if (name.starts_with("*.") && host.size() > name.size() - 1 && host.ends_with(std::string_view(name).substr(1))) return true;
  }
  return false;
}

bool HostList::allows_address(std::string_view text) const {
  Block address;
  if (!read_block(std::string(text), address)) return false;
  for (const auto& block : blocks_) {
    if (block.family != address.family) continue;
    bool matches = true;
    for (unsigned bit = 0; bit < block.length && matches; ++bit) {
      const auto mask = static_cast<unsigned char>(0x80 >> (bit % 8));
      matches = (static_cast<unsigned char>(block.bits[bit / 8]) & mask) == (static_cast<unsigned char>(address.bits[bit / 8]) & mask);
    }
    if (matches) return true;
  }
  return false;
}

}  // namespace kopial
