#include "server/archiving/journal_placer.h"

#include "server/people/users.h"
#include "storage/crypto/digest.h"
#include "storage/mail/journal_report.h"

namespace kopial {
namespace {

constexpr std::size_t kUsersPage = 1000;
constexpr std::string_view kFolder = "Journal";

std::string folded(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

}  // namespace

Result<JournalPlacer> JournalPlacer::load(Tenant& tenant, Clock& clock) {
  JournalPlacer placer;
  auto archives = tenant.archives();
  if (!archives) return archives.error();
  std::map<std::string, std::vector<ArchiveId>> owned;
  for (const auto& archive : *archives) {
    if (archive.kind == "journal") continue;
    for (const auto& address : archive.addresses) placer.listed_[folded(address)].insert(archive.id);
    if (!archive.owner_user.empty()) owned[archive.owner_user].push_back(archive.id);
  }
  Users users(clock);
  for (std::string after;;) {
    auto page = users.list(tenant.store().records(), after, kUsersPage);
    if (!page) return page.error();
    for (const auto& user : *page) {
      for (const auto& address : user.addresses) placer.claims_[folded(address.address)].push_back({address.valid_from, address.valid_until, owned[user.id]});
    }
    if (page->size() < kUsersPage) return placer;
    after = page->back().id;
  }
}

std::set<ArchiveId> JournalPlacer::archives_of(const std::string& address, Time at) const {
  std::set<ArchiveId> found;
  const auto claims = claims_.find(address);
  if (claims != claims_.end()) {
    bool owned = false;
    for (const auto& claim : claims->second) {
      owned = owned || !claim.archives.empty();
      if ((!claim.from || at >= *claim.from) && (!claim.until || at < *claim.until)) found.insert(claim.archives.begin(), claim.archives.end());
    }
    if (owned) return found;
  }
  const auto listed = listed_.find(address);
  if (listed != listed_.end()) found.insert(listed->second.begin(), listed->second.end());
  return found;
}

Beside JournalPlacer::place(const SourceItem& item, BytesView raw) const {
  Beside out;
  auto report = read_journal_report(raw);
  if (!report) return out;
  std::set<ArchiveId> archives;
  for (const auto& address : addresses_of(report->envelope)) archives.merge(archives_of(address, item.received));
  // Also where no archive is found yet: whoever reads the message elsewhere can be told who got it.
  const auto report_copy = sha256(raw);
  for (const auto& original : report->originals) out.links.push_back({sha256(original), report_copy});
  if (report->originals.empty()) report->originals.emplace_back(raw);
  for (const auto archive : archives) {
    for (const auto& original : report->originals) {
      // Without a source's item the placement is named by its bytes: the next report of the same message places it where it is already.
      out.messages.push_back({.placement = {archive, std::string(kFolder), "", item.received, false, std::nullopt}, .raw = original});
    }
  }
  return out;
}

}  // namespace kopial
