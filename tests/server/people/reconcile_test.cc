// Synchronisation beyond single lives: plans are executed as shown, several directories make one person, too many losses stop it.
#include <random>

#include "server/people/people_store.h"
#include "tests/server/people/directory_language.h"

namespace kopial {
namespace {

using enum DirectoryKind;

SyncPlan sync_entries(Office& office, const std::string& directory, std::vector<DirectoryEntry> entries, Time at) {
  office.turn_to(directory);
  return office.sync(std::move(entries), at);
}

TEST(Reconcile, TwoAnswersInARowChangeNothing) {
  Office office;
  const std::vector<DirectoryEntry> entries{object(active_directory, "1", "anna@contoso.test"), object(active_directory, "2", "bert@contoso.test")};
  EXPECT_EQ(office.sync(entries, day(0)).seen, 2u);
  const auto again = office.sync(entries, day(1));
  EXPECT_TRUE(again.steps.empty());
  EXPECT_EQ(again.unchanged, 2u);
}

// Random lives of a small office. After each: one open holder per address, one person per name and per object, nobody ever lost,
// the same state gives the same plan, and asking again changes nothing but what is in conflict.
TEST(Reconcile, HoldsItsPromisesInRandomLives) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 60; ++round) {
    Office office;
    std::vector<DirectoryEntry> entries;
    int next = 1;
    std::set<std::string> ever;
    for (int step = 0; step < 25; ++step) {
      const auto any = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
      const auto name = "p" + std::to_string(any(6)) + "@contoso.test";
      switch (entries.empty() ? 0 : any(6)) {
        case 0: entries.push_back(object(active_directory, std::to_string(next++), name)); break;
        case 1: entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(any(entries.size()))); break;
        case 2: entries[any(entries.size())].upn = name; break;
        case 3: read_proxy_addresses({"SMTP:" + name, "smtp:q" + std::to_string(any(4)) + "@contoso.test"}, "", entries[any(entries.size())]); break;
        case 4: { auto& one = entries[any(entries.size())]; one.enabled = !one.enabled; break; }
        default: { auto& one = entries[any(entries.size())]; one.kind = one.kind == MailboxKind::person ? MailboxKind::shared : MailboxKind::person; }
      }
      DirectoryState state;
      state.entries = entries;
      const auto plan = office.plan(state, day(step));
      ASSERT_EQ(kinds_of(plan), kinds_of(office.plan(state, day(step))));
      office.execute(plan);
      std::map<std::string, int> open, names, objects;
      for (const auto& person : office.people) {
        ever.insert(person.id);
        if (!person.name.empty()) ++names[fold(person.name)];
        for (const auto& link : person.links) ++objects[link.id];
        for (const auto& one : person.addresses) {
          open[one.address] += !one.valid_until;
          EXPECT_TRUE(!one.valid_from || !one.valid_until || *one.valid_from < *one.valid_until);
        }
      }
      for (const auto& [address, count] : open) ASSERT_LE(count, 1) << address;
      for (const auto& [one, count] : names) ASSERT_EQ(count, 1) << one;
      for (const auto& [one, count] : objects) ASSERT_EQ(count, 1) << one;
      ASSERT_EQ(ever.size(), office.people.size());
      for (const auto& one : office.sync(state, day(step)).steps) {
        ASSERT_TRUE(one.kind == StepKind::conflict || one.kind == StepKind::twin) << to_string(one.kind) << ' ' << one.before << ' ' << one.after;
      }
    }
  }
}

TEST(Reconcile, TwoPeopleMayExchangeTheirNames) {
  Office office;
  auto anna = object(ldap, "1", "a@contoso.test"), bert = object(ldap, "2", "b@contoso.test");
  office.sync({anna, bert}, day(0));
  std::swap(anna.upn, bert.upn);
  office.sync({anna, bert}, day(1));
  EXPECT_EQ(office.of("1").name, "b@contoso.test");
  EXPECT_EQ(office.of("2").name, "a@contoso.test");
}

TEST(Reconcile, AnAddressThatTwoClaimIsNobodysUntilItIsDecided) {
  Office office;
  auto anna = object(ldap, "1", "anna@contoso.test"), bert = object(ldap, "2", "bert@contoso.test");
  for (auto* one : {&anna, &bert}) read_proxy_addresses({"SMTP:" + one->upn, "smtp:info@contoso.test"}, "", *one);
  EXPECT_TRUE(has(office.sync({anna, bert}, day(0)), StepKind::conflict));
  EXPECT_EQ(office.owner("info@contoso.test", day(1)), "");
  EXPECT_TRUE(has(office.sync({anna, bert}, day(1)), StepKind::conflict)) << "told as long as it lasts";
  office.policy.decisions["info@contoso.test"] = "2";
  EXPECT_FALSE(has(office.sync({anna, bert}, day(2)), StepKind::conflict));
  EXPECT_EQ(office.owner("info@contoso.test", day(3)), office.of("2").id);
}

TEST(Reconcile, TooManyLossesStopIt) {
  Office office;
  office.policy.losses_share_max = 0.1;
  std::vector<DirectoryEntry> entries;
  for (int n = 0; n < 30; ++n) entries.push_back(object(ldap, std::to_string(n), "p" + std::to_string(n) + "@contoso.test"));
  office.sync(entries, day(0));
  DirectoryState state;
  state.entries.assign(entries.begin(), entries.begin() + 27);
  const auto three = office.plan(state, day(1));
  EXPECT_EQ(three.losses, 3u);
  EXPECT_FALSE(three.stopped);
  state.entries.assign(entries.begin(), entries.begin() + 26);
  EXPECT_TRUE(office.plan(state, day(1)).stopped);
  state.entries.clear();
  EXPECT_TRUE(office.plan(state, day(1)).stopped) << "a wrong base DN finds nobody";
}

TEST(Reconcile, AnIncompleteAnswerOrphansOnlyWhatItSaysIsGone) {
  Office office;
  office.sync({object(entra, "1", "anna@contoso.test"), object(entra, "2", "bert@contoso.test")}, day(0));
  DirectoryState changes;
  changes.complete = false;
  EXPECT_TRUE(office.sync(changes, day(1)).steps.empty());
  changes.removed = {"2", "unknown"};
  office.sync(changes, day(2));
  EXPECT_EQ(office.of("1").state, PersonState::active);
  EXPECT_EQ(office.of("2").state, PersonState::orphaned);
}

TEST(Reconcile, ActiveDirectoryAndEntraMakeOnePerson) {
  struct Row {
    std::string matched;
    std::function<void(DirectoryEntry&)> tie;
  };
  const Row rows[] = {{"immutable id", [](auto& one) { one.anchor = "anchor-1"; }},
                      {"security identifier", [](auto& one) { one.sid = "S-1-5-21-1-1"; }},
                      {"account", [](auto& one) { one.account = "contoso.test\\anna"; }},
                      {"primary address", [](auto& one) { read_proxy_addresses({"SMTP:anna@contoso.test"}, "", one); }},
                      {"name", [](auto& one) { one.upn = "anna@contoso.test"; }}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.matched);
    Office office("ad");
    office.policy.priority = 1;
    office.sync({object(active_directory, "1", "anna@contoso.test")}, day(0));
    auto cloud = object(entra, "cloud-1", "anna@contoso.onmicrosoft.test");
    cloud.anchor.clear();
    row.tie(cloud);
    office.policy.priority = 2;
    office.policy.priorities = {{"ad", 1}};
    const auto plan = sync_entries(office, "m365", {cloud}, day(1));
    ASSERT_EQ(office.people.size(), 1u);
    ASSERT_EQ(plan.steps.front().kind, StepKind::link);
    EXPECT_NE(plan.steps.front().reason.find(row.matched), std::string::npos) << plan.steps.front().reason;
    EXPECT_EQ(office.people.front().name, "anna@contoso.test") << "the first directory decides the name";
    EXPECT_EQ(office.of("cloud-1").id, office.of("1").id);
  }
}

TEST(Reconcile, NamesMatchOnlyWhenUniqueOnBothSides) {
  Office office("ad");
  office.sync({object(active_directory, "1", "anna@contoso.test")}, day(0));
  auto one = object(entra, "c1", "x1@contoso.test"), two = object(entra, "c2", "x2@contoso.test");
  for (auto* entry : {&one, &two}) read_proxy_addresses({"SMTP:anna@contoso.test"}, "", *entry);
  sync_entries(office, "m365", {one, two}, day(1));
  EXPECT_EQ(office.people.size(), 3u);
}

TEST(Reconcile, AnAccountWithARoleIsNeverTakenOverByName) {
  Office office;
  Person boss;
  boss.id = "boss";
  boss.name = "boss@contoso.test";
  boss.privileged = true;
  office.people = {boss};
  const auto plan = office.sync({object(entra, "1", "boss@contoso.test")}, day(0));
  EXPECT_EQ(kinds_of(plan), std::vector<std::string>{"conflict"});
  EXPECT_TRUE(office.people.front().links.empty());
}

TEST(Reconcile, ALocalUserIsTakenOverByHisName) {
  Office office;
  Person local;
  local.id = "local";
  local.name = "Anna@Contoso.test";
  office.people = {local};
  office.sync({object(entra, "1", "anna@contoso.test")}, day(0));
  EXPECT_EQ(office.of("1").id, "local");
}

TEST(Reconcile, DisabledInOneDirectoryIsDisabled) {
  Office office("ad");
  auto ad = object(active_directory, "1", "anna@contoso.test");
  auto cloud = object(entra, "c1", "anna@contoso.test");
  cloud.anchor = ad.anchor;
  office.sync({ad}, day(0));
  sync_entries(office, "m365", {cloud}, day(0));
  ad.enabled = false;
  sync_entries(office, "ad", {ad}, day(1));
  EXPECT_EQ(office.of("1").state, PersonState::disabled);
  sync_entries(office, "ad", {}, day(2));
  EXPECT_EQ(office.of("1").state, PersonState::disabled) << "the cloud still has him";
  sync_entries(office, "m365", {}, day(3));
  EXPECT_EQ(office.of("1").state, PersonState::orphaned);
}

TEST(Reconcile, FiltersChooseWhoIsNewAndFollowWhoIsKnown) {
  Office office;
  auto anna = object(entra, "1", "anna@contoso.test"), bert = object(entra, "2", "bert@contoso.test"), room = object(entra, "3", "room@contoso.test");
  auto carl = object(entra, "4", "carl@contoso.test");
  bert.enabled = false;
  carl.licensed = false;
  room.kind = MailboxKind::room;
  room.enabled = room.licensed = false;
  office.policy.enabled_only = office.policy.licensed_only = true;
  auto plan = office.sync({anna, bert, room, carl}, day(0));
  EXPECT_EQ(office.people.size(), 2u) << "a room has neither licence nor enabled account";
  EXPECT_EQ(plan.ignored.at("disabled"), 1u);
  EXPECT_EQ(plan.ignored.at("without licence"), 1u);
  anna.enabled = false;
  office.sync({anna, bert, room, carl}, day(1));
  EXPECT_EQ(office.of("1").state, PersonState::disabled) << "a leaver is followed although the filter would not take him now";
}

TEST(Reconcile, GroupsAreFollowedThroughNestsAndCycles) {
  Office office;
  DirectoryState state;
  for (int n = 1; n <= 4; ++n) state.entries.push_back(object(ldap, std::to_string(n), "p" + std::to_string(n) + "@contoso.test"));
  state.groups = {{"g1", "Archive Users", {"1", "g2"}}, {"g2", "Sales", {"2", "g3"}}, {"g3", "East", {"3", "g1"}}, {"g4", "Others", {"4"}}};
  office.policy.groups = {"archive users"};
  const auto plan = office.sync(state, day(0));
  EXPECT_EQ(office.people.size(), 3u);
  EXPECT_EQ(plan.ignored.at("in none of the groups"), 1u);
  EXPECT_EQ(office.of("2").groups, (std::vector<std::string>{"d/g1", "d/g2", "d/g3"})) << "a cycle makes its groups equal";
  EXPECT_EQ(members_of(state.groups, {"g1"}, 1), (std::vector<std::string>{"1", "2"})) << "the bound on depth holds";
}

TEST(Reconcile, OldNamesAreResolvedOnlyWhenTheyAreClear) {
  Office office("ad");
  auto other = object(active_directory, "2", "anna@branch.test");
  other.account = "branch.test\\anna";
  office.sync({object(active_directory, "1", "anna@contoso.test"), other, object(active_directory, "3", "bert@contoso.test")}, day(0));
  const std::map<std::string, std::string> domains{{"CONTOSO", "contoso.test"}};
  const auto rows = resolve_old_names({"contoso\\ANNA", "anna", "Bert", "CONTOSO\\nobody", "bert@contoso.test", "branch.test\\anna"}, office.people, domains);
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[0].upn, "anna@contoso.test");
  EXPECT_EQ(rows[1].upn, "") << "two people have this short name";
  EXPECT_EQ(rows[2].upn, "bert@contoso.test");
  EXPECT_EQ(rows[3].upn, "");
  EXPECT_EQ(rows[4].upn, "");
  EXPECT_EQ(rows[5].upn, "anna@branch.test");
}

TEST(DirectoryEntry, ReadsWhatActiveDirectoryWrites) {
  const std::string guid("\xe0\x04\x25\x3f\x89\x4f\xd3\x11\x9a\x0c\x03\x05\xe8\x2c\x33\x01", 16);
  EXPECT_EQ(guid_text(guid), "3f2504e0-4f89-11d3-9a0c-0305e82c3301");
  EXPECT_EQ(guid_text("short"), "");
  const std::string sid("\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\xf4\x01\x00\x00", 28);
  EXPECT_EQ(sid_text(sid), "S-1-5-21-1-2-3-500");
  EXPECT_EQ(sid_text(sid.substr(0, 27)), "");
  DirectoryEntry entry;
  read_proxy_addresses({"smtp:b@X.test", "SMTP:A@x.test", "SIP:a@x.test", "X500:/o=x", "smtp:broken"}, "a@x.test", entry);
  EXPECT_EQ(entry.primary_address, "a@x.test");
  EXPECT_EQ(entry.addresses, (std::vector<std::string>{"a@x.test", "b@x.test"}));
  read_proxy_addresses({"smtp:b@x.test"}, "m@x.test", entry);
  EXPECT_EQ(entry.primary_address, "m@x.test") << "without a primary, mail counts";
}

TEST(DirectoryEntry, KnowsTheTypesOfExchange) {
  struct Row {
    std::int64_t type;
    bool taken;
    MailboxKind kind;
    MailHome home;
  };
  using enum MailboxKind;
  const Row rows[] = {{0, true, MailboxKind::unknown, MailHome::unknown}, {1, true, person, MailHome::on_premises}, {4, true, shared, MailHome::on_premises},
                      {16, true, room, MailHome::on_premises}, {2147483648, true, person, MailHome::cloud}, {34359738368, true, shared, MailHome::cloud},
                      {17179869184, true, equipment, MailHome::cloud}, {8388608, false, {}, {}}, {68719476736, false, {}, {}}, {536870912, false, {}, {}}};
  for (const auto& row : rows) {
    DirectoryEntry entry;
    EXPECT_EQ(read_recipient_type(row.type, entry), row.taken) << row.type;
    if (!row.taken) continue;
    EXPECT_EQ(entry.kind, row.kind) << row.type;
    EXPECT_EQ(entry.home, row.home) << row.type;
  }
}

}  // namespace
}  // namespace kopial
