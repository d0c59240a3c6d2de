// HTML mail made safe to look at.
//
// Only listed elements and attributes survive. Nothing that runs, loads, submits or navigates by itself remains: no script, frame,
// form, object, event handler, refresh, base, or CSS that can fetch. Images are kept as data: URLs and as cid: references;
// remote ones lose their address and are counted. Links keep http, https and mailto targets and open outside.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace kopial {

struct SanitizedHtml {
  std::string html;  // a fragment, UTF-8
  std::uint32_t blocked_remote = 0;  // images and other loads that were taken out
  bool cut = false;  // the input was over the limit, or too deep, and its end is missing
};

// `resolve_cid` gives a data: URL for a Content-ID (without brackets), or nullopt. `html` is UTF-8; it is read as hostile.
// Linear; at most `bytes_max` of input is looked at.
SanitizedHtml sanitize_html(std::string_view html, const std::function<std::optional<std::string>(const std::string&)>& resolve_cid,
                            std::size_t bytes_max = 8 << 20);

// Text as HTML text: & < > " ' escaped.
std::string escape_html(std::string_view text);

}  // namespace kopial
