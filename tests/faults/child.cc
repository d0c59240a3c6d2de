// A process to be killed: archives, erases, indexes and compacts as fast as it can, and says on its standard output what it tries and what
// was acknowledged.
//   kopial_fault_child FOLDER FIRST_NUMBER [CONTROL]
// CONTROL breaks a promise on purpose, and the test must notice: "early" acknowledges before it writes, "unsynced" runs on a disk whose
// syncs do nothing, "twice" archives letters a second time without saying so, "deaf" erases without telling.
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "storage/crypto/digest.h"
#include "tests/faults/syncs.h"
#include "tests/faults/workload.h"

namespace kopial::faults {
namespace {

constexpr int kCannotOpen = 3;

// One write a line, so that lines of several threads do not mix.
void say(char deed, std::uint64_t number) {
  const auto line = fmt::format("{} {}\n", deed, number);
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::_Exit(4);
}

void archive_some(TenantStore& store, std::atomic<std::uint64_t>& next, const std::string& control) {
  std::mt19937_64 random(next + 17);
  while (true) {
    Batch batch;
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t count = random() % 4 + 1; count > 0; --count) numbers.push_back(next++);
    for (const auto number : numbers) {
      say('a', number);
      batch.messages.push_back(intake_of(number));
      if (control == "twice" && number % 5 == 0) {
        auto again = intake_of(number);
        again.placement.source_item += "-again";
        again.seen.reset();
        batch.messages.push_back(std::move(again));
      }
    }
    batch.cursors = {{{ProfileId{1}, "mailbox-0", ""}, std::to_string(numbers.back())}};
    if (control == "early") {
      for (const auto number : numbers) say('A', number);
    }
    if (!store.archive(std::move(batch))) return;
    if (control == "early") continue;
    for (const auto number : numbers) say('A', number);
  }
}

void erase_some(TenantStore& store, std::atomic<std::uint64_t>& next, std::uint64_t first, const std::string& control) {
  std::mt19937_64 random(first);
  while (true) {
    const std::uint64_t end = next;
    if (end <= first + 20) {
      std::this_thread::yield();
      continue;
    }
    // One letter, whose message may have another copy: that one stays.
    const auto number = first + random() % (end - first);
    const auto id = sha256(letter(number));
    const auto serial = store.serial_of(id);
    if (!serial) return;
    if (!*serial) continue;
    if (control != "deaf") say('e', number);
    auto erased = store.erase({{**serial, {id}}});
    if (!erased && erased.error().code != ErrorCode::conflict) return;
    if (erased && control != "deaf") say('E', number);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));  // Erasures are rare beside mail.
  }
}

int run(const std::string& folder, std::uint64_t first, const std::string& control) {
  initialise();
  if (control == "unsynced") ignore_syncs(true);
  auto opened = open(folder);
  if (!opened) {
    fmt::print(stderr, "{}\n", opened.error().message);
    return kCannotOpen;
  }
  std::atomic<std::uint64_t> next = first;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { archive_some(*opened->store, next, control); });
  threads.emplace_back([&] { erase_some(*opened->store, next, first, control); });
  threads.emplace_back([&] {
    while (opened->index->catch_up({})) std::this_thread::yield();
  });
  threads.emplace_back([&] {
    BackupOptions options;
    options.folder = backups_of(folder);
    options.keep = 2;
    while (opened->store->backup(options)) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  threads.emplace_back([&] {
    while (opened->store->compact()) {
      if (!opened->index->compact({})) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // Else nothing else gets done.
    }
  });
  for (auto& thread : threads) thread.join();  // Only when the disk fails: until then somebody kills this process.
  return 0;
}

}  // namespace
}  // namespace kopial::faults

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  return kopial::faults::run(argv[1], std::strtoull(argv[2], nullptr, 10), argc > 3 ? argv[3] : "");
}
