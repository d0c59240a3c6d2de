#include "tests/bench/vocabulary.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "storage/mail/transfer.h"
#include "tests/bench/parallel.h"
#include "tests/bench/random.h"

namespace kopial::bench {
namespace {

constexpr unsigned kEpochsMax = 4096;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_vowel(char c) { return std::string_view("aeiouy").find(static_cast<char>(c | 0x20)) != std::string_view::npos; }

// One character of the same class. The letters of words are drawn about as often as English has them.
char drawn(char c, TokenKind kind, bool hexadecimal, Random& random) {
  constexpr std::string_view kVowels = "aaaaeeeeeeiiiioooouuy", kConsonants = "bbccddddffgghhhhjkklllmmnnnnnnppqrrrrrsssssttttttvvwwxz";
  if (is_digit(c)) return static_cast<char>('0' + random.below(10));
  if (!is_lower(c) && !is_upper(c)) return c;
  char letter = 0;
  if (hexadecimal) {
    letter = static_cast<char>('a' + random.below(6));
  } else if (kind == TokenKind::id) {
    letter = static_cast<char>('a' + random.below(26));
  } else {
    const auto& letters = is_vowel(c) ? kVowels : kConsonants;
    letter = letters[random.below(letters.size())];
  }
  return is_upper(c) ? static_cast<char>(letter - 0x20) : letter;
}

bool is_hexadecimal(std::string_view token) {
  return std::all_of(token.begin(), token.end(), [](char c) {
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') || c == 'x';
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = is_upper(c) ? static_cast<char>(c | 0x20) : c;
  return out;
}

// Hashes of the tokens of one thread that could be renamed or counted, each once.
std::vector<std::uint64_t> tokens_of(const Corpus& corpus, const std::vector<std::uint32_t>& thread) {
  std::vector<std::uint64_t> out;
  const auto add = [&](std::string_view text) {
    each_token(text, [&](std::size_t, std::string_view token) { out.push_back(hash_token(token) << 2 | static_cast<unsigned>(kind_of(token))); });
  };
  for (const auto index : thread) {
    const auto& mail = corpus.mails[index];
    for (const auto& entity : mail.structure.entities) {
      for (const auto& field : header_fields(mail.raw, entity.header)) {
        if (is_renamed_field(lower(field.name.of(mail.raw)))) add(field.value.of(mail.raw));
      }
      if (!entity.is_leaf() || !is_renamed_text(entity)) continue;
      const auto body = entity.body.of(mail.raw);
      if (entity.encoding == TransferEncoding::identity) {
        add(body);
      } else {
        add(decode_transfer(body, entity.encoding).bytes);
      }
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
  }
  return out;
}

}  // namespace

TokenKind kind_of(std::string_view token) {
  if (token.size() < 5) return TokenKind::plain;
  std::size_t digits = 0, letters = 0, turns = 0;
  for (std::size_t i = 0; i < token.size(); ++i) {
    digits += is_digit(token[i]);
    letters += is_lower(token[i]) || is_upper(token[i]);
    turns += i > 0 && is_upper(token[i]) && is_lower(token[i - 1]);
  }
  if (digits + letters < token.size()) return letters >= 4 ? TokenKind::word : TokenKind::plain;
  if (digits > 0) return TokenKind::id;
  return turns > 0 || token.size() > 24 ? TokenKind::id : TokenKind::word;
}

std::uint64_t hash_token(std::string_view token) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : token) hash = (hash ^ static_cast<unsigned char>(is_upper(c) ? c | 0x20 : c)) * 0x100000001b3;
  return mix(hash);
}

bool is_renamed_field(std::string_view name) {
  if (name.starts_with("content-") && name != "content-id") return false;
  return name != "mime-version" && name != "message-id" && name != "in-reply-to" && name != "references" && name != "date";
}

bool is_renamed_text(const Entity& leaf) {
  if (leaf.encoding == TransferEncoding::unknown || leaf.encoding == TransferEncoding::uuencode) return false;
  if (leaf.encoding == TransferEncoding::identity && leaf.media_type.starts_with("application/")) return true;  // signatures
  if (!leaf.media_type.starts_with("text/")) return false;
  const auto& charset = leaf.charset;
  return charset.empty() || charset == "us-ascii" || charset == "ascii" || charset == "utf-8" || charset == "utf8" ||
         charset.starts_with("iso-8859-") || charset.starts_with("windows-125") || charset.starts_with("koi8");
}

Vocabulary::Vocabulary(const Corpus& corpus, std::uint64_t seed) : seed_(seed) {
  std::vector<std::vector<std::uint64_t>> by_thread(corpus.threads.size());
  for_each_index(corpus.threads.size(), [&](std::size_t i) { by_thread[i] = tokens_of(corpus, corpus.threads[i]); });
  std::size_t total = 0;
  for (const auto& tokens : by_thread) total += tokens.size();
  std::vector<std::uint64_t> all;
  all.reserve(total);
  for (auto& tokens : by_thread) {
    all.insert(all.end(), tokens.begin(), tokens.end());
    tokens = {};
  }
  std::sort(all.begin(), all.end());
  std::vector<std::uint32_t> counts;
  std::vector<std::uint64_t> rare;
  for (std::size_t at = 0; at < all.size();) {
    std::size_t end = at;
    // Spellings of one token that differ in case may differ in kind: they count together.
    while (end < all.size() && all[end] >> 2 == all[at] >> 2) ++end;
    const auto count = end - at;
    counts.push_back(static_cast<std::uint32_t>(count));
    const auto kind = static_cast<TokenKind>(all[at] & 3);
    if (count == 1 && kind != TokenKind::plain) {
      rare.push_back(all[at] >> 2);
      (kind == TokenKind::id ? rare_ids_ : rare_words_) += 1;
    }
    at = end;
  }
  std::size_t slots = 1;
  while (slots < rare.size() * 2 + 1) slots *= 2;
  rare_.assign(slots, 0);
  for (const auto hash : rare) {
    auto slot = hash & (slots - 1);
    while (rare_[slot] != 0) slot = (slot + 1) & (slots - 1);
    rare_[slot] = hash;
  }
  fit(counts);
}

// V(n) = K n^beta. Half of the threads, drawn at random, hold a token of t threads with probability 1 - 2^-t.
void Vocabulary::fit(const std::vector<std::uint32_t>& threads_of_tokens) {
  distinct_ = static_cast<double>(threads_of_tokens.size());
  double half = 0;
  for (const auto threads : threads_of_tokens) half += 1 - std::exp2(-static_cast<double>(threads));
  exponent_ = std::log2(distinct_ / half);
  shares_.resize(kEpochsMax);
  for (unsigned epoch = 1; epoch < kEpochsMax; ++epoch) {
    const double wanted = distinct_ * (std::pow(epoch + 1.0, exponent_) - std::pow(epoch, exponent_));
    shares_[epoch].ids = std::min(1.0, wanted / std::max(1.0, rare_ids_));
    shares_[epoch].words = std::clamp((wanted - rare_ids_) / std::max(1.0, rare_words_), 0.0, 1.0);
  }
}

bool Vocabulary::is_rare(std::uint64_t hash) const {
  hash = hash << 2 >> 2;  // as it is stored beside the kind
  const auto mask = rare_.size() - 1;
  for (auto slot = hash & mask; rare_[slot] != 0; slot = (slot + 1) & mask) {
    if (rare_[slot] == hash) return true;
  }
  return false;
}

Vocabulary::Share Vocabulary::share_of(unsigned epoch) const { return shares_[std::min(epoch, kEpochsMax - 1)]; }

void Vocabulary::rename(std::string_view text, unsigned epoch, std::string& out) const {
  const auto base = out.size();
  out += text;
  if (epoch == 0) return;
  each_token(text, [&](std::size_t offset, std::string_view token) {
    const auto kind = kind_of(token);
    if (kind == TokenKind::plain) return;
    const auto hash = hash_token(token);
    if (!is_rare(hash)) return;
    // A token that is not new in this epoch is one that an earlier epoch had.
    auto from = epoch;
    const auto is_new = [&] {
      const auto share = share_of(from);
      return Random(mix(hash, seed_, from)).unit() < (kind == TokenKind::id ? share.ids : share.words);
    };
    while (from > 0 && !is_new()) from = static_cast<unsigned>(mix(hash, from) % from);
    if (from == 0) return;
    Random random(mix(hash, seed_ + 1, from));
    const bool hexadecimal = kind == TokenKind::id && is_hexadecimal(token);
    for (std::size_t i = 0; i < token.size(); ++i) {
      // "0x" and the scheme of most ids: a leading zero stays one.
      if (i < 2 && hexadecimal && (token[i] == '0' || token[i] == 'x')) continue;
      out[base + offset + i] = token[i] == 'x' && hexadecimal ? 'x' : drawn(token[i], kind, hexadecimal, random);
    }
  });
}

std::string Vocabulary::new_id(std::string_view id, unsigned epoch) const {
  const auto at = std::min(id.rfind('@'), id.size());
  std::string out(id);
  Random random(mix(hash_bytes(id), seed_ + 2, epoch));
  const bool hexadecimal = is_hexadecimal(id.substr(0, at));
  for (std::size_t i = 0; i < at; ++i) out[i] = drawn(out[i], TokenKind::id, hexadecimal, random);
  return out;
}

}  // namespace kopial::bench
