#include "storage/rebuilder.h"

#include <algorithm>

namespace kopial {
namespace {

Error broken() { return Error{ErrorCode::corrupt, "a copy's recipe cannot be read"}; }

constexpr std::uint64_t kGroupsAtOnce = 48 << 10;  // of three bytes: 144 KiB of a part, 192 KiB of base64 and its line ends

}  // namespace

Result<void> Rebuilder::open(std::uint64_t raw_bytes) {
  std::uint64_t at = 0, literals = 0;
  starts_.clear();
  literal_starts_.clear();
  for (const auto& step : recipe_.steps) {
    starts_.push_back(at);
    literal_starts_.push_back(literals);
    std::uint64_t size = step.size;
    if (step.kind == Step::Kind::literal) {
      literals += step.size;
      if (literals > recipe_.literals.size()) return broken();
    } else if (step.kind == Step::Kind::base64) {
      if (step.base64.line_chars % 4 != 0) return broken();
      size = base64_encoded_size(step.size, step.base64);
    } else if (step.kind == Step::Kind::quoted_printable) {
      auto part = parts_(step, 0, step.size);
      if (!part) return part.error();
      Bytes encoded;
      if (!write_quoted_printable(*part, step.quoted_printable, encoded)) return broken();
      size = encoded.size();
    }
    if (size > raw_bytes - at) return broken();
    at += size;
  }
  if (at != raw_bytes || literals != recipe_.literals.size()) return broken();
  starts_.push_back(at);
  at_ = 0;
  return {};
}

void Rebuilder::seek(std::uint64_t offset) { at_ = std::min(offset, starts_.back()); }

Result<Bytes> Rebuilder::next() {
  // Several short steps make one piece.
  Bytes bytes;
  while (at_ < starts_.back() && bytes.size() < kPieceBytes / 4) {
    const auto behind = std::upper_bound(starts_.begin(), starts_.end(), at_);
    const auto step = static_cast<std::size_t>(behind - starts_.begin()) - 1;
    auto more = piece(step, at_ - starts_[step]);
    if (!more) return more;
    if (more->empty() || more->size() > starts_[step + 1] - at_) return broken();
    at_ += more->size();
    if (bytes.empty()) {
      bytes = *std::move(more);
    } else {
      bytes += *more;
    }
  }
  return bytes;
}

Result<Bytes> Rebuilder::piece(std::size_t index, std::uint64_t offset) {
  const Step& step = recipe_.steps[index];
  switch (step.kind) {
    case Step::Kind::literal:
      return Bytes(BytesView(recipe_.literals).substr(literal_starts_[index] + offset, std::min(step.size - offset, kPieceBytes)));
    case Step::Kind::plain:
    case Step::Kind::stretch: return parts_(step, offset, std::min(step.size - offset, kPieceBytes));
    case Step::Kind::base64: {
      const auto first = base64_group_at(offset, step.size, step.base64);
      const auto from = first * 3, size = std::min(step.size - from, kGroupsAtOnce * 3);
      auto part = parts_(step, from, size);
      if (!part) return part;
      Bytes text;
      text.reserve(size / 3 * 4 + size / 24);
      write_base64_groups(*part, first, step.size, step.base64, text);
      text.erase(0, offset - base64_position(first, step.base64));
      return text;
    }
    case Step::Kind::quoted_printable: {
      auto part = parts_(step, 0, step.size);
      if (!part) return part;
      Bytes text;
      if (!write_quoted_printable(*part, step.quoted_printable, text) || offset > text.size()) return broken();
      text.erase(0, offset);
      return text;
    }
  }
  return broken();
}

}  // namespace kopial
