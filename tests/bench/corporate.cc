#include "tests/bench/corporate.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "storage/base/encoding.h"
#include "storage/mail/header_text.h"
#include "storage/mail/message_view.h"
#include "storage/mail/transfer.h"
#include "tests/bench/random.h"

namespace kopial::bench {
namespace {

// The published figures this profile is set to: 75 KB mean, a quarter with attachments.
constexpr double kMeanBytes = 75'000, kAttachedShare = 0.25, kFilesMean = 1.9, kRepeatedShare = 0.15;
constexpr std::uint64_t kGermanOf100 = 20, kHtmlOf100 = 50;

bool is_dropped_field(std::string_view name) {
  static const std::set<std::string_view> kDropped{
      "from", "to", "cc", "bcc", "sender", "reply-to", "return-path", "delivered-to", "x-original-to", "mime-version", "subject",
      "errors-to", "precedence", "x-beenthere", "x-mailing-list", "mailing-list", "x-mailman-version", "mail-followup-to", "status"};
  return name.starts_with("content-") || name.starts_with("list-") || name.starts_with("x-google-group") || kDropped.contains(name);
}
bool is_trace_field(std::string_view name) {
  return name == "received" || name == "delivery-date" || name.starts_with("x-spam") || name.starts_with("arc-");
}

std::string mailbox_of(const Person& person) { return person.name + " <" + person.address + ">"; }

// Words and spaces only, so that it needs no quoting.
bool is_plain_name(const std::string& name) {
  const auto space = name.find(' ');
  return space != std::string::npos && space > 1 && name.size() - space > 2 && name.find(' ', space + 1) == std::string::npos &&
         std::all_of(name.begin(), name.end(), [](char c) { return c == ' ' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

std::string html_of(std::string_view text) {
  std::string out = "<html><head><meta charset=\"utf-8\"></head><body>\n<p class=\"MsoNormal\">";
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '\r': break;
      case '\n':
        out += i + 1 < text.size() && text[i + 1] == '\n' ? "</p>\n<p class=\"MsoNormal\">" : "<br>\n";
        while (i + 1 < text.size() && text[i + 1] == '\n') ++i;
        break;
      default: out += text[i];
    }
  }
  return out + "</p>\n</body></html>\n";
}

std::string media_type_of(std::string_view name) {
  static const std::vector<std::pair<std::string_view, std::string_view>> kTypes{
      {".pdf", "application/pdf"}, {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
      {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}, {".doc", "application/msword"},
      {".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"}, {".xls", "application/vnd.ms-excel"},
      {".ppt", "application/vnd.ms-powerpoint"}, {".png", "image/png"}, {".jpg", "image/jpeg"}, {".zip", "application/zip"}};
  for (const auto& [ending, type] : kTypes) {
    if (name.ends_with(ending)) return std::string(type);
  }
  return "application/octet-stream";
}

std::string text_part(std::string_view text, std::string_view subtype, std::string_view charset) {
  return "Content-Type: text/" + std::string(subtype) + "; charset=" + std::string(charset) +
         "\nContent-Transfer-Encoding: quoted-printable\n\n" + quoted_printable(text, "\n");
}

std::string multipart(std::string_view kind, const std::string& boundary, const std::vector<std::string>& parts) {
  std::string out = "Content-Type: multipart/" + std::string(kind) + "; boundary=\"" + boundary + "\"\n\n";
  for (const auto& part : parts) out += "--" + boundary + "\n" + part + "\n";
  return out + "--" + boundary + "--\n";
}

std::string hex(std::uint64_t value) {
  Encoder bytes;
  bytes.fixed64(value);
  return hex_encode(bytes.bytes());
}

}  // namespace

Corporate::Corporate(const Corpus& corpus, const Rewriter& rewriter, std::uint64_t seed, std::size_t mailboxes, std::size_t deliveries)
    : corpus_(corpus), rewriter_(rewriter), seed_(seed), employees_(std::max<std::size_t>(1, mailboxes)) {
  choose_people(employees_);
  fill_pool();
  plan(deliveries);
}

// Real given and family names, dealt anew.
void Corporate::choose_people(std::size_t mailboxes) {
  std::set<std::string> given, family;
  for (const auto& mail : corpus_.mails) {
    for (const auto& field : header_fields(mail.raw, mail.structure.entities[0].header)) {
      if (lower_case(field.name.of(mail.raw)) != "from") continue;
      for (const auto& who : decode_addresses(field.value.of(mail.raw))) {
        if (!is_plain_name(who.name)) continue;
        const auto space = who.name.find(' ');
        given.insert(who.name.substr(0, space));
        family.insert(who.name.substr(space + 1));
      }
    }
  }
  const std::vector<std::string> first(given.begin(), given.end()), last(family.begin(), family.end());
  Random random(mix(seed_, 11));
  std::set<std::string> taken;
  while (people_.size() < mailboxes * 20) {
    const auto name = first[random.below(first.size())] + " " + last[random.below(last.size())];
    auto local = lower_case(name);
    local[local.find(' ')] = '.';
    const bool inside = people_.size() < mailboxes;
    const auto domain = inside ? std::string("werk.example") : "partner" + std::to_string(random.below(mailboxes * 3 + 1)) + ".example";
    if (taken.insert(local).second) people_.push_back({name, local + "@" + domain});
  }
}

// Documents and the corpus's own attachments; the larger are drawn more often, as far as the mean size asks for.
void Corporate::fill_pool() {
  pool_ = corpus_.documents;
  std::set<std::uint64_t> seen;
  for (const auto& mail : corpus_.mails) {
    for (const auto& entity : mail.structure.entities) {
      if (!entity.is_leaf() || entity.filename.empty() || entity.encoding != TransferEncoding::base64) continue;
      auto content = decode_transfer(entity.body.of(mail.raw), entity.encoding).bytes;
      if (content.size() >= 512 && seen.insert(hash_bytes(content)).second) pool_.push_back({entity.filename, std::move(content)});
    }
  }
  double text = 0;
  for (const auto& mail : corpus_.mails) {
    for (const auto& entity : mail.structure.entities) {
      text += static_cast<double>(entity.header.size) + (entity.is_leaf() && entity.media_type.starts_with("text/") ? 1.2 * static_cast<double>(entity.body.size) : 0);
    }
  }
  text /= static_cast<double>(corpus_.mails.size());
  const double wanted = (kMeanBytes - text) / kAttachedShare / kFilesMean / (4.0 / 3 * 77 / 76);
  const auto fill = [&](double power) {
    double sum = 0, mean = 0;
    cumulative_.clear();
    for (const auto& file : pool_) {
      const auto size = static_cast<double>(file.content.size());
      cumulative_.push_back(sum += std::pow(size, power));
      mean += std::pow(size, power) * size;
    }
    return mean / sum;
  };
  double low = -1, high = 2;
  for (int i = 0; i < 30; ++i) (fill((low + high) / 2) < wanted ? low : high) = (low + high) / 2;
}

std::uint32_t Corporate::draw_file(std::uint64_t key) const {
  const double at = Random(key).unit() * cumulative_.back();
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), at) - cumulative_.begin();
  return static_cast<std::uint32_t>(std::min<std::size_t>(static_cast<std::size_t>(found), pool_.size() - 1));
}

void Corporate::plan(std::size_t deliveries) {
  std::vector<CorporateAttachment> used;
  std::size_t done = 0;
  for (const auto& item : make_plan(corpus_, seed_, deliveries)) {
    if (done >= deliveries) break;
    const auto thread = corpus_.mails[item.mail].thread;
    Random team(mix(seed_, thread, item.epoch));
    // How many employees a thread has: 1.7 in the mean, which is the published number of copies of a message.
    constexpr double kSizes[] = {0.56, 0.83, 0.93, 0.98, 1.0};
    const auto drawn = static_cast<std::size_t>(std::find_if(std::begin(kSizes), std::end(kSizes), [u = team.unit()](double p) { return u < p; }) - std::begin(kSizes));
    const auto inside = std::min(employees_, std::min<std::size_t>(drawn, 4) + 1);
    std::vector<std::uint32_t> members;
    while (members.size() < inside) {
      const auto one = static_cast<std::uint32_t>(team.below(employees_));
      if (std::find(members.begin(), members.end(), one) == members.end()) members.push_back(one);
    }
    CorporateItem next{item, mix(seed_ + 5, item.mail, item.epoch), 0, {}, members, {}, -1};
    if (inside == 1 || team.below(2) == 0) members.push_back(static_cast<std::uint32_t>(employees_ + team.below(people_.size() - employees_)));
    if (next.mailboxes.size() > deliveries - done) next.mailboxes.resize(deliveries - done);
    done += next.mailboxes.size();
    Random random(next.key);
    if (team.below(100) < kGermanOf100 && !corpus_.german_bodies.empty()) next.german_body = static_cast<int>(random.below(corpus_.german_bodies.size()));
    next.sender = members[random.below(members.size())];
    for (const auto member : members) {
      if (member != next.sender) next.recipients.push_back(member);
    }
    if (random.unit() < kAttachedShare) {
      std::size_t files = 1;
      while (files < 8 && random.unit() < 1 - 1 / kFilesMean) ++files;
      for (std::size_t i = 0; i < files; ++i) {
        if (!used.empty() && random.unit() < kRepeatedShare) {
          next.attachments.push_back(used[used.size() - 1 - random.below(std::min<std::size_t>(used.size(), 500))]);
        } else {
          next.attachments.push_back({draw_file(random.next()), static_cast<std::uint32_t>(used.size() + 1)});
          used.push_back(next.attachments.back());
        }
      }
    }
    items_.push_back(std::move(next));
  }
}

// The MIME fields and the body; sets the subject when it is not the real message's.
Bytes Corporate::body(const CorporateItem& item, std::string& subject) const {
  const auto& mail = corpus_.mails[item.item.mail];
  const auto& entities = mail.structure.entities;
  std::string text, html, charset = "utf-8", html_charset = "utf-8";
  if (item.german_body >= 0) {
    rewriter_.vocabulary().rename(corpus_.german_bodies[static_cast<std::size_t>(item.german_body)], item.item.epoch, text);
    const auto first = text.substr(0, std::min(text.find_first_of(".,\n", 12), std::size_t{48}));
    subject = "=?utf-8?B?" + base64_encode(make_valid_utf8(first.substr(0, first.rfind(' ')))) + "?=";
  } else {
    const auto parts = classify(mail.structure);
    const auto take = [&](const std::vector<std::size_t>& leaves, std::string& out, std::string& its_charset) {
      if (leaves.empty() || !is_renamed_text(entities[leaves[0]])) return;
      out = rewriter_.text(mail, entities[leaves[0]], item.item.epoch);
      its_charset = entities[leaves[0]].charset.empty() ? "us-ascii" : entities[leaves[0]].charset;
    };
    take(parts.text, text, charset);
    take(parts.html, html, html_charset);
  }
  if (html.empty() && item.key % 100 < kHtmlOf100) {
    html = html_of(text);
    html_charset = charset;
  }
  const auto boundary = [&](std::uint64_t n) { return "_00" + std::to_string(n) + "_" + hex(mix(item.key, n)) + hex(mix(item.key, n + 10)) + "_"; };
  auto content = text_part(text, "plain", charset);
  if (!html.empty()) content = multipart("alternative", boundary(0), {content, text_part(html, "html", html_charset)});
  if (item.attachments.empty()) return content;
  std::vector<std::string> parts{content};
  for (const auto& attachment : item.attachments) {
    const auto& file = pool_[attachment.file];
    auto name = file.name;
    std::erase_if(name, [](char c) { return static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126 || c == '"' || c == '\\'; });
    const auto dot = std::min(name.rfind('.'), name.size());
    name.insert(dot, "-" + std::to_string(attachment.edition));
    parts.push_back("Content-Type: " + media_type_of(lower_case(file.name)) + "; name=\"" + name + "\"\nContent-Disposition: attachment; filename=\"" +
                    name + "\"\nContent-Transfer-Encoding: base64\n\n" +
                    base64_lines(new_edition(rewriter_.vocabulary(), file.content, attachment.edition), "\n"));
  }
  return multipart("mixed", boundary(1), parts);
}

std::vector<Bytes> Corporate::compose(const CorporateItem& item) const {
  const auto& mail = corpus_.mails[item.item.mail];
  const auto& root = mail.structure.entities[0];
  Bytes trace, own, subject_field;
  rewriter_.header(mail, root, item.item.epoch, [](std::string_view name) { return !is_trace_field(name); }, trace);
  rewriter_.header(mail, root, item.item.epoch, [](std::string_view name) { return is_trace_field(name) || is_dropped_field(name); }, own);
  rewriter_.header(mail, root, item.item.epoch, [](std::string_view name) { return name != "subject"; }, subject_field);
  for (auto* block : {&trace, &own, &subject_field}) {
    std::erase(*block, '\r');
    if (!block->empty() && !block->ends_with('\n')) *block += '\n';
  }
  std::string subject;
  const auto content = body(item, subject);
  if (!subject.empty()) subject_field = "Subject: " + subject + "\n";
  Bytes common = own + "From: " + mailbox_of(people_[item.sender]) + "\nTo: ";
  for (std::size_t i = 0; i < item.recipients.size(); ++i) common += (i > 0 ? ",\n\t" : "") + mailbox_of(people_[item.recipients[i]]);
  common += "\n" + subject_field + "MIME-Version: 1.0\n" + content;
  std::vector<Bytes> out;
  for (const auto owner : item.mailboxes) {
    if (owner == item.sender) {
      out.push_back(common);
      continue;
    }
    const auto id = mix(item.key, owner);
    out.push_back("Received: from mx" + std::to_string(id % 4) + ".werk.example by store.werk.example with ESMTPS id " + hex(id) + "\n\tfor <" +
                  people_[owner].address + ">\n" + trace + common);
  }
  return out;
}

}  // namespace kopial::bench
