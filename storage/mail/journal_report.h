// Journal reports (MS-XJRNL): a message that Exchange writes about another one. Its text lists the envelope, so it knows what no mailbox
// knows: Bcc recipients, and through which distribution list a copy came; the unaltered original is attached.
//
// Anybody can write a mail that looks like a report: believe only those that come from a journal mailbox or an allowed server.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/mail/structure.h"

namespace kopial {

struct JournalRecipient {
  enum class Field : std::uint8_t { to, cc, bcc, recipient };  // recipient: the server could not tell which
  Field field = Field::recipient;
  std::string address;
  std::string expanded;   // the list through which it was delivered; "" = none
  std::string forwarded;  // for whom it was meant before a redirection; "" = nobody else
  bool operator==(const JournalRecipient&) const = default;
};

struct JournalEnvelope {
  std::string sender, on_behalf_of, message_id;  // message_id without angle brackets
  std::vector<JournalRecipient> recipients;      // each once
  bool operator==(const JournalEnvelope&) const = default;
};

struct JournalReport {
  JournalEnvelope envelope;
  std::string text;              // the report's own words, in UTF-8, fields nobody knows included
  std::vector<Bytes> originals;  // as attached; a second one is a decrypted copy
  bool tnef = false;             // the original is a winmail.dat: not taken apart here
};

// nullopt when this is no journal report. A report inside a report of its non-delivery is found, too. Linear; never fails.
std::optional<JournalReport> read_journal_report(BytesView raw);

// Several reports of one message each tell a part of its recipients: all of them, each once. A field that says more wins over `recipient`.
JournalEnvelope merge(JournalEnvelope envelope, const JournalEnvelope& other);

// Every address that sent or got the message, in lower case and each once. Lists through which it came are among them: a list may have an
// archive of its own.
std::vector<std::string> addresses_of(const JournalEnvelope& envelope);

// Recipients that the original's header does not name: its blind copies.
std::vector<std::string> blind_copies(const JournalEnvelope& envelope, BytesView original);

}  // namespace kopial
