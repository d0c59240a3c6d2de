// The archive of record of one tenant: every message it must keep, byte for byte, and everything else of that tenant that must
// survive a restart.
//
// Promises
//   durable    when `archive` or a write of `records` returns, it is fsynced, in one atomic batch with the placement, `seen`,
//              change and cursor it belongs to;
//   faithful   `raw` returns the bytes that were archived, verified against their SHA-256, or an error;
//   one way in every source uses `archive`; there is no second write path for mail.
//
// Whoever holds a TenantStore reaches that tenant's data and no other's. The key layout is in storage/README.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/backup.h"
#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/base/secret.h"
#include "storage/copy_reader.h"
#include "storage/evidence/evidence.h"
#include "storage/mail/message_view.h"
#include "storage/records.h"
#include "storage/scrub.h"

namespace rocksdb {
class Env;
}

namespace kopial {

class SharedBudget;  // block cache, write buffers, I/O limiter of all open tenants: storage/shared_budget.h

struct TenantStoreOptions {
  std::uint64_t message_bytes_max = 256ull << 20;  // Larger mail is refused, never cut short.
  std::shared_ptr<SharedBudget> budget;            // null: a small one of its own
  Clock* clock = nullptr;                          // null: the system's
  std::size_t compress_threads = 2;
  std::uint64_t reserve_bytes = 64ull << 20;  // Room on the disk below which no mail is taken, so that compactions can go on.
  rocksdb::Env* env = nullptr;                // null: the machine's; tests bring disks that fail
  // Asked for each message in the very batch that would erase it, by the one writer: an error (held) refuses the whole batch. What
  // it decides on cannot change between its answer and the erasure, if it changes through this store. Must not write to the store.
  std::function<Result<void>(Serial)> may_erase;
  EvidenceOptions anchoring;                  // where checkpoints are kept outside the database, and how often
  bool evidence = true;                       // false: no leaves are written. For benches that measure their share; never else.
};

// Where a message lies or lay.
struct Placement {
  ArchiveId archive{};
  std::string folder;        // path with '/' between names; a '/' inside a name is written as "%2F"
  std::string source_item;   // the source's id of the item; "" for imports
  Time received;             // as the source says
  bool unread = false;
  std::optional<Time> vanished_at;  // when it was seen to be gone from the source
};

// What the source calls a message; makes re-runs cheap.
struct SeenKey {
  ProfileId profile{};
  std::string mailbox;  // the source's immutable id of the mailbox
  std::string item;
};
struct SeenValue {
  CopyId copy;
  Serial serial{};
  std::string change_key;
  ArchiveId archive{};
  std::string folder;
};

struct CursorKey {
  ProfileId profile{};
  std::string mailbox;
  std::string folder;  // "" for the mailbox's own cursor (its folder tree)
};

// One message to keep.
struct Intake {
  Placement placement;
  Bytes raw;
  std::optional<SeenKey> seen;  // its item is what `seen` will answer for
  std::string change_key;
};

// A message that left a folder at its source: its placement is closed, the message stays.
struct Vanished {
  SeenKey seen;
  Time at;
};
// The same message now lies in `folder` (and may have a new item id): no bytes are fetched again.
struct Moved {
  SeenKey seen;
  std::string new_item;
  std::string folder;
  std::string change_key;
  Time at;
};

// What a source could not hand over as a message, or what could not be understood: bytes kept, reason named.
struct Quarantined {
  ProfileId profile{};
  std::string mailbox, item, folder;
  ArchiveId archive{};
  std::string reason;
  Bytes bytes;
};

struct CursorUpdate {
  CursorKey key;
  std::string value;  // "" removes it
};

// All or nothing, in this order.
//
// A message whose item was seen before updates that item: the same bytes in the same folder are nothing new; in another folder
// of the archive they move; other bytes of the same message replace the placement's copy; another message takes the item over,
// and the old placement is closed. An item that vanished may come back, by a message or by a move: its placement is open again.
// A move of an item that was never archived fails the batch with not_found: fetch it.
struct Batch {
  std::vector<Intake> messages;
  std::vector<Moved> moved;
  std::vector<Vanished> vanished;
  std::vector<Quarantined> quarantined;
  std::vector<CursorUpdate> cursors;
};

struct IntakeOutcome {
  CopyId copy;
  Serial serial{};
  bool new_copy = false;       // these bytes were not here before
  bool new_message = false;    // this content was not here before
  bool new_placement = false;
  std::uint32_t defects = 0;
};
struct BatchOutcome {
  std::vector<IntakeOutcome> messages;  // one for each Intake, in order
};

enum class ChangeKind : std::uint8_t {
  message_added = 1,      // a new message (document) exists
  copy_added = 2,         // another copy of a known message
  placement_changed = 3,  // placed, moved or vanished: the document's archives and folders are new
  erased = 4,             // the message, or some of its copies, are gone; names no copy
};
struct Change {
  Sequence sequence{};
  ChangeKind kind{};
  Serial serial{};
  CopyId copy;  // all zero once the copy was erased: what is left says when something happened and not to what
};

// The one way out. Of a message whose copies are all named, or none is, nothing is left but its serial in the change log.
struct Erasure {
  Serial message{};
  std::vector<CopyId> copies;  // empty: all
};
struct ErasureOutcome {
  std::uint64_t messages = 0, copies = 0, placements = 0, parts = 0;  // that went away
};

struct MessageRecord {
  Serial serial{};
  Digest identity;
  std::vector<CopyId> copies;  // oldest first
  std::uint64_t bytes = 0;     // of the first copy
  Time archived_at;
  Summary summary;
};

struct FolderCount {
  std::string folder;
  std::uint64_t messages = 0;
};
struct ArchiveTotals {
  std::uint64_t messages = 0, bytes = 0;  // open and vanished placements; raw bytes
  std::optional<Time> last_archived_at;
};
struct StoreTotals {
  std::uint64_t messages = 0, copies = 0, placements = 0, raw_bytes = 0;  // raw_bytes: of all placements
  Sequence last_change{};
};

// The file beside the store that says what was erased: erasure_journal.h.
inline constexpr std::string_view kErasureJournal = "erasures";

// Thread-safe. Every call blocks on disk: call it from a worker, never from an I/O thread.
class TenantStore {
 public:
  // Opens or creates the store in `folder`. `key` is the tenant's 32-byte key.
  // Fails with conflict when another process has it, corrupt, or invalid for a store of a newer format.
  static Result<std::unique_ptr<TenantStore>> open(const std::filesystem::path& folder, const Secret& key,
                                                   TenantStoreOptions options);
  virtual ~TenantStore() = default;

  // The one write path. Repeating a batch is harmless, so callers do after an error.
  // Fails with too_large (nothing of the batch is kept), conflict when the store does not follow from its anchor (Evidence says
  // why), disk_full, or unavailable; whether it was kept is then unknown.
  virtual Result<BatchOutcome> archive(Batch batch) = 0;

  // The only way out: placements, copies, identity, and the parts nothing else uses, of all messages or of none, in one durable
  // batch. A message that is not there is no error: repeating is harmless. The items it came from stay known to their sources as
  // dealt with, so that the next run does not bring it back; other bytes of the same item (another change key) are new mail.
  // The bytes can still be on the disk until `compact`. At most 1 000 messages at once. Fails with held (see may_erase).
  virtual Result<ErasureOutcome> erase(const std::vector<Erasure>& erasures) = 0;
  // For a store that was restored from a backup whose last message was `last`: erases what `journal`, a copy of the tenant's file
  // "erasures", says was erased since, and remembers it. Fails with corrupt for a journal that is not this tenant's.
  virtual Result<ErasureOutcome> replay_erasures(const std::filesystem::path& journal, const Secret& key, Serial last) = 0;
  // Rewrites everything the store has, so that what was erased or replaced is nowhere in its files any more. Takes as long as
  // copying the store; mail is taken and read meanwhile. Names of copies (digests) may stand in the manifest of the files until
  // the store is opened the next time.
  virtual Result<void> compact() = 0;

  // nullopt when this tenant has no such copy. Fails with corrupt when the bytes no longer match their name.
  virtual Result<std::optional<Bytes>> raw(const CopyId& copy) const = 0;
  // The same in pieces; null when this tenant has no such copy.
  virtual Result<std::unique_ptr<CopyReader>> open_copy(const CopyId& copy) const = 0;
  virtual Result<std::optional<Serial>> serial_of(const CopyId& copy) const = 0;
  virtual Result<std::optional<MessageRecord>> message(Serial serial) const = 0;
  // One read for many; absent serials are left out, the order is that of `serials`.
  virtual Result<std::vector<MessageRecord>> messages(std::span<const Serial> serials) const = 0;
  virtual Result<std::vector<Placement>> placements(Serial serial) const = 0;

  // nullopt for an item that was never archived, and for one that has vanished.
  virtual Result<std::optional<SeenValue>> seen(const SeenKey& key) const = 0;
  // All item ids seen for a mailbox's folder that have not vanished, in no particular order; for reconciliation. In pages:
  // `after` is the last item of the page before.
  virtual Result<std::vector<std::string>> seen_items(ProfileId profile, const std::string& mailbox, const std::string& folder,
                                                      const std::string& after, std::size_t limit) const = 0;
  virtual Result<std::string> cursor(const CursorKey& key) const = 0;  // "" when there is none

  // Changes after `after`, oldest first, at most `limit`.
  virtual Result<std::vector<Change>> changes(Sequence after, std::size_t limit) const = 0;
  // Calls back (from the writing thread; keep it short) after each durable batch.
  virtual void on_change(std::function<void(Sequence)> listener) = 0;

  // Browsing, vanished placements included. Newest first; `after` is the opaque next of the page before, "" for the first.
  // The folder "" is the whole archive.
  struct Page {
    std::vector<Serial> serials;
    std::string next;  // "" at the end
  };
  virtual Result<Page> browse(ArchiveId archive, const std::string& folder, const std::string& after, std::size_t limit) const = 0;
  // Folders that hold something, in the order of their names.
  virtual Result<std::vector<FolderCount>> folders(ArchiveId archive) const = 0;
  virtual Result<ArchiveTotals> totals(ArchiveId archive) const = 0;
  virtual Result<StoreTotals> totals() const = 0;

  struct QuarantineEntry {
    std::string id;
    Time at;
    Quarantined item;  // `bytes` empty in listings
    std::uint64_t bytes = 0;
  };
  virtual Result<std::vector<QuarantineEntry>> quarantine(const std::string& after_id, std::size_t limit) const = 0;
  virtual Result<std::optional<QuarantineEntry>> quarantined(const std::string& id) const = 0;

  // Appends an audit event and its leaf in the evidence log; durable when it returns. Goes on when mail is refused.
  virtual Result<void> append_audit(std::string json) = 0;
  struct AuditRow {
    std::uint64_t leaf = 0;  // its place in the evidence log
    std::string json;
  };
  // Audit events at or behind leaf `from`, oldest first.
  virtual Result<std::vector<AuditRow>> audit(std::uint64_t from, std::size_t limit) const = 0;

  virtual Evidence& evidence() = 0;

  // Everything that is not mail: archives, users, profiles, credentials, runs, tokens.
  virtual Records& records() = 0;

  // Bytes this store takes on disk.
  virtual Result<std::uint64_t> disk_bytes() const = 0;

  // Reads every byte once, at the speed and from the position of `options`; goes on beside everything else. What is damaged is in the
  // report; an error means that it could not be looked.
  virtual Result<ScrubReport> scrub(const ScrubOptions& options) = 0;

  // A backup of the store as of now into `options.folder`: backup.h. Fails with cancelled, disk_full or unavailable; then it does not
  // count, and the next one goes on from what was copied.
  virtual Result<BackupRecord> backup(const BackupOptions& options) = 0;
  // Puts right damaged files, in place and while everything goes on, from a backup that still has their bytes.
  virtual Result<RepairReport> repair(const std::filesystem::path& backups, std::stop_token stop) = 0;

  // Reads everything: rebuilds every copy, recounts totals and references, follows every row to its partners. What it found
  // wrong, one sentence each; empty when all is well. Compares a moment: run it while nothing is being archived.
  virtual Result<std::vector<std::string>> check() const = 0;
};

}  // namespace kopial
