// A person as the tenant's directories describe him, or a mailbox that several people share; and who owned an address when.
//
// Bound to directory objects by their immutable ids, one link per directory. Names and addresses are attributes with times: both
// change, and both are given to others later. Nothing here touches archives; an archive is found by the ids of its person's links.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "connectors/directory/entry.h"
#include "server/people/users.h"

namespace kopial {

// What one directory says of this person now, or said last.
struct DirectoryLink {
  std::string directory, id, anchor, sid, account, upn;
  std::string primary_address;
  std::vector<std::string> addresses;  // in lower case, sorted
  MailboxKind kind = MailboxKind::unknown;
  MailHome home = MailHome::unknown;
  bool enabled = true;
  bool present = true;  // false: the object is gone
  bool operator==(const DirectoryLink&) const = default;
};

enum class PersonState : std::uint8_t { active, disabled, orphaned };
std::string_view to_string(PersonState state);

struct Person {
  std::string id;    // also the id of the user who signs in as this person
  std::string name;  // to sign in with: the user principal name; "" once it went to somebody else
  std::string display_name;
  MailboxKind kind = MailboxKind::person;
  MailHome home = MailHome::unknown;
  PersonState state = PersonState::active;
  std::vector<std::string> former_names;
  std::vector<UserAddress> addresses;  // in lower case
  std::vector<DirectoryLink> links;
  std::vector<std::string> groups;  // ids, sorted
  // Has a role beyond `user`: such an account is never taken over because of a name or an address. Not part of the record.
  bool privileged = false;

  const DirectoryLink* link(const std::string& directory) const;
  DirectoryLink* link(const std::string& directory);
};

// Who owned an address on a day. Immutable once made; pure.
class AddressBook {
 public:
  explicit AddressBook(const std::vector<Person>& people);

  struct Owner {
    std::string person;  // "" when nobody, or more than one, owned it
    std::string reason;
  };
  // An address that only one person ever had is his at all times: directories tell of a new address later than mail uses it.
  Owner owner(std::string_view address, Time at) const;

 private:
  struct Span {
    std::string person;
    std::optional<Time> from, until;
  };
  std::unordered_map<std::string, std::vector<Span>> spans_;
};

}  // namespace kopial
