#include "server/people/reconcile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

constexpr std::pair<StepKind, std::string_view> kNames[] = {
    {StepKind::create, "create"},         {StepKind::link, "link"},
    {StepKind::observe, "observe"},       {StepKind::rename, "rename"},
    {StepKind::release_name, "release_name"}, {StepKind::display_name, "display_name"},
    {StepKind::address_gained, "address_gained"}, {StepKind::address_lost, "address_lost"},
    {StepKind::convert, "convert"},       {StepKind::move, "move"},
    {StepKind::disable, "disable"},       {StepKind::enable, "enable"},
    {StepKind::orphan, "orphan"},         {StepKind::groups, "groups"},
    {StepKind::twin, "twin"},             {StepKind::conflict, "conflict"}};

using Index = std::unordered_map<std::string, std::vector<std::size_t>>;

// One reconciliation under way: the people as they are after the steps so far.
class Reconciler {
 public:
  Reconciler(const std::vector<Person>& known, const std::string& directory, const DirectoryState& state, const SyncPolicy& policy, Time now)
      : people_(known), known_(known.size()), directory_(directory), state_(state), policy_(policy), now_(now) {
    plan_.directory = directory;
    plan_.at = now;
  }

  SyncPlan run() {
    index();
    choose();
    for (const auto& [entry, reason] : taken_) present(*entry, reason);
    missing();
    attributes();
    names();
    addresses();
    stop_when_too_many();
    for (const auto& [person, step] : created_) plan_.steps[step].made = std::make_shared<const Person>(std::move(people_[person]));
    return std::move(plan_);
  }

 private:
  struct Taken {
    const DirectoryEntry* entry;
    std::string ignored;  // why this one is not taken when nobody knows it; "" = taken
  };

  void emit(SyncStep step, std::size_t person) {
    step.person = people_[person].id;
    apply_step(step, people_[person]);
    touched_.insert(person);
    // What is found out about somebody new is part of his one step.
    if (person < known_) plan_.steps.push_back(std::move(step));
  }
  void tell(StepKind kind, std::string person, std::string object, std::string subject, std::string reason) {
    SyncStep step{kind, std::move(person), std::move(object), "", std::move(subject), std::move(reason)};
    plan_.steps.push_back(std::move(step));
  }

  void index() {
    for (std::size_t at = 0; at < people_.size(); ++at) add_to_index(at);
  }
  void add_to_index(std::size_t at) {
    const auto& person = people_[at];
    by_id_[person.id] = at;
    if (!person.name.empty()) by_name_[fold(person.name)].push_back(at);
    if (person.links.empty()) {
      for (const auto& one : person.addresses) {
        if (!one.valid_until) by_primary_[fold(one.address)].push_back(at);
      }
    }
    for (const auto& link : person.links) {
      if (link.directory == directory_) by_object_[link.id] = at;
      if (!link.anchor.empty()) by_anchor_[link.anchor].push_back(at);
      if (!link.sid.empty()) by_sid_[link.sid].push_back(at);
      if (!link.account.empty()) by_account_[link.account].push_back(at);
      if (!link.primary_address.empty()) by_primary_[link.primary_address].push_back(at);
    }
  }

  void choose() {
    std::set<std::string> members;
    const bool by_group = !policy_.groups.empty();
    if (by_group) {
      for (auto& one : members_of(state_.groups, policy_.groups, policy_.group_depth_max)) members.insert(std::move(one));
    }
    std::map<std::string_view, const DirectoryEntry*> entries;  // In the order of ids: the same state gives the same plan. The last of twice wins.
    for (const auto& entry : state_.entries) entries[entry.id] = &entry;
    for (const auto& [id, entry] : entries) {
      std::string reason;
      const auto kind = entry->kind == MailboxKind::unknown ? MailboxKind::person : entry->kind;
      if (entry->guest && !policy_.guests) reason = "guests";
      else if (!policy_.kinds.empty() && !policy_.kinds.contains(kind)) reason = "kind " + std::string(to_string(kind));
      else if (policy_.enabled_only && !entry->enabled && kind == MailboxKind::person) reason = "disabled";
      else if (policy_.licensed_only && !entry->licensed && kind == MailboxKind::person) reason = "without licence";
      else if (by_group && !members.contains(entry->id)) reason = "in none of the groups";
      taken_.push_back({entry, reason});
      if (!entry->primary_address.empty()) ++primaries_[entry->primary_address];
      if (!entry->upn.empty()) ++upns_[fold(entry->upn)];
      seen_.insert(entry->id);
    }
    plan_.seen = taken_.size();
  }

  DirectoryLink link_of(const DirectoryEntry& entry) const {
    return {directory_, entry.id, entry.anchor, entry.sid, entry.account, entry.upn, entry.primary_address, entry.addresses, entry.kind, entry.home, entry.enabled, true};
  }

  // Whether this person may be bound to another object of this directory: his own is gone from a complete answer.
  bool is_free(std::size_t at, bool strong) const {
    const auto* link = people_[at].link(directory_);
    if (link == nullptr) return true;
    return strong && state_.complete && !seen_.contains(link->id);
  }
  std::optional<std::size_t> only(const Index& index, const std::string& key, bool strong) const {
    if (key.empty()) return std::nullopt;
    const auto found = index.find(key);
    if (found == index.end()) return std::nullopt;
    std::optional<std::size_t> one;
    for (const auto at : found->second) {
      if (!is_free(at, strong) || (one && *one == at)) continue;
      if (!strong && people_[at].state == PersonState::orphaned) continue;
      if (one) return std::nullopt;
      one = at;
    }
    return one;
  }

  // The order in which Entra's own synchronisation matches. The last two only when unique on both sides.
  std::optional<std::size_t> match(const DirectoryEntry& entry, std::string& reason) {
    if (const auto at = only(by_anchor_, entry.anchor, true)) return reason = "the same immutable id of Active Directory", at;
    if (const auto at = only(by_sid_, entry.sid, true)) return reason = "the same security identifier", at;
    for (const auto& sid : entry.former_sids) {
      if (const auto at = only(by_sid_, sid, true)) return reason = "the security identifier it had before it was moved", at;
    }
    if (const auto at = only(by_account_, entry.account, false)) return reason = "the same account " + entry.account, at;
    const auto weak = [&](std::optional<std::size_t> at, const std::string& what) -> std::optional<std::size_t> {
      if (!at) return at;
      if (!people_[*at].privileged) return reason = what + ", which only one object here and one person have", at;
      tell(StepKind::conflict, people_[*at].id, entry.id, entry.upn,
           "'" + people_[*at].name + "' has " + what + " and a role here: an account with a role is never taken over because of a name; give it the id by hand");
      refused_.insert(entry.id);
      return std::nullopt;
    };
    if (policy_.match_addresses && !entry.primary_address.empty() && primaries_[entry.primary_address] == 1) {
      if (const auto at = weak(only(by_primary_, entry.primary_address, false), "the primary address " + entry.primary_address)) return at;
    }
    if (policy_.match_names && !entry.upn.empty() && upns_[fold(entry.upn)] == 1 && !refused_.contains(entry.id)) {
      if (const auto at = weak(only(by_name_, fold(entry.upn), false), "the name " + entry.upn)) return at;
    }
    return std::nullopt;
  }

  void present(const DirectoryEntry& entry, const std::string& ignored) {
    auto link = link_of(entry);
    if (const auto found = by_object_.find(entry.id); found != by_object_.end()) {
      const auto at = found->second;
      const auto before = *people_[at].link(directory_);
      if (before == link) {
        ++plan_.unchanged;
        return;
      }
      note_claims(before);
      note_claims(link);
      SyncStep step{StepKind::observe, "", entry.id, before.upn, entry.upn, before.present ? "the directory says something new" : "it is in the directory again"};
      step.link = std::make_shared<const DirectoryLink>(std::move(link));
      emit(std::move(step), at);
      return;
    }
    // A guest is somebody else's account: it must not be taken for a member with the same address.
    if (entry.guest && !ignored.empty()) {
      ++plan_.ignored[ignored];
      return;
    }
    std::string reason;
    if (const auto at = match(entry, reason)) {
      note_claims(link);
      const auto* earlier = people_[*at].link(directory_);
      if (earlier != nullptr) note_claims(*earlier);
      SyncStep step{StepKind::link, "", entry.id, earlier == nullptr ? "" : earlier->id, entry.upn, reason};
      step.link = std::make_shared<const DirectoryLink>(std::move(link));
      by_object_[entry.id] = *at;
      emit(std::move(step), *at);
      return;
    }
    if (refused_.contains(entry.id)) return;
    if (!ignored.empty()) {
      ++plan_.ignored[ignored];
      return;
    }
    if (entry.upn.empty() && entry.addresses.empty()) {
      ++plan_.ignored["neither name nor address"];
      return;
    }
    twin(entry);
    note_claims(link);
    const auto at = people_.size();
    people_.emplace_back();
    people_[at].id = person_id(directory_, entry.id);
    by_id_[people_[at].id] = at;
    by_object_[entry.id] = at;
    people_[at].kind = link.kind == MailboxKind::unknown ? MailboxKind::person : link.kind;
    people_[at].home = link.home;
    people_[at].links = {std::move(link)};
    touched_.insert(at);
    created_.emplace_back(at, plan_.steps.size());
    plan_.steps.push_back({StepKind::create, people_[at].id, entry.id, "", entry.upn.empty() ? entry.primary_address : entry.upn, "nobody here has its immutable id"});
  }

  void twin(const DirectoryEntry& entry) {
    const auto say = [&](const Index& index, const std::string& key, std::string_view what) {
      const auto found = index.find(key);
      if (key.empty() || found == index.end()) return false;
      for (const auto at : found->second) {
        const auto* link = people_[at].link(directory_);
        if (link == nullptr || link->id == entry.id) continue;
        tell(StepKind::twin, people_[at].id, entry.id, entry.upn.empty() ? entry.primary_address : entry.upn,
             fmt::format("it has {} of an earlier object and another immutable id: a new person, and the earlier archive stays the earlier person's", what));
        return true;
      }
      return false;
    };
    if (!say(by_name_, fold(entry.upn), "the name")) say(by_primary_, entry.primary_address, "the primary address");
  }

  void missing() {
    std::vector<std::size_t> gone;
    if (state_.complete) {
      for (std::size_t at = 0; at < known_; ++at) {
        const auto* link = people_[at].link(directory_);
        if (link != nullptr && link->present && !seen_.contains(link->id)) gone.push_back(at);
      }
    } else {
      for (const auto& id : state_.removed) {
        const auto found = by_object_.find(id);
        if (found != by_object_.end() && people_[found->second].link(directory_)->present && !seen_.contains(id)) gone.push_back(found->second);
      }
    }
    for (const auto at : gone) {
      auto link = *people_[at].link(directory_);
      note_claims(link);
      link.present = false;
      SyncStep step{StepKind::observe, "", link.id, link.upn, "", state_.complete ? "it is not in the directory any more" : "the directory says it is gone"};
      step.link = std::make_shared<const DirectoryLink>(std::move(link));
      emit(std::move(step), at);
    }
  }

  int priority(const DirectoryLink& link) const {
    if (link.directory == directory_) return policy_.priority;
    const auto found = policy_.priorities.find(link.directory);
    return found == policy_.priorities.end() ? 1000 : found->second;
  }
  // Links from the one that decides downwards; those that are gone come last.
  std::vector<const DirectoryLink*> ranked(const Person& person) const {
    std::vector<const DirectoryLink*> out;
    for (const auto& link : person.links) out.push_back(&link);
    std::stable_sort(out.begin(), out.end(), [&](const auto* a, const auto* b) {
      return a->present != b->present ? a->present : priority(*a) < priority(*b);
    });
    return out;
  }

  void attributes() {
    std::map<std::string, std::vector<std::string>> in_groups;
    if (state_.complete) in_groups = memberships(state_.groups, policy_.group_depth_max);
    std::unordered_map<std::string, const DirectoryEntry*> entries;
    for (const auto& [entry, reason] : taken_) entries[entry->id] = entry;
    const auto end = people_.size();
    for (std::size_t at = 0; at < end; ++at) {
      const auto* own = people_[at].link(directory_);
      if (own == nullptr) continue;
      const auto entry = entries.find(own->id);
      if (state_.complete) groups(at, in_groups, own->id);
      if (entry != entries.end()) display_name(at, *entry->second);
      if (touched_.contains(at)) derived(at);
    }
  }

  // Groups of this directory are replaced; those of other directories stay.
  void groups(std::size_t at, const std::map<std::string, std::vector<std::string>>& in_groups, const std::string& object) {
    std::vector<std::string> wanted;
    for (const auto& group : people_[at].groups) {
      if (!group.starts_with(directory_ + "/")) wanted.push_back(group);
    }
    if (const auto found = in_groups.find(object); found != in_groups.end()) {
      for (const auto& group : found->second) wanted.push_back(directory_ + "/" + group);
    }
    std::sort(wanted.begin(), wanted.end());
    if (wanted == people_[at].groups) return;
    SyncStep step{StepKind::groups, "", object, std::to_string(people_[at].groups.size()), std::to_string(wanted.size()), "membership of groups changed, nested ones included"};
    step.list = std::move(wanted);
    emit(std::move(step), at);
  }

  void display_name(std::size_t at, const DirectoryEntry& entry) {
    const auto order = ranked(people_[at]);
    if (order.front()->directory != directory_ || entry.display_name.empty() || entry.display_name == people_[at].display_name) return;
    emit({StepKind::display_name, "", entry.id, people_[at].display_name, entry.display_name, "the directory shows another name"}, at);
  }

  // Kind, home and state follow from the links.
  void derived(std::size_t at) {
    const auto order = ranked(people_[at]);
    const bool any_present = order.front()->present;
    auto kind = people_[at].kind;
    auto home = people_[at].home;
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      if (!(*it)->present && any_present) continue;
      if ((*it)->kind != MailboxKind::unknown) kind = (*it)->kind;
      if ((*it)->home != MailHome::unknown) home = (*it)->home;
    }
    const auto object = order.front()->id;
    if (kind != people_[at].kind) {
      emit({StepKind::convert, "", object, std::string(to_string(people_[at].kind)), std::string(to_string(kind)), "the mailbox was converted; its archive goes on"}, at);
    }
    if (home != people_[at].home) {
      const bool first = people_[at].home == MailHome::unknown;
      emit({StepKind::move, "", object, std::string(to_string(people_[at].home)), std::string(to_string(home)),
            first ? "where its mail is, is known now" : "the mailbox was moved; the same archive goes on, from the other source"}, at);
    }
    auto wanted = PersonState::active;
    std::string why;
    if (!any_present) {
      wanted = PersonState::orphaned;
      why = "no directory has it any more: nobody signs in, archive, retention and grants stay";
    } else if (kind == MailboxKind::person) {
      for (const auto* link : order) {
        if (link->present && link->enabled) continue;
        wanted = PersonState::disabled;
        why = link->present ? "disabled in the directory: nobody signs in, the archive stays" : "gone from one of its directories: nobody signs in, the archive stays";
      }
    }
    if (wanted == people_[at].state) return;
    const std::string before(to_string(people_[at].state)), after(to_string(wanted));
    const bool is_new = at >= known_;
    if (wanted == PersonState::active) {
      emit({StepKind::enable, "", object, before, after, "present and enabled in its directories"}, at);
    } else {
      const auto kind_of_step = wanted == PersonState::orphaned ? StepKind::orphan : StepKind::disable;
      if (!is_new && people_[at].state == PersonState::active) ++plan_.losses;
      emit({kind_of_step, "", object, before, after, why}, at);
    }
  }

  void names() {
    std::unordered_map<std::size_t, std::string> wanted;
    std::unordered_map<std::string, std::vector<std::size_t>> holders;  // who wants it, by folded name
    std::set<std::size_t> refused;
    // Everybody, not only who changed: a name that was refused once is given when it has become free.
    for (std::size_t at = 0; at < people_.size(); ++at) {
      if (people_[at].links.empty() || people_[at].state == PersonState::orphaned) continue;
      const auto* link = ranked(people_[at]).front();
      const auto name = !link->upn.empty() ? link->upn : link->primary_address;
      if (!name.empty() && fold(name) != fold(people_[at].name)) wanted[at] = name;
    }
    for (const auto& [at, name] : wanted) holders[fold(name)].push_back(at);
    // Who keeps his name may not lose it, and who is refused keeps his: that goes on until nothing changes any more.
    const auto holder_of = [&](std::size_t at, const std::string& name) -> std::optional<std::size_t> {
      const auto found = by_name_.find(fold(name));
      if (found == by_name_.end()) return std::nullopt;
      for (const auto other : found->second) {
        if (other != at && fold(people_[other].name) == fold(name) && (!wanted.contains(other) || refused.contains(other))) return other;
      }
      return std::nullopt;
    };
    for (bool changed = true; changed;) {
      changed = false;
      for (const auto& [at, name] : wanted) {
        if (refused.contains(at)) continue;
        const auto holder = holder_of(at, name);
        const bool taken = holder && people_[*holder].state != PersonState::orphaned;
        if (holders[fold(name)].size() > 1 || taken) changed = refused.insert(at).second || changed;
      }
    }
    // In the order of people, so that one state gives one plan.
    const std::map<std::size_t, std::string> ordered(wanted.begin(), wanted.end());
    for (const auto& [at, name] : ordered) {
      const auto object = ranked(people_[at]).front()->id;
      if (refused.contains(at)) {
        tell(StepKind::conflict, people_[at].id, object, name,
             holders[fold(name)].size() > 1 ? "more than one object has the name " + name + ": nobody gets it until only one has"
                                            : "'" + name + "' is the name of somebody else who is still here: it stays his until that one has gone or is renamed");
        continue;
      }
      if (const auto holder = holder_of(at, name)) {
        emit({StepKind::release_name, "", "", people_[*holder].name, "", "the name belongs to a new object; the person who had it keeps his archive"}, *holder);
      }
      emit({StepKind::rename, "", object, people_[at].name, name,
            people_[at].name.empty() ? "its user principal name" : "the same immutable id has another user principal name: archive and sessions go on"}, at);
    }
  }

  void note_claims(const DirectoryLink& link) {
    for (const auto& address : link.addresses) claims_.insert(address);
  }

  void addresses() {
    for (const auto& [address, object] : policy_.decisions) claims_.insert(fold(address));
    if (state_.complete) {  // Conflicts are told as long as they last.
      for (const auto& person : people_) {
        if (const auto* link = person.link(directory_); link != nullptr && link->present) note_claims(*link);
      }
    }
    if (claims_.empty()) return;
    std::unordered_map<std::string, std::set<std::size_t>> claimants, holders;
    std::set<std::string> ever;
    for (std::size_t at = 0; at < people_.size(); ++at) {
      for (const auto& link : people_[at].links) {
        if (!link.present) continue;
        for (const auto& address : link.addresses) {
          if (claims_.contains(address)) claimants[address].insert(at);
        }
      }
      for (const auto& one : people_[at].addresses) {
        const auto address = fold(one.address);
        if (!claims_.contains(address)) continue;
        ever.insert(address);
        if (!one.valid_until) holders[address].insert(at);
      }
    }
    for (const auto& address : claims_) {
      auto claim = claimants[address];
      if (claim.size() > 1) claim = decide(address, claim);
      if (claim.size() > 1) continue;
      const auto& holding = holders[address];
      if (claim.empty()) {
        for (const auto at : holding) {
          if (people_[at].state != PersonState::orphaned) {
            lose(at, address, "the directory does not give it to him any more; what came before stays his");
          }
        }
        continue;
      }
      const auto winner = *claim.begin();
      for (const auto at : holding) {
        if (at != winner) lose(at, address, "the directory gives it to somebody else now; what came before stays his");
      }
      if (holding.contains(winner)) continue;
      const bool first = !ever.contains(address) && winner >= known_;
      SyncStep step{StepKind::address_gained, "", "", "", address, first ? "nobody had it before" : "from now on"};
      if (!first) step.at = now_;
      emit(std::move(step), winner);
    }
  }

  std::set<std::size_t> decide(const std::string& address, const std::set<std::size_t>& claim) {
    if (const auto decided = policy_.decisions.find(address); decided != policy_.decisions.end()) {
      for (const auto at : claim) {
        const auto& links = people_[at].links;
        if (people_[at].id == decided->second ||
            std::any_of(links.begin(), links.end(), [&](const DirectoryLink& link) { return link.id == decided->second; })) {
          return {at};
        }
      }
    }
    std::string who;
    for (const auto at : claim) who += (who.empty() ? "" : ", ") + (people_[at].name.empty() ? people_[at].id : people_[at].name);
    for (const auto at : claim) {
      const auto* link = people_[at].link(directory_);
      tell(StepKind::conflict, people_[at].id, link == nullptr ? "" : link->id, address,
           "claimed by " + who + ": nobody gets it; mend the directory, or decide with 'decisions'");
    }
    return claim;
  }

  void lose(std::size_t at, const std::string& address, std::string reason) {
    SyncStep step{StepKind::address_lost, "", "", address, "", std::move(reason)};
    step.at = now_;
    emit(std::move(step), at);
  }

  void stop_when_too_many() {
    std::uint64_t active = 0;
    for (std::size_t at = 0; at < known_; ++at) {
      active += people_[at].link(directory_) != nullptr && people_[at].state == PersonState::active;
    }
    active += plan_.losses;
    plan_.losses_allowed = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::floor(policy_.losses_share_max * static_cast<double>(active))));
    plan_.stopped = plan_.losses > plan_.losses_allowed;
  }

  std::vector<Person> people_;
  const std::size_t known_;
  const std::string& directory_;
  const DirectoryState& state_;
  const SyncPolicy& policy_;
  const Time now_;
  SyncPlan plan_;
  std::unordered_map<std::string, std::size_t> by_id_, by_object_;
  Index by_anchor_, by_sid_, by_account_, by_primary_, by_name_;
  std::vector<Taken> taken_;
  std::unordered_map<std::string, int> primaries_, upns_;
  std::set<std::string> seen_, refused_;
  std::set<std::string> claims_;   // addresses whose owner may change
  std::set<std::size_t> touched_;  // people whose links changed
  std::vector<std::pair<std::size_t, std::size_t>> created_;  // person, its step
};

}  // namespace

std::string_view to_string(StepKind kind) {
  for (const auto& [one, name] : kNames) {
    if (one == kind) return name;
  }
  return "conflict";
}

std::string person_id(const std::string& directory, const std::string& object) {
  const auto digest = sha256(directory + "\n" + object);
  return base64url_encode(digest.view().substr(0, 16));
}

SyncPlan reconcile(const std::vector<Person>& known, const std::string& directory, const DirectoryState& state, const SyncPolicy& policy, Time now) {
  return Reconciler(known, directory, state, policy, now).run();
}

void apply_step(const SyncStep& step, Person& person) {
  switch (step.kind) {
    case StepKind::create: person = *step.made; return;
    case StepKind::link:
    case StepKind::observe: {
      auto* present = person.link(step.link->directory);
      if (present != nullptr) *present = *step.link;
      else person.links.push_back(*step.link);
      return;
    }
    case StepKind::rename:
    case StepKind::release_name: {
      auto& former = person.former_names;
      if (!person.name.empty() && std::find(former.begin(), former.end(), person.name) == former.end()) former.push_back(person.name);
      person.name = step.after;
      std::erase(former, step.after);
      return;
    }
    case StepKind::display_name: person.display_name = step.after; return;
    case StepKind::address_gained: person.addresses.push_back({step.after, step.at, std::nullopt}); return;
    case StepKind::address_lost:
      for (auto& one : person.addresses) {
        if (fold(one.address) == step.before && !one.valid_until) one.valid_until = step.at;
      }
      // Gained and lost within one millisecond: it never held.
      std::erase_if(person.addresses, [](const UserAddress& one) { return one.valid_from && one.valid_until && *one.valid_from >= *one.valid_until; });
      return;
    case StepKind::convert: person.kind = mailbox_kind_called(step.after); return;
    case StepKind::move: person.home = mail_home_called(step.after); return;
    case StepKind::disable: person.state = PersonState::disabled; return;
    case StepKind::enable: person.state = PersonState::active; return;
    case StepKind::orphan: person.state = PersonState::orphaned; return;
    case StepKind::groups: person.groups = step.list; return;
    case StepKind::twin:
    case StepKind::conflict: return;
  }
}

std::vector<Person> apply_plan(const SyncPlan& plan, const std::vector<Person>& known) {
  std::unordered_map<std::string, const Person*> before;
  for (const auto& person : known) before[person.id] = &person;
  std::vector<Person> out;
  std::unordered_map<std::string, std::size_t> at;
  for (const auto& step : plan.steps) {
    if (step.kind == StepKind::twin || step.kind == StepKind::conflict) continue;
    auto found = at.find(step.person);
    if (found == at.end()) {
      found = at.emplace(step.person, out.size()).first;
      const auto old = before.find(step.person);
      out.push_back(old == before.end() ? Person{} : *old->second);
    }
    apply_step(step, out[found->second]);
  }
  return out;
}

std::vector<OldName> resolve_old_names(const std::vector<std::string>& names, const std::vector<Person>& people,
                                       const std::map<std::string, std::string>& domains) {
  std::unordered_map<std::string, std::vector<const Person*>> by_account, by_short;
  for (const auto& person : people) {
    std::set<std::string> shorts;
    for (const auto& link : person.links) {
      const auto slash = link.account.find('\\');
      if (slash == std::string::npos) continue;
      by_account[link.account].push_back(&person);
      shorts.insert(link.account.substr(slash + 1));
    }
    for (const auto& one : shorts) by_short[one].push_back(&person);
  }
  std::vector<OldName> out;
  for (const auto& name : names) {
    OldName row{name, "", "", ""};
    const auto slash = name.find('\\');
    const auto* found = static_cast<const std::vector<const Person*>*>(nullptr);
    if (name.find('@') != std::string::npos) {
      row.reason = "it is no old style name";
    } else if (slash != std::string::npos) {
      auto domain = name.substr(0, slash);
      std::string upper = domain;
      for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      if (const auto known = domains.find(upper); known != domains.end()) domain = known->second;
      const auto account = by_account.find(fold(domain) + "\\" + fold(name.substr(slash + 1)));
      if (account != by_account.end()) found = &account->second;
      row.reason = "no person has this account";
    } else {
      const auto account = by_short.find(fold(name));
      if (account != by_short.end()) found = &account->second;
      row.reason = "no person has this short name";
    }
    if (found != nullptr && found->size() > 1) row.reason = "more than one person has it";
    if (found != nullptr && found->size() == 1) {
      row.person = found->front()->id;
      row.upn = found->front()->name;
      row.reason = slash != std::string::npos ? "the account of this person" : "the only person with this short name";
      if (row.upn.empty()) row.reason = "its person has no name to sign in with";
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace kopial
