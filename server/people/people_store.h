// People as records of their tenant: what synchronisations know, kept together with the users who sign in as them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/people/person.h"
#include "server/tenants.h"

namespace kopial {

// Everybody a synchronisation may meet: the people of directories, and users that no directory has bound yet.
Result<std::vector<Person>> load_people(Tenant& tenant, Users& users);
Result<std::optional<Person>> find_person(Records& records, const std::string& id);
// Pages as users do.
Result<std::vector<Person>> list_people(Records& records, const std::string& after, std::size_t limit);

// Keeps changed people, their users, and the way from their objects to them; in batches, each all or nothing. Repeating is harmless.
// Archives of theirs that exist learn their owner and the other ids of their mailbox. No archive is made or removed.
Result<void> keep_people(Tenant& tenant, Users& users, const std::vector<Person>& changed, Time now);

// The person whose mailbox has this immutable id, in any directory.
Result<std::optional<Person>> person_of_mailbox(Records& records, const std::string& mailbox);
// The person bound to this object of this directory.
Result<std::optional<std::string>> person_of_object(Records& records, const std::string& directory, const std::string& object);

// What a person's archive takes over from him: owner, kind, addresses, and the other ids of the mailbox.
void bind_archive(Archive& archive, const Person& person);
// The archive of this person, made when there is none yet.
Result<Archive> archive_of_person(Tenant& tenant, const Person& person);

// Who owned `address` at `at`: where journal mail goes, and whose mail a search by person finds. Reads everybody: build an
// AddressBook of load_people for more than one question.
Result<AddressBook::Owner> owner_of_address(Tenant& tenant, Users& users, std::string_view address, Time at);

// Ends a local user with an old style name in favour of the person he is: the name goes to the person's former names, his archives
// get the person as their owner, and the local user is disabled. conflict when he has a role, or is that person already.
Result<void> adopt_user(Tenant& tenant, Users& users, const std::string& username, const std::string& person);

// Bytes of everything a synchronisation may change of this person; equal bytes, equal person.
std::string canonical(const Person& person);

}  // namespace kopial
