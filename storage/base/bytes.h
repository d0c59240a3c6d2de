// Bytes as we pass them: owned, and viewed. Both may hold any octet, NUL included.
#pragma once

#include <string>
#include <string_view>

namespace kopial {

using Bytes = std::string;
using BytesView = std::string_view;  // Valid only while the owner lives.

}  // namespace kopial
