#include "connectors/oauth/client_credentials.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <mutex>
#include <random>

#include "connectors/http/retry.h"
#include "connectors/http/url.h"
#include "storage/base/log.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr int kAttemptsMax = 6;
constexpr std::chrono::seconds kWaitMax{120}, kAskAgain{30};

// Microsoft's codes that an administrator can do something about, and what that is.
struct Advice {
  std::string_view code, text;
};
constexpr Advice kAdvice[] = {
    {"AADSTS7000215", "the client secret is wrong; enter the secret's value, not its id"},
    {"AADSTS7000222", "the client secret has expired; make a new one in Entra (App registrations, Certificates & secrets) and enter it here"},
    {"AADSTS7000218", "the application sent neither secret nor certificate; enter one of them here"},
    {"AADSTS700027", "Entra does not know this certificate; upload it to the application in Entra (App registrations, Certificates & secrets)"},
    {"AADSTS7000271", "the certificate at Entra has expired; make a new one here and upload it"},
    {"AADSTS700024", "the signed statement is outside its time; set this machine's clock (by NTP)"},
    {"AADSTS50012", "Entra could not check the certificate's signature; upload this credential's certificate to the application in Entra"},
    {"AADSTS700016", "the application (client) id is not known in this directory; compare both ids with App registrations in Entra"},
    {"AADSTS90002", "the directory (tenant) id is not known; copy it from the overview page of Entra, and check the cloud"},
    {"AADSTS900023", "the directory (tenant) id is malformed; it is a GUID or a verified domain"},
    {"AADSTS900382", "the application belongs to another national cloud; choose the cloud of this directory"},
    {"AADSTS7000229", "the application has no service principal in this directory; grant admin consent"},
    {"AADSTS65001", "nobody has consented to the application's permissions; grant admin consent in Entra (API permissions)"},
    {"AADSTS90094", "the permissions need an administrator's consent; grant admin consent in Entra (API permissions)"},
    {"AADSTS7000112", "the application is disabled in this directory; enable it in Entra (Enterprise applications, Properties)"},
    {"AADSTS53003", "Conditional Access blocks this application; exempt it, or allow this server's address, in the policy for workload identities"},
    {"AADSTS50076", "a second factor is demanded, which a service cannot give; exempt the application from the Conditional Access policy"},
    {"AADSTS50079", "a second factor is demanded, which a service cannot give; exempt the application from the Conditional Access policy"},
    {"AADSTS500011", "the resource is not known in this directory; check the cloud and the Graph address"},
    {"AADSTS70011", "the scope is not valid for this cloud; check the Graph address"},
    {"AADSTS50196", "Entra saw too many sign-ins in a row; wait an hour, and look for a second program that signs in with this application"},
};

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string_view first_line(std::string_view text) { return text.substr(0, std::min<std::size_t>(text.find_first_of("\r\n"), 300)); }

Error refusal(const HttpResponse& response, const std::string& directory) {
  json::error_code bad;
  const auto body = json::parse(response.body, bad);
  const auto description = !bad && body.is_object() ? text_of(body.get_object(), "error_description") : std::string();
  if (const auto advice = sign_in_advice(description)) {
    return {ErrorCode::denied, fmt::format("signing in to directory {}: {} ({})", directory, advice->text, advice->code)};
  }
  const auto line = first_line(description);
  return {ErrorCode::denied, fmt::format("signing in to directory {} was refused with status {}{}{}", directory, response.status,
                                         line.empty() ? "" : ": ", line)};
}

class Source final : public TokenSource {
 public:
  Source(ClientCredentials credentials, HttpClient& http, Clock& clock)
      : credentials_(std::move(credentials)), http_(http), clock_(clock) {}

  Result<Secret> token(std::stop_token stop) override {
    // Held over the request: askers wait for the one token instead of asking for their own.
    const std::lock_guard lock(mutex_);
    if (!token_.empty() && clock_.uptime() < renew_at_) return token_;
    auto fresh = renew(stop);
    // A token endpoint that does not answer is no reason to stop while the token in hand is good.
    if (!fresh && !token_.empty() && clock_.uptime() < ends_at_ &&
        (fresh.error().code == ErrorCode::unavailable || fresh.error().code == ErrorCode::timeout || fresh.error().code == ErrorCode::rate_limited)) {
      spdlog::warn("the sign-in could not be renewed yet: {}", fresh.error().message);
      renew_at_ = std::min(ends_at_, clock_.uptime() + std::chrono::nanoseconds(kAskAgain));
      return token_;
    }
    return fresh;
  }

  void discard(const Secret& token) override { discard(token, ""); }
  void discard(const Secret& token, const std::string& claims) override {
    const std::lock_guard lock(mutex_);
    if (token_.reveal() != token.reveal()) return;
    token_ = {};
    claims_ = claims;
  }

 private:
  Result<Secret> renew(std::stop_token stop) {
    // With a token still in hand nobody waits for long.
    const int attempts_max = token_.empty() ? kAttemptsMax : 1;
    for (int attempt = 1;; ++attempt) {
      auto answer = ask(stop);
      if (answer && answer->status == 200) return keep(*answer);
      if (!answer && answer.error().code != ErrorCode::unavailable && answer.error().code != ErrorCode::timeout) return answer.error();
      if (answer && !is_transient(answer->status)) return refusal(*answer, credentials_.directory_id);
      const Error last = answer ? Error{ErrorCode::unavailable, fmt::format("{} answered {}", credentials_.authority, answer->status)} : answer.error();
      if (attempt >= attempts_max) return last.with_context("signing in");
      auto wait = backoff(attempt, std::uniform_real_distribution<>()(random_));
      if (answer) {
        const auto after = read_retry_after(answer->header("retry-after").value_or(""), answer->header("date").value_or(""), clock_.now());
        if (after && *after > kWaitMax) return Error{ErrorCode::rate_limited, fmt::format("signing in: asked to come back in {} s", after->count() / 1000)};
        if (after) wait = *after;
      }
      if (!clock_.wait_for(wait, stop)) return Error{ErrorCode::cancelled, "stopped while signing in"};
    }
  }

  Result<HttpResponse> ask(std::stop_token stop) {
    HttpRequest request;
    request.method = "POST";
    request.url = credentials_.authority + "/" + percent_encode(credentials_.directory_id) + "/oauth2/v2.0/token";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
    std::vector<std::pair<std::string_view, std::string_view>> fields{
        {"client_id", credentials_.client_id}, {"scope", credentials_.scope}, {"grant_type", "client_credentials"}};
    Secret assertion;
    if (credentials_.certificate) {
      auto made = credentials_.certificate->assertion(request.url, credentials_.client_id, credentials_.assertion_form, clock_.now());
      if (!made) return made.error();
      assertion = *std::move(made);
      fields.emplace_back("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
      fields.emplace_back("client_assertion", assertion.reveal());
    } else {
      fields.emplace_back("client_secret", credentials_.client_secret.reveal());
    }
    if (!claims_.empty()) fields.emplace_back("claims", claims_);
    request.body = form_encode(fields);
    request.timeout = std::chrono::seconds(60);
    request.body_bytes_max = 1 << 20;
    return http_.send(request, stop);
  }

  Result<Secret> keep(const HttpResponse& response) {
    json::error_code bad;
    const auto body = json::parse(response.body, bad);
    if (bad || !body.is_object()) return Error{ErrorCode::unavailable, "the token endpoint answered something that is not JSON"};
    const auto token = text_of(body.get_object(), "access_token");
    if (token.empty()) return Error{ErrorCode::unavailable, "the token endpoint answered without a token"};
    const auto* expires = body.get_object().if_contains("expires_in");
    const auto seconds = expires != nullptr && expires->is_int64() ? expires->get_int64() : 300;
    // Renewed five minutes early, and a short-lived one after half its life.
    const auto life = std::chrono::seconds(std::clamp<std::int64_t>(seconds, 1, 86'400));
    ends_at_ = clock_.uptime() + life;
    renew_at_ = clock_.uptime() + std::max<std::chrono::nanoseconds>(life - std::chrono::minutes(5), std::chrono::nanoseconds(life) / 2);
    token_ = Secret(token);
    claims_.clear();
    return token_;
  }

  const ClientCredentials credentials_;
  HttpClient& http_;
  Clock& clock_;
  std::mutex mutex_;
  std::minstd_rand random_{std::random_device()()};
  Secret token_;
  std::string claims_;
  std::chrono::nanoseconds renew_at_{0}, ends_at_{0};
};

}  // namespace

std::optional<SignInAdvice> sign_in_advice(std::string_view text) {
  for (const auto& advice : kAdvice) {
    const auto at = text.find(advice.code);
    if (at == std::string_view::npos) continue;
    const auto after = at + advice.code.size();
    if (after < text.size() && std::isdigit(static_cast<unsigned char>(text[after])) != 0) continue;
    return SignInAdvice{std::string(advice.code), std::string(advice.text)};
  }
  return std::nullopt;
}

std::unique_ptr<TokenSource> TokenSource::make(ClientCredentials credentials, HttpClient& http, Clock& clock) {
  return std::make_unique<Source>(std::move(credentials), http, clock);
}

}  // namespace kopial
