#include "storage/recipe.h"

#include "storage/base/encoding.h"

namespace kopial {
namespace {

constexpr std::uint8_t kCrlf = 1;
constexpr std::uint8_t kEnded = 2;

Error broken() { return Error{ErrorCode::corrupt, "a copy's recipe cannot be read"}; }

}  // namespace

Bytes encode_recipe(const Recipe& recipe) {
  Encoder out;
  out.varint(recipe.steps.size());
  for (const auto& step : recipe.steps) {
    out.u8(static_cast<std::uint8_t>(step.kind)).varint(step.size);
    if (step.kind != Step::Kind::literal) out.raw(step.part.view());
    if (step.kind == Step::Kind::base64) {
      out.varint(step.base64.line_chars).u8((step.base64.crlf ? kCrlf : 0) | (step.base64.ended ? kEnded : 0));
    }
    if (step.kind == Step::Kind::quoted_printable) out.blob(step.quoted_printable);
  }
  return out.raw(recipe.literals).take();
}

Result<Recipe> decode_recipe(BytesView bytes) {
  Decoder in(bytes);
  Recipe recipe;
  const auto count = in.varint();
  if (!in.ok() || count > bytes.size()) return broken();
  recipe.steps.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    Step step;
    const auto kind = in.u8();
    if (kind > static_cast<std::uint8_t>(Step::Kind::stretch)) return broken();
    step.kind = static_cast<Step::Kind>(kind);
    step.size = in.varint();
    if (step.kind != Step::Kind::literal) {
      const auto key = PartKey::from_bytes(in.raw(sizeof step.part.bytes));
      if (!key) return broken();
      step.part = *key;
    }
    if (step.kind == Step::Kind::base64) {
      step.base64.line_chars = in.varint();
      const auto flags = in.u8();
      step.base64.crlf = (flags & kCrlf) != 0;
      step.base64.ended = (flags & kEnded) != 0;
    }
    if (step.kind == Step::Kind::quoted_printable) step.quoted_printable = in.blob();
    if (!in.ok()) return broken();
    recipe.steps.push_back(std::move(step));
  }
  recipe.literals = in.rest();
  return recipe;
}

Result<Bytes> rebuild(const Recipe& recipe, std::uint64_t raw_bytes, const PartSource& source) {
  Bytes raw;
  raw.reserve(raw_bytes);
  BytesView literals = recipe.literals;
  for (const auto& step : recipe.steps) {
    if (step.kind == Step::Kind::literal) {
      if (step.size > literals.size()) return broken();
      raw += literals.substr(0, step.size);
      literals.remove_prefix(step.size);
    } else {
      auto part = source(step.part);
      if (!part) return part.error();
      if (part->size() != step.size) return Error{ErrorCode::corrupt, "a part has another size than its recipe says"};
      switch (step.kind) {
        case Step::Kind::literal:
        case Step::Kind::plain:
        case Step::Kind::stretch: raw += *part; break;
        case Step::Kind::base64:
          if (step.base64.line_chars % 4 != 0) return broken();
          write_base64(*part, step.base64, raw);
          break;
        case Step::Kind::quoted_printable:
          if (!write_quoted_printable(*part, step.quoted_printable, raw)) return broken();
          break;
      }
    }
    if (raw.size() > raw_bytes) return broken();
  }
  if (raw.size() != raw_bytes || !literals.empty()) return broken();
  return raw;
}

}  // namespace kopial
