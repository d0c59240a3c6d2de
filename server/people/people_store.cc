#include "server/people/people_store.h"

#include <boost/json.hpp>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "storage/base/json_fields.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "person", kLinkKind = "person_link", kMailboxKind = "mailbox_person";
constexpr std::size_t kPage = 1000, kBatch = 400;
constexpr int kFormat = 1;

json::array to_array(const std::vector<std::string>& texts) { return json::array(texts.begin(), texts.end()); }
json::value to_json(const std::optional<Time>& at) { return at ? json::value(format_rfc3339(*at)) : json::value(nullptr); }

PersonState state_called(const std::string& name) {
  return name == "disabled" ? PersonState::disabled : name == "orphaned" ? PersonState::orphaned : PersonState::active;
}

Result<Person> decode(const Record& record) {
  json::error_code bad;
  const auto value = json::parse(record.json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of person " + record.id + " cannot be read"};
  const auto& object = value.get_object();
  const auto* format = object.if_contains("v");
  if (format == nullptr || !format->is_int64() || format->get_int64() != kFormat) return Error{ErrorCode::invalid, "the record of a person has a newer format"};
  Person person;
  person.id = record.id;
  person.name = text(object, "name");
  person.display_name = text(object, "display_name");
  person.kind = mailbox_kind_called(text(object, "kind"));
  person.home = mail_home_called(text(object, "home"));
  person.state = state_called(text(object, "state"));
  person.former_names = texts(object, "former_names");
  person.groups = texts(object, "groups");
  if (const auto* addresses = object.if_contains("addresses"); addresses != nullptr && addresses->is_array()) {
    for (const auto& one : addresses->get_array()) {
      if (!one.is_object()) continue;
      person.addresses.push_back({text(one.get_object(), "address"), parse_rfc3339(text(one.get_object(), "from")), parse_rfc3339(text(one.get_object(), "until"))});
    }
  }
  if (const auto* links = object.if_contains("links"); links != nullptr && links->is_array()) {
    for (const auto& value_of : links->get_array()) {
      if (!value_of.is_object()) continue;
      const auto& one = value_of.get_object();
      person.links.push_back({text(one, "directory"), text(one, "id"), text(one, "anchor"), text(one, "sid"), text(one, "account"), text(one, "upn"),
                              text(one, "primary"), texts(one, "addresses"), mailbox_kind_called(text(one, "kind")), mail_home_called(text(one, "home")),
                              flag(one, "enabled"), flag(one, "present")});
    }
  }
  return person;
}

// Until a directory binds him, a person is what his user says.
Person person_of(const User& user) {
  Person person;
  person.id = user.id;
  person.name = user.username;
  person.display_name = user.display_name;
  person.addresses = user.addresses;
  for (auto& one : person.addresses) one.address = fold(one.address);
  person.groups = user.groups;
  person.state = user.disabled ? PersonState::disabled : PersonState::active;
  return person;
}

bool is_privileged(const User& user) {
  return std::any_of(user.roles.begin(), user.roles.end(), [](Role role) { return role != Role::user; });
}

std::string former_login(const std::string& id) { return "former:" + id; }

}  // namespace

std::string canonical(const Person& person) {
  json::array addresses, links;
  for (const auto& one : person.addresses) addresses.push_back({{"address", one.address}, {"from", to_json(one.valid_from)}, {"until", to_json(one.valid_until)}});
  for (const auto& one : person.links) {
    links.push_back({{"directory", one.directory}, {"id", one.id},           {"anchor", one.anchor},
                     {"sid", one.sid},             {"account", one.account}, {"upn", one.upn},
                     {"primary", one.primary_address}, {"addresses", to_array(one.addresses)}, {"kind", to_string(one.kind)},
                     {"home", to_string(one.home)}, {"enabled", one.enabled}, {"present", one.present}});
  }
  return json::serialize(json::object{{"v", kFormat}, {"name", person.name}, {"display_name", person.display_name}, {"kind", to_string(person.kind)},
                                      {"home", to_string(person.home)}, {"state", to_string(person.state)}, {"former_names", to_array(person.former_names)},
                                      {"addresses", std::move(addresses)}, {"links", std::move(links)}, {"groups", to_array(person.groups)}});
}

Result<std::optional<Person>> find_person(Records& records, const std::string& id) {
  auto record = records.get(kKind, id);
  if (!record) return record.error();
  if (!*record) return std::optional<Person>();
  auto person = decode(**record);
  if (!person) return person.error();
  return std::optional(*std::move(person));
}

Result<std::vector<Person>> list_people(Records& records, const std::string& after, std::size_t limit) {
  auto listed = records.list(kKind, after, limit);
  if (!listed) return listed.error();
  std::vector<Person> out;
  for (const auto& record : *listed) {
    auto person = decode(record);
    if (!person) return person.error();
    out.push_back(*std::move(person));
  }
  return out;
}

Result<std::vector<Person>> load_people(Tenant& tenant, Users& users) {
  auto& records = tenant.store().records();
  std::vector<Person> out;
  std::unordered_map<std::string, std::size_t> at;
  for (std::string after;;) {
    auto page = list_people(records, after, kPage);
    if (!page) return page.error();
    const auto last = page->size() < kPage;
    if (!page->empty()) after = page->back().id;
    for (auto& person : *page) {
      at[person.id] = out.size();
      out.push_back(std::move(person));
    }
    if (last) break;
  }
  for (std::string after;;) {
    auto page = users.list(records, after, kPage);
    if (!page) return page.error();
    for (const auto& user : *page) {
      const auto found = at.find(user.id);
      if (found == at.end()) out.push_back(person_of(user));
      (found == at.end() ? out.back() : out[found->second]).privileged = is_privileged(user);
    }
    if (page->size() < kPage) return out;
    after = page->back().id;
  }
}

Result<void> keep_people(Tenant& tenant, Users& users, const std::vector<Person>& changed, Time now) {
  auto& records = tenant.store().records();
  for (std::size_t begin = 0; begin < changed.size(); begin += kBatch) {
    std::vector<RecordWrite> writes, later;
    for (std::size_t at = begin; at < std::min(changed.size(), begin + kBatch); ++at) {
      const auto& person = changed[at];
      later.push_back({std::string(kKind), person.id, canonical(person), std::nullopt});
      for (const auto& link : person.links) {
        const auto id = json::serialize(json::value(person.id));
        later.push_back({std::string(kLinkKind), link.directory + "\n" + link.id, id, std::nullopt});
        later.push_back({std::string(kMailboxKind), link.id, id, std::nullopt});
      }
      auto known = users.by_id(records, person.id);
      if (!known) return known.error();
      if (!*known && person.kind != MailboxKind::person) continue;  // Nobody signs in as a room.
      User user = *known ? **known : User{};
      const auto former = *known ? user.username : "";
      if (!*known) {
        user.id = person.id;
        user.roles = {Role::user};
        user.created_at = now;
      }
      user.username = person.name.empty() ? former_login(person.id) : person.name;
      user.display_name = person.display_name.empty() ? user.username : person.display_name;
      user.addresses = person.addresses;
      user.groups = person.groups;
      user.disabled = person.state != PersonState::active || person.kind != MailboxKind::person;
      auto made = users.writes_for(records, std::move(user), former);
      if (!made) return made.error().with_context("person " + person.id);
      std::move(made->releases.begin(), made->releases.end(), std::back_inserter(writes));
      std::move(made->keeps.begin(), made->keeps.end(), std::back_inserter(later));
    }
    // Names are given back before they are given out: two people may exchange theirs.
    std::move(later.begin(), later.end(), std::back_inserter(writes));
    if (auto kept = records.write(std::move(writes)); !kept) return kept;
  }
  std::unordered_map<std::string, const Person*> by_mailbox;
  for (const auto& person : changed) {
    for (const auto& link : person.links) by_mailbox[link.id] = &person;
  }
  auto archives = tenant.archives();
  if (!archives) return archives.error();
  for (auto& archive : *archives) {
    if (archive.source_mailbox.empty()) continue;
    const auto found = by_mailbox.find(archive.source_mailbox);
    if (found == by_mailbox.end()) continue;
    const auto before = archive;
    bind_archive(archive, *found->second);
    if (before.owner_user == archive.owner_user && before.kind == archive.kind && before.other_mailboxes == archive.other_mailboxes &&
        before.addresses == archive.addresses) {
      continue;
    }
    if (auto kept = tenant.update_archive(archive); !kept) return kept;
  }
  return {};
}

void bind_archive(Archive& archive, const Person& person) {
  const bool is_person = person.kind == MailboxKind::person;
  archive.kind = is_person ? "person" : "shared";
  archive.owner_user = is_person ? person.id : "";
  archive.other_mailboxes.clear();
  for (const auto& link : person.links) {
    if (link.id != archive.source_mailbox) archive.other_mailboxes.push_back(link.id);
  }
  if (archive.display_name.empty()) archive.display_name = person.display_name.empty() ? person.name : person.display_name;
  archive.addresses.clear();
  for (const auto& one : person.addresses) {
    if (!one.valid_until) archive.addresses.push_back(one.address);
  }
}

Result<std::optional<Person>> person_of_mailbox(Records& records, const std::string& mailbox) {
  auto record = records.get(kMailboxKind, mailbox);
  if (!record) return record.error();
  if (!*record) return std::optional<Person>();
  json::error_code bad;
  const auto id = json::parse((*record)->json, bad);
  if (bad || !id.is_string()) return Error{ErrorCode::corrupt, "the record of a mailbox's person cannot be read"};
  return find_person(records, std::string(id.get_string()));
}

Result<std::optional<std::string>> person_of_object(Records& records, const std::string& directory, const std::string& object) {
  auto record = records.get(kLinkKind, directory + "\n" + object);
  if (!record) return record.error();
  if (!*record) return std::optional<std::string>();
  json::error_code bad;
  const auto id = json::parse((*record)->json, bad);
  if (bad || !id.is_string()) return Error{ErrorCode::corrupt, "the record of an object's person cannot be read"};
  return std::optional(std::string(id.get_string()));
}

Result<Archive> archive_of_person(Tenant& tenant, const Person& person) {
  if (person.links.empty()) return Error{ErrorCode::invalid, "this person is bound to no directory, so has no mailbox"};
  Archive wanted;
  wanted.display_name = person.display_name.empty() ? person.name : person.display_name;
  wanted.source_mailbox = person.links.front().id;
  bind_archive(wanted, person);
  return tenant.archive_for_mailbox(person.links.front().id, wanted);
}

Result<AddressBook::Owner> owner_of_address(Tenant& tenant, Users& users, std::string_view address, Time at) {
  auto people = load_people(tenant, users);
  if (!people) return people.error();
  return AddressBook(*people).owner(address, at);
}

Result<void> adopt_user(Tenant& tenant, Users& users, const std::string& username, const std::string& person_id) {
  auto& records = tenant.store().records();
  auto user = users.by_name(records, username);
  if (!user) return user.error();
  if (!*user) return Error{ErrorCode::not_found, "there is no user of this name"};
  if (is_privileged(**user)) return Error{ErrorCode::conflict, "this user has a role: change him by hand"};
  if ((*user)->id == person_id) return Error{ErrorCode::conflict, "this user is that person already"};
  auto person = find_person(records, person_id);
  if (!person) return person.error();
  if (!*person) return Error{ErrorCode::not_found, "the person is gone"};
  auto& former = (*person)->former_names;
  if (std::find(former.begin(), former.end(), username) == former.end()) former.push_back(username);
  (*user)->disabled = true;
  auto ended = users.update(records, **user);
  if (!ended) return ended.error();
  if (auto kept = records.put(std::string(kKind), person_id, canonical(**person)); !kept) return kept;
  auto archives = tenant.archives();
  if (!archives) return archives.error();
  for (auto& archive : *archives) {
    if (archive.owner_user != (*user)->id) continue;
    archive.owner_user = person_id;
    if (auto kept = tenant.update_archive(archive); !kept) return kept;
  }
  return {};
}

}  // namespace kopial
