#include "storage/mail/journal_report.h"

#include <algorithm>
#include <map>
#include <set>

#include "storage/mail/message_view.h"
#include "storage/mail/transfer.h"

namespace kopial {
namespace {

constexpr std::size_t kTextMax = 16 << 20;         // A report with 100 000 recipients has about 6 MB.
constexpr std::size_t kRecipientsMax = 500'000;
constexpr std::size_t kOriginalsMax = 4;

std::string folded(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// "Name" <a@b>, <a@b> and a@b are the same address.
std::string address_in(std::string_view text) {
  text = trimmed(text);
  const auto open = text.rfind('<');
  if (open != std::string_view::npos) {
    const auto close = text.find('>', open);
    text = trimmed(text.substr(open + 1, close == std::string_view::npos ? std::string_view::npos : close - open - 1));
  }
  if (folded(text.substr(0, 5)) == "smtp:") text.remove_prefix(5);
  return std::string(text.substr(0, 1000));
}

bool is_marked(BytesView raw, const Entity& message) {
  for (const auto& [name, value] : header_values(raw, message)) {
    const auto field = folded(name);
    if (field == "x-ms-journal-report" || field == "x-ms-exchange-organization-journal-report" || field == "x-wm-journal-report") return true;
    // The second spelling is Exchange 2003's.
    if ((field == "content-identifier" || field == "content-identifer") && folded(value) == "exjournalreport") return true;
  }
  return false;
}

// The message that the entity belongs to directly, without crossing into an attached one.
std::size_t message_of(const Structure& structure, std::size_t at) {
  while (true) {
    const auto parent = structure.entities[at].parent;
    if (parent < 0 || structure.entities[static_cast<std::size_t>(parent)].is_message) return at;
    at = static_cast<std::size_t>(parent);
  }
}

void read_recipient(JournalRecipient::Field field, std::string_view value, JournalEnvelope& envelope) {
  JournalRecipient recipient;
  recipient.field = field;
  // "address, Expanded: list" and "address, Forwarded: before"; an address has no comma outside its quotes that is followed by these words.
  const auto lower = folded(value);
  const auto expanded = lower.find(", expanded:"), forwarded = lower.find(", forwarded:");
  const auto end = std::min(expanded, forwarded);
  const auto piece = [&](std::size_t from, std::size_t label) {
    if (from == std::string::npos) return std::string();
    auto rest = value.substr(from + label);
    const auto next = folded(rest).find(from == expanded ? ", forwarded:" : ", expanded:");
    return address_in(rest.substr(0, next));
  };
  recipient.address = address_in(value.substr(0, end));
  recipient.expanded = piece(expanded, std::string_view(", expanded:").size());
  recipient.forwarded = piece(forwarded, std::string_view(", forwarded:").size());
  if (!recipient.address.empty() && envelope.recipients.size() < kRecipientsMax) envelope.recipients.push_back(std::move(recipient));
}

void read_field(std::string_view name, std::string_view value, JournalEnvelope& envelope) {
  using enum JournalRecipient::Field;
  const auto field = folded(name);
  if (field == "sender") envelope.sender = address_in(value);
  else if (field == "on-behalf-of") envelope.on_behalf_of = address_in(value);
  else if (field == "message-id") envelope.message_id = address_in(value);
  else if (field == "to") read_recipient(to, value, envelope);
  else if (field == "cc") read_recipient(cc, value, envelope);
  else if (field == "bcc") read_recipient(bcc, value, envelope);
  else if (field == "recipient" || field == "recipients") read_recipient(recipient, value, envelope);
}

bool is_field_name(std::string_view name) {
  return !name.empty() && name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// One field a line; a line that begins with a blank goes on. What is no field (a gateway's disclaimer) is left alone.
JournalEnvelope read_envelope(std::string_view text) {
  JournalEnvelope envelope;
  std::string name, value;
  const auto finish = [&] {
    if (!name.empty()) read_field(name, trimmed(value), envelope);
    name.clear();
    value.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    at = end + 1;
    if (!name.empty() && !line.empty() && (line.front() == ' ' || line.front() == '\t')) {
      value.append(" ").append(trimmed(line));
      continue;
    }
    finish();
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_field_name(line.substr(0, colon))) continue;
    name = line.substr(0, colon);
    value = trimmed(line.substr(colon + 1));
  }
  finish();
  return merge(std::move(envelope), {});
}

}  // namespace

std::optional<JournalReport> read_journal_report(BytesView raw) {
  const auto structure = scan(raw);
  // The outermost message with the mark: a non-delivery report has it one level further in. What a report encloses is not looked at: the
  // original may be a journal report itself.
  std::optional<std::size_t> report;
  for (std::size_t at = 0; at < structure.entities.size() && !report; ++at) {
    if (message_of(structure, at) == at && is_marked(raw, structure.entities[at])) report = at;
  }
  if (!report) return std::nullopt;
  JournalReport out;
  bool has_text = false;
  std::uint32_t defects = 0;
  for (std::size_t at = *report; at < structure.entities.size(); ++at) {
    const auto& entity = structure.entities[at];
    if (message_of(structure, at) != *report) continue;
    if (entity.is_message) {
      if (out.originals.size() < kOriginalsMax) out.originals.emplace_back(entity.body.of(raw));
    } else if (entity.is_leaf() && (entity.media_type == "message/rfc822" || entity.media_type == "message/global")) {
      if (out.originals.size() < kOriginalsMax) out.originals.push_back(decode_transfer(entity.body.of(raw), entity.encoding).bytes);
    } else if (entity.is_leaf() && entity.media_type == "application/ms-tnef") {
      out.tnef = true;
    } else if (entity.is_leaf() && entity.media_type == "text/plain" && (out.envelope.sender.empty() || out.envelope.recipients.empty())) {
      auto text = leaf_text(raw, entity, kTextMax, defects);
      auto envelope = read_envelope(text);
      const bool says_more = !envelope.sender.empty() || !envelope.recipients.empty();
      if (has_text && !says_more) continue;
      has_text = true;
      out.text = std::move(text);
      out.envelope = std::move(envelope);
    }
  }
  return out;
}

JournalEnvelope merge(JournalEnvelope envelope, const JournalEnvelope& other) {
  if (envelope.sender.empty()) envelope.sender = other.sender;
  if (envelope.on_behalf_of.empty()) envelope.on_behalf_of = other.on_behalf_of;
  if (envelope.message_id.empty()) envelope.message_id = other.message_id;
  std::vector<JournalRecipient> all = std::move(envelope.recipients);
  all.insert(all.end(), other.recipients.begin(), other.recipients.end());
  envelope.recipients.clear();
  std::map<std::string, std::size_t> places;  // address, list and redirection in lower case -> where
  for (auto& recipient : all) {
    const auto key = folded(recipient.address) + '\n' + folded(recipient.expanded) + '\n' + folded(recipient.forwarded);
    const auto [found, is_new] = places.try_emplace(key, envelope.recipients.size());
    if (is_new) {
      envelope.recipients.push_back(std::move(recipient));
    } else if (auto& known = envelope.recipients[found->second]; known.field == JournalRecipient::Field::recipient) {
      known.field = recipient.field;
    }
  }
  return envelope;
}

std::vector<std::string> addresses_of(const JournalEnvelope& envelope) {
  std::vector<std::string> out;
  std::set<std::string> seen;
  const auto add = [&](const std::string& address) {
    auto lower = folded(address);
    if (!lower.empty() && seen.insert(lower).second) out.push_back(std::move(lower));
  };
  add(envelope.sender);
  add(envelope.on_behalf_of);
  for (const auto& recipient : envelope.recipients) {
    add(recipient.address);
    add(recipient.expanded);
    add(recipient.forwarded);
  }
  return out;
}

std::vector<std::string> blind_copies(const JournalEnvelope& envelope, BytesView original) {
  const auto summary = summarize(original, scan(original));
  std::set<std::string> named;
  for (const auto* list : {&summary.to, &summary.cc}) {
    for (const auto& one : *list) named.insert(folded(one.address));
  }
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (const auto& recipient : envelope.recipients) {
    const auto address = folded(recipient.address);
    const bool open = named.contains(address) || named.contains(folded(recipient.expanded)) || named.contains(folded(recipient.forwarded));
    const bool blind = recipient.field == JournalRecipient::Field::bcc || (recipient.field == JournalRecipient::Field::recipient && !open);
    if (blind && seen.insert(address).second) out.push_back(address);
  }
  return out;
}

}  // namespace kopial
