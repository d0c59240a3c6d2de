// What belongs to no tenant: health, metrics, the OpenAPI document, the browser application.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/openapi.h"
#include "server/monitoring/metrics.h"
#include "server/services.h"
#include "storage/base/files.h"
#include "storage/base/log.h"

namespace kopial {
namespace json = boost::json;
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kFileBytesMax = 16 << 20, kAllBytesMax = 64 << 20;
// Nothing comes from anywhere but here. Fluent UI writes its style rules into the page, which is the one thing allowed inline.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "
    "frame-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

http::Response text_answer(int status, std::string type, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.emplace_back("content-type", std::move(type));
  response.body = std::move(body);
  return response;
}

std::string media_type(const fs::path& path) {
  static const std::map<std::string, std::string> kTypes{
      {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"}, {".png", "image/png"}, {".ico", "image/x-icon"}, {".json", "application/json"},
      {".woff2", "font/woff2"}, {".txt", "text/plain; charset=utf-8"}, {".webmanifest", "application/manifest+json"}};
  const auto found = kTypes.find(path.extension().string());
  return found == kTypes.end() ? "application/octet-stream" : found->second;
}

// The built browser application, read once: a request never touches the file system, so no path can lead out of it.
class WebFiles {
 public:
  explicit WebFiles(const fs::path& folder) {
    std::error_code bad;
    std::uint64_t bytes = 0;
    for (fs::recursive_directory_iterator at(folder, bad), end; !bad && at != end; at.increment(bad)) {
      if (!at->is_regular_file(bad)) continue;
      auto content = read_file(at->path(), kFileBytesMax);
      if (!content || bytes + content->size() > kAllBytesMax) continue;
      bytes += content->size();
      files_["/" + fs::relative(at->path(), folder, bad).generic_string()] = {media_type(at->path()), *std::move(content)};
    }
    if (files_.empty()) spdlog::info("no browser application in {}; the REST interface is served alone", folder.string());
  }

  http::Response operator()(const http::Request& request) const {
    const auto found = files_.find(request.path == "/" ? "/index.html" : request.path);
    if (found == files_.end()) return http::problem({ErrorCode::not_found, "there is nothing at " + request.path.substr(0, 200)}, request.request_id);
    auto response = text_answer(200, found->second.type, found->second.content);
    response.headers.emplace_back("content-security-policy", kPolicy);
    response.headers.emplace_back("cross-origin-opener-policy", "same-origin");
    response.headers.emplace_back("permissions-policy", "camera=(), geolocation=(), microphone=()");
    // Names below assets/ change with their content.
    response.headers.emplace_back("cache-control", found->first.starts_with("/assets/") ? "public, max-age=31536000, immutable" : "no-cache");
    return response;
  }

 private:
  struct File {
    std::string type, content;
  };
  std::map<std::string, File> files_;
};

http::Response system_status(const ApiCall& call) {
  auto tenants = call.services.tenants.list();
  if (!tenants) return http::problem(tenants.error(), call.request.request_id);
  return json_answer(200, json::object{{"version", KOPIAL_VERSION}, {"tenants", tenants->size()}, {"open_tenants", call.services.tenants.open_now().size()}});
}

http::Response readiness(const ApiCall& call) {
  if (auto tenants = call.services.tenants.list(); !tenants) return http::problem(tenants.error(), call.request.request_id);
  return json_answer(200, json::object{{"status", "ready"}});
}

}  // namespace

void add_system_routes(Api& api) {
  api.add({"GET", "/healthz", Need::nobody, [](const ApiCall&) { return json_answer(200, json::object{{"status", "alive"}}); }});
  api.add({"GET", "/readyz", Need::nobody, readiness});
  api.add({"GET", "/metrics", Need::nobody, [](const ApiCall& call) {
             call.services.metrics.set_open_tenants(call.services.tenants.open_now().size());
             return text_answer(200, "text/plain; version=0.0.4; charset=utf-8", call.services.metrics.text());
           }});
  api.add({"GET", "/api/v1/openapi.json", Need::nobody, [](const ApiCall&) { return http::json_response(200, std::string(openapi_document())); }});
  api.add({"GET", "/api/v1/system/status", Need::system, system_status});
  const char* folder = std::getenv("KOPIAL_WEB_DIR");
  auto web = std::make_shared<WebFiles>(folder != nullptr && *folder != '\0' ? folder : "/usr/share/kopial/web");
  api.set_fallback([web](const http::Request& request) { return (*web)(request); });
}

}  // namespace kopial
