#include "tests/bench/blocks.h"

#include <algorithm>
#include <bit>

#include "storage/mail/transfer.h"
#include "tests/bench/parallel.h"
#include "tests/bench/random.h"
#include "tests/bench/vocabulary.h"

namespace kopial::bench {
namespace {

constexpr std::size_t kLinesMax = 12, kBytesMin = 24, kBytesMax = 2000, kLineMax = 300, kTokensMin = 4;
constexpr std::uint32_t kMailsMax = 5;      // what occurs more often is boilerplate and stays
constexpr std::uint64_t kReplacedOf100 = 70;

// "> > " of "> > text"; empty when nothing is quoted.
std::string_view quote_prefix(std::string_view line) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < line.size() && (line[i] == '>' || line[i] == ' '); ++i) {
    if (line[i] == '>') end = i + 1;
  }
  if (end > 0 && end < line.size() && line[end] == ' ') ++end;
  return line.substr(0, end);
}

// The words alone: a re-wrapped quotation is the same block.
std::uint64_t block_id(std::string_view content) {
  std::uint64_t hash = 1;
  std::size_t tokens = 0;
  each_token(content, [&](std::size_t, std::string_view token) {
    hash = mix(hash ^ hash_token(token));
    ++tokens;
  });
  return tokens < kTokensMin ? 0 : hash;
}

bool is_block(std::string_view content, std::size_t longest_line) {
  return content.size() >= kBytesMin && content.size() <= kBytesMax && longest_line <= kLineMax &&
         !content.ends_with("wrote:") && !content.starts_with("--") && content.find("-----") == std::string_view::npos &&
         content.find("begin 6") == std::string_view::npos && content.find('\0') == std::string_view::npos;
}

void finish(std::vector<Piece>& pieces, Piece& piece, std::size_t& longest) {
  if (piece.raw.empty()) return;
  if (is_block(piece.content, longest)) piece.id = block_id(piece.content);
  if (piece.id == 0) piece.content.clear();
  pieces.push_back(std::move(piece));
  piece = {};
  longest = 0;
}

std::vector<Piece> split_plain(std::string_view text) {
  std::vector<Piece> out;
  Piece piece;
  std::size_t lines = 0, longest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const auto line = text.substr(at, end - at);
    at = end;
    auto content = line;
    while (!content.empty() && (content.back() == '\n' || content.back() == '\r')) content.remove_suffix(1);
    const auto line_end = line.substr(content.size());
    const auto prefix = quote_prefix(content);
    content.remove_prefix(prefix.size());
    if (content.find_first_not_of(" \t") == std::string_view::npos || line_end.empty()) {
      finish(out, piece, longest);
      out.push_back({line, {}, {}, 0, {}});
      lines = 0;
      continue;
    }
    if (!piece.raw.empty() && (prefix != piece.prefix || lines == kLinesMax)) {
      finish(out, piece, longest);
      lines = 0;
    }
    if (piece.raw.empty()) {
      piece = {line, prefix, std::string(content), 0, line_end};
    } else {
      piece.raw = std::string_view(piece.raw.data(), piece.raw.size() + line.size());
      piece.content.append("\n").append(content);
    }
    longest = std::max(longest, content.size());
    ++lines;
  }
  finish(out, piece, longest);
  return out;
}

std::vector<Piece> split_html(std::string_view text) {
  std::vector<Piece> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto tag = std::min(text.find('<', at), text.size());
    if (tag > at) {
      const auto raw = text.substr(at, tag - at);
      Piece piece{raw, {}, {}, 0, {}};
      // Entities are markup: a text that has them stays.
      if (raw.size() <= kBytesMax && raw.find_first_of("&>{") == std::string_view::npos) {
        const auto first = raw.find_first_not_of(" \t\r\n"), last = raw.find_last_not_of(" \t\r\n");
        if (first != std::string_view::npos) piece.content = std::string(raw.substr(first, last - first + 1));
        std::erase(piece.content, '\r');
        if (is_block(piece.content, 0)) piece.id = block_id(piece.content);
      }
      out.push_back(std::move(piece));
    }
    const bool opaque = text.substr(tag, 6) == "<style" || text.substr(tag, 7) == "<script";
    const auto close = opaque ? text.find("</s", tag + 1) : text.find('>', tag);
    at = std::min(close == std::string_view::npos ? text.size() : close + 1, text.size());
    if (at > tag) out.push_back({text.substr(tag, at - tag), {}, {}, 0, {}});
  }
  return out;
}

std::uint64_t bucket_of(const CorpusMail& mail, const Entity& leaf, std::string_view content, std::uint32_t mails) {
  const bool ascii = std::all_of(content.begin(), content.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  const bool markup = content.find_first_of("<>&{") != std::string_view::npos;  // never into HTML
  bool long_line = false;  // of HTML: never into plain text
  for (std::size_t at = 0; at < content.size() && !long_line;) {
    const auto end = std::min(content.find('\n', at), content.size());
    long_line = end - at > kLineMax;
    at = end + 1;
  }
  const auto size = static_cast<std::uint64_t>(2 * std::bit_width(content.size()) + ((content.size() >> (std::bit_width(content.size()) - 2)) & 1));
  return mix(mix(mail.source, ascii ? 0 : hash_bytes(leaf.charset), size), std::min(mails, kMailsMax), (markup ? 2U : 0U) + (long_line ? 1U : 0U));
}

}  // namespace

std::vector<Piece> split_into_pieces(std::string_view text, TextKind kind) {
  return kind == TextKind::plain ? split_plain(text) : split_html(text);
}

Blocks::Blocks(const Corpus& corpus, std::uint64_t seed) : seed_(seed) {
  struct Found {
    std::uint64_t id;
    std::string content;
    const Entity* leaf;
  };
  std::vector<std::vector<Found>> found(corpus.mails.size());
  for_each_index(corpus.mails.size(), [&](std::size_t i) {
    const auto& mail = corpus.mails[i];
    for (const auto& leaf : mail.structure.entities) {
      const bool html = leaf.media_type == "text/html";
      if (!leaf.is_leaf() || (!html && leaf.media_type != "text/plain") || !is_renamed_text(leaf)) continue;
      const auto text = decode_transfer(leaf.body.of(mail.raw), leaf.encoding).bytes;
      for (auto& piece : split_into_pieces(text, html ? TextKind::html : TextKind::plain)) {
        if (piece.id != 0) found[i].push_back({piece.id, std::move(piece.content), &leaf});
      }
    }
    std::stable_sort(found[i].begin(), found[i].end(), [](const Found& a, const Found& b) { return a.id < b.id; });
    found[i].erase(std::unique(found[i].begin(), found[i].end(), [](const Found& a, const Found& b) { return a.id == b.id; }), found[i].end());
  });
  // Threads in an order of the seed: neighbours in a bucket come from one thread, so that a replaced text keeps talking of few things.
  std::vector<std::uint32_t> order(corpus.mails.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::pair(mix(corpus.mails[a].thread, seed), a) < std::pair(mix(corpus.mails[b].thread, seed), b);
  });
  std::vector<std::pair<std::uint32_t, const Entity*>> first;
  for (const auto i : order) {
    for (auto& block : found[i]) {
      const auto [at, is_new] = by_id_.emplace(block.id, static_cast<std::uint32_t>(blocks_.size()));
      if (is_new) {
        blocks_.push_back({std::move(block.content), 0, 0, 0});
        first.emplace_back(i, block.leaf);
      }
      ++blocks_[at->second].mails;
    }
  }
  for (std::uint32_t i = 0; i < blocks_.size(); ++i) {
    auto& block = blocks_[i];
    block.bucket = bucket_of(corpus.mails[first[i].first], *first[i].second, block.content, block.mails);
    auto& bucket = buckets_[block.bucket].blocks;
    block.place = static_cast<std::uint32_t>(bucket.size());
    bucket.push_back(i);
  }
}

const Blocks::Block* Blocks::replacement(std::uint64_t id, unsigned epoch) const {
  const auto at = by_id_.find(id);
  if (at == by_id_.end()) return nullptr;
  const auto& block = blocks_[at->second];
  if (block.mails >= kMailsMax) return nullptr;
  const auto& bucket = buckets_.at(block.bucket).blocks;
  const auto other = (block.place + mix(block.bucket, seed_, epoch)) % bucket.size();
  return &blocks_[bucket[other]];
}

std::string Blocks::recombine(std::string_view text, TextKind kind, unsigned epoch) const {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const auto& piece : split_into_pieces(text, kind)) {
    const bool replaced = piece.id != 0 && mix(piece.id, seed_, epoch) % 100 < kReplacedOf100;
    const Block* other = replaced ? replacement(piece.id, epoch) : nullptr;
    if (other == nullptr) {
      out += piece.raw;
    } else if (kind == TextKind::html) {
      const auto start = piece.raw.find_first_not_of(" \t\r\n"), last = piece.raw.find_last_not_of(" \t\r\n");
      out.append(piece.raw.substr(0, start)).append(other->content).append(piece.raw.substr(last + 1));
    } else {
      const std::string_view content = other->content;
      for (std::size_t at = 0; at <= content.size();) {
        const auto end = std::min(content.find('\n', at), content.size());
        out.append(piece.prefix).append(content.substr(at, end - at)).append(piece.line_end);
        at = end + 1;
      }
    }
  }
  return out;
}

}  // namespace kopial::bench
