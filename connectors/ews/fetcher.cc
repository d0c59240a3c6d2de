#include "connectors/ews/fetcher.h"

#include <fmt/format.h>

#include <charconv>

#include "connectors/ews/requests.h"
#include "connectors/http/retry.h"

namespace kopial::ews {
namespace {

constexpr int kAttempts = 4;      // of one request for bytes: what still fails is asked for in smaller pieces, and then alone
constexpr int kRoundsMax = 5;     // that an item is asked for again because Exchange says so item by item
constexpr std::uint64_t kUnknownSize = 100'000;
constexpr std::uint64_t kSmallAnswer = 64ull << 20;

// Failures that end the whole pull, because every other item would meet them as well.
bool ends_the_pull(const Error& error) {
  return error.code == ErrorCode::cancelled || error.code == ErrorCode::denied || error.code == ErrorCode::rate_limited || error.code == ErrorCode::not_found;
}

}  // namespace

Listed read_listed(const Node& node, const std::string& folder, Time now) {
  Listed listed;
  if (const auto* id = node.child("ItemId")) {
    listed.item.id = id->attribute("Id");
    listed.item.version = id->attribute("ChangeKey");
  }
  listed.item.folder = folder;
  listed.item.received = parse_rfc3339(node.child_text("DateTimeReceived")).value_or(now);
  listed.item.unread = node.child_text("IsRead") == "false";
  // Only a draft's bytes change; a read flag or a category is no reason to fetch a message again.
  if (node.child_text("IsDraft") == "true") listed.item.change_key = listed.item.version;
  if (const auto* flag = node.child("Flag")) listed.item.flagged = flag->child_text("FlagStatus") == "Flagged";
  const auto size = node.child_text("Size");
  std::from_chars(size.data(), size.data() + size.size(), listed.size);
  return listed;
}

Fetcher::~Fetcher() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return under_way_ == 0; });
}

Result<void> Fetcher::take(Listed listed) {
  ++context_.seen;
  auto known = context_.sink.known(listed.item);
  if (!known) return known.error();
  if (*known == Known::same) return {};
  if (*known == Known::elsewhere) return context_.sink.moved(listed.item.id, listed.item);
  return fetch_later(std::move(listed));
}

Result<void> Fetcher::fetch_later(Listed listed) {
  const auto& options = context_.service.options();
  const auto size = listed.size == 0 ? kUnknownSize : listed.size;
  if (!batch_.empty() && (batch_.size() >= options.items_per_request || batch_bytes_ + size > options.bytes_per_request)) {
    if (auto done = submit(); !done) return done;
  }
  batch_bytes_ += size;
  batch_.push_back(std::move(listed));
  return {};
}

Result<void> Fetcher::submit() {
  if (batch_.empty()) return {};
  auto batch = std::make_shared<Batch>(std::exchange(batch_, {}));
  batch_bytes_ = 0;
  {
    const std::lock_guard lock(mutex_);
    if (error_) return *error_;
    ++under_way_;
  }
  const bool accepted = context_.downloads.submit([this, batch] {
    auto done = context_.stop.stop_requested() ? Result<void>(Error{ErrorCode::cancelled, "stopped"}) : fetch(std::move(*batch), 0);
    const std::lock_guard lock(mutex_);
    if (!done && !error_) error_ = done.error();
    --under_way_;
    ended_.notify_all();
  });
  if (accepted) return {};
  const std::lock_guard lock(mutex_);
  --under_way_;
  return Error{ErrorCode::cancelled, "stopped"};
}

Result<void> Fetcher::finish(std::vector<FolderCursor::Missing>& missing) {
  auto submitted = submit();
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return under_way_ == 0; });
  if (error_) return *error_;
  if (!submitted) return submitted;
  missing.insert(missing.end(), missing_.begin(), missing_.end());
  missing_.clear();
  return {};
}

Result<void> Fetcher::fetch(Batch batch, int round) {
  std::vector<ItemRef> wanted;
  std::uint64_t bytes = 0;
  for (const auto& listed : batch) {
    wanted.push_back({listed.item.id, ""});
    bytes += listed.size;
  }
  Call call{.body = get_items(wanted, Shape::mime), .attempts_max = kAttempts};
  // The base64 of a message whose attachments are base64 already. One alone may be as large as a message may be.
  const auto largest = context_.service.options().message_bytes_max / 3 * 4 + (4 << 20);
  call.answer_bytes_max = batch.size() == 1 ? std::max(largest, kSmallAnswer) : std::max(kSmallAnswer, bytes * 3);
  call.timeout = std::chrono::seconds(180 + bytes / (1 << 20) * 2);
  auto answer = context_.service.call(context_.target, call, context_.stop, &context_.requests);
  if (answer && answer->messages.size() != batch.size()) answer = Error{ErrorCode::unavailable, "Exchange's answer leaves out items"};
  if (!answer) return split(std::move(batch), answer.error(), round);
  Batch again;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (auto done = give(batch[i], answer->messages[i], again); !done) return done;
  }
  if (again.empty()) return {};
  if (round >= kRoundsMax) {
    for (const auto& listed : again) {
      if (auto done = fail(listed, {ErrorCode::unavailable, "Exchange asks again and again to come back later"}); !done) return done;
    }
    return {};
  }
  if (!context_.service.clock().wait_for(backoff(round + 1, 0.5), context_.stop)) return Error{ErrorCode::cancelled, "stopped"};
  return fetch(std::move(again), round + 1);
}

// The request as a whole failed: smaller ones may get through, and in the end the one item that is to blame stands alone.
Result<void> Fetcher::split(Batch batch, const Error& error, int round) {
  if (ends_the_pull(error)) return error;
  if (batch.size() == 1) {
    if (error.code == ErrorCode::too_large) return quarantine(batch.front(), error.message);
    return fail(batch.front(), error);
  }
  const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
  Batch half(std::make_move_iterator(middle), std::make_move_iterator(batch.end()));
  batch.erase(middle, batch.end());
  if (auto done = fetch(std::move(batch), round); !done) return done;
  return fetch(std::move(half), round);
}

Result<void> Fetcher::give(Listed& listed, Message& message, Batch& again) {
  if (message.ok()) {
    auto* items = message.node.child("Items");
    auto* mime = items == nullptr || items->children.empty() ? nullptr : items->children.front().child("MimeContent");
    if (mime == nullptr) return quarantine(listed, "Exchange gave no MIME content");
    return context_.sink.message(listed.item, std::move(mime->text));
  }
  if (message.is({"ErrorItemNotFound"})) return context_.sink.vanished(listed.item.id, listed.item.folder);  // Gone between the listing and now.
  if (message.is_conversion_failure()) return quarantine(listed, message.error().message);
  if (message.is_transient() || message.is({"ErrorBatchProcessingStopped"})) {
    again.push_back(std::move(listed));
    return {};
  }
  return fail(listed, message.error());
}

// Exchange could not make a message of it. What it tells about the item is kept, so that somebody can see what is missing.
Result<void> Fetcher::quarantine(const Listed& listed, const std::string& why) {
  const ItemRef item{listed.item.id, ""};
  auto answer = context_.service.call(context_.target, {.body = get_items({&item, 1}, Shape::everything), .attempts_max = kAttempts}, context_.stop, &context_.requests);
  if (!answer && ends_the_pull(answer.error())) return answer.error();
  std::string representation;
  if (answer && answer->messages.front().ok()) {
    if (const auto* items = answer->messages.front().node.child("Items"); items != nullptr && !items->children.empty()) representation = serialize(items->children.front());
  }
  return context_.sink.quarantined(listed.item, why, std::move(representation));
}

Result<void> Fetcher::fail(const Listed& listed, const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    missing_.push_back({listed.item.id, listed.item.change_key, format_rfc3339(listed.item.received), listed.size});
  }
  return context_.sink.failed(listed.item, error);
}

Result<void> fetch_one(Service& service, const Target& target, const SourceItem& item, EventSink& sink, std::stop_token stop) {
  WorkerPool one("ews", 1, 1);
  const PullOptions options;
  PullContext context{.service = service, .target = target, .sink = sink, .options = options, .stop = stop, .downloads = one};
  Fetcher fetcher(context);
  std::vector<FolderCursor::Missing> missing;  // The sink was told.
  if (auto done = fetcher.fetch_later({item, 0}); !done) return done;
  return fetcher.finish(missing);
}

}  // namespace kopial::ews
