#include "tests/faults/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <sstream>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"
#include "storage/mail/message_view.h"

namespace kopial::faults {
namespace {

constexpr std::size_t kFindingsMax = 20;
constexpr std::chrono::seconds kIndexWait{60};
const Secret kKey{std::string(32, 'k')};

Bytes noise(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size, '\0');
  for (auto& byte : bytes) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    byte = static_cast<char>(seed >> 56);
  }
  return bytes;
}

// Numbers 7, 14, 21 … say what the letter before said, in other words on the wire.
std::uint64_t told_by(std::uint64_t number) { return number % 7 == 0 && number > 0 ? number - 1 : number; }

}  // namespace

void initialise() { initialise_mail(); }

Bytes letter(std::uint64_t number) {
  const auto content = told_by(number);
  const auto boundary = fmt::format("=_{:x}", number * 2654435761u);
  const std::size_t line = number % 2 == 0 ? 76 : 60;
  const auto text = base64_encode(noise(1'000 + content % 5 * 4'000, content % 11 + 1));
  Bytes body;
  for (std::size_t at = 0; at < text.size(); at += line) body += text.substr(at, line) + "\r\n";
  return fmt::format(
      "Received: by mx.example.org id {0}; Tue, 24 Nov 2026 04:00:00 +0000\r\nFrom: alice@example.org\r\nTo: bob@example.org\r\n"
      "Subject: letter {1}\r\nDate: Tue, 24 Nov 2026 03:{2:02}:{3:02} +0000\r\nMessage-ID: <{1}@example.org>\r\nMIME-Version: 1.0\r\n"
      "Content-Type: multipart/mixed; boundary=\"{4}\"\r\n\r\n--{4}\r\nContent-Type: text/plain\r\n\r\nThis is letter {1}.\r\n"
      "--{4}\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
      "Content-Disposition: attachment; filename=\"a.bin\"\r\n\r\n{5}--{4}--\r\n",
      number, content, content / 60 % 60, content % 60, boundary, body);
}

SeenKey item_of(std::uint64_t number) { return {ProfileId{1}, fmt::format("mailbox-{}", number % 3), fmt::format("item-{}", number)}; }

Intake intake_of(std::uint64_t number) {
  Intake intake;
  intake.raw = letter(number);
  intake.placement.archive = ArchiveId{static_cast<std::uint32_t>(number % 3 + 1)};
  intake.placement.folder = fmt::format("Folder {}", number % 4);
  intake.placement.source_item = fmt::format("item-{}", number);
  intake.placement.received = from_milliseconds(1'790'000'000'000 + static_cast<std::int64_t>(number) * 1000);
  intake.seen = item_of(number);
  intake.change_key = "1";
  return intake;
}

void Ledger::note(char deed, std::uint64_t number) {
  auto& fate = fates_[number];
  switch (deed) {
    case 'a': fate.archived = std::max(fate.archived, Told::tried); break;
    case 'A': fate.archived = Told::done; ++acknowledged_; break;
    case 'e': fate.erased = std::max(fate.erased, Told::tried); break;
    case 'E': fate.erased = Told::done; ++acknowledged_; break;
    default: break;
  }
}

void Ledger::read(const std::string& lines) {
  std::istringstream in(lines.substr(0, lines.rfind('\n') + 1));
  char deed = 0;
  for (std::uint64_t number = 0; in >> deed >> number;) note(deed, number);
}

Result<Opened> open(const std::filesystem::path& folder) {
  Opened opened;
  TenantStoreOptions options;
  options.compress_threads = 1;
  options.reserve_bytes = 4 << 20;
  auto store = TenantStore::open(folder, kKey, options);
  if (!store) return store.error();
  opened.store = *std::move(store);
  IndexOptions index_options;
  index_options.lanes = 2;
  index_options.documents_per_commit = 50;
  auto index = Index::open(folder / "index", *opened.store, index_options);
  if (!index) return index.error();
  opened.index = *std::move(index);
  return opened;
}

namespace {

class Comparison {
 public:
  Comparison(Opened& opened, const Ledger& ledger) : store_(*opened.store), index_(*opened.index), ledger_(ledger) {}

  std::vector<std::string> run() {
    for (const auto& [number, fate] : ledger_.fates()) letter_of(number, fate);
    totals();
    log();
    follow();
    auto findings = store_.check();
    if (!findings) say("checking the store failed: {}", findings.error().message);
    else for (const auto& finding : *findings) say("the store disagrees with itself: {}", finding);
    return std::move(findings_);
  }

 private:
  template <typename... Args>
  void say(fmt::format_string<Args...> text, Args&&... args) {
    if (findings_.size() < kFindingsMax) findings_.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  void letter_of(std::uint64_t number, const Fate& fate) {
    const auto bytes = letter(number);
    const auto id = sha256(bytes);
    const auto raw = store_.raw(id);
    if (!raw) return say("letter {} cannot be read: {}", number, raw.error().message);
    const bool there = raw->has_value();
    if (there && **raw != bytes) return say("letter {} has other bytes", number);
    const bool must_be = fate.archived == Told::done && fate.erased == Told::nothing;
    if (must_be && !there) return say("letter {} was acknowledged and is lost", number);
    if (there && fate.erased == Told::done) return say("letter {} was erased and is there", number);
    const auto seen = store_.seen(item_of(number));
    if (!seen) return say("the item of letter {} cannot be read: {}", number, seen.error().message);
    if (!there) {
      if (*seen && (*seen)->copy != CopyId{}) say("the item of letter {} is known and its bytes are not there", number);
      return;
    }
    ++present_;
    if (!*seen || (*seen)->copy != id) return say("letter {} is there and its item is not known", number);
    auto placements = store_.placements((*seen)->serial);
    if (!placements) return say("placements of letter {} cannot be read", number);
    const auto item = fmt::format("item-{}", number);
    const auto placed = std::count_if(placements->begin(), placements->end(), [&](const Placement& one) { return one.source_item == item; });
    if (placed != 1) say("letter {} is placed {} times", number, placed);
    messages_.insert(to_number((*seen)->serial));
  }

  // Whatever is there beyond the letters that were looked at is there twice, or by nobody's order.
  void totals() {
    const auto totals = store_.totals();
    if (!totals) return say("totals cannot be read");
    if (totals->copies != present_) say("{} copies are there, and {} letters were found", totals->copies, present_);
    if (totals->placements != present_) say("{} placements are there, and {} letters were found", totals->placements, present_);
    if (totals->messages != messages_.size()) say("{} messages are there, and {} were found", totals->messages, messages_.size());
  }

  void log() {
    std::uint64_t last = 0;
    while (true) {
      const auto changes = store_.changes(Sequence{last}, 10'000);
      if (!changes) return say("the change log cannot be read: {}", changes.error().message);
      if (changes->empty()) return;
      for (const auto& change : *changes) {
        if (to_number(change.sequence) != ++last) return say("change {} is missing", last);
      }
    }
  }

  void follow() {
    const auto begun = std::chrono::steady_clock::now();
    if (auto done = index_.catch_up({}); !done) return say("the index cannot follow: {}", done.error().message);
    if (std::chrono::steady_clock::now() - begun > kIndexWait) say("the index took longer than {} s", kIndexWait.count());
    SearchRequest request;
    request.limit = 1000;
    request.snippets = false;
    std::set<std::uint64_t> found;
    while (true) {
      auto page = index_.search(request);
      if (!page) return say("the index cannot be searched: {}", page.error().message);
      for (const auto& hit : page->hits) {
        if (!found.insert(to_number(hit.serial)).second) say("message {} is in the index twice", to_number(hit.serial));
      }
      if (page->total != messages_.size()) return say("the index has {} messages, the store {}", page->total, messages_.size());
      if (page->next.empty()) break;
      request.after = page->next;
    }
    if (found != messages_) say("the index has other messages than the store");
  }

  TenantStore& store_;
  Index& index_;
  const Ledger& ledger_;
  std::vector<std::string> findings_;
  std::uint64_t present_ = 0;
  std::set<std::uint64_t> messages_;
};

}  // namespace

std::filesystem::path backups_of(const std::filesystem::path& folder) { return folder / "backups"; }

std::vector<std::string> compare_backups(const std::filesystem::path& folder) {
  std::vector<std::string> findings;
  const auto records = list_backups(backups_of(folder), kKey);
  if (!records) return {"backups cannot be listed: " + records.error().message};
  for (const auto& record : *records) {
    auto faults = verify_backup(backups_of(folder), record.id, kKey, {});
    if (!faults) findings.push_back(fmt::format("backup {} cannot be verified: {}", record.id, faults.error().message));
    else for (const auto& fault : *faults) findings.push_back(fmt::format("backup {}, {}: {}", record.id, fault.file, fault.problem));
  }
  return findings;
}

std::vector<std::string> compare(Opened& opened, const Ledger& ledger) { return Comparison(opened, ledger).run(); }

}  // namespace kopial::faults
