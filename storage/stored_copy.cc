#include "storage/stored_copy.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/crypto/digest.h"
#include "storage/mail/transfer.h"
#include "storage/rebuilder.h"

namespace kopial {
namespace {

// What stands in the outline for a large leaf: valid in every encoding, and no beginning of a delimiter.
constexpr std::string_view kMarker = "AAAA";

Error changed(const CopyId& copy) {
  return {ErrorCode::corrupt, fmt::format("copy {}: the stored bytes do not match their name", copy.hex())};
}

// Parts that are read in pieces, the last one kept open.
class PieceReader {
 public:
  explicit PieceReader(const PartStore& parts) : parts_(parts) {}
  Result<Bytes> range(const PartKey& key, std::uint64_t part_size, std::uint64_t offset, std::uint64_t size) {
    if (!open_ || key_ != key) {
      auto part = parts_.open(key);
      if (!part) return part.error();
      if (part->size() != part_size) return Error{ErrorCode::corrupt, "a part has another size than its recipe says"};
      open_.emplace(*std::move(part));
      key_ = key;
    }
    return open_->range(offset, size);
  }

 private:
  const PartStore& parts_;
  PartKey key_;
  std::optional<OpenPart> open_;
};

// The raw bytes of a copy, in order from wherever it stands.
class RawReader {
 public:
  RawReader(std::shared_ptr<const Recipe> recipe, const PartStore& parts)
      : recipe_(std::move(recipe)),
        pieces_(parts),
        rebuilder_(*recipe_, [this](const Step& step, std::uint64_t offset, std::uint64_t size) {
          return pieces_.range(step.part, step.size, offset, size);
        }) {}
  Rebuilder& rebuilder() { return rebuilder_; }

 private:
  const std::shared_ptr<const Recipe> recipe_;
  PieceReader pieces_;
  Rebuilder rebuilder_;
};

struct Source {
  CopyId copy;
  std::uint64_t raw_bytes = 0;
  std::shared_ptr<const Recipe> recipe;
  const PartStore* parts = nullptr;
};

class RawStream final : public ByteStream {
 public:
  RawStream(const Source& source, std::uint64_t offset, std::uint64_t size)
      : copy_(source.copy), size_(size), left_(size), whole_(offset == 0 && size == source.raw_bytes), reader_(source.recipe, *source.parts) {}
  Result<void> open(std::uint64_t raw_bytes, std::uint64_t offset) {
    if (auto opened = reader_.rebuilder().open(raw_bytes); !opened) return opened;
    reader_.rebuilder().seek(offset);
    return {};
  }
  std::uint64_t size() const override { return size_; }
  Result<Bytes> next() override {
    if (left_ == 0) return Bytes();
    auto piece = reader_.rebuilder().next();
    if (!piece) return piece.error().with_context("copy " + copy_.hex());
    if (piece->size() > left_) piece->resize(left_);
    if (piece->empty()) return changed(copy_);
    left_ -= piece->size();
    if (whole_) {
      digest_.update(*piece);
      if (left_ == 0 && digest_.finish() != copy_) return changed(copy_);
    }
    return piece;
  }

 private:
  const CopyId copy_;
  const std::uint64_t size_;
  std::uint64_t left_;
  const bool whole_;
  RawReader reader_;
  Sha256 digest_;
};

class PartStream final : public ByteStream {
 public:
  PartStream(const Source& source, const Step& step, std::uint64_t offset, std::uint64_t size)
      : copy_(source.copy), key_(step.part), part_size_(step.size), at_(offset), size_(size), left_(size), pieces_(*source.parts) {}
  std::uint64_t size() const override { return size_; }
  Result<Bytes> next() override {
    auto piece = pieces_.range(key_, part_size_, at_, std::min(left_, Rebuilder::kPieceBytes));
    if (!piece) return piece.error().with_context("copy " + copy_.hex());
    at_ += piece->size();
    left_ -= piece->size();
    return piece;
  }

 private:
  const CopyId copy_;
  const PartKey key_;
  const std::uint64_t part_size_;
  std::uint64_t at_;
  const std::uint64_t size_;
  std::uint64_t left_;
  PieceReader pieces_;
};

class MemoryStream final : public ByteStream {
 public:
  explicit MemoryStream(Bytes bytes) : size_(bytes.size()), bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return size_; }
  Result<Bytes> next() override {
    Bytes piece = bytes_.size() <= Rebuilder::kPieceBytes && at_ == 0 ? std::move(bytes_) : bytes_.substr(std::min(at_, bytes_.size()), Rebuilder::kPieceBytes);
    at_ += piece.size();
    if (at_ >= size_) bytes_ = {};
    return piece;
  }

 private:
  const std::uint64_t size_;
  Bytes bytes_;
  std::size_t at_ = 0;
};

class StoredCopy final : public CopyReader {
 public:
  explicit StoredCopy(Source source) : source_(std::move(source)) {}

  Result<void> load(VerifiedCopies& verified) {
    if (auto made = make_outline(); !made) return made;
    if (cuts_.empty()) {
      if (sha256(outline_) != source_.copy) return changed(source_.copy);
    } else if (!verified.contains(source_.copy)) {
      if (auto fits = compare(); !fits) return fits;
      verified.add(source_.copy);
    }
    structure_ = scan(outline_);
    return {};
  }

  std::uint64_t size() const override { return source_.raw_bytes; }
  const Bytes& outline() const override { return outline_; }
  const Structure& structure() const override { return structure_; }
  bool is_whole(std::size_t entity) const override { return first_cut(structure_.entities[entity].body) == nullptr; }

  Result<std::unique_ptr<ByteStream>> raw(std::uint64_t offset, std::uint64_t size) const override {
    offset = std::min(offset, source_.raw_bytes);
    if (cuts_.empty()) return std::unique_ptr<ByteStream>(std::make_unique<MemoryStream>(outline_.substr(offset, size)));
    auto stream = std::make_unique<RawStream>(source_, offset, std::min(size, source_.raw_bytes - offset));
    if (auto opened = stream->open(source_.raw_bytes, offset); !opened) return opened.error();
    return std::unique_ptr<ByteStream>(std::move(stream));
  }

  Result<std::uint64_t> content_size(std::size_t entity) const override {
    const auto& one = structure_.entities[entity];
    if (const Cut* cut = decoded_cut(one)) return source_.recipe->steps[cut->step].size;
    if (one.encoding == TransferEncoding::identity || one.encoding == TransferEncoding::unknown) {
      return raw_offset(one.body.end()) - raw_offset(one.body.offset);
    }
    auto bytes = decoded(one);
    if (!bytes) return bytes.error();
    return bytes->size();
  }

  Result<std::unique_ptr<ByteStream>> content(std::size_t entity, std::uint64_t offset, std::uint64_t size) const override {
    const auto& one = structure_.entities[entity];
    if (const Cut* cut = decoded_cut(one)) {
      const Step& step = source_.recipe->steps[cut->step];
      offset = std::min(offset, step.size);
      return std::unique_ptr<ByteStream>(std::make_unique<PartStream>(source_, step, offset, std::min(size, step.size - offset)));
    }
    if (one.encoding == TransferEncoding::identity || one.encoding == TransferEncoding::unknown) {
      const auto begin = raw_offset(one.body.offset), bytes = raw_offset(one.body.end()) - begin;
      offset = std::min(offset, bytes);
      return raw(begin + offset, std::min(size, bytes - offset));
    }
    auto bytes = decoded(one);
    if (!bytes) return bytes.error();
    offset = std::min<std::uint64_t>(offset, bytes->size());
    return std::unique_ptr<ByteStream>(std::make_unique<MemoryStream>(bytes->substr(offset, size)));
  }

 private:
  struct Cut {
    std::uint64_t offset = 0, size = 0;  // of what stands for it in the outline
    std::size_t step = 0;
    std::uint64_t raw_size = 0;
  };

  Result<void> compare() const {
    RawReader reader(source_.recipe, *source_.parts);
    if (auto opened = reader.rebuilder().open(source_.raw_bytes); !opened) return opened.error().with_context("copy " + source_.copy.hex());
    Sha256 digest;
    while (true) {
      auto piece = reader.rebuilder().next();
      if (!piece) return piece.error().with_context("copy " + source_.copy.hex());
      if (piece->empty()) break;
      digest.update(*piece);
    }
    if (digest.finish() != source_.copy) return changed(source_.copy);
    return {};
  }

  Result<void> make_outline() {
    BytesView literals = source_.recipe->literals;
    for (std::size_t i = 0; i < source_.recipe->steps.size(); ++i) {
      const Step& step = source_.recipe->steps[i];
      if (step.kind == Step::Kind::literal) {
        outline_ += literals.substr(0, step.size);
        literals.remove_prefix(step.size);
        continue;
      }
      const bool large = step.size > kChunkBytes;
      if (large && (step.kind == Step::Kind::plain || step.kind == Step::Kind::base64)) {
        const bool in_base64 = step.kind == Step::Kind::base64;
        Cut cut{outline_.size(), kMarker.size(), i, in_base64 ? base64_encoded_size(step.size, step.base64) : step.size};
        outline_ += kMarker;
        if (in_base64 && step.base64.ended) {
          outline_ += step.base64.crlf ? "\r\n" : "\n";
          cut.size = outline_.size() - cut.offset;
        }
        cuts_.push_back(cut);
        continue;
      }
      auto part = source_.parts->whole(step.part);
      if (!part) return part.error().with_context("copy " + source_.copy.hex());
      if (part->size() != step.size) return changed(source_.copy);
      if (step.kind == Step::Kind::base64) {
        write_base64(*part, step.base64, outline_);
      } else if (step.kind == Step::Kind::quoted_printable) {
        if (!write_quoted_printable(*part, step.quoted_printable, outline_)) return changed(source_.copy);
      } else {
        outline_ += *part;
      }
    }
    return {};
  }

  std::uint64_t raw_offset(std::uint64_t outline_offset) const {
    std::uint64_t offset = outline_offset;
    for (const auto& cut : cuts_) {
      if (cut.offset + cut.size <= outline_offset) offset += cut.raw_size - cut.size;
    }
    return offset;
  }
  const Cut* first_cut(const Span& span) const {
    const auto found = std::find_if(cuts_.begin(), cuts_.end(), [&](const Cut& cut) { return cut.offset >= span.offset && cut.offset < span.end(); });
    return found == cuts_.end() ? nullptr : &*found;
  }
  // The cut whose part is all of the leaf's content.
  const Cut* decoded_cut(const Entity& entity) const {
    if (entity.encoding != TransferEncoding::base64) return nullptr;
    const Cut* const cut = first_cut(entity.body);
    if (cut == nullptr || cut->offset != entity.body.offset || source_.recipe->steps[cut->step].kind != Step::Kind::base64) return nullptr;
    const auto behind = BytesView(outline_).substr(cut->offset + cut->size, entity.body.end() - cut->offset - cut->size);
    return behind.find_first_not_of(" \t\r\n") == BytesView::npos ? cut : nullptr;
  }
  Result<Bytes> decoded(const Entity& entity) const {
    if (first_cut(entity.body) == nullptr) return decode_transfer(entity.body.of(outline_), entity.encoding).bytes;
    const auto begin = raw_offset(entity.body.offset);
    auto stream = raw(begin, raw_offset(entity.body.end()) - begin);
    if (!stream) return stream.error();
    Bytes body;
    body.reserve((*stream)->size());
    while (true) {
      auto piece = (*stream)->next();
      if (!piece) return piece.error();
      if (piece->empty()) break;
      body += *piece;
    }
    return decode_transfer(body, entity.encoding).bytes;
  }

  const Source source_;
  Bytes outline_;
  Structure structure_;
  std::vector<Cut> cuts_;
};

}  // namespace

bool VerifiedCopies::contains(const CopyId& copy) {
  const std::lock_guard lock(mutex_);
  const auto oldest = std::chrono::steady_clock::now() - kLasts;
  while (!copies_.empty() && copies_.back().second < oldest) copies_.pop_back();
  return std::any_of(copies_.begin(), copies_.end(), [&](const auto& one) { return one.first == copy; });
}

void VerifiedCopies::add(const CopyId& copy) {
  const std::lock_guard lock(mutex_);
  copies_.emplace_front(copy, std::chrono::steady_clock::now());
  if (copies_.size() > kMax) copies_.pop_back();
}

Result<std::unique_ptr<CopyReader>> open_stored_copy(const CopyId& copy, std::uint64_t raw_bytes, Recipe recipe, const PartStore& parts,
                                                     VerifiedCopies& verified) {
  auto reader = std::make_unique<StoredCopy>(Source{copy, raw_bytes, std::make_shared<const Recipe>(std::move(recipe)), &parts});
  if (auto loaded = reader->load(verified); !loaded) return loaded.error();
  return std::unique_ptr<CopyReader>(std::move(reader));
}

}  // namespace kopial
