// One real message as another one: its structure and headers, with other text, other rare words, other ids and another date.
#pragma once

#include <string>

#include "tests/bench/blocks.h"
#include "tests/bench/content.h"
#include "tests/bench/corpus.h"
#include "tests/bench/vocabulary.h"

namespace kopial::bench {

class Rewriter {
 public:
  Rewriter(const Corpus& corpus, std::uint64_t seed) : seed_(seed), vocabulary_(corpus, seed), blocks_(corpus, seed) {}

  // `mail` as it comes in pass number `epoch` over the corpus. Thread-safe, as all here.
  Bytes message(const CorpusMail& mail, unsigned epoch) const;

  // A header block; `drop(lower_name)` says which fields are left out.
  template <typename Drop>
  void header(const CorpusMail& mail, const Entity& entity, unsigned epoch, const Drop& drop, Bytes& out) const;
  // The text of a leaf that is_renamed_text, transfer encoding removed, recombined and renamed.
  std::string text(const CorpusMail& mail, const Entity& leaf, unsigned epoch) const;
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const Blocks& blocks() const { return blocks_; }

 private:
  void field(const CorpusMail& mail, const HeaderField& field, std::string_view lower_name, unsigned epoch, Bytes& out) const;
  void leaf(const CorpusMail& mail, const Entity& entity, unsigned epoch, Bytes& out) const;
  void rename_value(std::string_view value, unsigned epoch, Bytes& out) const;
  std::int64_t shift_of(const CorpusMail& mail, unsigned epoch) const;  // seconds, the same in a thread

  std::uint64_t seed_;
  Vocabulary vocabulary_;
  Blocks blocks_;
};

// `text` with every "[Tue, ]2 Jul 2019 20:01:13" moved by `seconds`.
std::string shift_dates(std::string_view text, std::int64_t seconds);
std::string lower_case(std::string_view text);
// The message's own line end, by its first line.
std::string_view line_end_of(BytesView raw);

template <typename Drop>
void Rewriter::header(const CorpusMail& mail, const Entity& entity, unsigned epoch, const Drop& drop, Bytes& out) const {
  const BytesView raw = mail.raw;
  auto at = entity.header.offset;
  for (const auto& each : header_fields(raw, entity.header)) {
    const auto name = lower_case(each.name.of(raw));
    const auto line_end = std::min(raw.find('\n', each.value.end()), entity.header.end() - 1) + 1;
    if (!drop(name)) {
      out += raw.substr(at, each.value.offset - at);
      field(mail, each, name, epoch, out);
      out += raw.substr(each.value.end(), line_end - each.value.end());
    }
    at = line_end;
  }
  if (at < entity.header.end()) out += raw.substr(at, entity.header.end() - at);
}

}  // namespace kopial::bench
