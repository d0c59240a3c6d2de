// What a tenant holds, and what is wrong here.
#include <fmt/format.h>

#include "server/cli/command.h"

namespace kopial::cli {
namespace json = boost::json;
namespace {

std::uint64_t count(const json::value& object, std::string_view name) { return static_cast<std::uint64_t>(number(object, name)); }

Result<int> status(Context& context) {
  auto client = context.client();
  if (!client) return client.error();
  if (context.access.tenant.empty()) {
    return print(context, client->get("/api/v1/system/status"), [](const json::value& answer) {
      fmt::print("Kopial {}, {} tenants, {} of them open\n", field(answer, "version"), field(answer, "tenants"), field(answer, "open_tenants"));
    });
  }
  return print(context, client->get(of_tenant(context.access.tenant, "status")), [](const json::value& answer) {
    const auto raw = count(answer, "raw_bytes"), disk = count(answer, "store_bytes") + count(answer, "index_bytes");
    fmt::print("Messages     {}\nCopies       {} ({} as they came)\nPlacements   {}\n", count(answer, "messages"), count(answer, "copies"), bytes_text(raw), count(answer, "placements"));
    fmt::print("On disk      {} (store {}, index {})\n", bytes_text(disk), bytes_text(count(answer, "store_bytes")), bytes_text(count(answer, "index_bytes")));
    if (const auto pending = count(answer, "index_pending_changes"); pending > 0) fmt::print("Index        {} changes behind\n", pending);
    else fmt::print("Index        complete\n");
    if (const auto trouble = field(answer, "index_trouble"); !trouble.empty()) fmt::print("Index        {}\n", trouble);
    fmt::print("Evidence     {} leaves, {} of them signed\n", count(answer, "evidence_leaves"), count(answer, "evidence_signed_leaves"));
    if (const auto beginning = field(answer, "evidence_beginning"); !beginning.empty()) fmt::print("Evidence     {}\n", beginning);
    if (const auto trouble = field(answer, "evidence_trouble"); !trouble.empty()) fmt::print("EVIDENCE     {}\n", trouble);
  });
}

// Each check says what is well or what to do; a finding gives exit code 3.
Result<int> doctor(Context& context) {
  bool findings = false;
  json::array checks;
  const auto say = [&](bool good, const std::string& what, const std::string& why) {
    findings = findings || !good;
    checks.push_back({{"check", what}, {"ok", good}, {"detail", why}});
    if (!context.json) fmt::print("{:<8}{}{}\n", good ? "ok" : "FINDING", what, why.empty() ? "" : ": " + why);
  };
  const auto done = [&] {
    if (context.json) fmt::print("{}\n", json::serialize(checks));
    return findings ? kFindings : kDone;
  };
  auto client = context.client();
  if (!client) return client.error();
  auto alive = client->get("/healthz");
  say(bool(alive), "the server answers at " + context.access.url, alive ? "" : alive.error().message);
  if (!alive) return done();
  auto ready = client->get("/readyz");
  say(bool(ready), "it is ready", ready ? "" : ready.error().message);
  auto session = client->get("/api/v1/sessions/current");
  say(bool(session), session ? "signed in as " + field(session->at("user"), "username") : "signed in", session ? "" : session.error().message);
  if (!session || context.access.tenant.empty()) return done();
  auto state = client->get(of_tenant(context.access.tenant, "status"));
  say(bool(state), "the store of " + context.access.tenant + " opens", state ? "" : state.error().message);
  if (state) {
    const auto trouble = field(*state, "index_trouble");
    say(trouble.empty(), "the index is written", trouble);
    const auto evidence = field(*state, "evidence_trouble");
    say(evidence.empty(), "the store follows from its signed checkpoints", evidence);
    if (const auto beginning = field(*state, "evidence_beginning"); !beginning.empty()) say(false, "the evidence log has begun", beginning);
  }
  auto profiles = client->get_all(of_tenant(context.access.tenant, "profiles"));
  if (!profiles) return done();
  for (const auto& profile : *profiles) {
    auto runs = client->get(of_tenant(context.access.tenant, "profiles/" + field(profile, "id") + "/runs"), {{"limit", "1"}});
    if (!runs || list(*runs, "items").empty()) continue;
    const auto& last = list(*runs, "items").front();
    const auto run_state = field(last, "state");
    say(run_state != "failed" && run_state != "succeeded_with_findings", "the last run of \"" + field(profile, "name") + "\" is " + run_state, field(last, "error"));
  }
  return done();
}

}  // namespace

void add_state(CLI::App& app, Context& context) {
  add_tenant_option(*command(app, context, "status", "What is kept, and how much room it takes", [&context] { return status(context); }), context);
  add_tenant_option(*command(app, context, "doctor", "Look for what is wrong, and say what to do", [&context] { return doctor(context); }), context);
}

}  // namespace kopial::cli
