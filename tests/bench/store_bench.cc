// Measures the store alone, without daemon and index. Each measure is a run of its own, so that its memory is its own.
//
//   kopial_store_bench intake  --set MAILDIRS --folder DIR    archives all of the set; rate, syncs, size against the bound
//   kopial_store_bench latency --set MAILDIRS --folder DIR    single acknowledged messages, against the disk's own sync
//   kopial_store_bench cold    --folder DIR                   reads copies by id with nothing in any cache
//   kopial_store_bench stream  --folder DIR --bytes N         one attachment of N bytes: memory while it comes in and goes out
//   kopial_store_bench many    --folder DIR --messages N      small generated messages: memory as they grow; --wait to be killed
//   kopial_store_bench open    --folder DIR                   time until an existing store answers
#include <fmt/format.h>
#include <malloc.h>
#include <rocksdb/db.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstring>
#include <map>
#include <thread>

#include "storage/base/encoding.h"
#include "storage/base/files.h"
#include "storage/crypto/digest.h"
#include "storage/database.h"
#include "storage/layout.h"
#include "storage/mail/message_view.h"
#include "storage/shared_budget.h"
#include "storage/tenant_store.h"
#include "tests/bench/bound.h"
#include "tests/bench/content.h"
#include "tests/bench/measuring.h"
#include "tests/bench/random.h"

using namespace kopial;         // NOLINT: a program, not a header
using namespace kopial::bench;  // NOLINT

namespace {

struct Wanted {
  std::string set, folder;
  std::size_t threads = 2, batch = 64, messages = 0, bytes = 200 << 20;
  std::uint64_t memory = 256 << 20;
  bool with_bound = false, wait = false, without_evidence = false;
};

[[noreturn]] void fail(const std::string& what) {
  fmt::print(stderr, "kopial_store_bench: {}\n", what);
  std::exit(1);
}
template <typename T>
T must(Result<T> result) {
  if (!result) fail(result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

Secret bench_key() { return Secret(std::string(32, 'b')); }

std::unique_ptr<TenantStore> open_store(const Wanted& wanted, rocksdb::Env* env = nullptr) {
  TenantStoreOptions options;
  options.budget = SharedBudget::make(wanted.memory);
  options.env = env;
  options.compress_threads = 1;  // The bench brings its own threads.
  options.evidence = !wanted.without_evidence;
  options.message_bytes_max = 1ull << 30;
  return must(TenantStore::open(wanted.folder, bench_key(), options));
}

double mib(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

Intake intake_of(Bytes raw, std::size_t number) {
  Intake intake;
  intake.placement.archive = ArchiveId{1};
  intake.placement.folder = "Inbox";
  intake.placement.source_item = "item-" + std::to_string(number);
  intake.placement.received = from_milliseconds(1'700'000'000'000 + static_cast<std::int64_t>(number) * 60'000);
  intake.seen = SeenKey{ProfileId{1}, "mailbox-1", intake.placement.source_item};
  intake.raw = std::move(raw);
  return intake;
}

// --- what the store takes on disk, family by family

struct FamilyBytes {
  std::uint64_t rows = 0, keys = 0, values = 0, on_disk = 0;
};

// Opens the database itself: everything flushed, background work done, nothing forced to be rewritten.
std::uint64_t print_families(const Wanted& wanted, std::uint64_t messages, std::uint64_t bound) {
  DatabaseOptions options;
  options.budget = SharedBudget::make(wanted.memory);
  const auto families = tenant_families();
  auto database = must(Database::open(std::filesystem::path(wanted.folder) / "store", families, options));
  auto& db = database->rocks();
  for (std::size_t family = 0; family < families.size(); ++family) db.Flush(rocksdb::FlushOptions(), database->family(family));
  const auto number = [&](const char* name) {
    std::uint64_t value = 0;
    db.GetAggregatedIntProperty(name, &value);
    return value;
  };
  // RocksDB 7.8 has no public call that waits for this.
  while (number("rocksdb.compaction-pending") + number("rocksdb.num-running-compactions") + number("rocksdb.num-running-flushes") > 0) {
    ::usleep(10'000);
  }
  std::uint64_t total = 0;
  fmt::print("{:<20} {:>9} {:>12} {:>13} {:>13} {:>10} {:>8}\n", "family", "rows", "key bytes", "value bytes", "on disk",
             "a message", "of bound");
  for (std::size_t family = 0; family < families.size(); ++family) {
    FamilyBytes bytes;
    for (auto rows = database->range(family, "", ""); rows.valid(); rows.next()) {
      ++bytes.rows, bytes.keys += rows.key().size(), bytes.values += rows.value().size();
    }
    rocksdb::ColumnFamilyMetaData facts;
    db.GetColumnFamilyMetaData(database->family(family), &facts);
    bytes.on_disk = facts.size + facts.blob_file_size;
    total += bytes.on_disk;
    if (bytes.rows == 0) continue;
    fmt::print("{:<20} {:>9} {:>12} {:>13} {:>13} {:>10.1f} {:>8.3f}\n", families[family].name, bytes.rows, bytes.keys, bytes.values,
               bytes.on_disk, static_cast<double>(bytes.on_disk) / static_cast<double>(messages),
               bound == 0 ? 0.0 : static_cast<double>(bytes.on_disk) / static_cast<double>(bound));
  }
  fmt::print("{:<20} {:>9} {:>12} {:>13} {:>13} {:>10.1f} {:>8.3f}\n", "all", "", "", "", total,
             static_cast<double>(total) / static_cast<double>(messages), bound == 0 ? 0.0 : static_cast<double>(total) / static_cast<double>(bound));
  return total;
}

// --- intake

int intake(const Wanted& wanted) {
  const auto files = maildir_files(wanted.set);
  if (files.empty()) fail("there is no mail in " + wanted.set);
  DiskCounts counts;
  const auto env = counting_env(counts);
  auto store = open_store(wanted, env.get());
  const auto syncs_before = counts.syncs.load();
  const double cpu_before = cpu_seconds();
  std::atomic<std::size_t> next{0};
  std::atomic<std::uint64_t> bytes{0};
  const Stopwatch watch;
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < wanted.threads; ++t) {
      threads.emplace_back([&] {
        for (std::size_t from = next.fetch_add(wanted.batch); from < files.size(); from = next.fetch_add(wanted.batch)) {
          Batch batch;
          for (std::size_t i = from; i < std::min(files.size(), from + wanted.batch); ++i) {
            auto raw = must(read_file(files[i], 1ULL << 30));
            bytes += raw.size();
            batch.messages.push_back(intake_of(std::move(raw), i));
          }
          must(store->archive(std::move(batch)));
        }
      });
    }
  }
  const double took = watch.seconds();
  const auto n = static_cast<double>(files.size());
  fmt::print("intake: {} messages of {:.1f} KB in {:.2f} s = {:.0f}/s, {:.1f} MB/s; {:.0f} a CPU second; {:.4f} syncs a message; "
             "{:.2f} bytes written a byte of mail; {:.0f} MiB resident at most\n",
             files.size(), static_cast<double>(bytes) / n / 1e3, took, n / took, static_cast<double>(bytes) / took / 1e6,
             n / (cpu_seconds() - cpu_before), static_cast<double>(counts.syncs - syncs_before) / n,
             static_cast<double>(counts.bytes_written) / static_cast<double>(bytes.load()), mib(resident_peak()));
  const auto totals = must(store->totals());
  if (totals.placements != files.size()) fail("messages are missing");
  store.reset();
  BoundFigures figures;
  if (wanted.with_bound) {
    Bound bound;
    for (const auto& file : files) bound.add(must(read_file(file, 1ULL << 30)));
    figures = bound.finish();
    fmt::print("bound: parts {} of {} unique of {} decoded bytes; headers {} of {}; together {} = {:.3f} of raw\n", figures.parts_compressed,
               figures.unique_part_bytes, figures.part_bytes, figures.headers_compressed, figures.header_bytes, figures.bound(),
               static_cast<double>(figures.bound()) / static_cast<double>(figures.raw_bytes));
    const auto share = [](std::uint64_t part, std::uint64_t all) { return all == 0 ? 1.0 : static_cast<double>(part) / static_cast<double>(all); };
    fmt::print("encodings that rebuild exactly: base64 {:.4f} of {} bytes, quoted-printable {:.4f} of {} bytes\n",
               share(figures.base64_rebuilt, figures.base64_bytes), figures.base64_bytes, share(figures.quoted_rebuilt, figures.quoted_bytes),
               figures.quoted_bytes);
  }
  const auto total = print_families(wanted, files.size(), figures.bound());
  fmt::print("size: {} copies of {} messages; store {} bytes = {:.3f} of raw", totals.copies, totals.messages, total,
             static_cast<double>(total) / static_cast<double>(totals.raw_bytes));
  if (figures.bound() > 0) fmt::print(" = {:.3f} of the bound", static_cast<double>(total) / static_cast<double>(figures.bound()));
  fmt::print("\n");
  return 0;
}

// --- latency

int latency(const Wanted& wanted) {
  const auto files = maildir_files(wanted.set);
  const auto count = std::min(files.size(), wanted.messages == 0 ? 1000 : wanted.messages);
  if (count == 0) fail("there is no mail in " + wanted.set);
  auto store = open_store(wanted);
  std::vector<double> ours, disk;
  for (std::size_t i = 0; i < count; ++i) {
    Batch batch;
    batch.messages.push_back(intake_of(must(read_file(files[i], 1ULL << 30)), i));
    const auto bytes = batch.messages[0].raw.size();
    for (const double one : sync_times(wanted.folder, std::max<std::size_t>(4096, bytes), 1)) disk.push_back(one);
    const Stopwatch watch;
    must(store->archive(std::move(batch)));
    ours.push_back(watch.seconds());
  }
  const auto a = percentiles(ours), d = percentiles(disk);
  fmt::print("latency of one acknowledged message, {} times: p50 {:.3f} ms, p99 {:.3f} ms, most {:.3f} ms; the disk's own write and "
             "sync of as many bytes: p50 {:.3f}, p99 {:.3f}, most {:.3f}\n",
             count, a.p50 * 1e3, a.p99 * 1e3, a.most * 1e3, d.p50 * 1e3, d.p99 * 1e3, d.most * 1e3);
  return 0;
}

// --- cold reads

int cold(const Wanted& wanted) {
  std::vector<CopyId> copies;
  {
    auto store = open_store(wanted);
    const auto changes = must(store->changes(Sequence{0}, 1'000'000));
    for (const auto& change : changes) copies.push_back(change.copy);
  }
  if (copies.empty()) fail("there is nothing in " + wanted.folder);
  Random random(11);
  std::vector<double> first, raw, warm;
  std::uint64_t bytes = 0;
  const auto count = wanted.messages == 0 ? 100 : wanted.messages;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& copy = copies[random.below(copies.size())];
    auto store = open_store(wanted);  // Its caches are empty, its tables not yet opened.
    evict(wanted.folder);
    const Stopwatch watch;
    const auto read = must(store->raw(copy));
    raw.push_back(watch.seconds());
    bytes += read.value().size();
    const Stopwatch again;
    must(store->raw(copy));
    warm.push_back(again.seconds());
  }
  const auto c = percentiles(raw), w = percentiles(warm);
  fmt::print("cold read of one copy by id, {} times, mean {:.1f} KB: p50 {:.2f} ms, p99 {:.2f} ms, most {:.2f}; the same again, warm: "
             "p50 {:.2f}, p99 {:.2f}\n",
             count, static_cast<double>(bytes) / static_cast<double>(count) / 1e3, c.p50 * 1e3, c.p99 * 1e3, c.most * 1e3, w.p50 * 1e3, w.p99 * 1e3);
  return 0;
}

// --- one large attachment

Bytes noise(std::size_t size) {
  Bytes bytes(size, '\0');
  Random random(7);
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    const auto value = random.next();
    std::memcpy(bytes.data() + i, &value, 8);
  }
  return bytes;
}

// Reads it all; what it took above `before` at most.
void drain(const char* what, Result<std::unique_ptr<ByteStream>> opened, std::uint64_t before) {
  auto stream = must(std::move(opened));
  std::uint64_t bytes = 0;
  const Stopwatch watch;
  while (true) {
    const auto piece = must(stream->next());
    if (piece.empty()) break;
    bytes += piece.size();
  }
  if (bytes != stream->size()) fail("a stream ended early");
  fmt::print("stream: {}: {:.1f} MiB in {:.2f} s = {:.0f} MB/s; at most {:.1f} MiB more resident than before\n", what, mib(bytes),
             watch.seconds(), static_cast<double>(bytes) / watch.seconds() / 1e6, mib(std::max(resident_peak(), before) - before));
}

int stream(const Wanted& wanted) {
  CopyId copy;
  {
    auto store = open_store(wanted);
    Bytes raw = "From: a@werk.example\r\nSubject: large\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
                "See the attachment.\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
                base64_lines(noise(wanted.bytes), "\r\n") + "\r\n--b--\r\n";
    const auto raw_bytes = raw.size();
    copy = sha256(raw);
    Batch batch;
    batch.messages.push_back(intake_of(std::move(raw), 1));
    ::malloc_trim(0);
    forget_peak();
    const auto before = resident_bytes();
    const Stopwatch watch;
    must(store->archive(std::move(batch)));
    fmt::print("stream: archived {:.1f} MiB raw in {:.2f} s; at most {:.1f} MiB resident beside the message itself\n", mib(raw_bytes),
               watch.seconds(), mib(resident_peak() - before));
  }
  auto store = open_store(wanted);
  ::malloc_trim(0);
  forget_peak();
  const auto before = resident_bytes();
  const Stopwatch watch;
  auto reader = must(store->open_copy(copy));
  fmt::print("stream: opened and verified in {:.2f} s; at most {:.1f} MiB more\n", watch.seconds(), mib(resident_peak() - before));
  drain("raw", reader->raw(0, kWhole), before);
  std::size_t leaf = 0;
  while (reader->structure().entities[leaf].encoding != TransferEncoding::base64) ++leaf;
  drain("attachment", reader->content(leaf, 0, kWhole), before);
  const auto size = must(reader->content_size(leaf));
  drain("last MiB of the attachment", reader->content(leaf, size - (1 << 20), kWhole), before);
  return 0;
}

// --- many small messages

Bytes small_message(std::uint64_t number) {
  const auto text = [](std::uint64_t key, std::size_t words) {
    static const char* const kWords[] = {"invoice", "meeting", "project", "Friday", "please", "attached", "delivery", "customer", "Angebot",
                                         "Rechnung", "morgen", "Termin", "Lager", "update", "question", "server", "review", "thanks", "contract", "budget"};
    std::string out;
    for (std::size_t i = 0; i < words; ++i) out += std::string(kWords[mix(key, i) % std::size(kWords)]) + (i % 12 == 11 ? "\r\n" : " ");
    return out;
  };
  return fmt::format("From: Person {0} <p{0}@werk.example>\r\nTo: p{1}@werk.example\r\nSubject: {2}\r\nDate: Tue, {3} Nov 2026 08:00:00 +0000\r\n"
                     "Message-ID: <{4:016x}@werk.example>\r\n\r\n{5}\r\n",
                     mix(number, 1) % 500, mix(number, 2) % 500, text(mix(number, 3), 4), 1 + number % 28, mix(number), text(mix(number, 4), 30));
}

int many(const Wanted& wanted) {
  auto store = open_store(wanted);
  const auto count = wanted.messages == 0 ? 200'000 : wanted.messages;
  const Stopwatch watch;
  std::size_t done = 0;
  for (int step = 1; step <= 4; ++step) {
    const auto until = count * static_cast<std::size_t>(step) / 4;
    forget_peak();
    std::atomic<std::size_t> next{done};
    {
      std::vector<std::jthread> threads;
      for (std::size_t t = 0; t < wanted.threads; ++t) {
        threads.emplace_back([&] {
          for (std::size_t from = next.fetch_add(256); from < until; from = next.fetch_add(256)) {
            Batch batch;
            for (std::size_t i = from; i < std::min(until, from + 256); ++i) batch.messages.push_back(intake_of(small_message(i), i));
            must(store->archive(std::move(batch)));
          }
        });
      }
    }
    done = until;
    fmt::print("many: {} messages after {:.1f} s ({:.0f}/s), resident {:.0f} MiB, at most {:.0f} MiB since the last line, store {:.0f} MiB\n",
               done, watch.seconds(), static_cast<double>(done) / watch.seconds(), mib(resident_bytes()), mib(resident_peak()), mib(must(store->disk_bytes())));
    std::fflush(stdout);
  }
  if (wanted.wait) {
    fmt::print("waiting to be killed\n");
    std::fflush(stdout);
    ::pause();
  }
  return 0;
}

int open_again(const Wanted& wanted) {
  evict(wanted.folder);
  const Stopwatch watch;
  auto store = open_store(wanted);
  const double opened = watch.seconds();
  const auto totals = must(store->totals());
  const auto last = must(store->changes(Sequence{to_number(totals.last_change) - 1}, 1));
  if (last.empty()) fail("the last change is missing");
  must(store->raw(last.front().copy));
  fmt::print("open: {} messages; open after {:.2f} s, a message read after {:.2f} s, {:.0f} MiB resident\n", totals.messages, opened,
             watch.seconds(), mib(resident_bytes()));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"measures the store"};
  Wanted wanted;
  const std::map<std::string, int (*)(const Wanted&)> measures{{"intake", intake}, {"latency", latency}, {"cold", cold}, {"stream", stream}, {"many", many}, {"open", open_again}};
  app.require_subcommand(1);
  for (const auto& [name, run] : measures) {
    auto* const one = app.add_subcommand(name);
    one->add_option("--folder", wanted.folder, "of the store")->required();
    one->add_option("--set", wanted.set, "Maildirs");
    one->add_option("--threads", wanted.threads);
    one->add_option("--batch", wanted.batch);
    one->add_option("--messages", wanted.messages);
    one->add_option("--bytes", wanted.bytes);
    one->add_option("--memory", wanted.memory, "bytes of caches and buffers");
    one->add_flag("--bound", wanted.with_bound, "compute the bound beside it");
    one->add_flag("--wait", wanted.wait, "stay until killed");
    one->add_flag("--without-evidence", wanted.without_evidence, "no leaves are written: what their share is");
  }
  CLI11_PARSE(app, argc, argv);
  initialise_mail();
  return measures.at(app.get_subcommands().front()->get_name())(wanted);
}
