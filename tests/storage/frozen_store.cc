#include "tests/storage/frozen_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "storage/base/encoding.h"
#include "storage/base/files.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

namespace fs = std::filesystem;
constexpr ProfileId kFrozenProfile{3};
constexpr std::array<std::string_view, 2> kMailboxes{"anna.kranich@orgelbau-kranich.example",
                                                     "jonas.weber@orgelbau-kranich.example"};
const Time kReceived = from_milliseconds(1'764'000'000'000);

Intake item_of(std::uint32_t archive, std::string mailbox, std::string folder, std::string item, Bytes raw) {
  Intake intake;
  intake.placement = {ArchiveId{archive}, std::move(folder), item, kReceived + std::chrono::seconds(raw.size()), false, std::nullopt};
  intake.seen = SeenKey{kFrozenProfile, std::move(mailbox), std::move(item)};
  intake.raw = std::move(raw);
  intake.change_key = "change-1";
  return intake;
}

// The same message twice: another trace field, boundary and line length, as another download would have it.
Bytes with_attachment(std::string_view trace, std::string_view boundary, std::size_t line) {
  Bytes content;
  for (int i = 0; i < 700; ++i) content += fmt::format("{:04x} pipe {} of the swell\n", i * 7919 % 65536, i % 61);
  const Bytes text = base64_encode(content);
  Bytes body;
  for (std::size_t at = 0; at < text.size(); at += line) (body += text.substr(at, line)) += "\r\n";
  return fmt::format(
      "Received: from mx.example.org with {0}; Tue, 24 Nov 2026 04:00:00 +0000\r\nFrom: Anna <anna@example.org>\r\nTo: jonas@example.org\r\n"
      "Subject: Pipes of the swell\r\nDate: Tue, 24 Nov 2026 03:59:00 +0000\r\nMessage-ID: <pipes@example.org>\r\nMIME-Version: 1.0\r\n"
      "Content-Type: multipart/mixed; boundary=\"{1}\"\r\n\r\n--{1}\r\nContent-Type: text/plain\r\n\r\nThe list is attached.\r\n"
      "--{1}\r\nContent-Type: text/csv; name=\"pipes.csv\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{2}--{1}--\r\n",
      trace, boundary, body);
}

void say(std::string& out, const Error& error) { out += fmt::format("FAILED {}: {}\n", to_string(error.code), error.message); }

std::string people(const std::vector<MailAddress>& addresses) {
  std::string out;
  for (const auto& one : addresses) out += fmt::format(" {}<{}>", one.name, one.address);
  return out;
}

void say_messages(std::string& out, TenantStore& store, std::uint64_t count) {
  for (std::uint64_t number = 1; number <= count; ++number) {
    const auto message = store.message(Serial{number});
    if (!message || !*message) {
      out += fmt::format("message {} is missing\n", number);
      if (!message) say(out, message.error());
      continue;
    }
    const auto& summary = (*message)->summary;
    out += fmt::format("message {} identity {} bytes {} archived {} subject \"{}\" id {} from{} to{} cc{} attachments {}\n", number,
                       (*message)->identity.hex(), (*message)->bytes, to_milliseconds((*message)->archived_at), summary.subject,
                       summary.message_id, people(summary.from), people(summary.to), people(summary.cc), summary.attachments);
    for (const auto& copy : (*message)->copies) {
      const auto raw = store.raw(copy);
      const auto serial = store.serial_of(copy);
      if (!raw || !*raw || !serial || !*serial) {
        out += fmt::format("  copy {} is missing\n", copy.hex());
        if (!raw) say(out, raw.error());
        continue;
      }
      out += fmt::format("  copy {} of message {}: {} bytes with SHA-256 {}\n", copy.hex(), to_number(**serial), (*raw)->size(),
                         sha256(**raw).hex());
    }
    const auto placements = store.placements(Serial{number});
    if (!placements) {
      say(out, placements.error());
      continue;
    }
    for (const auto& place : *placements) {
      out += fmt::format("  in {}/{} item \"{}\" received {} unread {} vanished {}\n", to_number(place.archive), place.folder,
                         place.source_item, to_milliseconds(place.received), place.unread,
                         place.vanished_at ? to_milliseconds(*place.vanished_at) : 0);
    }
  }
}

void say_archives(std::string& out, TenantStore& store) {
  for (std::uint32_t id = 1; id <= kMailboxes.size(); ++id) {
    const auto totals = store.totals(ArchiveId{id});
    if (!totals) {
      say(out, totals.error());
      continue;
    }
    out += fmt::format("archive {}: {} messages, {} bytes, last {}\n", id, totals->messages, totals->bytes,
                       totals->last_archived_at ? to_milliseconds(*totals->last_archived_at) : 0);
    const auto folders = store.folders(ArchiveId{id});
    if (!folders) {
      say(out, folders.error());
      continue;
    }
    for (const auto& folder : *folders) {
      out += fmt::format("  folder {}: {} messages, newest first", folder.folder, folder.messages);
      if (const auto page = store.browse(ArchiveId{id}, folder.folder, "", 1000)) {
        for (const auto serial : page->serials) out += fmt::format(" {}", to_number(serial));
      }
      const std::string mailbox(kMailboxes[id - 1]);
      std::vector<std::string> items;
      auto seen_items = store.seen_items(kFrozenProfile, mailbox, folder.folder, "", 1000);
      if (seen_items) items = *std::move(seen_items);
      else say(out, seen_items.error());
      std::sort(items.begin(), items.end());  // Their order is that of keyed hashes.
      out += fmt::format("; {} seen\n", items.size());
      for (const auto& item : items) {
        const auto seen = store.seen({kFrozenProfile, mailbox, item});
        if (!seen || !*seen) {
          out += fmt::format("    item {} is missing\n", item);
          continue;
        }
        out += fmt::format("    item {} is copy {} of message {} in {} with {}\n", item, (*seen)->copy.hex(), to_number((*seen)->serial),
                           (*seen)->folder, (*seen)->change_key);
      }
      const auto cursor = store.cursor({kFrozenProfile, mailbox, folder.folder});
      out += fmt::format("    cursor {}\n", cursor ? *cursor : "FAILED");
    }
  }
}

}  // namespace

Secret frozen_key() { return Secret(Bytes("the key of a store from long ago")); }

Result<void> fill_frozen_store(TenantStore& store, const fs::path& sample_mail) {
  const auto archive = [&](Batch batch) -> Result<void> {
    auto done = store.archive(std::move(batch));
    if (!done) return done.error();
    return {};
  };
  for (std::uint32_t box = 0; box < kMailboxes.size(); ++box) {
    const std::string mailbox(kMailboxes[box]);
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(sample_mail / mailbox)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    Batch batch;
    for (const auto& file : files) {
      auto raw = read_file(file, 1 << 20);
      if (!raw) return raw.error();
      const auto folder = fs::relative(file.parent_path(), sample_mail / mailbox).generic_string();
      batch.messages.push_back(item_of(box + 1, mailbox, folder, fmt::format("item-{}-{}", folder, file.stem().string()), *std::move(raw)));
      batch.cursors.push_back({{kFrozenProfile, mailbox, folder}, fmt::format("delta-{}", batch.messages.size())});
    }
    if (auto done = archive(std::move(batch)); !done) return done;
  }
  const std::string anna(kMailboxes[0]);
  Batch more;
  more.messages.push_back(item_of(1, anna, "Inbox", "pipes-1", with_attachment("one", "=_one", 76)));
  more.messages.push_back(item_of(1, anna, "Archive/2026", "pipes-2", with_attachment("two", "=_two", 60)));
  more.messages.push_back(item_of(1, anna, "Inbox", "gone", "From: a@example.org\r\nSubject: gone\r\n\r\nSoon gone.\r\n"));
  more.quarantined.push_back({kFrozenProfile, anna, "broken-1", "Inbox", ArchiveId{1}, "the source gave half a message", Bytes(3000, 'q')});
  if (auto done = archive(std::move(more)); !done) return done;
  Batch later;
  later.moved.push_back({{kFrozenProfile, anna, "pipes-1"}, "pipes-1b", "Archive/2026", "change-2", kReceived});
  later.vanished.push_back({{kFrozenProfile, anna, "gone"}, kReceived + std::chrono::hours(1)});
  if (auto done = archive(std::move(later)); !done) return done;
  for (const auto* name : {"anna", "jonas"}) {
    if (auto kept = store.records().put("user", name, fmt::format(R"({{"username":"{}"}})", name)); !kept) return kept;
  }
  if (auto kept = store.records().put("user", "anna", R"({"username":"anna","roles":["user"]})"); !kept) return kept;
  auto number = store.records().next_number("archive");
  if (!number) return number.error();
  return {};
}

std::string answers_of(TenantStore& store) {
  std::string out;
  const auto totals = store.totals();
  if (!totals) return say(out, totals.error()), out;
  out += fmt::format("{} messages, {} copies, {} placements, {} bytes\n", totals->messages, totals->copies, totals->placements, totals->raw_bytes);
  say_messages(out, store, totals->messages);
  say_archives(out, store);
  if (const auto changes = store.changes(Sequence{0}, 100'000)) {
    for (const auto& change : *changes) {
      out += fmt::format("change {} {} of message {}, copy {}\n", to_number(change.sequence), static_cast<int>(change.kind),
                         to_number(change.serial), change.copy.hex());
    }
  } else {
    say(out, changes.error());
  }
  if (const auto listed = store.quarantine("", 100)) {
    for (const auto& entry : *listed) {
      const auto whole = store.quarantined(entry.id);
      if (!whole || !*whole) {
        out += "a quarantined item is missing\n";
        continue;
      }
      const auto& item = (*whole)->item;
      out += fmt::format("quarantined {} at {} from {} {}: {} ({} bytes with SHA-256 {})\n", item.item, to_milliseconds((*whole)->at),
                         item.mailbox, item.folder, item.reason, item.bytes.size(), sha256(item.bytes).hex());
    }
  } else {
    say(out, listed.error());
  }
  if (const auto users = store.records().list("user", "", 100)) {
    for (const auto& user : *users) out += fmt::format("user {} revision {}: {}\n", user.id, user.revision, user.json);
  } else {
    say(out, users.error());
  }
  return out;
}

}  // namespace kopial
