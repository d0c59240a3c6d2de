#include "server/archiving/store_sink.h"

#include <fmt/format.h>

#include "storage/base/log.h"

namespace kopial {
namespace {

// A batch is one fsync. Larger ones save little, and hold more memory and work that a crash repeats.
constexpr std::uint64_t kBatchBytes = 8 << 20;
constexpr std::size_t kBatchEvents = 200;
constexpr std::size_t kFailuresMax = 20;
constexpr std::chrono::seconds kDiskFullWait{10};

}  // namespace

// A line break can be in neither: both are one line of a protocol.
std::string item_state(const SourceItem& item) { return item.version.empty() ? item.change_key : item.change_key + '\n' + item.version; }

ItemState parse_item_state(const std::string& text) {
  const auto at = text.find('\n');
  if (at == std::string::npos) return {text, ""};
  return {text.substr(0, at), text.substr(at + 1)};
}

Result<Known> StoreSink::known(const SourceItem& item) {
  ++counts_.seen;
  auto seen = tenant_.store().seen(key_of(item.id));
  if (!seen) return seen.error();
  if (!*seen) {
    // Quarantined items are not fetched again, unless they have changed. Their counting was done when they came.
    auto why = quarantine_note(item.id);
    if (!why) return why.error();
    return *why && (*why)->change_key == item.change_key ? Known::same : Known::no;
  }
  if (parse_item_state((*seen)->change_key).change_key != item.change_key) return Known::no;
  if ((*seen)->folder != item.folder) return Known::elsewhere;
  ++counts_.already_archived;
  return Known::same;
}

Result<void> StoreSink::message(SourceItem item, Bytes raw) {
  if (raw.size() > options_.message_bytes_max) {
    return quarantined(item, fmt::format("the message has {} bytes, and at most {} are taken (limits.message_bytes_max)", raw.size(), options_.message_bytes_max), {});
  }
  auto archive = options_.archive();
  if (!archive) return archive.error();
  Intake intake;
  intake.placement = {*archive, item.folder, item.id, item.received, item.unread, std::nullopt};
  intake.seen = key_of(item.id);
  intake.change_key = item_state(item);
  auto bytes = raw.size();
  Beside beside;
  if (options_.beside) beside = options_.beside(item, raw);
  for (const auto& one : beside.messages) bytes += one.raw.size();
  intake.raw = std::move(raw);
  return add(
      [&](Batch& batch) {
        std::move(beside.messages.begin(), beside.messages.end(), std::back_inserter(batch.messages));
        waiting_links_.insert(waiting_links_.end(), beside.links.begin(), beside.links.end());
        batch.messages.push_back(std::move(intake));
      },
      bytes);
}

Result<void> StoreSink::moved(const std::string& old_id, const SourceItem& item) {
  ++counts_.moved;
  auto state = item_state(item);
  if (state.empty()) {  // Its folder has moved, and nothing was asked about the item itself.
    auto seen = tenant_.store().seen(key_of(old_id));
    if (!seen) return seen.error();
    if (*seen) state = (*seen)->change_key;
  }
  Moved moved{key_of(old_id), item.id == old_id ? "" : item.id, item.folder, std::move(state), clock_.now()};
  return add([&](Batch& batch) { batch.moved.push_back(std::move(moved)); }, 0);
}

Result<void> StoreSink::vanished(const std::string& item_id, const std::string&) {
  ++counts_.vanished;
  Vanished vanished{key_of(item_id), clock_.now()};
  return add([&](Batch& batch) {
    batch.vanished.push_back(std::move(vanished));
    batch.cursors.push_back({note_key(item_id), ""});
  }, 0);
}

Result<void> StoreSink::quarantined(const SourceItem& item, std::string reason, Bytes representation) {
  auto archive = options_.archive();
  if (!archive) return archive.error();
  ++counts_.quarantined;
  metrics_.count_quarantined(1);
  const auto bytes = representation.size();
  // Kept with it in one write: that this item was dealt with, and how.
  CursorUpdate note{note_key(item.id), item.change_key + '\n' + reason};
  Quarantined entry{options_.profile, options_.mailbox, item.id, item.folder, *archive, std::move(reason), std::move(representation)};
  return add([&](Batch& batch) {
    batch.quarantined.push_back(std::move(entry));
    batch.cursors.push_back(std::move(note));
  }, bytes);
}

// Beside the cursors, because it is of their kind: what a source's next pull must remember, written with what it covers. No folder's id
// begins with this byte.
CursorKey StoreSink::note_key(const std::string& item) const { return {options_.profile, options_.mailbox, "\x01" + item}; }

Result<std::optional<StoreSink::QuarantineNote>> StoreSink::quarantine_note(const std::string& item) const {
  auto text = tenant_.store().cursor(note_key(item));
  if (!text) return text.error();
  const auto at = text->find('\n');
  if (at == std::string::npos) return std::optional<QuarantineNote>();
  return std::optional(QuarantineNote{text->substr(0, at), text->substr(at + 1)});
}

Result<std::optional<std::string>> StoreSink::quarantine_reason(const std::string& item) const {
  auto note = quarantine_note(item);
  if (!note) return note.error();
  return *note ? std::optional((*note)->reason) : std::optional<std::string>();
}

Result<void> StoreSink::failed(const SourceItem& item, const Error& error) {
  ++counts_.failed;
  const std::lock_guard lock(mutex_);
  if (failures_.size() < kFailuresMax) failures_.push_back(fmt::format("a message in {} could not be fetched: {}", item.folder, error.message));
  return {};
}

Result<std::vector<std::string>> StoreSink::archived(const std::string& folder, const std::string& after, std::size_t limit) {
  if (auto done = flush(); !done) return done.error();  // What is waiting belongs to the answer.
  return tenant_.store().seen_items(options_.profile, options_.mailbox, folder, after, limit);
}

Result<std::string> StoreSink::cursor(const std::string& folder_id) {
  return tenant_.store().cursor({options_.profile, options_.mailbox, folder_id});
}

Result<void> StoreSink::save_cursor(const std::string& folder_id, std::string value) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.cursors.push_back({{options_.profile, options_.mailbox, folder_id}, std::move(value)});
    ++waiting_events_;
  }
  return flush();
}

Result<void> StoreSink::add(const std::function<void(Batch&)>& put, std::uint64_t bytes) {
  bool enough = false;
  {
    const std::lock_guard lock(mutex_);
    put(waiting_);
    waiting_bytes_ += bytes;
    ++waiting_events_;
    enough = waiting_bytes_ >= kBatchBytes || waiting_events_ >= kBatchEvents;
  }
  return enough ? write_batch(false) : Result<void>();
}

Result<void> StoreSink::flush() { return write_batch(true); }

// Whoever finds the batch full writes it; the others go on gathering the next one, and wait here when that is full as well.
Result<void> StoreSink::write_batch(bool all) {
  const std::lock_guard one_at_a_time(writing_);
  Batch batch;
  std::vector<JournalLink> links;
  {
    const std::lock_guard lock(mutex_);
    const bool enough = waiting_bytes_ >= kBatchBytes || waiting_events_ >= kBatchEvents;
    if (waiting_events_ == 0 || (!all && !enough)) return {};
    batch = std::exchange(waiting_, {});
    links = std::exchange(waiting_links_, {});
    waiting_bytes_ = 0;
    waiting_events_ = 0;
  }
  return write_patiently(std::move(batch), links);
}

Result<void> StoreSink::write_patiently(Batch batch, const std::vector<JournalLink>& links) {
  std::vector<std::uint64_t> sizes;
  for (const auto& intake : batch.messages) sizes.push_back(intake.raw.size());
  while (true) {
    // Links first: without its cursor the batch comes again, and a link to what is not there yet does no harm.
    auto linked = links.empty() ? Result<void>() : keep_journal_links(tenant_.store().records(), links);
    if (!linked && linked.error().code != ErrorCode::disk_full) return linked;
    auto outcome = linked ? tenant_.store().archive(batch) : Result<BatchOutcome>(linked.error());  // A copy: a disk that was full is asked again with the same.
    if (outcome) {
      options_.paused("");
      count(batch, *outcome, sizes);
      options_.progressed();
      return {};
    }
    if (outcome.error().code != ErrorCode::disk_full) return outcome.error();
    options_.paused("the disk is full; archiving goes on by itself when there is room");
    spdlog::error("archiving waits: {}", outcome.error().message);
    if (!clock_.wait_for(kDiskFullWait, stop_)) return Error{ErrorCode::cancelled, "stopped while the disk was full"};
  }
}

void StoreSink::count(const Batch& batch, const BatchOutcome& outcome, const std::vector<std::uint64_t>& sizes) {
  std::uint64_t messages = 0, bytes = 0;
  for (std::size_t i = 0; i < batch.messages.size() && i < outcome.messages.size(); ++i) {
    if (!batch.messages[i].seen) continue;  // Archived beside another one.
    if (!outcome.messages[i].new_placement) {
      ++counts_.already_archived;
      continue;
    }
    ++messages;
    bytes += sizes[i];
  }
  counts_.archived += messages;
  counts_.bytes += bytes;
  metrics_.count_archived(messages, bytes);
}

std::vector<std::string> StoreSink::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

}  // namespace kopial
