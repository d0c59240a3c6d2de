#include "server/cli/session.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "storage/base/files.h"

namespace kopial::cli {
namespace fs = std::filesystem;
namespace json = boost::json;
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

fs::path session_file() {
  const auto config = environment("XDG_CONFIG_HOME"), home = environment("HOME");
  return (config.empty() ? fs::path(home) / ".config" : fs::path(config)) / "kopial" / "session.json";
}

Result<Access> resolve_access(const Access& wanted) {
  json::value kept;
  std::error_code ignored;
  if (fs::exists(session_file(), ignored)) {
    auto text = read_file(session_file(), 64 << 10);
    if (!text) return text.error();
    json::error_code bad;
    kept = json::parse(*text, bad);
    if (bad) return Error{ErrorCode::corrupt, "the file " + session_file().string() + " is damaged; kopial login writes a new one"};
  }
  const auto pick = [](const std::string& option, const char* name, const std::string& otherwise) {
    if (!option.empty()) return option;
    auto set = environment(name);
    return set.empty() ? otherwise : set;
  };
  Access access;
  const auto kept_url = field(kept, "url");
  access.url = pick(wanted.url, "KOPIAL_URL", kept_url.empty() ? "https://127.0.0.1:8460" : kept_url);
  while (!access.url.empty() && access.url.back() == '/') access.url.pop_back();
  const bool same = access.url == kept_url;  // Another server shall not be shown this one's token.
  access.ca_file = pick(wanted.ca_file, "KOPIAL_CA_FILE", same ? field(kept, "ca_file") : "");
  access.tenant = pick(wanted.tenant, "KOPIAL_TENANT", same ? field(kept, "tenant") : "");
  access.token = Secret(pick(std::string(wanted.token.reveal()), "KOPIAL_TOKEN", same ? field(kept, "token") : ""));
  return access;
}

Result<void> keep_session(const Access& access) {
  const auto file = session_file();
  std::error_code bad;
  fs::create_directories(file.parent_path(), bad);
  if (bad) return Error{ErrorCode::unavailable, "the folder " + file.parent_path().string() + " cannot be made: " + bad.message()};
  if (::chmod(file.parent_path().c_str(), 0700) != 0) return Error{ErrorCode::unavailable, "the folder " + file.parent_path().string() + " cannot be made private"};
  const auto ca_file = access.ca_file.empty() ? "" : fs::absolute(access.ca_file, bad).string();
  return write_file_durably(file, json::serialize(json::object{{"url", access.url}, {"ca_file", ca_file}, {"tenant", access.tenant}, {"token", access.token.reveal()}}));
}

Result<void> forget_session() {
  std::error_code bad;
  fs::remove(session_file(), bad);
  if (bad) return Error{ErrorCode::unavailable, session_file().string() + " cannot be removed: " + bad.message()};
  return {};
}

}  // namespace kopial::cli
