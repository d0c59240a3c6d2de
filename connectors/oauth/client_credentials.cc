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
constexpr std::chrono::seconds kWaitMax{120};

// Microsoft's codes that an administrator can do something about, and what that is.
struct Advice {
  std::string_view code, text;
};
constexpr Advice kAdvice[] = {
    {"AADSTS7000215", "the client secret is wrong; enter the secret's value, not its id"},
    {"AADSTS7000222", "the client secret has expired; make a new one in Entra and enter it here"},
    {"AADSTS700016", "the application (client) id is not known in this directory"},
    {"AADSTS90002", "the directory (tenant) id is not known"},
    {"AADSTS900023", "the directory (tenant) id is malformed"},
    {"AADSTS7000229", "the application has no service principal in this directory; grant admin consent"},
    {"AADSTS53003", "Conditional Access blocks this application"},
    {"AADSTS500011", "the resource is not known in this directory"},
    {"AADSTS70011", "the scope is not valid for this cloud"},
};

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Error refusal(const HttpResponse& response, const std::string& directory) {
  json::error_code bad;
  const auto body = json::parse(response.body, bad);
  const auto description = !bad && body.is_object() ? text_of(body.get_object(), "error_description") : std::string();
  for (const auto& advice : kAdvice) {
    const auto at = description.find(advice.code);
    if (at == std::string::npos) continue;
    const auto after = at + advice.code.size();
    if (after < description.size() && std::isdigit(static_cast<unsigned char>(description[after])) != 0) continue;
    return {ErrorCode::denied, fmt::format("signing in to directory {}: {} ({})", directory, advice.text, advice.code)};
  }
  const auto line = description.substr(0, std::min<std::size_t>(description.find_first_of("\r\n"), 300));
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
    for (int attempt = 1;; ++attempt) {
      auto answer = ask(stop);
      if (answer && answer->status == 200) return keep(*answer);
      if (!answer && answer.error().code != ErrorCode::unavailable && answer.error().code != ErrorCode::timeout) return answer.error();
      if (answer && !is_transient(answer->status)) return refusal(*answer, credentials_.directory_id);
      const Error last = answer ? Error{ErrorCode::unavailable, fmt::format("{} answered {}", credentials_.authority, answer->status)} : answer.error();
      if (attempt >= kAttemptsMax) return last.with_context("signing in");
      auto wait = backoff(attempt, std::uniform_real_distribution<>()(random_));
      if (answer) {
        const auto after = read_retry_after(answer->header("retry-after").value_or(""), answer->header("date").value_or(""), clock_.now());
        if (after && *after > kWaitMax) return Error{ErrorCode::rate_limited, fmt::format("signing in: asked to come back in {} s", after->count() / 1000)};
        if (after) wait = *after;
      }
      if (!clock_.wait_for(wait, stop)) return Error{ErrorCode::cancelled, "stopped while signing in"};
    }
  }

  void discard(const Secret& token) override {
    const std::lock_guard lock(mutex_);
    if (token_.reveal() == token.reveal()) token_ = {};
  }

 private:
  Result<HttpResponse> ask(std::stop_token stop) {
    HttpRequest request;
    request.method = "POST";
    request.url = credentials_.authority + "/" + percent_encode(credentials_.directory_id) + "/oauth2/v2.0/token";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
    request.body = form_encode({{"client_id", credentials_.client_id},
                                {"scope", credentials_.scope},
                                {"client_secret", credentials_.client_secret.reveal()},
                                {"grant_type", "client_credentials"}});
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
    renew_at_ = clock_.uptime() + std::max<std::chrono::nanoseconds>(life - std::chrono::minutes(5), std::chrono::nanoseconds(life) / 2);
    token_ = Secret(token);
    return token_;
  }

  const ClientCredentials credentials_;
  HttpClient& http_;
  Clock& clock_;
  std::mutex mutex_;
  std::minstd_rand random_{std::random_device()()};
  Secret token_;
  std::chrono::nanoseconds renew_at_{0};
};

}  // namespace

std::unique_ptr<TokenSource> TokenSource::make(ClientCredentials credentials, HttpClient& http, Clock& clock) {
  return std::make_unique<Source>(std::move(credentials), http, clock);
}

}  // namespace kopial
