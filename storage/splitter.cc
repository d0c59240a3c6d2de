#include "storage/splitter.h"

#include <algorithm>

namespace kopial {
namespace {

class Splitter {
 public:
  explicit Splitter(BytesView raw) : raw_(raw) {}

  void leaf(const Entity& entity) {
    const Span& body = entity.body;
    if (body.offset < done_ || body.end() > raw_.size() || body.size < kPartBytesMin) return;
    const BytesView bytes = body.of(raw_);
    Step step;
    SplitPart part;
    std::size_t covered = bytes.size();
    part.seen = bytes;
    step.kind = Step::Kind::plain;
    if (entity.encoding == TransferEncoding::base64) {
      if (auto run = read_base64(bytes); run && run->encoded_bytes >= bytes.size() / 2) {
        step.kind = Step::Kind::base64;
        step.base64 = run->form;
        covered = run->encoded_bytes;
        part.decoded = true;
        part.owned = std::move(run->decoded);
      }
    } else if (entity.encoding == TransferEncoding::quoted_printable && bytes.size() <= kQuotedPrintableBytesMax) {
      if (auto run = read_quoted_printable(bytes)) {
        step.kind = Step::Kind::quoted_printable;
        step.quoted_printable = std::move(run->form);
        part.decoded = true;
        part.owned = std::move(run->decoded);
      }
    }
    if (part.content().size() < kPartBytesMin) return;
    literal_until(body.offset);
    add(std::move(step), std::move(part));
    done_ = body.offset + covered;
  }

  Split finish() {
    literal_until(raw_.size());
    return std::move(split_);
  }

 private:
  void literal_until(std::uint64_t offset) {
    const BytesView bytes = raw_.substr(done_, offset - done_);
    done_ = offset;
    if (bytes.empty()) return;
    if (bytes.size() > kLiteralBytesMax) {
      Step step;
      step.kind = Step::Kind::stretch;
      SplitPart part;
      part.seen = bytes;
      add(std::move(step), std::move(part));
      return;
    }
    Step step;
    step.size = bytes.size();
    split_.recipe.literals += bytes;
    split_.recipe.steps.push_back(std::move(step));
  }

  void add(Step step, SplitPart part) {
    step.size = part.content().size();
    split_.recipe.steps.push_back(std::move(step));
    split_.parts.push_back(std::move(part));
  }

  const BytesView raw_;
  std::uint64_t done_ = 0;
  Split split_;
};

}  // namespace

Split split(BytesView raw, const Structure& structure) {
  std::vector<const Entity*> leaves;
  for (const auto& entity : structure.entities) {
    if (entity.is_leaf()) leaves.push_back(&entity);
  }
  std::stable_sort(leaves.begin(), leaves.end(),
                   [](const Entity* a, const Entity* b) { return a->body.offset < b->body.offset; });
  Splitter splitter(raw);
  for (const Entity* entity : leaves) splitter.leaf(*entity);
  return splitter.finish();
}

Split split_whole(BytesView raw) {
  Split whole;
  if (raw.empty()) return whole;
  Step step;
  step.kind = Step::Kind::stretch;
  step.size = raw.size();
  whole.recipe.steps.push_back(std::move(step));
  whole.parts.push_back({false, {}, raw});
  return whole;
}

}  // namespace kopial
