// The text of an HTML mail, for reading and for the index. Linear, without recursion; it never fails.
#pragma once

#include <string>
#include <string_view>

namespace kopial {

// UTF-8 in, UTF-8 out. Scripts, styles and comments are left out; blocks and <br> end a line; entities are decoded. Stops at `bytes_max`
// bytes of output and sets `cut`.
std::string html_to_text(std::string_view html, std::size_t bytes_max, bool& cut);

}  // namespace kopial
