// What a directory says of people and groups, in one form for Entra ID, Active Directory, LDAP and CSV.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kopial {

enum class MailboxKind : std::uint8_t { unknown, person, shared, room, equipment };
enum class MailHome : std::uint8_t { unknown, on_premises, cloud };

std::string_view to_string(MailboxKind kind);
MailboxKind mailbox_kind_called(std::string_view name);  // unknown for any other word
std::string_view to_string(MailHome home);
MailHome mail_home_called(std::string_view name);

// One object: a person, or a mailbox that several people share.
struct DirectoryEntry {
  std::string id;      // immutable: objectGUID as text, Entra's id, entryUUID … ; what everything is bound to
  std::string anchor;  // links AD and Entra: base64 of mS-DS-ConsistencyGuid or objectGUID; onPremisesImmutableId
  std::string sid;
  std::vector<std::string> former_sids;
  std::string account;  // "dns.domain\name" in lower case
  std::string upn, display_name;
  std::string primary_address;         // in lower case
  std::vector<std::string> addresses;  // in lower case, sorted, the primary one among them
  MailboxKind kind = MailboxKind::unknown;
  MailHome home = MailHome::unknown;
  bool enabled = true;
  bool licensed = false;
  bool guest = false;
};

struct DirectoryGroup {
  std::string id, name;
  std::vector<std::string> members;  // ids of entries and of groups
};

struct DirectoryState {
  bool complete = true;                // all there is; else only what changed since the cursor
  std::vector<DirectoryEntry> entries;
  std::vector<DirectoryGroup> groups;  // of a complete state
  std::vector<std::string> removed;    // ids the directory says are gone; of an incomplete state
  std::map<std::string, std::string> domains;  // NetBIOS name, upper case -> DNS name, lower case
  std::string cursor;                  // for the next time
  std::uint64_t requests = 0;
};

// ASCII letters in lower case: how names and addresses are compared.
std::string fold(std::string_view text);

// "SMTP:a@b", "smtp:c@d", "SIP:…": the primary address and all SMTP ones, in lower case; `mail` counts when there is no primary.
void read_proxy_addresses(const std::vector<std::string>& proxies, const std::string& mail, DirectoryEntry& entry);

// The exclusive kinds of msExchRecipientTypeDetails (directory-wide constants of Exchange). False for objects that hold no
// mailbox of anybody: system mailboxes, public folders, arbitration and the like.
bool read_recipient_type(std::int64_t type, DirectoryEntry& entry);

// "3f2504e0-4f89-11d3-9a0c-0305e82c3301" of the 16 bytes as Active Directory keeps them (mixed endian); "" for another size.
std::string guid_text(std::string_view bytes);
// "S-1-5-21-…"; "" when the bytes are no SID.
std::string sid_text(std::string_view bytes);

// The entries that belong to any of `roots` (ids or names of groups), through nested groups: cycles are walked once, and groups
// deeper than `depth_max` are not followed.
std::vector<std::string> members_of(const std::vector<DirectoryGroup>& groups, const std::vector<std::string>& roots, std::size_t depth_max = 10);
// Which groups each entry belongs to, nested ones included: entry id -> sorted ids of groups.
std::map<std::string, std::vector<std::string>> memberships(const std::vector<DirectoryGroup>& groups, std::size_t depth_max = 10);

}  // namespace kopial
