// The part of archiving that needs no lock: taking a message apart, compressing its parts, and proving that the result rebuilds.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "storage/base/worker_pool.h"
#include "storage/blob_coder.h"
#include "storage/dictionary_trainer.h"
#include "storage/layout.h"
#include "storage/part_store.h"
#include "storage/splitter.h"
#include "storage/tenant_store.h"

namespace kopial {

struct PreparedPart {
  PartKey key;
  std::optional<StoredPart> stored;  // nullopt: it was in the store already
  Bytes plain;                       // until it is in a pack
};

struct PreparedMessage {
  CopyId copy;
  std::uint64_t raw_bytes = 0;
  bool known = false;  // the copy was in the store already; nothing below is filled
  std::uint32_t defects = 0;
  Digest identity;
  Summary summary;
  Bytes recipe;                     // stored form; plain until it is in a pack
  PieceName packed;                 // of the recipe
  std::vector<PreparedPart> parts;  // each once
  std::vector<PartKey> references;  // one for each step of the recipe that names a part
};

struct PreparedIntake {
  PreparedMessage message;
  Placement placement;
  std::optional<SeenKey> seen;
  std::string change_key;
};
struct PreparedQuarantine {
  Quarantined item;  // without its bytes
  Bytes tag;
  Bytes stored;
  std::uint64_t bytes = 0;
  Digest content;  // SHA-256 of its bytes
};
// What erasing a message, or some of its copies, takes with it. Found without the writer's lock (eraser.h).
struct PreparedErasure {
  struct Copy {
    CopyId id;
    std::map<PartKey, std::uint64_t> references;  // of its recipe
    bool goes = false;
    std::uint64_t raw_bytes = 0;
  };
  Serial message{};
  Digest identity;
  std::vector<Copy> copies;         // all the message has, oldest first
  std::vector<Bytes> seen_keys;     // rows that name the message
  std::vector<Sequence> changes;    // that name it,
  Sequence changes_until{};         // as far as they were looked for
  std::vector<std::uint64_t> events;  // leaves of other entries that may name it,
  std::uint64_t events_until = 0;     // as far as they were looked for
};
struct PreparedBatch {
  std::vector<PreparedIntake> messages;
  std::vector<Moved> moved;
  std::vector<Vanished> vanished;
  std::vector<PreparedQuarantine> quarantined;
  std::vector<CursorUpdate> cursors;
  std::vector<PreparedErasure> erasures;  // alone, if any
  std::vector<NewPack> packs;
  std::size_t bytes = 0;  // about what it will write
};

// Thread-safe.
class Preparer {
 public:
  Preparer(const Database& database, const Names& names, const BlobCoder& coder, const PartStore& parts, PackStore& packs,
           DictionaryTrainer& trainer, std::size_t threads);

  // Takes the batch's messages apart, several at a time. Fails as reading the store fails.
  Result<PreparedBatch> prepare(Batch batch);
  // `for_pack`: its recipe and small parts will go into packs, and are not compressed yet.
  Result<PreparedMessage> prepare(BytesView raw, bool for_pack) const;

 private:
  // nullopt when the split does not rebuild `raw`.
  Result<std::optional<PreparedMessage>> pack(BytesView raw, Split split, bool for_pack) const;
  Result<void> make_packs(PreparedBatch& batch);
  void share(std::size_t count, std::function<void(std::size_t)> action);  // between this thread and the helpers

  const Database& database_;
  const Names& names_;
  const BlobCoder& coder_;
  const PartStore& parts_;
  PackStore& packs_;
  DictionaryTrainer& trainer_;
  std::unique_ptr<WorkerPool> workers_;  // null: everything on the caller's thread
  const std::size_t helpers_;
};

}  // namespace kopial
