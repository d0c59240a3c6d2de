#include "server/first_start.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "server/people/users.h"
#include "storage/base/files.h"
#include "storage/base/log.h"

namespace kopial {
namespace {

namespace fs = std::filesystem;

Result<void> make_private_folder(const fs::path& folder) {
  std::error_code bad;
  fs::create_directories(folder, bad);
  if (bad) return Error{ErrorCode::unavailable, fmt::format("the folder {} cannot be made: {}", folder.string(), bad.message())};
  if (::chmod(folder.c_str(), 0700) != 0) return errno_error(errno, "making private", folder);
  return {};
}

std::vector<std::string> certificate_names(const Settings& settings) {
  std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) == 0) add(host);
  for (const auto& listen : settings.http.listen) {
    auto address = listen.substr(0, listen.rfind(':'));
    if (address.size() > 2 && address.front() == '[') address = address.substr(1, address.size() - 2);
    if (address != "0.0.0.0" && address != "::") add(address);
  }
  const auto scheme = settings.http.public_url.find("://");
  if (scheme != std::string::npos) {
    auto name = settings.http.public_url.substr(scheme + 3);
    add(name.substr(0, name.find_first_of(":/")));
  }
  return names;
}

}  // namespace

Result<Secret> find_master_key(const Settings& settings) {
  if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY"); folder != nullptr) {
    const auto path = fs::path(folder) / "kopial-master-key";
    std::error_code ignored;
    if (fs::exists(path, ignored)) return load_master_key(path, false);
  }
  if (!settings.keys.master_key_file.empty()) return load_master_key(settings.keys.master_key_file, false);
  if (auto made = make_private_folder(settings.data_dir / "keys"); !made) return made.error();
  return load_master_key(settings.data_dir / "keys" / "master.key", true);
}

Result<CertificateAndKey> find_certificate(const Settings& settings, Clock& clock) {
  const bool configured = !settings.http.certificate.empty();
  const auto folder = settings.data_dir / "tls";
  const auto certificate_path = configured ? settings.http.certificate : folder / "certificate.pem";
  const auto key_path = configured ? settings.http.private_key : folder / "private_key.pem";
  auto certificate = read_file(certificate_path, 1 << 20);
  auto key = read_file(key_path, 1 << 20);
  if (certificate && key) {
    auto facts = read_certificate(*certificate);
    if (!facts) return facts.error().with_context(certificate_path.string());
    const bool ends_soon = facts->not_after - clock.now() < std::chrono::hours(24 * 30);
    if (!ends_soon || configured) {
      if (ends_soon) spdlog::warn("the certificate {} ends on {}", certificate_path.string(), format_rfc3339(facts->not_after));
      return CertificateAndKey{*certificate, Secret(*key)};
    }
  } else if (configured) {
    return (certificate ? key.error() : certificate.error()).with_context("http.certificate and http.private_key");
  }
  if (auto made = make_private_folder(folder); !made) return made.error();
  auto fresh = make_self_signed_certificate(certificate_names(settings), clock.now());
  if (!fresh) return fresh.error();
  if (auto kept = write_file_durably(key_path, fresh->private_key_pem.reveal(), 0600); !kept) return kept.error();
  if (auto kept = write_file_durably(certificate_path, fresh->certificate_pem, 0644); !kept) return kept.error();
  spdlog::info("a self-signed certificate was made: {}", certificate_path.string());
  return fresh;
}

Result<std::unique_ptr<SystemStore>> open_system_store(const Settings& settings, std::shared_ptr<SharedBudget> budget) {
  if (auto made = make_private_folder(settings.data_dir); !made) return made.error();
  auto key = find_master_key(settings);
  if (!key) return key.error();
  return SystemStore::open(settings.data_dir / "system", *key, std::move(budget));
}

Result<void> set_up_administrator(const Settings& settings, const std::string& username, const Secret& password, Clock& clock) {
  auto system = open_system_store(settings);
  if (!system) {
    if (system.error().code == ErrorCode::conflict) return Error{ErrorCode::conflict, "the daemon runs on this data folder; stop it first"};
    return system.error();
  }
  Users users(clock);
  auto present = users.list((*system)->records(), "", 1);
  if (!present) return present.error();
  if (!present->empty()) return Error{ErrorCode::conflict, "this data folder has an administrator already; sign in as '" + present->front().username + "'"};
  User user;
  user.username = username;
  user.display_name = "System administrator";
  user.roles = {Role::system_administrator};
  auto made = users.create_with_password((*system)->records(), std::move(user), password);
  if (!made) return made.error();
  return {};
}

}  // namespace kopial
