#include "connectors/graph/application_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/graph/service.h"
#include "connectors/http/url.h"

namespace kopial {
namespace json = boost::json;
namespace {

using State = CheckStep::State;

constexpr std::size_t kProbedMailboxes = 8;
constexpr std::string_view kNoItem = "AAMkAGtvcGlhbC1wcm9iZQ=";  // Of the form of an id, and of no item.
constexpr std::string_view kConsent = "grant it in Entra (App registrations, API permissions, Microsoft Graph, application permissions) and give admin consent";

// Service waits for minutes where a service is throttled; somebody sits before this.
GraphOptions impatient() {
  GraphOptions options;
  options.attempts_max = 2;
  options.retry_wait_max = std::chrono::seconds(10);
  return options;
}

class Check {
 public:
  Check(const EntraApp& app, std::string mailbox, HttpClient& http, Clock& clock, std::stop_token stop)
      : app_(app), wanted_(std::move(mailbox)), http_(http), clock_(clock), stop_(std::move(stop)), service_(app, impatient(), http, clock) {}

  Result<ApplicationCheck> run() {
    if (app_.certificate) out_.certificate_expires_at = app_.certificate->not_after();
    if (sign_in()) {
      const auto users = read_directory();
      probe_mailboxes(users);
      read_expiry();
    }
    judge_expiry();
    if (stop_.stop_requested()) return Error{ErrorCode::cancelled, "stopped"};
    return out_;
  }

 private:
  void add(std::string name, State state, std::string detail, std::string mend = "") {
    out_.steps.push_back({std::move(name), state, std::move(detail), std::move(mend)});
  }
  Result<graph::Answer> get(const std::string& path) { return service_.call({.url = service_.base() + path}, stop_); }
  static bool is_denied(const Result<graph::Answer>& answer) { return answer && answer->status == 403; }
  static std::string said(const Result<graph::Answer>& answer) { return answer ? answer->error().message : answer.error().message; }

  bool sign_in() {
    auto tokens = TokenSource::make(graph_credentials(app_), http_, clock_);
    auto token = tokens->token(stop_);
    if (token) {
      add("sign_in", State::good, app_.certificate ? "signed in with the certificate" : "signed in with the client secret");
      return true;
    }
    add("sign_in", State::failed, token.error().message, token.error().code == ErrorCode::denied ? "mend what the message names" : "see that this server reaches " + app_.authority);
    return false;
  }

  std::vector<std::string> read_directory() {
    std::vector<std::string> users;
    if (auto answer = get("/organization?$select=id,displayName"); answer && answer->ok()) {
      if (const auto* list = graph::list(answer->json, "value"); list != nullptr && !list->empty() && list->front().is_object()) {
        out_.organisation = text(list->front().get_object(), "displayName");
      }
    }
    auto answer = get("/users?$top=50&$select=id,userPrincipalName,mail,userType,assignedPlans");
    if (!answer || !answer->ok()) {
      if (is_denied(answer)) add("directory", State::failed, "the application may not read users", fmt::format("User.Read.All is missing: {}", kConsent));
      else add("directory", State::failed, said(answer));
      return users;
    }
    if (const auto* list = graph::list(answer->json, "value")) {
      for (const auto& user : *list) {
        if (!user.is_object() || text(user.get_object(), "userType") == "Guest" || text(user.get_object(), "mail").empty()) continue;
        users.push_back(text(user.get_object(), "userPrincipalName"));
      }
    }
    add("directory", State::good, out_.organisation.empty() ? "users can be read" : "users of " + out_.organisation + " can be read");
    return users;
  }

  void probe_mailboxes(std::vector<std::string> users) {
    if (!wanted_.empty()) users = {wanted_};
    if (users.size() > kProbedMailboxes) {  // From all over the list: neighbours are often of one kind.
      std::vector<std::string> some;
      for (std::size_t i = 0; i < kProbedMailboxes; ++i) some.push_back(users[i * users.size() / kProbedMailboxes]);
      users = std::move(some);
    }
    std::vector<std::string> open, denied;
    bool by_policy = false;
    std::string other;
    for (const auto& user : users) {
      auto answer = get("/users/" + percent_encode(user) + "/mailFolders/inbox?$select=id");
      if (answer && answer->ok()) open.push_back(user);
      else if (is_denied(answer)) {
        denied.push_back(user);
        by_policy = by_policy || answer->message.find("OData is disabled") != std::string::npos;
      } else if (!answer || answer->status != 404 || !wanted_.empty()) {
        other = said(answer);
      }
    }
    const auto names = [](const std::vector<std::string>& all) { return fmt::format("{}", fmt::join(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(all.size(), 3)), ", ")); };
    if (open.empty() && denied.empty()) {
      add("mailboxes", other.empty() ? State::unknown : State::failed, other.empty() ? "no mailbox was found to try" : other,
          other.empty() ? "name one mailbox that should be archived" : "");
      return;
    }
    if (open.empty()) {
      add("mailboxes", State::failed, fmt::format("no mailbox may be read (tried {})", names(denied)),
          by_policy ? "an application access policy in Exchange shuts this application out: add the mailboxes to its group (Get-ApplicationAccessPolicy)"
                    : fmt::format("Mail.Read is missing ({}), or Exchange limits the application to other mailboxes (Test-ServicePrincipalAuthorization shows it)", kConsent));
      return;
    }
    if (denied.empty()) {
      add("mailboxes", State::good, fmt::format("{} of {} mailboxes that were tried can be opened", open.size(), open.size()));
    } else {
      add("mailboxes", State::limited, fmt::format("{} of {} mailboxes that were tried may not be read, such as {}", denied.size(), denied.size() + open.size(), names(denied)),
          by_policy ? "an application access policy in Exchange limits this application (Get-ApplicationAccessPolicy); widen it, or name the allowed mailboxes in the profile"
                    : "Exchange limits this application to some mailboxes (RBAC for Applications); widen its management scope, or name the allowed mailboxes in the profile");
    }
    probe_one(open.front());
  }

  void probe_one(const std::string& user) {
    const auto at = "/users/" + percent_encode(user);
    auto listed = get(at + "/messages?$top=1&$select=id");
    const auto* items = listed && listed->ok() ? graph::list(listed->json, "value") : nullptr;
    if (items == nullptr) {
      add("message", State::failed, said(listed), is_denied(listed) ? fmt::format("Mail.Read is missing: {}", kConsent) : "");
    } else if (items->empty() || !items->front().is_object()) {
      add("message", State::unknown, user + " has no message to try", "name another mailbox");
    } else {
      const auto id = text(items->front().get_object(), "id");
      auto bytes = service_.call({.url = service_.base() + at + "/messages/" + percent_encode(id) + "/$value", .mailbox = user, .raw = true}, stop_);
      if (bytes && bytes->ok()) add("message", State::good, fmt::format("a message of {} was read", user));
      else if (is_denied(bytes)) add("message", State::failed, "messages are listed, and their content may not be read", fmt::format("Mail.Read is missing (Mail.ReadBasic.All alone is not enough): {}", kConsent));
      else add("message", State::unknown, said(bytes));
    }

    auto settings = get(at + "/mailboxSettings/userPurpose");
    if (settings && settings->ok()) add("mailbox_settings", State::good, "shared mailboxes can be told from people");
    else if (is_denied(settings)) add("mailbox_settings", State::limited, "shared mailboxes cannot be told from people", fmt::format("MailboxSettings.Read is missing: {}", kConsent));
    else add("mailbox_settings", State::unknown, said(settings));

    auto write = service_.call({.url = service_.base() + at + "/messages/" + std::string(kNoItem), .method = "PATCH", .body = "{}"}, stop_);
    if (is_denied(write)) {
      add("write", State::limited, "the application may not change mailboxes: restoring and deleting after archiving are not possible",
          fmt::format("only if that is wanted, Mail.ReadWrite is missing: {}", kConsent));
    } else if (write) {
      add("write", State::good, "mailboxes may be changed: restoring and deleting after archiving are possible");
    } else {
      add("write", State::unknown, said(write));
    }

    auto archive = service_.call({.url = service_.origin() + "/beta" + at + "/settings/exchange"}, stop_);
    if (archive && archive->ok()) add("in_place_archive", State::good, "in-place archive mailboxes can be found");
    else add("in_place_archive", State::limited, "in-place archive mailboxes cannot be found: " + said(archive), is_denied(archive) ? fmt::format("User.Read.All is needed: {}", kConsent) : "");
  }

  // Which of the application's secrets is ours shows in the first characters, which the directory gives as a hint.
  void read_expiry() {
    if (app_.certificate) return;
    auto answer = get(fmt::format("/applications(appId='{}')?$select=passwordCredentials", percent_encode(app_.client_id)));
    if (!answer || !answer->ok()) return;
    const auto* secrets = graph::list(answer->json, "passwordCredentials");
    if (secrets == nullptr) return;
    for (const auto& one : *secrets) {
      if (!one.is_object()) continue;
      const auto hint = text(one.get_object(), "hint");
      const auto ends = parse_rfc3339(text(one.get_object(), "endDateTime"));
      if (!ends || hint.empty() || !app_.client_secret.reveal().starts_with(hint)) continue;
      if (!out_.secret_expires_at || *ends < *out_.secret_expires_at) out_.secret_expires_at = ends;
    }
  }

  void judge_expiry() {
    const auto ends = app_.certificate ? out_.certificate_expires_at : out_.secret_expires_at;
    const auto* what = app_.certificate ? "certificate" : "client secret";
    if (!ends) {
      add("expiry", State::unknown, "when the client secret expires may not be read (Application.Read.All)", "enter the day here, so that you are told before");
      return;
    }
    const auto days = std::chrono::duration_cast<std::chrono::hours>(*ends - clock_.now()).count() / 24;
    const auto text = fmt::format("the {} expires on {}", what, format_rfc3339(*ends).substr(0, 10));
    if (*ends <= clock_.now()) add("expiry", State::failed, fmt::format("the {} expired on {}", what, format_rfc3339(*ends).substr(0, 10)), fmt::format("make a new {} and enter it here", what));
    else if (days < 30) add("expiry", State::limited, text, fmt::format("make a new {} within {} days", what, days));
    else add("expiry", State::good, text);
  }

  const EntraApp& app_;
  const std::string wanted_;
  HttpClient& http_;
  Clock& clock_;
  const std::stop_token stop_;
  graph::Service service_;
  ApplicationCheck out_;
};

}  // namespace

bool ApplicationCheck::works() const {
  return std::none_of(steps.begin(), steps.end(), [](const CheckStep& step) { return step.state == State::failed; });
}

Result<ApplicationCheck> check_application(const EntraApp& app, const std::string& mailbox, HttpClient& http, Clock& clock, std::stop_token stop) {
  return Check(app, mailbox, http, clock, std::move(stop)).run();
}

}  // namespace kopial
