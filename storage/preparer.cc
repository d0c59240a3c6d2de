#include "storage/preparer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <unordered_map>

#include "storage/crypto/digest.h"
#include "storage/rebuilder.h"

namespace kopial {
namespace {

constexpr std::size_t kQueuedJobsMax = 64;
// Fewer gain little over single blobs with a dictionary.
constexpr std::size_t kPackMessagesMin = 4;

// Items of one batch, shared out between its caller and the helpers. A helper that comes late finds nothing left and touches
// nothing of the caller's.
class SharedWork {
 public:
  SharedWork(std::size_t count, std::function<void(std::size_t)> action) : count_(count), action_(std::move(action)) {}

  void work() {
    for (std::size_t i = next_++; i < count_; i = next_++) {
      action_(i);
      const std::lock_guard lock(mutex_);
      if (++done_ == count_) all_done_.notify_all();
    }
  }
  void wait() {
    std::unique_lock lock(mutex_);
    all_done_.wait(lock, [&] { return done_ == count_; });
  }

 private:
  const std::size_t count_;
  const std::function<void(std::size_t)> action_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::condition_variable all_done_;
  std::size_t done_ = 0;
};

}  // namespace

Preparer::Preparer(const Database& database, const Names& names, const BlobCoder& coder, const PartStore& parts, PackStore& packs,
                   DictionaryTrainer& trainer, std::size_t threads)
    : database_(database), names_(names), coder_(coder), parts_(parts), packs_(packs), trainer_(trainer), helpers_(threads > 1 ? threads - 1 : 0) {
  if (helpers_ > 0) workers_ = std::make_unique<WorkerPool>("store", helpers_, kQueuedJobsMax);
}

void Preparer::share(std::size_t count, std::function<void(std::size_t)> action) {
  const auto work = std::make_shared<SharedWork>(count, std::move(action));
  for (std::size_t i = 0; i < std::min(helpers_, count / 2); ++i) {
    std::function<void()> job = [work] { work->work(); };
    if (!workers_->try_submit(std::move(job))) break;  // The helpers are busy with other batches.
  }
  work->work();
  work->wait();
}

Result<PreparedBatch> Preparer::prepare(Batch batch) {
  std::vector<std::optional<Result<PreparedMessage>>> messages(batch.messages.size());
  const bool for_pack = messages.size() >= kPackMessagesMin;
  share(messages.size(), [&](std::size_t i) {
    messages[i].emplace(prepare(batch.messages[i].raw, for_pack));
    batch.messages[i].raw = {};
  });

  PreparedBatch prepared;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!*messages[i]) return messages[i]->error();
    auto& intake = batch.messages[i];
    PreparedIntake& out = prepared.messages.emplace_back();
    out.message = *std::move(*messages[i]);
    out.placement = std::move(intake.placement);
    out.seen = std::move(intake.seen);
    out.change_key = std::move(intake.change_key);
  }
  if (for_pack) {
    if (auto packed = make_packs(prepared); !packed) return packed.error();
  }
  for (const auto& out : prepared.messages) {
    prepared.bytes += 1024 + out.message.recipe.size();
    for (const auto& part : out.message.parts) prepared.bytes += part.stored ? part.stored->bytes() : 0;
  }
  for (const auto& pack : prepared.packs) prepared.bytes += pack.stored.size();
  for (auto& item : batch.quarantined) {
    PreparedQuarantine& out = prepared.quarantined.emplace_back();
    out.tag = names_.quarantine(item);
    out.bytes = item.bytes.size();
    out.content = sha256(item.bytes);
    out.stored = coder_.store(BlobKind::part, item.bytes);
    out.item = std::move(item);
    out.item.bytes = {};
    prepared.bytes += out.stored.size();
  }
  prepared.moved = std::move(batch.moved);
  prepared.vanished = std::move(batch.vanished);
  prepared.cursors = std::move(batch.cursors);
  return prepared;
}

// Pieces in the order in which they came, so that neighbours are alike; recipes and parts apart, because each have their own words.
Result<void> Preparer::make_packs(PreparedBatch& batch) {
  struct Filling {
    std::size_t pack = 0, bytes = kPackBytesMax;
  };
  std::array<Filling, kBlobKinds> filling;
  const auto add = [&](BlobKind kind, Bytes plain) {
    auto& open = filling[static_cast<std::size_t>(kind)];
    if (open.bytes + plain.size() > kPackBytesMax) {
      open = {batch.packs.size(), 0};
      batch.packs.push_back({packs_.next_number(), kind, {}, {}});
    }
    auto& pack = batch.packs[open.pack];
    open.bytes += plain.size();
    pack.pieces.push_back(std::move(plain));
    return PieceName{pack.number, pack.pieces.size() - 1};
  };
  std::unordered_map<CopyId, PieceName> copies;
  std::unordered_map<PartKey, PieceName> parts;
  for (auto& intake : batch.messages) {
    auto& message = intake.message;
    if (message.known) continue;
    if (message.recipe.size() <= kPieceBytesMax) {
      const auto [piece, fresh] = copies.try_emplace(message.copy);
      if (fresh) piece->second = add(BlobKind::recipe, std::move(message.recipe));
      message.packed = piece->second;
    } else {
      message.recipe = coder_.store(BlobKind::recipe, message.recipe);
    }
    message.recipe.shrink_to_fit();
    for (auto& part : message.parts) {
      if (part.plain.empty()) continue;
      const auto [piece, fresh] = parts.try_emplace(part.key);
      if (fresh) piece->second = add(BlobKind::part, std::move(part.plain));
      part.plain = {};
      part.stored = PartStore::make(piece->second);
    }
  }
  std::atomic<bool> sound = true;
  share(batch.packs.size(), [&](std::size_t i) {
    if (!packs_.make(batch.packs[i])) sound = false;
  });
  if (!sound) return Error{ErrorCode::internal, "a pack does not give back its pieces"};
  return {};
}

Result<PreparedMessage> Preparer::prepare(BytesView raw, bool for_pack) const {
  PreparedMessage message;
  message.copy = sha256(raw);
  message.raw_bytes = raw.size();
  auto known = database_.contains(kCopies, message.copy.view());
  if (!known) return known.error();
  message.known = *known;
  if (message.known) return message;

  const Structure structure = scan(raw);
  auto packed = pack(raw, split(raw, structure), for_pack);
  if (!packed) return packed.error();
  if (!*packed) {
    packed = pack(raw, split_whole(raw), for_pack);
    if (!packed) return packed.error();
    if (!*packed) return Error{ErrorCode::internal, "a message stored whole does not rebuild"};
  }
  PreparedMessage& done = **packed;
  done.copy = message.copy;
  done.raw_bytes = raw.size();
  done.summary = summarize(raw, structure);
  done.identity = content_identity(raw, structure, done.summary);
  done.defects = structure.defects | done.summary.defects;
  return std::move(done);
}

// What is compared is what will be read: the stored forms are loaded again and the raw bytes rebuilt from them. A part that
// was in the store before is not read back, and what goes into a pack is compared when that is made; its key, a keyed SHA-256 of the bytes, says that they are the same.
Result<std::optional<PreparedMessage>> Preparer::pack(BytesView raw, Split split, bool for_pack) const {
  PreparedMessage message;
  std::unordered_map<PartKey, BytesView> contents;
  std::size_t next_part = 0;
  for (auto& step : split.recipe.steps) {
    if (step.kind == Step::Kind::literal) continue;
    const BytesView content = split.parts[next_part++].content();
    step.part = names_.part(content);
    message.references.push_back(step.part);
    if (!contents.emplace(step.part, content).second) continue;
    PreparedPart& part = message.parts.emplace_back();
    part.key = step.part;
    auto known = database_.contains(kPartReferences, part.key.view());
    if (!known) return known.error();
    if (*known) continue;
    if (for_pack && content.size() <= kPieceBytesMax && coder_.compresses(content)) {
      part.plain = content;
      trainer_.offer(BlobKind::part, content);
      continue;
    }
    part.stored = parts_.make(content);
    if (!part.stored) return std::optional<PreparedMessage>();
    if (part.stored->bytes() < content.size()) trainer_.offer(BlobKind::part, content);
  }

  const Bytes plain = encode_recipe(split.recipe);
  Result<Bytes> loaded = plain;
  if (for_pack) {
    message.recipe = plain;
  } else {
    message.recipe = coder_.store(BlobKind::recipe, plain);
    loaded = coder_.load(message.recipe, plain.size());
    if (!loaded) return std::optional<PreparedMessage>();
  }
  const auto recipe = decode_recipe(*loaded);
  if (!recipe) return std::optional<PreparedMessage>();
  Rebuilder rebuilder(*recipe, [&](const Step& step, std::uint64_t offset, std::uint64_t size) -> Result<Bytes> {
    return Bytes(contents.at(step.part).substr(offset, size));
  });
  if (!rebuilder.open(raw.size())) return std::optional<PreparedMessage>();
  std::size_t compared = 0;
  while (compared < raw.size()) {
    const auto piece = rebuilder.next();
    if (!piece || piece->empty() || raw.substr(compared, piece->size()) != *piece) return std::optional<PreparedMessage>();
    compared += piece->size();
  }
  trainer_.offer(BlobKind::recipe, plain);
  return std::optional<PreparedMessage>(std::move(message));
}

}  // namespace kopial
