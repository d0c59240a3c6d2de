// From a connector's events into a tenant's store: batches, counts, and the order that keeps cursors honest.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>

#include "connectors/events.h"
#include "server/archiving/journal_links.h"
#include "server/archiving/run_service.h"
#include "server/monitoring/metrics.h"

namespace kopial {

struct SinkCounts {
  std::atomic<std::uint64_t> expected = 0, seen = 0, archived = 0, already_archived = 0, quarantined = 0, vanished = 0, moved = 0, failed = 0, bytes = 0;
};

// What `seen` keeps of an item's state when it was archived: the key that names its bytes and, behind a line break, its exact version.
struct ItemState {
  std::string change_key, version;
};
std::string item_state(const SourceItem& item);
ItemState parse_item_state(const std::string& text);

// What comes with a message: further messages, in the same durable write, and names of copies that belong together, in a write before it.
struct Beside {
  std::vector<Intake> messages;
  std::vector<JournalLink> links;
};

// Thread-safe. Batches of one mailbox are written one after the other, so that what a source said later never holds before what
// it said earlier; preparing them is what takes time, and happens on the store's own threads.
class StoreSink final : public EventSink {
 public:
  struct Options {
    ProfileId profile{};
    std::string mailbox;  // immutable id
    std::uint64_t message_bytes_max = 256ull << 20;
    // What else is archived with a message; not counted. Null: nothing.
    std::function<Beside(const SourceItem&, BytesView)> beside;
    std::function<Result<ArchiveId>()> archive;           // found or made when the first message comes
    std::function<void()> progressed;                     // after each durable batch
    std::function<void(const std::string&)> paused;       // why nothing goes on; "" when it does again
  };
  StoreSink(Tenant& tenant, Options options, SinkCounts& counts, Metrics& metrics, Clock& clock, std::stop_token stop)
      : tenant_(tenant), options_(std::move(options)), counts_(counts), metrics_(metrics), clock_(clock), stop_(std::move(stop)) {}

  Result<Known> known(const SourceItem& item) override;
  Result<void> message(SourceItem item, Bytes raw) override;
  Result<void> moved(const std::string& old_id, const SourceItem& item) override;
  Result<void> vanished(const std::string& item_id, const std::string& folder) override;
  Result<void> quarantined(const SourceItem& item, std::string reason, Bytes representation) override;
  Result<void> failed(const SourceItem& item, const Error& error) override;
  Result<std::vector<std::string>> archived(const std::string& folder, const std::string& after, std::size_t limit) override;
  Result<std::string> cursor(const std::string& folder_id) override;
  Result<void> save_cursor(const std::string& folder_id, std::string value) override;
  void expected(std::uint64_t items) override { counts_.expected += items; }

  SeenKey key_of(std::string item) const { return {options_.profile, options_.mailbox, std::move(item)}; }
  // Why an item lies in quarantine; nullopt when it does not. What is still waiting does not count: flush first.
  Result<std::optional<std::string>> quarantine_reason(const std::string& item) const;

  // Writes what is still waiting.
  Result<void> flush();
  std::vector<std::string> failures() const;  // sentences, a bounded number

 private:
  struct QuarantineNote {
    std::string change_key, reason;
  };
  Result<std::optional<QuarantineNote>> quarantine_note(const std::string& item) const;
  CursorKey note_key(const std::string& item) const;
  // Adds under the lock; writes when enough has gathered.
  Result<void> add(const std::function<void(Batch&)>& put, std::uint64_t bytes);
  Result<void> write_batch(bool all);
  Result<void> write_patiently(Batch batch, const std::vector<JournalLink>& links);
  void count(const Batch& batch, const BatchOutcome& outcome, const std::vector<std::uint64_t>& sizes);

  Tenant& tenant_;
  const Options options_;
  SinkCounts& counts_;
  Metrics& metrics_;
  Clock& clock_;
  const std::stop_token stop_;
  std::mutex writing_;            // held over a durable write
  mutable std::mutex mutex_;      // of what follows
  Batch waiting_;
  std::vector<JournalLink> waiting_links_;
  std::uint64_t waiting_bytes_ = 0;
  std::size_t waiting_events_ = 0;
  std::vector<std::string> failures_;
};

}  // namespace kopial
