// The little of RFC 3986 that building requests needs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kopial {

std::string percent_encode(std::string_view text);  // everything but unreserved characters
std::string form_encode(const std::vector<std::pair<std::string_view, std::string_view>>& fields);

struct UrlParts {
  std::string scheme, host;  // lower case; an IPv6 host without brackets
  std::string port;          // always given
};
// nullopt when it is no absolute URL with a host, or carries a user name.
std::optional<UrlParts> split_url(const std::string& url);

// Whether both have the same scheme, host and port: a token for one may be sent to the other.
bool same_origin(const std::string& a, const std::string& b);
bool is_loopback_host(std::string_view host);

}  // namespace kopial
