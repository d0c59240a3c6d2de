#include "tests/bench/bound.h"

#include <zstd.h>

#include <array>
#include <unordered_set>

#include "storage/base/ids.h"
#include "storage/crypto/digest.h"
#include "storage/mail/structure.h"
#include "storage/mail/transfer.h"
#include "storage/transfer_form.h"

namespace kopial::bench {
namespace {

class Stream {
 public:
  Stream() : context_(ZSTD_createCCtx(), &ZSTD_freeCCtx) { ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, 3); }
  void add(BytesView bytes, ZSTD_EndDirective how = ZSTD_e_continue) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
      left = ZSTD_compressStream2(context_.get(), &out, &in, how);
      size_ += out.pos;
    } while (ZSTD_isError(left) == 0 && (in.pos < in.size || (how == ZSTD_e_end && left > 0)));
  }
  std::uint64_t finish() {
    add({}, ZSTD_e_end);
    return size_;
  }

 private:
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context_;
  std::array<char, 128 << 10> buffer_{};
  std::uint64_t size_ = 0;
};

}  // namespace

struct Bound::State {
  BoundFigures figures;
  std::unordered_set<Digest> known;
  Stream parts, headers;
};

Bound::Bound() : state_(std::make_unique<State>()) {}
Bound::~Bound() = default;

void Bound::add(BytesView raw) {
  auto& figures = state_->figures;
  ++figures.messages;
  figures.raw_bytes += raw.size();
  for (const auto& entity : scan(raw).entities) {
    const auto header = entity.header.of(raw);
    figures.header_bytes += header.size();
    state_->headers.add(header);
    if (!entity.is_leaf()) continue;
    const auto body = entity.body.of(raw);
    const auto decoded = decode_transfer(body, entity.encoding).bytes;
    figures.part_bytes += decoded.size();
    if (state_->known.insert(sha256(decoded)).second) {
      figures.unique_part_bytes += decoded.size();
      state_->parts.add(decoded);
    }
    if (entity.encoding == TransferEncoding::base64) {
      figures.base64_bytes += body.size();
      if (const auto run = read_base64(body)) figures.base64_rebuilt += run->encoded_bytes;
    } else if (entity.encoding == TransferEncoding::quoted_printable) {
      figures.quoted_bytes += body.size();
      if (read_quoted_printable(body)) figures.quoted_rebuilt += body.size();
    }
  }
}

BoundFigures Bound::finish() {
  state_->figures.parts_compressed = state_->parts.finish();
  state_->figures.headers_compressed = state_->headers.finish();
  return state_->figures;
}

}  // namespace kopial::bench
