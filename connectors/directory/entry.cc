#include "connectors/directory/entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

namespace kopial {
namespace {

constexpr std::pair<MailboxKind, std::string_view> kKinds[] = {{MailboxKind::person, "person"},
                                                               {MailboxKind::shared, "shared"},
                                                               {MailboxKind::room, "room"},
                                                               {MailboxKind::equipment, "equipment"}};

class GroupGraph {
 public:
  explicit GroupGraph(const std::vector<DirectoryGroup>& groups) {
    for (const auto& group : groups) by_id_[group.id] = &group;
  }
  const DirectoryGroup* find(const std::string& id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
  }
  // Everything below `root` that is no group. Breadth first: a group is reached by its shortest way, so the bound is exact.
  void collect(const DirectoryGroup& root, std::size_t depth_max, std::set<std::string>& members) const {
    std::set<std::string_view> seen{root.id};
    std::vector<const DirectoryGroup*> level{&root};
    for (std::size_t depth = 0; !level.empty() && depth <= depth_max; ++depth) {
      std::vector<const DirectoryGroup*> next;
      for (const auto* group : level) {
        for (const auto& member : group->members) {
          const auto* nested = find(member);
          if (nested == nullptr) members.insert(member);
          else if (seen.insert(nested->id).second) next.push_back(nested);
        }
      }
      level = std::move(next);
    }
  }

 private:
  std::unordered_map<std::string, const DirectoryGroup*> by_id_;
};

}  // namespace

std::string_view to_string(MailboxKind kind) {
  for (const auto& [one, name] : kKinds) {
    if (one == kind) return name;
  }
  return "unknown";
}
MailboxKind mailbox_kind_called(std::string_view name) {
  for (const auto& [kind, known] : kKinds) {
    if (known == name) return kind;
  }
  return MailboxKind::unknown;
}
std::string_view to_string(MailHome home) {
  return home == MailHome::cloud ? "cloud" : home == MailHome::on_premises ? "on_premises" : "unknown";
}
MailHome mail_home_called(std::string_view name) {
  return name == "cloud" ? MailHome::cloud : name == "on_premises" ? MailHome::on_premises : MailHome::unknown;
}

std::string fold(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

void read_proxy_addresses(const std::vector<std::string>& proxies, const std::string& mail, DirectoryEntry& entry) {
  entry.primary_address.clear();
  std::set<std::string> all;
  for (const auto& proxy : proxies) {
    const auto colon = proxy.find(':');
    if (colon == std::string::npos || fold(proxy.substr(0, colon)) != "smtp") continue;
    auto address = fold(proxy.substr(colon + 1));
    const auto at = address.find('@');
    if (at == std::string::npos || at == 0 || at + 1 == address.size() || address.find_first_of(" <>,;\r\n\t") != std::string::npos) continue;
    if (proxy.starts_with("SMTP:") && entry.primary_address.empty()) entry.primary_address = address;
    all.insert(std::move(address));
  }
  if (const auto address = fold(mail); address.find('@') != std::string::npos && address.find_first_of(" <>,;\r\n\t") == std::string::npos) {
    all.insert(address);
    if (entry.primary_address.empty()) entry.primary_address = address;
  }
  entry.addresses.assign(all.begin(), all.end());
}

bool read_recipient_type(std::int64_t type, DirectoryEntry& entry) {
  using enum MailboxKind;
  constexpr auto on_premises = MailHome::on_premises, cloud = MailHome::cloud;
  struct Row {
    std::int64_t type;
    MailboxKind kind;
    MailHome home;
  };
  static constexpr Row kRows[] = {
      {1, person, on_premises},        {2, person, on_premises},          {4, shared, on_premises},
      {8, person, on_premises},        {16, room, on_premises},           {32, equipment, on_premises},
      {33554432, person, MailHome::unknown},  {2199023255552, room, on_premises}, {137438953472, shared, on_premises},
      {2147483648, person, cloud},     {8589934592, room, cloud},         {17179869184, equipment, cloud},
      {34359738368, shared, cloud},    {274877906944, shared, cloud},     {128, person, MailHome::unknown}};
  for (const auto& row : kRows) {
    if (row.type != type) continue;
    entry.kind = row.kind;
    entry.home = row.home;
    return true;
  }
  if (type == 35184372088832) return entry.guest = true;
  return type == 0;  // An account that Exchange knows nothing of.
}

std::string guid_text(std::string_view bytes) {
  if (bytes.size() != 16) return {};
  static constexpr int kOrder[] = {3, 2, 1, 0, -1, 5, 4, -1, 7, 6, -1, 8, 9, -1, 10, 11, 12, 13, 14, 15};
  std::string out;
  for (const int at : kOrder) {
    if (at < 0) out += '-';
    else out += fmt::format("{:02x}", static_cast<unsigned char>(bytes[static_cast<std::size_t>(at)]));
  }
  return out;
}

std::string sid_text(std::string_view bytes) {
  if (bytes.size() < 8) return {};
  const auto byte = [&](std::size_t at) { return static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at])); };
  const auto count = byte(1);
  if (byte(0) != 1 || count > 15 || bytes.size() != 8 + 4 * count) return {};
  std::uint64_t authority = 0;
  for (std::size_t i = 2; i < 8; ++i) authority = authority << 8 | byte(i);
  auto out = fmt::format("S-1-{}", authority);
  for (std::size_t at = 8; at < bytes.size(); at += 4) out += fmt::format("-{}", byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24);
  return out;
}

std::vector<std::string> members_of(const std::vector<DirectoryGroup>& groups, const std::vector<std::string>& roots, std::size_t depth_max) {
  const GroupGraph graph(groups);
  std::set<std::string> members;
  for (const auto& root : roots) {
    for (const auto& group : groups) {
      if (group.id == root || fold(group.name) == fold(root)) graph.collect(group, depth_max, members);
    }
  }
  return {members.begin(), members.end()};
}

std::map<std::string, std::vector<std::string>> memberships(const std::vector<DirectoryGroup>& groups, std::size_t depth_max) {
  const GroupGraph graph(groups);
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& group : groups) {
    std::set<std::string> members;
    graph.collect(group, depth_max, members);
    for (const auto& member : members) out[member].push_back(group.id);
  }
  for (auto& [member, in] : out) {
    std::sort(in.begin(), in.end());
    in.erase(std::unique(in.begin(), in.end()), in.end());
  }
  return out;
}

}  // namespace kopial
