#include "connectors/http/client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <condition_variable>
#include <mutex>

#include "connectors/http/host_list.h"
#include "connectors/http/kerberos.h"
#include "connectors/http/url.h"

namespace kopial {
namespace {

constexpr std::size_t kHeaderBytesMax = 128 << 10;

// libcurl wants to be set up once, before any thread uses it.
bool initialise_curl() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

// One exchange while it is under way; the callbacks' context.
struct Exchange {
  HttpResponse response;
  std::uint64_t body_bytes_max = 0;
  std::size_t header_bytes = 0;
  std::stop_token stop;
  const HostList* hosts = nullptr;  // set when the address decides
  enum class End { none, too_large, headers_too_large, denied, cancelled } end = End::none;
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const auto bytes = size * count;
  if (exchange.response.body.size() + bytes > exchange.body_bytes_max) {
    exchange.end = Exchange::End::too_large;
    return 0;
  }
  exchange.response.body.append(data, bytes);
  return bytes;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const auto bytes = size * count;
  exchange.header_bytes += bytes;
  if (exchange.header_bytes > kHeaderBytesMax) {
    exchange.end = Exchange::End::headers_too_large;
    return 0;
  }
  std::string_view line(data, bytes);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    exchange.response.headers.clear();  // Of an interim answer.
    return bytes;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return bytes;
  std::string name;
  for (const char c : line.substr(0, colon)) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  auto value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  exchange.response.headers.emplace_back(std::move(name), value);
  return bytes;
}

int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& exchange = *static_cast<Exchange*>(context);
  if (!exchange.stop.stop_requested()) return 0;
  exchange.end = Exchange::End::cancelled;
  return 1;
}

// The address is known only once the name is resolved, and must be judged before anything is sent to it.
int on_connected(void* context, char* address, char*, int, int) {
  auto& exchange = *static_cast<Exchange*>(context);
  if (exchange.hosts == nullptr || exchange.hosts->allows_address(address)) return CURL_PREREQFUNC_OK;
  exchange.end = Exchange::End::denied;
  return CURL_PREREQFUNC_ABORT;
}

class CurlClient final : public HttpClient {
 public:
  CurlClient(HttpClientOptions options, HostList hosts) : options_(std::move(options)), hosts_(std::move(hosts)) {}
  ~CurlClient() override {
    for (CURL* handle : idle_) curl_easy_cleanup(handle);
  }

  Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) override {
    const auto url = split_url(request.url);
    if (!url || (url->scheme != "https" && url->scheme != "http")) return Error{ErrorCode::invalid, "'" + request.url + "' is not a web address"};
    if (url->scheme == "http" && !is_loopback_host(url->host)) {
      return Error{ErrorCode::denied, "http:// is used to this machine only; write https:// for " + url->host};
    }
    if (request.sign_in && request.sign_in->scheme == HttpSignIn::Scheme::negotiate) {
      if (auto ticket = use_kerberos_ticket(*request.sign_in); !ticket) return ticket.error();
    }
    Exchange exchange;
    exchange.body_bytes_max = request.body_bytes_max;
    exchange.stop = stop;
    if (!hosts_.allows_everything() && !hosts_.allows_name(url->host)) exchange.hosts = &hosts_;

    CURL* handle = borrow(stop);
    if (handle == nullptr) return Error{ErrorCode::cancelled, "stopped before asking " + url->host};
    const auto code = perform(handle, request, exchange);
    give_back(handle);
    if (code != CURLE_OK || exchange.end != Exchange::End::none) return failure(code, exchange, *url, request);
    return std::move(exchange.response);
  }

 private:
  // Handles keep their connections, and the last one used is the warmest.
  CURL* borrow(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    if (!returned_.wait(lock, stop, [&] { return !idle_.empty() || handles_ < options_.connections_max; })) return nullptr;
    if (!idle_.empty()) {
      CURL* handle = idle_.back();
      idle_.pop_back();
      return handle;
    }
    ++handles_;
    return curl_easy_init();
  }
  void give_back(CURL* handle) {
    curl_easy_reset(handle);
    {
      const std::lock_guard lock(mutex_);
      idle_.push_back(handle);
    }
    returned_.notify_one();
  }

  CURLcode perform(CURL* handle, const HttpRequest& request, Exchange& exchange) {
    const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(handle, option, value); };
    curl_slist* list = nullptr;
    for (const auto& [name, value] : request.headers) list = curl_slist_append(list, (name + ": " + value).c_str());
    list = curl_slist_append(list, "Expect:");
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "https,http");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, std::min<long>(30'000, static_cast<long>(request.timeout.count())));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    if (request.once) set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_USERAGENT, options_.user_agent.c_str());
    set(CURLOPT_HTTPHEADER, list);
    set(CURLOPT_ACCEPT_ENCODING, "gzip");
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_pem.empty()) {
      curl_blob blob{const_cast<char*>(options_.ca_pem.data()), options_.ca_pem.size(), CURL_BLOB_NOCOPY};
      set(CURLOPT_CAINFO_BLOB, &blob);  // Replaces the CA file; the system's CA path stays in use beside it.
    }
    set(CURLOPT_WRITEFUNCTION, &on_body);
    set(CURLOPT_WRITEDATA, &exchange);
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, &exchange);
    set(CURLOPT_XFERINFOFUNCTION, &on_progress);
    set(CURLOPT_XFERINFODATA, &exchange);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_PREREQFUNCTION, &on_connected);
    set(CURLOPT_PREREQDATA, &exchange);
    if (request.sign_in) sign_in(handle, *request.sign_in);
    if (request.method != "GET" && request.method != "POST") set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (!request.body.empty() || request.method == "POST") {
      set(CURLOPT_POST, 1L);
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.data());
    }
    const auto code = curl_easy_perform(handle);
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    exchange.response.status = static_cast<int>(status);
    curl_slist_free_all(list);
    return code;
  }

  static void sign_in(CURL* handle, const HttpSignIn& who) {
    const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(handle, option, value); };
    using enum HttpSignIn::Scheme;
    set(CURLOPT_HTTPAUTH, who.scheme == basic ? CURLAUTH_BASIC : who.scheme == ntlm ? CURLAUTH_NTLM : CURLAUTH_NEGOTIATE);
    // NTLM and Negotiate sign in a connection, which HTTP/2 shares among requests.
    if (who.scheme != basic) set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_USERNAME, who.username.c_str());
    set(CURLOPT_PASSWORD, std::string(who.password.reveal()).c_str());  // libcurl copies it.
  }

  static Error failure(CURLcode code, const Exchange& exchange, const UrlParts& url, const HttpRequest& request) {
    const auto host = url.host + ":" + url.port;
    switch (exchange.end) {
      case Exchange::End::too_large:
        return {ErrorCode::too_large, fmt::format("the answer of {} has more than {} bytes", host, request.body_bytes_max)};
      case Exchange::End::headers_too_large:
        return {ErrorCode::too_large, "the header of the answer of " + host + " is too large"};
      case Exchange::End::denied:
        return {ErrorCode::denied, host + " is not in connectors.allowed_hosts of the configuration"};
      case Exchange::End::cancelled:
        return {ErrorCode::cancelled, "stopped while asking " + host};
      case Exchange::End::none:
        break;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) return {ErrorCode::timeout, fmt::format("{} did not answer within {} s", host, request.timeout.count() / 1000)};
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
      return {ErrorCode::unavailable, "the certificate of " + host + " is not trusted: " + curl_easy_strerror(code)};
    }
    return {ErrorCode::unavailable, "no answer from " + host + ": " + curl_easy_strerror(code)};
  }

  const HttpClientOptions options_;
  const HostList hosts_;
  std::mutex mutex_;
  std::condition_variable_any returned_;
  std::vector<CURL*> idle_;
  std::size_t handles_ = 0;
};

}  // namespace

std::optional<std::string> HttpResponse::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return std::nullopt;
}

Result<std::unique_ptr<HttpClient>> HttpClient::make(HttpClientOptions options) {
  if (!initialise_curl()) return Error{ErrorCode::internal, "libcurl cannot be used"};
  auto hosts = HostList::parse(options.allowed_hosts);
  if (!hosts) return hosts.error();
  return std::unique_ptr<HttpClient>(std::make_unique<CurlClient>(std::move(options), *std::move(hosts)));
}

}  // namespace kopial
