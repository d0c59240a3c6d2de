#include "indexer/words.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <array>
#include <unordered_map>

namespace kopial {
namespace {

enum class Kind : std::uint8_t { separator, letter, mark, alone };

struct Folded {
  Kind kind = Kind::separator;
  std::string text;
};

constexpr std::array<char, 128> make_ascii_table() {
  std::array<char, 128> table{};
  for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = c;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = c;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = static_cast<char>(c + ('a' - 'A'));
  return table;
}
constexpr std::array<char, 128> kAscii = make_ascii_table();  // 0 = parts words

bool written_without_spaces(UChar32 c) {
  UErrorCode status = U_ZERO_ERROR;
  switch (uscript_getScript(c, &status)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_HANGUL:
    case USCRIPT_BOPOMOFO:
    case USCRIPT_YI:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
      return true;
    default:
      return false;
  }
}

Folded fold_code_point(UChar32 c) {
  const int8_t type = u_charType(c);
  if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK || c == 0x00AD || c == 0x200D || c == 0x200C) return {Kind::mark, ""};
  if (!u_isalnum(c) && type != U_COMBINING_SPACING_MARK && type != U_LETTER_NUMBER && type != U_OTHER_NUMBER) return {};
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* decompose = icu::Normalizer2::getNFKDInstance(status);
  if (U_FAILURE(status)) return {};
  icu::UnicodeString folded = decompose->normalize(icu::UnicodeString(c).foldCase(), status);
  if (U_FAILURE(status)) return {};
  icu::UnicodeString kept;
  for (int32_t i = 0; i < folded.length(); i = folded.moveIndex32(i, 1)) {
    const UChar32 piece = folded.char32At(i);
    const int8_t piece_type = u_charType(piece);
    if (u_isalnum(piece) || piece_type == U_COMBINING_SPACING_MARK || piece_type == U_LETTER_NUMBER) kept.append(piece);
  }
  // A decomposed Hangul syllable would be three letters; its composed form is one.
  icu::UnicodeString composed = icu::Normalizer2::getNFCInstance(status)->normalize(kept, status);
  Folded result{written_without_spaces(c) ? Kind::alone : Kind::letter, ""};
  (U_SUCCESS(status) ? composed : kept).toUTF8String(result.text);
  if (result.text.empty()) result.kind = Kind::mark;
  return result;
}

// ICU costs about a microsecond a character; a text has few different ones.
const Folded& folded(UChar32 c) {
  thread_local std::unordered_map<UChar32, Folded> known;
  if (const auto found = known.find(c); found != known.end()) return found->second;
  if (known.size() > 20'000) known.clear();
  return known.emplace(c, fold_code_point(c)).first->second;
}

}  // namespace

bool WordReader::next(Word& word) {
  word.folded.clear();
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text_.data());
  const auto size = static_cast<std::int64_t>(text_.size());
  bool inside = false;
  auto i = static_cast<std::int64_t>(at_);
  while (i < size) {
    const std::uint8_t first = bytes[i];
    if (first < 0x80) {
      const char c = kAscii[first];
      if (c == 0) {
        if (inside) break;
        ++i;
        continue;
      }
      if (!inside) word.begin = static_cast<std::size_t>(i), inside = true;
      if (word.folded.size() < kWordBytesMax) word.folded.push_back(c);
      ++i;
      continue;
    }
    const std::int64_t start = i;
    UChar32 c = 0;
    U8_NEXT(bytes, i, size, c);
    if (c < 0) {
      if (inside) {
        i = start;
        break;
      }
      continue;
    }
    const Folded& piece = folded(c);
    if (piece.kind == Kind::separator) {
      if (inside) {
        i = start;
        break;
      }
      continue;
    }
    if (piece.kind == Kind::mark) continue;
    if (piece.kind == Kind::alone) {
      if (inside) {
        i = start;
        break;
      }
      word.begin = static_cast<std::size_t>(start);
      word.folded = piece.text;
      inside = true;
      break;
    }
    if (!inside) word.begin = static_cast<std::size_t>(start), inside = true;
    if (word.folded.size() + piece.text.size() <= kWordBytesMax) word.folded += piece.text;
  }
  at_ = static_cast<std::size_t>(i);
  word.end = at_;
  return inside;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  WordReader reader(text);
  for (Word word; reader.next(word);) words.push_back(word.folded);
  return words;
}

std::string fold_text(std::string_view text) {
  std::string out;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto size = static_cast<std::int64_t>(text.size());
  for (std::int64_t i = 0; i < size;) {
    const std::int64_t start = i;
    UChar32 c = 0;
    U8_NEXT(bytes, i, size, c);
    if (c < 0) continue;
    if (c < 0x80) {
      out.push_back(kAscii[static_cast<std::size_t>(c)] != 0 ? kAscii[static_cast<std::size_t>(c)] : static_cast<char>(c));
      continue;
    }
    const Folded& piece = folded(c);
    if (piece.kind == Kind::separator) {
      out.append(text.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(i - start)));
    } else {
      out += piece.text;
    }
  }
  return out;
}

}  // namespace kopial
