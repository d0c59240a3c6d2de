// What a tenant can prove, and going on with a store that was restored.
#include <fmt/format.h>

#include <filesystem>

#include "server/cli/command.h"
#include "storage/base/files.h"

namespace kopial::cli {
namespace json = boost::json;
namespace {

std::uint64_t count(const json::value& object, std::string_view name) { return static_cast<std::uint64_t>(number(object, name)); }

void show(const json::value& answer) {
  fmt::print("Log          {}\nPublic key   {}\nLeaves       {}, {} of them signed", field(answer, "origin"), field(answer, "public_key"), field(answer, "leaves"),
             field(answer, "signed_leaves"));
  if (const auto at = field(answer, "signed_at"); !at.empty()) fmt::print(" {}", time_text(at));
  fmt::print("\n");
  fmt::print("Began        {}", time_text(field(answer, "began_at")));
  if (const auto before = count(answer, "changes_before"); before > 0) fmt::print(", with {} changes that were there before and are not proven", before);
  fmt::print("\n");
  if (const auto text = field(answer, "beginning"); !text.empty()) fmt::print("BEGINNING    {}\n", text);
  for (const auto& one : list(answer, "vouchers")) {
    const auto leaves = count(one, "leaves");
    fmt::print("{:<12} {}: ", field(one, "kind") == "witness" ? "Witness" : "Time-stamp", field(one, "by"));
    if (leaves > 0) fmt::print("{} leaves {}", leaves, time_text(field(one, "at")));
    else fmt::print("none yet");
    if (const auto until = field(one, "valid_until"); !until.empty()) fmt::print(", its certificate ends {}", time_text(until));
    if (const auto trouble = field(one, "trouble"); !trouble.empty()) fmt::print("; {}", trouble);
    fmt::print("\n");
  }
  for (const auto& anchor : list(answer, "anchors")) fmt::print("Anchor       {}\n", std::string_view(anchor.as_string()));
  for (const auto* trouble : {"trouble", "anchor_trouble"}) {
    if (const auto text = field(answer, trouble); !text.empty()) fmt::print("TROUBLE      {}\n", text);
  }
}

Result<int> status(Context& context) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  auto answer = client->get(of_tenant(*tenant, "evidence"));
  const bool trouble = answer && (!field(*answer, "trouble").empty() || !field(*answer, "anchor_trouble").empty());
  auto done = print(context, answer, show);
  return done && trouble ? Result<int>(kFindings) : done;
}

Result<int> checkpoint(Context& context) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  auto note = client->get_bytes(of_tenant(*tenant, "evidence/checkpoint"));
  if (!note) return note.error();
  fmt::print("{}", *note);
  return kDone;
}

Result<int> proof(Context& context, const std::string& message) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  // Always JSON: it is meant to be kept, and checked by kopial-verify.
  auto answer = client->get(of_tenant(*tenant, "messages/" + message + "/proof"));
  if (!answer) return answer.error();
  fmt::print("{}\n", json::serialize(*answer));
  return answer->at("report").at("unchanged").as_bool() ? kDone : kFindings;
}

// A folder that proves itself: each message's report, and the bytes of its copies.
Result<int> bundle(Context& context, const std::vector<std::string>& messages, const std::string& folder) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  std::error_code bad;
  std::filesystem::create_directories(folder, bad);
  if (bad || !std::filesystem::is_empty(folder, bad)) return Error{ErrorCode::invalid, fmt::format("{} must be a new or an empty folder", folder)};
  std::string reports;
  bool sound = true;
  std::size_t copies = 0;
  for (const auto& message : messages) {
    auto answer = client->get(of_tenant(*tenant, "messages/" + message + "/proof"));
    if (!answer) return answer.error();
    reports += json::serialize(*answer) + "\n";
    const auto& report = answer->at("report");
    sound = sound && report.at("unchanged").as_bool();
    for (const auto& copy : report.at("copies").as_array()) {
      const auto id = field(copy, "copy_id");
      auto raw = client->get_bytes(of_tenant(*tenant, "messages/" + message + "/copies/" + id + "/raw"));
      if (!raw) return raw.error();
      if (auto kept = write_file_durably(std::filesystem::path(folder) / (id + ".eml"), *raw, 0644); !kept) return kept.error();
      ++copies;
    }
  }
  if (auto kept = write_file_durably(std::filesystem::path(folder) / "proofs.jsonl", reports, 0644); !kept) return kept.error();
  fmt::print("{} messages, {} copies in {}. Check it with: kopial-verify {}\n", messages.size(), copies, folder, folder);
  return sound ? kDone : kFindings;
}

}  // namespace

void add_evidence(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("evidence", "What a tenant can prove");
  group->require_subcommand(1);
  add_tenant_option(*command(*group, context, "status", "The log's public key, its checkpoint, and whether the store follows from its anchors",
                             [&context] { return status(context); }), context);
  add_tenant_option(*command(*group, context, "checkpoint", "Print the newest signed checkpoint", [&context] { return checkpoint(context); }), context);

  auto message = std::make_shared<std::string>();
  auto* proved = command(*group, context, "proof", "Print a message's integrity report, signed, with its proofs", [&context, message] { return proof(context, *message); });
  proved->add_option("message", *message, "The message's id")->required();
  add_tenant_option(*proved, context);

  auto bundled = std::make_shared<std::vector<std::string>>();
  auto to = std::make_shared<std::string>();
  auto* taken = command(*group, context, "bundle", "Take messages away with their proofs: a folder for kopial-verify", [&context, bundled, to] { return bundle(context, *bundled, *to); });
  taken->add_option("messages", *bundled, "The messages' ids")->required();
  taken->add_option("--to", *to, "The folder, new or empty")->required();
  add_tenant_option(*taken, context);

  auto reason = std::make_shared<std::string>();
  auto* accepted = command(*group, context, "accept", "Go on with a store that was restored knowingly and is older than its anchor", [&context, reason]() -> Result<int> {
    auto tenant = context.tenant();
    if (!tenant) return tenant.error();
    auto client = context.client();
    if (!client) return client.error();
    return print(context, client->post(of_tenant(*tenant, "evidence/accept"), json::object{{"reason", *reason}}), show);
  });
  accepted->add_option("--reason", *reason, "Why this store is the right one; kept in the log")->required();
  add_tenant_option(*accepted, context);
}

}  // namespace kopial::cli
