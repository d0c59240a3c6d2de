// Charsets through ICU, and the healing of text that declares none or a wrong one.
#include <unicode/ucnv.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>

#include "storage/mail/message_view.h"

namespace kopial {
namespace {

struct CloseConverter {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};
using Converter = std::unique_ptr<UConverter, CloseConverter>;

bool is_ascii(BytesView text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// What senders write, and what they mean. Latin-1 is read as windows-1252, as every browser does.
std::string canonical(std::string_view charset) {
  std::string name;
  for (const char c : charset) {
    if (c != ' ' && c != '"' && c != '\'') name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  static const std::map<std::string, std::string, std::less<>> kAliases = {
      {"utf8", "utf-8"},           {"iso-8859-1", "windows-1252"}, {"latin1", "windows-1252"},   {"iso8859-1", "windows-1252"},
      {"ks_c_5601-1987", "windows-949"}, {"ks_c_5601", "windows-949"}, {"euc-kr", "windows-949"}, {"gb2312", "gb18030"},
      {"gbk", "gb18030"},          {"x-gbk", "gb18030"},           {"gb_2312-80", "gb18030"},    {"shift_jis", "windows-31j"},
      {"x-sjis", "windows-31j"},   {"iso-8859-9", "windows-1254"}, {"iso-8859-8-i", "iso-8859-8"}, {"unicode-1-1-utf-7", "utf-7"},
      {"cp-850", "cp850"},         {"tis-620", "windows-874"}};
  const auto found = kAliases.find(name);
  return found == kAliases.end() ? name : found->second;
}

// Converters are costly to open and not thread-safe: each thread keeps the few it meets.
UConverter* converter_for(const std::string& name) {
  thread_local std::map<std::string, Converter> kept;
  if (const auto found = kept.find(name); found != kept.end()) {
    if (found->second) ucnv_reset(found->second.get());
    return found->second.get();
  }
  if (kept.size() >= 64) kept.clear();  // Names are the sender's: they must not fill the memory.
  UErrorCode status = U_ZERO_ERROR;
  Converter opened(name.empty() || name.size() > 60 ? nullptr : ucnv_open(name.c_str(), &status));
  if (U_FAILURE(status)) opened.reset();
  return (kept[name] = std::move(opened)).get();
}

std::string from_utf16(const UChar* text, std::int32_t size) {
  std::string out(static_cast<std::size_t>(size) * 3, '\0');
  UErrorCode status = U_ZERO_ERROR;
  std::int32_t written = 0;
  u_strToUTF8WithSub(out.data(), static_cast<std::int32_t>(out.size()), &written, text, size, 0xfffd, nullptr, &status);
  out.resize(U_FAILURE(status) ? 0 : static_cast<std::size_t>(written));
  return out;
}

}  // namespace

bool is_valid_utf8(BytesView text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = at + text.size();
  while (at < end) {
    if (*at < 0x80) {
      ++at;
      continue;
    }
    int more = 0;
    std::uint32_t point = 0, least = 0;
    if ((*at & 0xe0) == 0xc0) more = 1, point = *at & 0x1f, least = 0x80;
    else if ((*at & 0xf0) == 0xe0) more = 2, point = *at & 0x0f, least = 0x800;
    else if ((*at & 0xf8) == 0xf0) more = 3, point = *at & 0x07, least = 0x10000;
    else return false;
    if (end - at <= more) return false;
    for (int i = 1; i <= more; ++i) {
      if ((at[i] & 0xc0) != 0x80) return false;
      point = point << 6 | (at[i] & 0x3f);
    }
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
    at += more + 1;
  }
  return true;
}

std::optional<std::string> to_utf8(BytesView text, std::string_view charset) {
  const auto name = canonical(charset);
  if (name == "utf-8" && is_valid_utf8(text)) return std::string(text);
  if ((name == "us-ascii" || name == "ascii" || name == "windows-1252") && is_ascii(text)) return std::string(text);
  if (text.size() > (1u << 30)) return std::nullopt;  // ICU counts in 32 bits.
  UConverter* converter = converter_for(name);
  if (converter == nullptr) return std::nullopt;
  std::u16string wide(text.size() + 16, u'\0');
  UErrorCode status = U_ZERO_ERROR;
  auto size = ucnv_toUChars(converter, wide.data(), static_cast<std::int32_t>(wide.size()), text.data(),
                            static_cast<std::int32_t>(text.size()), &status);
  if (status == U_BUFFER_OVERFLOW_ERROR) {
    wide.resize(static_cast<std::size_t>(size) + 1);
    status = U_ZERO_ERROR;
    ucnv_reset(converter);
    size = ucnv_toUChars(converter, wide.data(), static_cast<std::int32_t>(wide.size()), text.data(),
                         static_cast<std::int32_t>(text.size()), &status);
  }
  if (U_FAILURE(status)) return std::nullopt;
  return from_utf16(wide.data(), size);
}

std::string make_valid_utf8(BytesView text) {
  if (is_valid_utf8(text)) return std::string(text);
  return to_utf8(text, "windows-1252").value_or(std::string());
}

}  // namespace kopial
