#include "connectors/graph/service.h"

#include <fmt/format.h>

#include "connectors/http/retry.h"
#include "connectors/http/url.h"
#include "storage/base/encoding.h"
#include "storage/base/log.h"

namespace kopial::graph {
namespace json = boost::json;
namespace {

constexpr int kThrottledMax = 60;  // Answers "too many requests" in a row; each was waited for as long as it asked.

bool equal_folded(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

bool parse(const Bytes& body, json::object& out) {
  json::parse_options options;
  options.max_depth = 64;
  options.allow_invalid_utf8 = true;  // A name that is cut in the middle of a character must not hide a whole page.
  json::error_code bad;
  auto value = json::parse(body, bad, {}, options);
  if (bad || !value.is_object()) return false;
  out = std::move(value.get_object());
  return true;
}

Answer read_error(const HttpResponse& response) {
  Answer answer;
  answer.status = response.status;
  json::object body;
  if (parse(response.body, body)) {  // Gateways answer HTML, or nothing.
    if (const auto* error = body.if_contains("error"); error != nullptr && error->is_object()) {
      answer.code = text(error->get_object(), "code");
      answer.message = text(error->get_object(), "message").substr(0, 300);
    }
  }
  return answer;
}

// Continuation links carry the page size they were asked with.
std::string with_top(const std::string& url, std::size_t page_size) {
  for (const std::string_view name : {"$top=", "%24top="}) {
    const auto at = url.find(name);
    if (at == std::string::npos) continue;
    const auto from = at + name.size(), to = std::min(url.find('&', from), url.size());
    return url.substr(0, from) + std::to_string(page_size) + url.substr(to);
  }
  return url + (url.find('?') == std::string::npos ? "?" : "&") + "$top=" + std::to_string(page_size);
}

std::string trimmed(std::string url) {
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url;
}

// Continuous access evaluation: the service names what the next token must hold, as base64 of JSON.
std::string wanted_claims(const HttpResponse& response) {
  const auto challenge = response.header("www-authenticate").value_or("");
  constexpr std::string_view kClaims = "claims=\"";
  const auto at = challenge.find(kClaims);
  if (challenge.find("insufficient_claims") == std::string::npos || at == std::string::npos) return {};
  const auto from = at + kClaims.size();
  return base64_decode(challenge.substr(from, challenge.find('"', from) - from)).value_or("");
}

}  // namespace

const json::array* list(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr ? value->if_array() : nullptr;
}

bool Answer::has_code(std::initializer_list<std::string_view> codes) const {
  return std::any_of(codes.begin(), codes.end(), [&](std::string_view one) { return equal_folded(one, code); });
}
bool Answer::is_sync_reset() const {
  return status == 410 || (status >= 400 && status < 500 && has_code({"syncStateNotFound", "resyncRequired", "SyncStateInvalid", "SyncStateNotFound"}));
}
bool Answer::is_folder_gone() const {
  return (status == 400 || status == 404) && has_code({"ErrorSyncFolderNotFound", "ErrorFolderNotFound", "ErrorItemNotFound", "itemNotFound"});
}

bool Answer::is_item_gone() const { return status == 404 && has_code({"ErrorItemNotFound", "itemNotFound"}); }
bool Answer::is_mailbox_gone() const {
  return status == 404 && has_code({"MailboxNotEnabledForRESTAPI", "Request_ResourceNotFound", "ResourceNotFound", "ErrorInvalidUser", "ErrorNonExistentMailbox"});
}

Error Answer::error() const {
  const auto said = fmt::format("Graph answered {}{}{}{}{}", status, code.empty() ? "" : " ", code, message.empty() ? "" : ": ", message);
  if (has_code({"MailboxNotEnabledForRESTAPI"})) {
    return {ErrorCode::not_found, "there is no mailbox in Exchange Online (none, inactive, soft-deleted, or on-premises)"};
  }
  if (status == 403 && has_code({"ErrorAccessDenied"})) {
    return {ErrorCode::denied, "the application may not read this mailbox: check its permissions and its scope in Exchange (" + said + ")"};
  }
  if (status == 404) return {ErrorCode::not_found, said};
  if (status == 401 || status == 403) return {ErrorCode::denied, said};
  if (is_transient(status)) return {ErrorCode::unavailable, said};
  return {ErrorCode::invalid, said};
}

Service::Service(const EntraApp& app, const GraphOptions& options, HttpClient& http, Clock& clock, std::optional<GraphShared> shared)
    : origin_(trimmed(app.graph_url)),
      base_(origin_ + "/v1.0"),
      options_(options),
      http_(http),
      clock_(clock),
      own_tokens_(shared ? nullptr : TokenSource::make(graph_credentials(app), http, clock)),
      own_gate_(shared ? nullptr : std::make_unique<RequestGate>(options.requests_per_mailbox, options.requests_in_flight, clock, options.requests_per_window)),
      tokens_(shared ? shared->tokens : *own_tokens_),
      gate_(shared ? shared->gate : *own_gate_),
      random_(std::minstd_rand(std::random_device()())) {}

std::chrono::milliseconds Service::next_backoff(int attempt) {
  const double chance = random_.with([](std::minstd_rand& random) { return std::uniform_real_distribution<>()(random); });
  return backoff(attempt, chance);
}

Result<HttpResponse> Service::send(const Call& call, const Secret& token, std::size_t page_size, std::stop_token stop) {
  HttpRequest request;
  request.method = call.method;
  request.url = call.url;
  request.body = call.body;
  request.once = call.once;
  request.headers = {{"Authorization", "Bearer " + std::string(token.reveal())}, {"Accept", call.raw ? "*/*" : "application/json"}};
  if (!call.body.empty()) request.headers.emplace_back("Content-Type", call.content_type);
  if (!call.if_match.empty()) request.headers.emplace_back("If-Match", call.if_match);
  if (page_size > 0 && call.page_in_url) request.url = with_top(request.url, page_size);
  else if (page_size > 0) request.headers.emplace_back("Prefer", fmt::format("odata.maxpagesize={}", page_size));
  request.timeout = std::chrono::seconds(call.raw ? 600 : 120);
  request.body_bytes_max = call.raw ? options_.message_bytes_max : 64ull << 20;
  return http_.send(request, stop);
}

Result<Answer> Service::call(const Call& call, std::stop_token stop, std::atomic<std::uint64_t>* requests) {
  // Links come from outside; a token must not follow one to another host.
  if (!same_origin(call.url, origin_)) return Error{ErrorCode::denied, "Graph pointed to another host; the link was not followed"};
  auto page_size = call.page_size;
  int attempts = 0, throttled = 0, refused = 0;
  Error last;
  while (true) {
    auto token = tokens_.token(stop);
    if (!token) return token.error();
    auto wait = std::chrono::milliseconds(0);
    {
      auto permit = gate_.enter(call.mailbox, stop);
      if (!permit) return permit.error();
      if (requests != nullptr) ++*requests;
      auto response = send(call, *token, page_size, stop);
      if (!response) {
        last = response.error();
        if (last.code != ErrorCode::unavailable && last.code != ErrorCode::timeout) return last;
        wait = next_backoff(++attempts);
      } else if (response->status >= 200 && response->status < 300) {
        Answer answer;
        answer.status = response->status;
        if (call.raw) {
          answer.body = std::move(response->body);
          return answer;
        }
        if (response->status == 204 || parse(response->body, answer.json)) return answer;
        // Status 200, and the JSON ends in the middle: one message of the page cannot be rendered in time. Ask for less.
        last = {ErrorCode::unavailable, "Graph's answer was cut short"};
        page_size = page_size == 0 ? 0 : std::max<std::size_t>(1, page_size / 4);
        wait = next_backoff(++attempts);
      } else {
        auto answer = read_error(*response);
        last = answer.error();
        if (answer.status == 401 && ++refused <= 2) {
          tokens_.discard(*token, wanted_claims(*response));  // Ended or revoked inside the run.
          continue;
        }
        if (!is_transient(answer.status)) return answer;
        // Messages that cannot be converted are answered as a server's failure, and will be the next time as well.
        if (answer.has_code({"ErrorMimeContentConversionFailed", "ErrorContentConversionFailed", "ErrorCannotOpenFileAttachment", "ErrorItemCorrupt"})) {
          return answer;
        }
        const auto after = read_retry_after(response->header("retry-after").value_or(""), response->header("date").value_or(""), clock_.now());
        if (after && *after > options_.retry_wait_max) {
          return Error{ErrorCode::rate_limited, fmt::format("{}; asked to come back in {} s", last.message, after->count() / 1000)};
        }
        if (answer.status == 429) ++throttled;
        else ++attempts;
        if (after) {
          gate_.pause(call.mailbox, *after);  // Before the place is given back: nobody slips through.
        } else {
          wait = next_backoff(std::max(attempts, throttled));
          if (answer.status == 429) gate_.pause(call.mailbox, wait);
        }
      }
    }
    const auto attempts_max = call.once ? 1 : call.attempts_max > 0 ? call.attempts_max : options_.attempts_max;
    if (attempts >= attempts_max || throttled >= kThrottledMax) return last;
    spdlog::debug("graph: repeating a request ({})", last.message);
    if (wait.count() > 0 && !clock_.wait_for(wait, stop)) return Error{ErrorCode::cancelled, "stopped while waiting to ask Graph again"};
  }
}

Result<void> Service::upload(const std::string& url, BytesView bytes, const std::string& mailbox, std::stop_token stop) {
  constexpr std::size_t kPiece = 10 * (320 << 10);  // Pieces are multiples of 320 KiB and below 4 MB.
  for (std::size_t at = 0; at < bytes.size();) {
    const auto size = std::min(kPiece, bytes.size() - at);
    HttpRequest request;
    request.method = "PUT";
    request.url = url;
    request.body = Bytes(bytes.substr(at, size));
    request.headers = {{"Content-Type", "application/octet-stream"}, {"Content-Range", fmt::format("bytes {}-{}/{}", at, at + size - 1, bytes.size())}};
    for (int attempt = 1;; ++attempt) {
      auto wait = next_backoff(attempt);
      {
        auto permit = gate_.enter(mailbox, stop);
        if (!permit) return permit.error();
        auto response = http_.send(request, stop);
        if (response && response->status >= 200 && response->status < 300) break;
        const Error error = response ? read_error(*response).error() : response.error();
        const bool passing = response ? is_transient(response->status) : error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout;
        if (!passing || attempt >= options_.attempts_max) return error.with_context("sending an attachment");
        if (response) {
          const auto after = read_retry_after(response->header("retry-after").value_or(""), response->header("date").value_or(""), clock_.now());
          if (after) wait = std::min<std::chrono::milliseconds>(*after, options_.retry_wait_max);
          gate_.pause(mailbox, wait);  // Before the place is given back: nobody slips through.
        }
      }
      if (!clock_.wait_for(wait, stop)) return Error{ErrorCode::cancelled, "stopped while sending an attachment"};
    }
    at += size;
  }
  return {};
}

}  // namespace kopial::graph

namespace kopial {

ClientCredentials graph_credentials(const EntraApp& app) {
  // The scope names the resource; a double on another address is still asked for Graph itself.
  const auto origin = graph::trimmed(app.graph_url);
  const bool loopback = origin.find("://127.") != std::string::npos || origin.find("://[::1]") != std::string::npos;
  return {graph::trimmed(app.authority), app.directory_id, app.client_id, app.client_secret, (loopback ? "https://graph.microsoft.com" : origin) + "/.default",
          app.certificate, app.assertion_form};
}

}  // namespace kopial
