#include "tests/support/traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "storage/base/encoding.h"

namespace kopial {
namespace {

constexpr std::size_t kNeedleBytes = 64;

std::string cased(std::string text, int (*change)(int)) {
  std::transform(text.begin(), text.end(), text.begin(), [&](char c) { return static_cast<char>(change(static_cast<unsigned char>(c))); });
  return text;
}

}  // namespace

std::vector<std::string> traces_of(const std::vector<std::string>& texts) {
  std::vector<std::string> traces;
  for (const auto& text : texts) {
    std::string wide;
    for (const char c : text) (wide += c) += '\0';
    for (const auto& form : {text, cased(text, std::tolower), cased(text, std::toupper), hex_encode(text), wide}) traces.push_back(form);
    for (std::size_t offset = 0; offset < 3 && text.size() > 12; ++offset) {
      // What depends on neighbouring bytes is left out at both ends.
      const auto coded = base64_encode(text.substr(offset, (text.size() - offset) / 3 * 3));
      traces.push_back(coded);
    }
  }
  std::sort(traces.begin(), traces.end());
  traces.erase(std::unique(traces.begin(), traces.end()), traces.end());
  return traces;
}

std::vector<std::string> found_in(const std::filesystem::path& folder, const std::vector<std::string>& needles) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(in)), {});
    for (const auto& needle : needles) {
      const auto sought = needle.size() <= kNeedleBytes ? needle : needle.substr((needle.size() - kNeedleBytes) / 2, kNeedleBytes);
      if (content.find(sought) != content.npos) found.push_back(fmt::format("{} holds {}", entry.path().string(), hex_encode(sought)));
    }
  }
  return found;
}

}  // namespace kopial
