#include "connectors/ews/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connectors/http/retry.h"
#include "connectors/http/url.h"
#include "storage/base/log.h"

namespace kopial::ews {
namespace {

constexpr int kBusyMax = 60;         // Back-offs in a row; each was waited for as long as it asked.
constexpr int kGoodBeforeWider = 50;  // Answers without a back-off until one more request at once is tried.

constexpr std::string_view kSoap = "http://schemas.xmlsoap.org/soap/envelope/";
constexpr std::string_view kMessages = "http://schemas.microsoft.com/exchange/services/2006/messages";
constexpr std::string_view kTypes = "http://schemas.microsoft.com/exchange/services/2006/types";
// What every server from Exchange 2013 SP1 to Subscription Edition understands alike.
constexpr std::string_view kVersion = "Exchange2013_SP1";

bool is_one_of(std::string_view code, std::initializer_list<std::string_view> codes) { return std::find(codes.begin(), codes.end(), code) != codes.end(); }

bool is_transient_code(std::string_view code) {
  return is_one_of(code, {"ErrorServerBusy", "ErrorInternalServerTransientError", "ErrorTimeoutExpired", "ErrorConnectionFailed", "ErrorMailboxStoreUnavailable",
                          "ErrorMailboxFailover", "ErrorTooManyObjectsOpened", "ErrorInsufficientResources", "ErrorInternalServerError",
                          "ErrorExceededConnectionCount", "ErrorNoRespondingCASInDestinationSite"});
}
bool asks_for_less(std::string_view code) { return is_one_of(code, {"ErrorServerBusy", "ErrorExceededConnectionCount"}); }

// BackOffMilliseconds of a MessageXml, wherever the element lies.
std::optional<std::chrono::milliseconds> back_off_of(const Node& holder) {
  const auto* xml = holder.child("MessageXml");
  if (xml == nullptr) return std::nullopt;
  for (const auto& value : xml->children) {
    if (value.name != "Value" || value.attribute("Name") != "BackOffMilliseconds") continue;
    std::int64_t milliseconds = 0;
    const auto [end, bad] = std::from_chars(value.text.data(), value.text.data() + value.text.size(), milliseconds);
    if (bad == std::errc() && end == value.text.data() + value.text.size() && milliseconds >= 0) return std::chrono::milliseconds(milliseconds);
  }
  return std::nullopt;
}

// ErrorInternalServerError may hide what really happened.
std::string inner_code(const Node& holder) {
  const auto* xml = holder.child("MessageXml");
  if (xml == nullptr) return {};
  for (const auto& value : xml->children) {
    if (value.name == "Value" && (value.attribute("Name") == "InnerErrorResponseCode" || value.attribute("Name") == "ErrorCode")) return value.text;
  }
  return {};
}

std::string short_text(const std::string& text) { return text.substr(0, 300); }

}  // namespace

Error error_of_code(const std::string& code, const std::string& text) {
  const auto said = fmt::format("Exchange answered {}{}{}", code.empty() ? "an error" : code, text.empty() ? "" : ": ", short_text(text));
  if (is_one_of(code, {"ErrorNonExistentMailbox", "ErrorMissingEmailAddress"})) {
    return {ErrorCode::not_found, "there is no such mailbox on this Exchange: no such address, or it lies in Microsoft 365 (" + said + ")"};
  }
  if (is_one_of(code, {"ErrorImpersonateUserDenied", "ErrorImpersonationDenied", "ErrorImpersonationFailed", "ErrorInvalidExchangeImpersonationHeaderData"})) {
    return {ErrorCode::denied, "the account may not act for this mailbox: give it the management role ApplicationImpersonation, and see whether its scope has the mailbox (" + said + ")"};
  }
  if (is_one_of(code, {"ErrorAccessDenied", "ErrorAccountDisabled", "ErrorMailboxLogonFailed", "ErrorMailboxAccessDenied"})) return {ErrorCode::denied, said};
  if (is_one_of(code, {"ErrorFolderNotFound", "ErrorItemNotFound", "ErrorSyncFolderNotFound", "ErrorArchiveMailboxNotEnabled"})) return {ErrorCode::not_found, said};
  if (code == "ErrorInvalidServerVersion") return {ErrorCode::invalid, "this Exchange is older than 2013 SP1, which is the oldest that can be archived (" + said + ")"};
  if (is_one_of(code, {"ErrorMailboxMoveInProgress", "ErrorMailboxConfiguration"})) return {ErrorCode::unavailable, "the mailbox is being moved; the next run looks for it again (" + said + ")"};
  if (is_one_of(code, {"ErrorMessageSizeExceeded"})) return {ErrorCode::too_large, said};
  if (is_transient_code(code)) return {ErrorCode::unavailable, said};
  return {ErrorCode::invalid, said};
}

bool Message::is(std::initializer_list<std::string_view> codes) const { return is_one_of(code, codes); }
bool Message::is_transient() const { return is_transient_code(code); }
bool Message::is_conversion_failure() const {
  return is_one_of(code, {"ErrorItemCorrupt", "ErrorMimeContentConversionFailed", "ErrorContentConversionFailed", "ErrorMimeContentInvalid", "ErrorUnsupportedMimeConversion"}) ||
         code.starts_with("ErrorRightsManagement");
}
Error Message::error() const { return error_of_code(code, text); }

struct Service::Round {
  std::optional<Answer> answer;   // complete, and final
  Error error;                    // when there is none
  bool repeat = false;            // asking again may help
  bool busy = false;              // the server asks for less
  bool unauthenticated = false;
  std::optional<std::chrono::milliseconds> back_off;  // as the server said it
};

Service::Service(ExchangeAccount account, EwsOptions options, HttpClient& http, Clock& clock)
    : account_(std::move(account)),
      options_(std::move(options)),
      http_(http),
      clock_(clock),
      gate_(options_.requests_per_mailbox, options_.requests_in_flight, clock),
      random_(std::minstd_rand(std::random_device()())) {
  using enum ExchangeAccount::Auth;
  if (account_.auth == bearer) return;
  auto who = std::make_shared<HttpSignIn>();
  who->scheme = account_.auth == basic ? HttpSignIn::Scheme::basic : account_.auth == ntlm ? HttpSignIn::Scheme::ntlm : HttpSignIn::Scheme::negotiate;
  who->username = account_.username;
  who->password = account_.password;
  sign_in_ = std::move(who);
}

std::string Service::server_version() const {
  return version_.with([](const std::string& version) { return version; });
}

std::chrono::milliseconds Service::next_backoff(int attempt) {
  const double chance = random_.with([](std::minstd_rand& random) { return std::uniform_real_distribution<>()(random); });
  return backoff(attempt, chance);
}

TokenSource* Service::tokens(const std::string& url) {
  const auto parts = split_url(url);
  const auto origin = parts ? parts->scheme + "://" + parts->host + (parts->port == "443" ? "" : ":" + parts->port) : url;
  return tokens_.with([&](auto& all) {
    auto& source = all[origin];
    if (!source) source = TokenSource::make({account_.authority, account_.directory_id, account_.client_id, account_.client_secret, origin + "/.default"}, http_, clock_);
    return source.get();
  });
}

std::string Service::envelope(const Target& target, const std::string& body) const {
  // The body was written by the same library and is inserted as it is.
  std::string head;
  if (!target.mailbox.empty() && options_.impersonate) {
    Writer writer;
    writer.open("t:ExchangeImpersonation").open("t:ConnectingSID").element("t:SmtpAddress", target.mailbox).close().close();
    head = writer.take();
  }
  return fmt::format(R"(<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{}" xmlns:m="{}" xmlns:t="{}"><soap:Header><t:RequestServerVersion Version="{}"/>{}</soap:Header><soap:Body>{}</soap:Body></soap:Envelope>)",
                     kSoap, kMessages, kTypes, kVersion, head, body);
}

Result<HttpResponse> Service::send(const Target& target, const Call& call, const Secret& token, std::stop_token stop) {
  HttpRequest request;
  request.method = "POST";
  request.url = target.url;
  request.body = envelope(target, call.body);
  request.headers = {{"Content-Type", "text/xml; charset=utf-8"}, {"Accept", "text/xml"}};
  const auto& anchor = target.anchor.empty() ? target.mailbox : target.anchor;
  if (!anchor.empty()) request.headers.emplace_back("X-AnchorMailbox", anchor);
  if (!target.public_folder_mailbox.empty()) request.headers.emplace_back("X-PublicFolderMailbox", target.public_folder_mailbox);
  if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + std::string(token.reveal()));
  request.sign_in = sign_in_;
  request.once = call.once;
  request.timeout = call.timeout;
  request.body_bytes_max = call.answer_bytes_max;
  return http_.send(request, stop);
}

// Why the front end did not let the request through to EWS.
Error Service::refusal(const HttpResponse& response) const {
  using enum ExchangeAccount::Auth;
  const int status = response.status;
  if (status == 401) {
    if (account_.auth == bearer) return {ErrorCode::denied, "Exchange refused the token (is hybrid modern authentication on, and is the address of EWS a service principal name of Exchange in Entra ID?)"};
    if (account_.auth == basic) return {ErrorCode::denied, "Exchange refused the user name and password, or Basic authentication is off for /EWS"};
    return {ErrorCode::denied, fmt::format("Exchange refused to sign in '{}' with {}: the password is wrong, or the server demands Extended Protection (on by default since Exchange 2019 CU14; "
                                           "its security log then has event 4625 with status 0xC000035B), which this library cannot give: use Basic over TLS or bearer",
                                           account_.username, account_.auth == ntlm ? "NTLM" : "Negotiate")};
  }
  if (status == 302 || status == 301 || status == 307) return {ErrorCode::invalid, "Exchange sends to another page (forms sign-in?): the address of EWS should end in /EWS/Exchange.asmx"};
  if (status == 403) return {ErrorCode::denied, "Exchange refused the request (403): EWS is off for this account or this program, or the address is not /EWS/Exchange.asmx"};
  if (status == 404) return {ErrorCode::invalid, "there is no EWS at this address (404)"};
  if (status == 413) return {ErrorCode::too_large, "Exchange takes no request of this size (413)"};
  return {ErrorCode::unavailable, fmt::format("Exchange answered {}", status)};
}

Service::Round Service::read(Result<HttpResponse> response, const Target&) {
  Round round;
  if (!response) {
    round.error = response.error();
    round.repeat = round.error.code == ErrorCode::unavailable || round.error.code == ErrorCode::timeout;
    return round;
  }
  const auto after = read_retry_after(response->header("retry-after").value_or(""), response->header("date").value_or(""), clock_.now());
  if (response->status != 200 && response->status != 500) {
    round.error = refusal(*response);
    round.unauthenticated = response->status == 401;
    round.repeat = is_transient(response->status);
    round.busy = response->status == 503 || response->status == 429;
    round.back_off = after;
    return round;
  }
  const int status = response->status;
  auto envelope = parse(std::move(response->body));
  if (!envelope) {
    round.error = status == 500 ? Error{ErrorCode::unavailable, "Exchange answered 500"} : envelope.error();
    round.repeat = true;
    round.back_off = after;
    return round;
  }
  if (const auto* info = envelope->at({"Header", "ServerVersionInfo"})) {
    version_.with([&](std::string& version) {
      version = fmt::format("{}.{}.{}.{}", info->attribute("MajorVersion"), info->attribute("MinorVersion"), info->attribute("MajorBuildNumber"), info->attribute("MinorBuildNumber"));
    });
  }
  if (const auto* fault = envelope->at({"Body", "Fault"})) {
    const auto* detail = fault->child("detail");
    auto code = detail == nullptr ? std::string() : detail->child_text("ResponseCode");
    if (code.empty()) code = fault->child_text("faultcode").substr(fault->child_text("faultcode").find(':') + 1);
    if (detail != nullptr && code == "ErrorInternalServerError") {
      if (auto inner = inner_code(*detail); !inner.empty()) code = inner;
    }
    round.error = error_of_code(code, fault->child_text("faultstring"));
    round.repeat = is_transient_code(code);
    round.busy = asks_for_less(code);
    round.back_off = detail == nullptr ? std::nullopt : back_off_of(*detail);
    if (!round.back_off) round.back_off = after;
    return round;
  }
  auto* body = envelope->child("Body");
  if (body == nullptr || body->children.empty()) {
    round.error = {ErrorCode::unavailable, "Exchange's answer has no body"};
    round.repeat = true;
    return round;
  }
  Answer answer;
  auto& operation = body->children.front();
  if (auto* listed = operation.child("ResponseMessages")) {
    for (auto& node : listed->children) {
      Message message;
      message.code = node.child_text("ResponseCode");
      message.text = node.child_text("MessageText");
      message.back_off = back_off_of(node);
      if (message.code == "ErrorInternalServerError") {
        if (auto inner = inner_code(node); !inner.empty()) message.code = inner;
      }
      // A warning with another code than "batch stopped" came with what was asked for.
      if (node.attribute("ResponseClass") == "Success") message.code = "NoError";
      if (message.code.empty()) message.code = "ErrorInternalServerError";
      message.node = std::move(node);
      answer.messages.push_back(std::move(message));
    }
  } else {
    Message message;
    message.code = operation.child_text("ResponseCode");
    message.text = operation.child_text("MessageText");
    message.back_off = back_off_of(operation);
    if (message.code.empty()) message.code = "NoError";
    answer.messages.push_back(std::move(message));
    answer.body = std::move(operation);
  }
  if (answer.messages.empty()) {
    round.error = {ErrorCode::unavailable, "Exchange's answer says nothing about what was asked"};
    round.repeat = true;
    return round;
  }
  bool all_transient = true;
  for (const auto& message : answer.messages) {
    all_transient = all_transient && message.is_transient();
    round.busy = round.busy || asks_for_less(message.code);
    if (message.back_off) round.back_off = std::max(round.back_off.value_or(std::chrono::milliseconds(0)), *message.back_off);
  }
  if (all_transient) {
    round.error = answer.messages.front().error();
    round.repeat = true;
  } else {
    round.answer = std::move(answer);
  }
  return round;
}

Result<Answer> Service::call(const Target& target, const Call& call, std::stop_token stop, std::atomic<std::uint64_t>* requests) {
  const int attempts_max = call.once ? 1 : call.attempts_max > 0 ? call.attempts_max : options_.attempts_max;
  int attempts = 0, busy = 0, refused = 0;
  while (true) {
    Secret token;
    TokenSource* source = nullptr;
    if (account_.auth == ExchangeAccount::Auth::bearer) {
      source = tokens(target.url);
      auto given = source->token(stop);
      if (!given) return given.error();
      token = *std::move(given);
    }
    auto wait = std::chrono::milliseconds(0);
    Round round;
    {
      auto permit = gate_.enter(target.mailbox, stop);
      if (!permit) return permit.error();
      if (requests != nullptr) ++*requests;
      round = read(send(target, call, token, stop), target);
      // Before the place is given back: nobody slips through.
      if (round.back_off && *round.back_off <= options_.retry_wait_max) gate_.pause(target.mailbox, *round.back_off);
      if (round.busy) gate_.narrow(target.mailbox);
      if (!round.answer && round.repeat) {
        if (round.busy) ++busy;
        else ++attempts;
        if (!round.back_off) {
          wait = next_backoff(std::max(attempts, busy));
          if (round.busy) gate_.pause(target.mailbox, wait);
        }
      }
    }
    if (round.answer) {
      if (!round.busy && random_.with([](std::minstd_rand& random) { return random() % kGoodBeforeWider == 0; })) gate_.widen(target.mailbox);
      return *std::move(round.answer);
    }
    if (round.unauthenticated && source != nullptr && ++refused <= 2) {
      source->discard(token);  // Ended or revoked inside the run.
      continue;
    }
    if (!round.repeat) return round.error;
    if (round.back_off && *round.back_off > options_.retry_wait_max) {
      return Error{ErrorCode::rate_limited, fmt::format("{}; asked to come back in {} s", round.error.message, round.back_off->count() / 1000)};
    }
    if (attempts >= attempts_max || busy >= kBusyMax) return round.error;
    spdlog::debug("ews: repeating a request ({})", round.error.message);
    if (wait.count() > 0 && !clock_.wait_for(wait, stop)) return Error{ErrorCode::cancelled, "stopped while waiting to ask Exchange again"};
  }
}

}  // namespace kopial::ews
