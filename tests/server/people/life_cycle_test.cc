// What happens to people in directories, and what becomes of their archives: the life-cycle table, on each kind of directory.
#include "tests/server/people/directory_language.h"

namespace kopial {
namespace {

class LifeCycle : public testing::TestWithParam<DirectoryKind> {
 protected:
  DirectoryEntry object(const std::string& id, const std::string& upn) const { return kopial::object(GetParam(), id, upn); }
  Office office;
};

TEST_P(LifeCycle, RenameKeepsThePersonAndTheFormerName) {
  auto anna = object("1", "anna.berg@contoso.test");
  office.sync({anna}, day(0));
  const auto id = office.of("1").id;
  anna.upn = "anna.klein@contoso.test";
  read_proxy_addresses({"SMTP:anna.klein@contoso.test", "smtp:anna.berg@contoso.test"}, "", anna);
  const auto plan = office.sync({anna}, day(10));
  EXPECT_TRUE(has(plan, StepKind::rename));
  EXPECT_FALSE(has(plan, StepKind::create));
  EXPECT_EQ(office.people.size(), 1u);
  EXPECT_EQ(office.of("1").id, id);
  EXPECT_EQ(office.of("1").name, "anna.klein@contoso.test");
  EXPECT_EQ(office.of("1").former_names, std::vector<std::string>{"anna.berg@contoso.test"});
  EXPECT_EQ(office.owner("anna.berg@contoso.test", day(20)), id);
  EXPECT_EQ(office.owner("anna.klein@contoso.test", day(20)), id);
}

TEST_P(LifeCycle, AnOldPrimaryAddressStaysHis) {
  auto anna = object("1", "anna@contoso.test");
  office.sync({anna}, day(0));
  read_proxy_addresses({"SMTP:a.berg@contoso.test"}, "", anna);
  const auto plan = office.sync({anna}, day(10));
  EXPECT_TRUE(has(plan, StepKind::address_gained));
  EXPECT_TRUE(has(plan, StepKind::address_lost));
  EXPECT_EQ(office.owner("anna@contoso.test", day(5)), office.of("1").id);
  EXPECT_EQ(office.owner("anna@contoso.test", day(30)), office.of("1").id) << "nobody else ever had it";
  EXPECT_EQ(office.owner("a.berg@contoso.test", day(30)), office.of("1").id);
}

TEST_P(LifeCycle, AReassignedAddressBelongsToEachInHisTime) {
  auto anna = object("1", "anna@contoso.test"), bert = object("2", "bert@contoso.test");
  read_proxy_addresses({"SMTP:anna@contoso.test", "smtp:sales@contoso.test"}, "", anna);
  office.sync({anna, bert}, day(0));
  read_proxy_addresses({"SMTP:anna@contoso.test"}, "", anna);
  read_proxy_addresses({"SMTP:bert@contoso.test", "smtp:Sales@contoso.test"}, "", bert);
  office.sync({anna, bert}, day(10));
  EXPECT_EQ(office.owner("sales@contoso.test", day(9)), office.of("1").id);
  EXPECT_EQ(office.owner("SALES@contoso.test", day(10)), office.of("2").id);
  EXPECT_EQ(office.owner("sales@contoso.test", day(99)), office.of("2").id);
}

TEST_P(LifeCycle, ConversionToSharedAndBackIsTheSamePerson) {
  if (GetParam() == DirectoryKind::ldap) GTEST_SKIP() << "LDAP without Exchange knows no kinds of mailboxes";
  auto anna = object("1", "anna@contoso.test");
  office.sync({anna}, day(0));
  const auto id = office.of("1").id;
  anna.kind = MailboxKind::shared;
  anna.enabled = false;
  anna.licensed = false;
  const auto there = office.sync({anna}, day(10));
  EXPECT_TRUE(has(there, StepKind::convert));
  EXPECT_FALSE(has(there, StepKind::disable)) << "the account of a shared mailbox is always disabled";
  EXPECT_EQ(office.of("1").id, id);
  EXPECT_EQ(office.of("1").kind, MailboxKind::shared);
  anna.kind = MailboxKind::person;
  anna.enabled = true;
  EXPECT_TRUE(has(office.sync({anna}, day(20)), StepKind::convert));
  EXPECT_EQ(office.of("1").id, id);
  EXPECT_EQ(office.of("1").state, PersonState::active);
}

TEST_P(LifeCycle, AMailboxThatMovesToTheCloudKeepsItsPerson) {
  if (GetParam() != DirectoryKind::active_directory) GTEST_SKIP() << "only Active Directory tells where a mailbox is";
  auto anna = object("1", "anna@contoso.test");
  office.sync({anna}, day(0));
  const auto id = office.of("1").id;
  ASSERT_TRUE(read_recipient_type(2147483648, anna));
  const auto plan = office.sync({anna}, day(10));
  EXPECT_EQ(kinds_of(plan), (std::vector<std::string>{"observe", "move"}));
  EXPECT_EQ(office.of("1").id, id);
  EXPECT_EQ(office.of("1").home, MailHome::cloud);
}

TEST_P(LifeCycle, ALeaverIsDisabledThenOrphanedAndStaysKnown) {
  auto anna = object("1", "anna@contoso.test"), bert = object("2", "bert@contoso.test");
  office.sync({anna, bert}, day(0));
  anna.enabled = false;
  EXPECT_TRUE(has(office.sync({anna, bert}, day(10)), StepKind::disable));
  EXPECT_EQ(office.of("1").state, PersonState::disabled);
  EXPECT_TRUE(has(office.sync({bert}, day(40)), StepKind::orphan));
  EXPECT_EQ(office.of("1").state, PersonState::orphaned);
  EXPECT_EQ(office.owner("anna@contoso.test", day(50)), office.of("1").id);
  EXPECT_TRUE(office.sync({bert}, day(41)).steps.empty()) << "an orphan is told of once";
}

TEST_P(LifeCycle, ADeletedObjectThatIsRestoredIsThePersonAgain) {
  const auto anna = object("1", "anna@contoso.test"), bert = object("2", "bert@contoso.test");
  office.sync({anna, bert}, day(0));
  office.sync({bert}, day(1));
  const auto plan = office.sync({anna, bert}, day(2));
  EXPECT_TRUE(has(plan, StepKind::enable));
  EXPECT_FALSE(has(plan, StepKind::create));
  EXPECT_EQ(office.of("1").state, PersonState::active);
}

TEST_P(LifeCycle, ARecreatedTwinIsANewPersonAndNeverGetsTheOldArchive) {
  office.sync({object("1", "anna@contoso.test"), object("2", "bert@contoso.test")}, day(0));
  const auto old = office.of("1").id;
  const auto plan = office.sync({object("9", "anna@contoso.test"), object("2", "bert@contoso.test")}, day(10));
  EXPECT_TRUE(has(plan, StepKind::twin));
  EXPECT_TRUE(has(plan, StepKind::create));
  EXPECT_NE(office.of("9").id, old);
  EXPECT_EQ(office.of("1").id, old);
  EXPECT_EQ(office.of("1").state, PersonState::orphaned);
  EXPECT_EQ(office.of("1").name, "");
  EXPECT_EQ(office.of("9").name, "anna@contoso.test");
  EXPECT_EQ(office.owner("anna@contoso.test", day(9)), old);
  EXPECT_EQ(office.owner("anna@contoso.test", day(11)), office.of("9").id);
}

TEST_P(LifeCycle, ATwinThatComesBeforeTheOldOneIsGoneWaitsForTheName) {
  office.sync({object("1", "anna@contoso.test")}, day(0));
  const auto both = office.sync({object("1", "anna@contoso.test"), object("9", "anna@contoso.test")}, day(1));
  EXPECT_TRUE(has(both, StepKind::conflict));
  EXPECT_EQ(office.of("9").name, "");
  EXPECT_EQ(office.owner("anna@contoso.test", day(1)), office.of("1").id) << "a contested address stays where it was";
  office.sync({object("9", "anna@contoso.test")}, day(2));
  EXPECT_EQ(office.of("9").name, "anna@contoso.test");
  EXPECT_EQ(office.owner("anna@contoso.test", day(3)), office.of("9").id);
}

TEST_P(LifeCycle, AForestMigrationIsMatchedByTheAnchorThenTheFormerSid) {
  if (GetParam() != DirectoryKind::active_directory) GTEST_SKIP() << "anchors and security identifiers are Active Directory's";
  auto anna = object("1", "anna@contoso.test"), bert = object("2", "bert@contoso.test"), carl = object("3", "carl@contoso.test");
  office.sync({anna, bert, carl}, day(0));
  const auto a = office.of("1").id, b = office.of("2").id, c = office.of("3").id;
  auto new_anna = object("11", "anna@new.test"), new_bert = object("12", "bert@new.test"), new_carl = object("13", "carl@new.test");
  new_anna.anchor = anna.anchor;
  new_bert.former_sids = {bert.sid};
  office.sync({new_anna, new_bert, new_carl}, day(10));
  EXPECT_EQ(office.of("11").id, a);
  EXPECT_EQ(office.of("12").id, b);
  EXPECT_NE(office.of("13").id, c) << "nothing immutable ties him: a new person until somebody decides";
}

TEST_P(LifeCycle, GuestsAreIgnoredAndNeverMatchAMember) {
  Person local;
  local.id = "local";
  local.name = "partner@else.test";
  local.addresses = {{"partner@else.test", {}, {}}};
  office.people = {local};
  auto guest = object("1", "partner@else.test");
  guest.guest = true;
  const auto plan = office.sync({guest}, day(0));
  EXPECT_TRUE(plan.steps.empty());
  EXPECT_EQ(plan.ignored.at("guests"), 1u);
}

INSTANTIATE_TEST_SUITE_P(Directories, LifeCycle, testing::Values(DirectoryKind::active_directory, DirectoryKind::entra, DirectoryKind::ldap),
                         [](const auto& one) { return name_of(one.param); });

}  // namespace
}  // namespace kopial
