// The small language of the synchronisation tests: objects of a directory, what became of them, and people with short names.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "server/people/reconcile.h"

namespace kopial {

inline const Time kFirst = *parse_rfc3339("2026-01-01T00:00:00Z");
inline Time day(int n) { return kFirst + std::chrono::hours(24 * n); }

enum class DirectoryKind { active_directory, entra, ldap };
inline std::string name_of(DirectoryKind kind) {
  return kind == DirectoryKind::entra ? "entra" : kind == DirectoryKind::ldap ? "ldap" : "active_directory";
}

// An object as a directory of this kind shows it: LDAP knows neither kinds nor anchors, Entra no security identifiers of its own.
inline DirectoryEntry object(DirectoryKind kind, const std::string& id, const std::string& upn) {
  DirectoryEntry entry;
  entry.id = id;
  entry.upn = upn;
  entry.display_name = upn.substr(0, upn.find('@'));
  read_proxy_addresses({"SMTP:" + upn}, upn, entry);
  if (kind == DirectoryKind::active_directory) {
    entry.anchor = "anchor-" + id;
    entry.sid = "S-1-5-21-1-" + id;
    entry.account = "contoso.test\\" + entry.display_name;
    entry.kind = MailboxKind::person;
    entry.home = MailHome::on_premises;
  }
  if (kind == DirectoryKind::entra) {
    entry.kind = MailboxKind::person;
    entry.home = MailHome::cloud;
    entry.licensed = true;
  }
  return entry;
}

// A tenant that synchronises with one directory or more, without store and network.
class Office {
 public:
  explicit Office(std::string directory = "d") : directory_(std::move(directory)) { policy.losses_share_max = 1; }

  SyncPlan plan(const DirectoryState& state, Time at) const { return reconcile(people, directory_, state, policy, at); }
  SyncPlan sync(const DirectoryState& state, Time at) {
    auto made = plan(state, at);
    execute(made);
    return made;
  }
  SyncPlan sync(std::vector<DirectoryEntry> entries, Time at) {
    DirectoryState state;
    state.entries = std::move(entries);
    return sync(state, at);
  }
  void execute(const SyncPlan& made) {
    for (auto& person : apply_plan(made, people)) {
      const auto found = std::find_if(people.begin(), people.end(), [&](const Person& one) { return one.id == person.id; });
      if (found == people.end()) people.push_back(person);
      else *found = person;
    }
  }
  const Person& of(const std::string& object) const {
    for (const auto& person : people) {
      for (const auto& link : person.links) {
        if (link.id == object) return person;
      }
    }
    static const Person nobody;
    ADD_FAILURE() << "nobody is bound to " << object;
    return nobody;
  }
  std::string owner(const std::string& address, Time at) const { return AddressBook(people).owner(address, at).person; }
  void turn_to(std::string directory) { directory_ = std::move(directory); }

  std::vector<Person> people;
  SyncPolicy policy;

 private:
  std::string directory_;
};

inline std::vector<std::string> kinds_of(const SyncPlan& plan) {
  std::vector<std::string> out;
  for (const auto& step : plan.steps) out.emplace_back(to_string(step.kind));
  return out;
}
inline bool has(const SyncPlan& plan, StepKind kind) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [&](const SyncStep& step) { return step.kind == kind; });
}

}  // namespace kopial
