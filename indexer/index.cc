#include "indexer/index.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "indexer/document.h"
#include "indexer/query_builder.h"
#include "indexer/shard.h"
#include "indexer/shard_search.h"
#include "indexer/snippet.h"
#include "indexer/terms.h"
#include "indexer/xapian_error.h"
#include "storage/base/worker_pool.h"

namespace kopial {
namespace {

namespace fs = std::filesystem;

// How far one can page: beyond it the result list is a question to be narrowed.
constexpr std::size_t kPagedMax = 100'000;
constexpr std::size_t kFacetValuesMax = 200;

class IndexOnDisk final : public Index {
 public:
  IndexOnDisk(fs::path folder, const TenantStore& store, IndexOptions options)
      : folder_(std::move(folder)), store_(store), options_(std::move(options)) {
    options_.lanes = std::clamp<std::size_t>(options_.lanes, 1, 16);
    kind_ = fmt::format("kopial index {}; lanes {}; a shard {}; languages {}", terms::kFormat, options_.lanes, options_.shard_messages_max,
                        fmt::join(options_.languages, ","));
    if (options_.search_workers == nullptr) {
      options_.search_workers = std::make_shared<WorkerPool>("search", std::max<std::size_t>(1, options_.lanes - 1), 64);
    }
  }

  Result<void> open() {
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (failed) return Error{ErrorCode::unavailable, fmt::format("creating {}: {}", folder_.string(), failed.message())};
    auto opened = open_shards();
    if (!opened && opened.error().code == ErrorCode::corrupt) return start_anew(opened.error().message);
    if (!opened) return opened;
    const auto totals = store_.totals();
    if (!totals) return totals.error();
    if (position() > totals->last_change) {
      return start_anew(fmt::format("the index stands at change {}, its store at {}: it belongs to another store", to_number(position()),
                                    to_number(totals->last_change)));
    }
    return {};
  }

  Result<void> catch_up(std::stop_token stop) override {
    std::unique_lock lock(writing_);
    if (damaged_.exchange(false)) {
      if (auto anew = start_anew("a search found it damaged"); !anew) return anew;
    }
    while (!stop.stop_requested()) {
      const std::size_t batch = options_.documents_per_commit * options_.lanes;
      auto changes = store_.changes(position(), batch);
      if (!changes) return changes.error();
      if (changes->empty()) return {};
      auto done = index_batch(*changes);
      if (!done && done.error().code == ErrorCode::corrupt) done = start_anew(done.error().message);
      if (!done) return done;
      lock.unlock();  // A compaction that waits gets its turn.
      lock.lock();
    }
    return {};
  }

  Result<void> compact(std::stop_token stop) override {
    for (const auto& shard : shards()) {
      if (stop.stop_requested()) return {};
      const std::lock_guard lock(writing_);
      if (auto done = shard->compact(); !done) return done;
    }
    return {};
  }

  Sequence position() const override {
    const std::shared_lock lock(shards_mutex_);
    if (shards_.empty()) return Sequence{0};
    Sequence lowest{~std::uint64_t{0}};
    for (std::size_t lane = 0; lane < options_.lanes; ++lane) {
      lowest = std::min(lowest, shards_[shards_.size() - options_.lanes + lane]->position());
    }
    return lowest;
  }

  Result<SearchResponse> search(const SearchRequest& request) const override;

  Result<std::uint64_t> disk_bytes() const override {
    std::uint64_t bytes = 0;
    std::error_code failed;
    for (fs::recursive_directory_iterator entry(folder_, failed), end; !failed && entry != end; entry.increment(failed)) {
      std::error_code ignored;  // a file may go away while we look
      const std::uint64_t size = entry->is_regular_file(ignored) ? entry->file_size(ignored) : 0;
      if (!ignored) bytes += size;
    }
    return bytes;
  }

 private:
  using Shards = std::vector<std::shared_ptr<Shard>>;

  fs::path shard_path(std::size_t number) const {
    return folder_ / fmt::format("shard-{}-{}", number / options_.lanes, number % options_.lanes);
  }

  // Generations are runs of serials; within one, serials go round the lanes.
  std::size_t shard_of(Serial serial) const {
    const std::uint64_t number = to_number(serial) - 1;
    const std::uint64_t generation = number / (options_.shard_messages_max * options_.lanes);
    return static_cast<std::size_t>(generation * options_.lanes + number % options_.lanes);
  }

  Result<void> open_shards() {
    Shards shards;
    for (std::size_t number = 0; number % options_.lanes != 0 || number == 0 || fs::exists(shard_path(number)) ||
                                 fs::exists(shard_path(number).string() + ".old");
         ++number) {
      auto shard = Shard::open(shard_path(number), kind_, options_.languages);
      if (!shard) return shard.error();
      shards.push_back(std::move(*shard));
    }
    const std::unique_lock lock(shards_mutex_);
    shards_ = std::move(shards);
    return {};
  }

  // The folder is ours alone and derived from the store: taking it away loses time and nothing else.
  Result<void> start_anew(std::string_view why) {
    spdlog::warn("building the index {} anew: {}", folder_.string(), why);
    {
      const std::unique_lock lock(shards_mutex_);
      shards_.clear();
    }
    std::error_code failed;
    for (fs::directory_iterator entry(folder_, failed), end; !failed && entry != end; entry.increment(failed)) {
      if (entry->path().filename().string().starts_with("shard-")) fs::remove_all(entry->path(), failed);
    }
    if (failed) return Error{ErrorCode::unavailable, fmt::format("removing the index in {}: {}", folder_.string(), failed.message())};
    return open_shards();
  }

  Result<void> add_generation() {
    Shards added;
    std::size_t size = 0;
    Sequence from{};
    {
      const std::shared_lock lock(shards_mutex_);
      size = shards_.size();
    }
    from = position();
    for (std::size_t lane = 0; lane < options_.lanes; ++lane) {
      auto shard = Shard::open(shard_path(size + lane), kind_, options_.languages);
      if (!shard) return shard.error();
      // Its position counts from now on, so it must know where the one before it stands.
      if (auto begun = (*shard)->commit(from); !begun) return begun;
      added.push_back(std::move(*shard));
    }
    Shards full;
    {
      const std::unique_lock lock(shards_mutex_);
      full.assign(shards_.end() - static_cast<std::ptrdiff_t>(options_.lanes), shards_.end());
      shards_.insert(shards_.end(), added.begin(), added.end());
    }
    for (const auto& shard : full) {
      if (auto sealed = shard->seal(); !sealed) return sealed;
    }
    return {};
  }

  enum class Work : std::uint8_t { placements, everything };

  Result<void> index_batch(const std::vector<Change>& changes) {
    std::map<Serial, Work> work;
    for (const Change& change : changes) {
      auto& what = work[change.serial];
      if (change.kind == ChangeKind::message_added || change.kind == ChangeKind::erased) what = Work::everything;
    }
    while (!work.empty() && shard_of(work.rbegin()->first) >= shard_count()) {
      // Everything of the generations before must be committed under their own positions first; it was, batch by batch.
      if (auto added = add_generation(); !added) return added;
    }
    std::map<std::size_t, std::vector<std::pair<Serial, Work>>> by_shard;
    for (const auto& [serial, what] : work) by_shard[shard_of(serial)].emplace_back(serial, what);
    const Sequence end = changes.back().sequence;

    // Sealed shards first: the positions of the growing edge speak for the whole index.
    const std::size_t edge = shard_count() - options_.lanes;
    for (const auto& [number, serials] : by_shard) {
      if (number >= edge) break;
      if (auto done = index_lane(*shard(number), serials, end); !done) return done;
    }
    std::vector<std::optional<Error>> errors(options_.lanes);
    {
      std::vector<std::jthread> lanes;
      for (std::size_t lane = 0; lane < options_.lanes; ++lane) {
        const auto run = [&, lane] {
          if (auto done = index_lane(*shard(edge + lane), by_shard[edge + lane], end); !done) errors[lane] = done.error();
        };
        by_shard[edge + lane];  // created here: the map does not change while the lanes read it
        if (lane + 1 == options_.lanes) run();
        else lanes.emplace_back(run);
      }
    }
    for (const auto& error : errors) {
      if (error) return *error;
    }
    return {};
  }

  Result<void> index_lane(Shard& shard, const std::vector<std::pair<Serial, Work>>& serials, Sequence end) {
    const auto doing = [&] { return "indexing into " + shard.path().string(); };
    try {
      for (const auto& [serial, what] : serials) {
        if (auto done = index_message(shard, serial, what); !done) return done;
      }
    } catch (const Xapian::Error& error) {
      return translate(error, doing());
    } catch (const std::exception& error) {
      return Error{ErrorCode::internal, fmt::format("{}: {}", doing(), error.what())};
    }
    return shard.commit(end);
  }

  Result<void> index_message(Shard& shard, Serial serial, Work what) {
    auto placements = store_.placements(serial);
    if (!placements) return placements.error();
    if (what == Work::placements) {
      if (auto document = shard.find(serial)) {
        replace_placements(*document, *placements);
        shard.replace(serial, *document);
        return {};
      }
    }
    auto record = store_.message(serial);
    if (!record) return record.error();
    if (!*record) {
      shard.remove(serial);  // erased
      return {};
    }
    auto raw = store_.raw((*record)->copies.front());
    if (!raw) return raw.error().with_context(fmt::format("reading message {} for the index", to_number(serial)));
    DocumentLimits limits;
    limits.text_bytes_max = options_.text_bytes_max;
    BuiltDocument built = build_document(**record, *placements, raw->value_or(""), limits);
    shard.put(serial, built.date, std::move(built.document));
    return {};
  }

  std::size_t shard_count() const {
    const std::shared_lock lock(shards_mutex_);
    return shards_.size();
  }
  std::shared_ptr<Shard> shard(std::size_t number) const {
    const std::shared_lock lock(shards_mutex_);
    return shards_[number];
  }
  Shards shards() const {
    const std::shared_lock lock(shards_mutex_);
    return shards_;
  }

  Result<std::uint64_t> pending(const SearchScope& scope) const;

  const fs::path folder_;
  const TenantStore& store_;
  IndexOptions options_;
  std::string kind_;
  std::mutex writing_;  // catch_up or compact
  mutable std::shared_mutex shards_mutex_;
  Shards shards_;
  mutable std::atomic<bool> damaged_{false};
};

// Runs one job a shard, the last on this thread, the others on the pool or, when that is full, here too.
void run_all(WorkerPool& pool, std::vector<std::function<void()>> jobs) {
  std::mutex mutex;
  std::condition_variable done;
  std::size_t open = 0;
  for (std::size_t i = 0; i + 1 < jobs.size(); ++i) {
    {
      const std::lock_guard lock(mutex);
      ++open;
    }
    const auto wrapped = [&, job = jobs[i]] {
      job();
      const std::lock_guard lock(mutex);
      --open;
      done.notify_one();  // under the lock: the waiter's stack goes away as soon as it sees zero
    };
    if (!pool.try_submit(wrapped)) wrapped();
  }
  if (!jobs.empty()) jobs.back()();
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return open == 0; });
}

Result<std::size_t> offset_of(const std::string& after) {
  if (after.empty()) return std::size_t{0};
  std::size_t offset = 0;
  const auto parsed = std::from_chars(after.data(), after.data() + after.size(), offset);
  if (parsed.ec != std::errc() || parsed.ptr != after.data() + after.size()) {
    return Error{ErrorCode::invalid, "`after` is not a `next` of this search"};
  }
  if (offset >= kPagedMax) {
    return Error{ErrorCode::invalid, fmt::format("a search can be paged through up to result {}: narrow the query", kPagedMax)};
  }
  return offset;
}

// What one shard answered, or why it did not, and the view its hits are read from.
struct Part {
  std::unique_ptr<ShardLease> lease;
  ShardAnswer answer;
  Sought sought;
  std::optional<Error> error;
};

struct MergedHit {
  ShardHit hit;
  std::size_t part;
};

Result<SearchResponse> IndexOnDisk::search(const SearchRequest& request) const {
  for (const std::string& facet : request.facets) {
    if (facet != "archive" && facet != "year" && facet != "type" && facet != "from_domain") {
      return Error{ErrorCode::invalid, fmt::format("there is no facet '{}'; facets are archive, year, type, from_domain", facet)};
    }
  }
  const std::size_t limit = std::clamp<std::size_t>(request.limit, 1, 1000);
  const auto offset = offset_of(request.after);
  if (!offset) return offset.error();
  auto tree = parse_query(request.query, options_.clock != nullptr ? options_.clock->now() : system_clock().now());
  if (!tree) return tree.error();

  const Shards shards = this->shards();
  std::vector<Part> parts(shards.size());
  std::vector<std::function<void()>> jobs;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    jobs.emplace_back([&, i] {
      Part& part = parts[i];
      try {
        part.lease = std::make_unique<ShardLease>(*shards[i]);
      } catch (const Xapian::Error& error) {
        part.error = translate(error, "opening the index");
        return;
      }
      auto answer = guarded_by_retries(
          "searching", [&]() -> Result<ShardAnswer> {
            QueryBuilder builder(**part.lease, request.scope, options_.languages, request.sort == SearchSort::relevance);
            ShardAnswer found = search_shard(**part.lease, builder, **tree, request, *offset + limit);
            part.sought = builder.sought();
            return found;
          },
          [&] { Shard::refresh(**part.lease); });
      if (!answer) part.error = answer.error();
      else part.answer = std::move(*answer);
    });
  }
  run_all(*options_.search_workers, std::move(jobs));

  SearchResponse response;
  response.normal_form = to_text(**tree);
  std::map<std::string, std::map<std::string, std::uint64_t>> facets;
  std::vector<MergedHit> merged;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Part& part = parts[i];
    if (part.error) {
      if (part.error->code == ErrorCode::corrupt) damaged_ = true;
      if (part.error->code == ErrorCode::invalid) {
        return Error{ErrorCode::invalid, "a word with '*' stands for too many words: type more of its letters"};
      }
      return *part.error;
    }
    response.total += part.answer.total;
    response.coverage.indexed += part.answer.indexed;
    response.coverage.partial += part.answer.partial;
    response.coverage.encrypted += part.answer.encrypted;
    for (const ShardHit& hit : part.answer.hits) merged.push_back({hit, i});
    for (const auto& [facet, values] : part.answer.facets) {
      for (const auto& [value, count] : values) facets[facet][value] += count;
    }
  }
  std::sort(merged.begin(), merged.end(), [&](const MergedHit& a, const MergedHit& b) { return comes_before(request.sort, a.hit, b.hit); });
  const std::size_t end = std::min(merged.size(), *offset + limit);
  for (std::size_t i = *offset; i < end; ++i) {
    SearchHit hit{merged[i].hit.serial, ""};
    if (request.snippets) {
      Part& part = parts[merged[i].part];
      auto snippet = guarded_by_retries(
          "reading an excerpt", [&]() -> Result<std::string> {
            return make_snippet((*part.lease)->database.get_document(merged[i].hit.id).get_data(), part.sought);
          },
          [&] { Shard::refresh(**part.lease); });
      if (snippet) hit.snippet = std::move(*snippet);  // Without one the hit is still a hit: the message may have moved meanwhile.
    }
    response.hits.push_back(std::move(hit));
  }
  if (end < response.total && end < kPagedMax && end > *offset) response.next = fmt::to_string(end);
  for (const std::string& facet : request.facets) {
    std::vector<FacetValue> values;
    for (const auto& [value, count] : facets[facet]) values.push_back({value, count});
    std::stable_sort(values.begin(), values.end(), [](const FacetValue& a, const FacetValue& b) { return a.count > b.count; });
    if (values.size() > kFacetValuesMax) values.resize(kFacetValuesMax);
    response.facets.emplace_back(facet, std::move(values));
  }
  auto waiting = pending(request.scope);
  if (!waiting) return waiting.error();
  response.coverage.pending = *waiting;
  response.coverage.in_scope = response.coverage.indexed + response.coverage.pending;
  return response;
}

// Messages of the scope that the store has and the index has not. Costs nothing when the index is up to date.
Result<std::uint64_t> IndexOnDisk::pending(const SearchScope& scope) const {
  Sequence at = position();
  std::uint64_t count = 0;
  while (true) {
    const auto changes = store_.changes(at, 1000);
    if (!changes) return changes.error();
    for (const Change& change : *changes) {
      at = change.sequence;
      if (change.kind != ChangeKind::message_added || change.copy == CopyId{}) continue;  // (erased meanwhile)
      if (!scope.archives) {
        ++count;
        continue;
      }
      const auto placements = store_.placements(change.serial);
      if (!placements) return placements.error();
      count += std::any_of(placements->begin(), placements->end(), [&](const Placement& placement) {
        return std::find(scope.archives->begin(), scope.archives->end(), placement.archive) != scope.archives->end();
      });
    }
    if (changes->size() < 1000) return count;
  }
}

}  // namespace

Result<std::unique_ptr<Index>> Index::open(const std::filesystem::path& folder, const TenantStore& store, IndexOptions options) {
  auto index = std::make_unique<IndexOnDisk>(folder, store, std::move(options));
  if (auto opened = index->open(); !opened) return opened.error().with_context("opening the index " + folder.string());
  return std::unique_ptr<Index>(std::move(index));
}

}  // namespace kopial
