// A tenant's store in a folder of its own, and a small language to talk about it.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "storage/base/encoding.h"
#include "storage/mail/message_view.h"
#include "storage/tenant_store.h"
#include "tests/storage/faulty_disk.h"
#include "tests/support/support.h"

namespace kopial {

inline constexpr ArchiveId kAlice{1};
inline constexpr ArchiveId kBob{2};
inline constexpr ProfileId kProfile{7};

// A message whose content is `what`; `trace` goes into a field that does not count for what it says.
inline Bytes mail(std::string_view what, std::string_view trace = "one") {
  return fmt::format(
      "Received: from mx.example.org by store.example.org with {1}; Tue, 24 Nov 2026 04:00:00 +0000\r\n"
      "From: Alice <alice@example.org>\r\nTo: bob@example.org\r\nSubject: {0}\r\nDate: Tue, 24 Nov 2026 03:59:00 +0000\r\n"
      "Message-ID: <{2}@example.org>\r\n\r\nHello Bob,\r\nthis is about {0}.\r\n",
      what, trace, hex_encode(what));
}

// `content` as base64 with lines of `line` characters.
inline Bytes base64_body(BytesView content, std::size_t line = 76, std::string_view line_end = "\r\n") {
  const Bytes text = base64_encode(content);
  Bytes body;
  for (std::size_t at = 0; at < text.size(); at += line) (body += text.substr(at, line)) += line_end;
  return body;
}

inline Bytes mail_with_attachment(std::string_view what, BytesView content, std::string_view trace = "one",
                                  std::string_view boundary = "=_frontier", std::size_t line = 76) {
  return fmt::format(
      "Received: from mx.example.org with {4}; Tue, 24 Nov 2026 04:00:00 +0000\r\n"
      "From: alice@example.org\r\nTo: bob@example.org\r\nSubject: {0}\r\nDate: Tue, 24 Nov 2026 03:59:00 +0000\r\n"
      "Message-ID: <{3}@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{1}\"\r\n\r\n"
      "--{1}\r\nContent-Type: text/plain\r\n\r\nSee the attachment about {0}.\r\n"
      "--{1}\r\nContent-Type: application/octet-stream; name=\"a.bin\"\r\nContent-Transfer-Encoding: base64\r\n"
      "Content-Disposition: attachment; filename=\"a.bin\"\r\n\r\n{2}"
      "--{1}--\r\n",
      what, boundary, base64_body(content, line), hex_encode(what), trace);
}

// Bytes that do not compress, the same for the same seed.
inline Bytes noise(std::size_t size, std::uint64_t seed = 1) {
  Bytes bytes(size, '\0');
  for (auto& byte : bytes) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    byte = static_cast<char>(seed >> 56);
  }
  return bytes;
}

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    initialise_mail();
    reopen();
  }
  void close() { store_.reset(); }
  void reopen() {
    close();
    auto opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }
  Result<std::unique_ptr<TenantStore>> open() {
    TenantStoreOptions options = options_;
    options.clock = &clock_;
    return TenantStore::open(folder_.path() / "tenant", key_, options);
  }

  Intake intake(Bytes raw, std::string folder = "Inbox", std::string item = "", std::string change_key = "c1",
                ArchiveId archive = kAlice) {
    Intake intake;
    intake.raw = std::move(raw);
    intake.placement.archive = archive;
    intake.placement.folder = std::move(folder);
    intake.placement.source_item = item;
    intake.placement.received = clock_.now();
    if (!item.empty()) intake.seen = seen_key(std::move(item));
    intake.change_key = std::move(change_key);
    return intake;
  }
  SeenKey seen_key(std::string item) const { return {kProfile, "mailbox-1", std::move(item)}; }

  Result<BatchOutcome> archive(std::vector<Intake> messages) {
    Batch batch;
    batch.messages = std::move(messages);
    return store_->archive(std::move(batch));
  }
  // Archives one message that must succeed.
  IntakeOutcome keep(Intake one) {
    auto done = archive({std::move(one)});
    EXPECT_TRUE(done) << done.error().message;
    return done ? done->messages.at(0) : IntakeOutcome{};
  }
  Result<void> move(std::string item, std::string folder, std::string new_item = "", std::string change_key = "c2") {
    Batch batch;
    batch.moved.push_back({seen_key(std::move(item)), std::move(new_item), std::move(folder), std::move(change_key),
                           clock_.now()});
    auto done = store_->archive(std::move(batch));
    if (!done) return done.error();
    return {};
  }
  Result<void> vanish(std::string item) {
    Batch batch;
    batch.vanished.push_back({seen_key(std::move(item)), clock_.now()});
    auto done = store_->archive(std::move(batch));
    if (!done) return done.error();
    return {};
  }
  std::vector<Change> changes(Sequence after = Sequence{0}) { return store_->changes(after, 1'000'000).value(); }
  std::vector<ChangeKind> kinds(Sequence after = Sequence{0}) {
    std::vector<ChangeKind> kinds;
    for (const auto& change : changes(after)) kinds.push_back(change.kind);
    return kinds;
  }
  Sequence last() { return store_->totals().value().last_change; }
  // Expects the store to agree with itself.
  void check() {
    const auto findings = store_->check();
    ASSERT_TRUE(findings) << findings.error().message;
    for (const auto& finding : *findings) ADD_FAILURE() << finding;
  }

  TemporaryFolder folder_;
  FakeClock clock_;
  Secret key_{std::string(32, 'k')};
  TenantStoreOptions options_;
  std::unique_ptr<TenantStore> store_;
};

}  // namespace kopial
