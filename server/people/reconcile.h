// Directory synchronisation as a pure function: what is known, what a directory says, what the administrator wants -> steps.
//
// A step is the whole of its effect: `apply_step` is the only thing that changes people, and it is what made the plan's own result. So a
// plan that was shown is executed as it was shown. Steps never delete a person, and never touch an archive.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "server/people/person.h"

namespace kopial {

// What the administrator wants of one directory.
struct SyncPolicy {
  int priority = 10;  // among the tenant's directories: the lowest decides names and kinds
  bool enabled_only = false, licensed_only = false;
  bool guests = false;
  std::set<MailboxKind> kinds;      // empty: all
  std::vector<std::string> groups;  // ids or names, nested ones included; empty: everybody
  std::size_t group_depth_max = 10;
  bool match_addresses = true, match_names = true;  // take over people whom another directory, or nobody, has bound
  // A sync that would disable or orphan more than this share of its people does nothing until it is confirmed.
  double losses_share_max = 0.1;
  std::map<std::string, std::string> decisions;  // address -> id of the object that has it, where two claim it
  // Priorities of the other directories. Not the administrator's: filled from their policies.
  std::map<std::string, int> priorities;
};

enum class StepKind : std::uint8_t {
  create,          // a person that is new here, with all that is known of him
  link,            // a known person is found in this directory; the reason names what matched
  observe,         // what the directory says of a linked object changed
  rename,          // login name; the former one is kept
  release_name,    // a name that somebody else has now
  display_name,
  address_gained,
  address_lost,    // from now on; what came before stays his
  convert,         // person <-> shared, room, equipment
  move,            // the mailbox moved between on-premises and the cloud: same archive, other source
  disable,
  enable,
  orphan,          // gone from every directory; archive and retention go on
  groups,
  // Without effect: for the administrator.
  twin,            // a new object with the name or address of an earlier one
  conflict,        // two claim one thing; nobody gets it
};
std::string_view to_string(StepKind kind);

struct SyncStep {
  StepKind kind;
  std::string person;     // id; "" when there is none yet (a conflict about an object that was not taken)
  std::string object;     // the directory's immutable id, when one is behind it
  std::string before, after;
  std::string reason;     // a sentence for the administrator
  // Effects that are more than a text.
  std::optional<Time> at;               // address_gained, address_lost
  std::shared_ptr<const DirectoryLink> link;  // link, observe
  std::shared_ptr<const Person> made;         // create
  std::vector<std::string> list;        // groups
};

struct SyncPlan {
  std::string directory;
  Time at;
  std::vector<SyncStep> steps;
  std::map<std::string, std::uint64_t> ignored;  // by reason
  std::uint64_t seen = 0, unchanged = 0;
  std::uint64_t losses = 0, losses_allowed = 0;
  bool stopped = false;  // by losses: executed only when confirmed
};

SyncPlan reconcile(const std::vector<Person>& known, const std::string& directory, const DirectoryState& state, const SyncPolicy& policy, Time now);
// Applies one step. `person` is the step's person; for `create` an empty one.
void apply_step(const SyncStep& step, Person& person);
// All of a plan: the people that changed, each once, in the order of their first step.
std::vector<Person> apply_plan(const SyncPlan& plan, const std::vector<Person>& known);

// The id of the person that is made for this object. The same object gives the same person, whoever asks.
std::string person_id(const std::string& directory, const std::string& object);

// Old style names -> people: `DOMAIN\user`, or a short name that only one person has.
struct OldName {
  std::string name, person, upn;  // person and upn are "" when it is not clear who is meant
  std::string reason;
};
std::vector<OldName> resolve_old_names(const std::vector<std::string>& names, const std::vector<Person>& people,
                                       const std::map<std::string, std::string>& domains);

}  // namespace kopial
