#include "server/archiving/profiles.h"

#include <boost/json.hpp>

#include "storage/base/json_fields.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "profile";

json::array to_array(const std::vector<std::string>& texts) {
  json::array out;
  for (const auto& one : texts) out.push_back(json::string(one));
  return out;
}
std::string to_text(const std::optional<Time>& time) { return time ? format_rfc3339(*time) : ""; }

std::string encode(const Profile& profile) {
  return json::serialize(json::object{{"name", profile.name},
                                      {"kind", profile.kind},
                                      {"credential", profile.credential},
                                      {"all", profile.all_mailboxes},
                                      {"include", to_array(profile.include_mailboxes)},
                                      {"exclude", to_array(profile.exclude_mailboxes)},
                                      {"include_folders", to_array(profile.include_folders)},
                                      {"exclude_folders", to_array(profile.exclude_folders)},
                                      {"defaults", profile.default_folder_exclusions},
                                      {"since", to_text(profile.since)},
                                      {"until", to_text(profile.until)},
                                      {"every", profile.schedule.every ? profile.schedule.every->count() : 0},
                                      {"cron", profile.schedule.cron},
                                      {"blocked", to_array(profile.schedule.blocked)},
                                      {"unread", profile.unread},
                                      {"recoverable_items", profile.recoverable_items},
                                      {"in_place_archives", profile.in_place_archives},
                                      {"paused", profile.paused},
                                      {"reconcile_every", profile.reconcile_every.count()},
                                      {"after", to_string(profile.after_archiving.action)},
                                      {"after_older_than", profile.after_archiving.older_than.count()},
                                      {"after_except_flagged", profile.after_archiving.except_flagged},
                                      {"after_move_to", profile.after_archiving.move_to},
                                      {"after_share_max", profile.after_archiving.share_max},
                                      {"parallel", profile.parallel}});
}

Result<Profile> decode(const Record& record) {
  json::error_code bad;
  const auto value = json::parse(record.json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of profile " + record.id + " cannot be read"};
  const auto& object = value.get_object();
  Profile profile;
  profile.id = record.id;
  profile.number = static_cast<ProfileId>(std::strtoul(record.id.c_str(), nullptr, 10));
  profile.revision = record.revision;
  profile.name = text(object, "name");
  profile.kind = text(object, "kind");
  profile.credential = text(object, "credential");
  profile.all_mailboxes = flag(object, "all");
  profile.include_mailboxes = texts(object, "include");
  profile.exclude_mailboxes = texts(object, "exclude");
  profile.include_folders = texts(object, "include_folders");
  profile.exclude_folders = texts(object, "exclude_folders");
  profile.default_folder_exclusions = flag(object, "defaults");
  profile.since = parse_rfc3339(text(object, "since"));
  profile.until = parse_rfc3339(text(object, "until"));
  if (const auto every = number(object, "every"); every > 0) profile.schedule.every = std::chrono::seconds(every);
  profile.schedule.cron = text(object, "cron");
  profile.schedule.blocked = texts(object, "blocked");
  // Absent in records of earlier versions, which had none of these.
  profile.unread = !object.contains("unread") || flag(object, "unread");
  profile.recoverable_items = flag(object, "recoverable_items");
  profile.in_place_archives = flag(object, "in_place_archives");
  profile.paused = flag(object, "paused");
  if (object.contains("reconcile_every")) profile.reconcile_every = std::chrono::seconds(number(object, "reconcile_every"));
  if (const auto action = parse_after_action(text(object, "after"))) profile.after_archiving.action = *action;
  profile.after_archiving.older_than = std::chrono::seconds(number(object, "after_older_than"));
  profile.after_archiving.except_flagged = !object.contains("after_except_flagged") || flag(object, "after_except_flagged");
  profile.after_archiving.move_to = text(object, "after_move_to");
  if (object.contains("after_share_max")) profile.after_archiving.share_max = static_cast<unsigned>(std::min<std::uint64_t>(number(object, "after_share_max"), 100));
  profile.parallel = std::clamp<std::uint64_t>(number(object, "parallel"), 1, 16);
  return profile;
}

}  // namespace

std::string_view to_string(AfterArchiving::Action action) {
  switch (action) {
    case AfterArchiving::Action::keep: return "keep";
    case AfterArchiving::Action::remove: return "delete";
    case AfterArchiving::Action::move: return "move";
  }
  return "keep";
}

std::optional<AfterArchiving::Action> parse_after_action(std::string_view text) {
  using enum AfterArchiving::Action;
  for (const auto action : {keep, remove, move}) {
    if (text == to_string(action)) return action;
  }
  return std::nullopt;
}

const std::vector<std::string>& default_folder_exclusions() {
  static const std::vector<std::string> folders{"deleteditems", "drafts", "junkemail", "outbox", "syncissues", "conflicts", "localfailures", "serverfailures"};
  return folders;
}

Result<Profile> create_profile_record(Tenant& tenant, Profile profile) {
  auto number = tenant.store().records().next_number(kKind);
  if (!number) return number.error();
  profile.number = static_cast<ProfileId>(*number);
  profile.id = std::to_string(*number);
  profile.revision = 1;
  auto kept = tenant.store().records().put(std::string(kKind), profile.id, encode(profile), 0);
  if (!kept) return kept.error();
  return profile;
}

Result<Profile> update_profile_record(Tenant& tenant, Profile profile) {
  auto kept = tenant.store().records().put(std::string(kKind), profile.id, encode(profile), profile.revision);
  if (!kept && kept.error().code == ErrorCode::conflict) return Error{ErrorCode::conflict, "the profile was changed meanwhile; read it again"};
  if (!kept) return kept.error();
  ++profile.revision;
  return profile;
}

Result<std::optional<Profile>> find_profile(Tenant& tenant, const std::string& id) {
  auto record = tenant.store().records().get(kKind, id);
  if (!record) return record.error();
  if (!*record) return std::optional<Profile>();
  auto profile = decode(**record);
  if (!profile) return profile.error();
  return std::optional(*std::move(profile));
}

Result<std::vector<Profile>> list_profiles(Tenant& tenant) {
  auto listed = tenant.store().records().list(kKind, "", 1000);
  if (!listed) return listed.error();
  std::vector<Profile> out;
  for (const auto& record : *listed) {
    auto profile = decode(record);
    if (!profile) return profile.error();
    out.push_back(*std::move(profile));
  }
  return out;
}

}  // namespace kopial
