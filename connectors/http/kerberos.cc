#include "connectors/http/kerberos.h"

#include <gssapi/gssapi_krb5.h>
#include <krb5.h>

#include <ctime>
#include <map>

#include "storage/base/guarded.h"

namespace kopial {
namespace {

constexpr std::time_t kRenewBefore = 600;  // seconds

struct Ticket {
  std::string cache;  // MEMORY caches live as long as the process
  Secret password;    // the one it was got with; another one gets another ticket
  std::time_t ends = 0;
};

Guarded<std::map<std::string, Ticket>>& tickets() {
  static Guarded<std::map<std::string, Ticket>> all;
  return all;
}

// Realms are in upper case: user@example.org is user@EXAMPLE.ORG. "DOMAIN\user" has the default realm of krb5.conf.
std::string principal_of(const std::string& username) {
  if (const auto at = username.find('\\'); at != std::string::npos) return username.substr(at + 1);
  std::string out = username;
  for (auto at = std::min(out.size(), out.find('@')); at < out.size(); ++at) {
    if (out[at] >= 'a' && out[at] <= 'z') out[at] = static_cast<char>(out[at] - 'a' + 'A');
  }
  return out;
}

class Session {
 public:
  Session() { failed_ = krb5_init_context(&context_); }
  ~Session() {
    if (context_ == nullptr) return;
    if (has_creds_) krb5_free_cred_contents(context_, &creds_);
    if (options_ != nullptr) krb5_get_init_creds_opt_free(context_, options_);
    if (principal_ != nullptr) krb5_free_principal(context_, principal_);
    krb5_free_context(context_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Result<std::time_t> get(const std::string& username, const Secret& password, const std::string& cache_name) {
    if (failed_ != 0) return Error{ErrorCode::unavailable, "Kerberos cannot be used: /etc/krb5.conf cannot be read"};
    if (const auto code = krb5_parse_name(context_, principal_of(username).c_str(), &principal_)) return failure(code, username);
    if (const auto code = krb5_get_init_creds_opt_alloc(context_, &options_)) return failure(code, username);
    krb5_get_init_creds_opt_set_canonicalize(options_, 1);
    const std::string word(password.reveal());
    const auto code = krb5_get_init_creds_password(context_, &creds_, principal_, word.c_str(), nullptr, nullptr, 0, nullptr, options_);
    if (code != 0) return failure(code, username);
    has_creds_ = true;
    krb5_ccache cache = nullptr;
    if (const auto bad = krb5_cc_resolve(context_, cache_name.c_str(), &cache)) return failure(bad, username);
    auto bad = krb5_cc_initialize(context_, cache, creds_.client);
    if (bad == 0) bad = krb5_cc_store_cred(context_, cache, &creds_);
    krb5_cc_close(context_, cache);
    if (bad != 0) return failure(bad, username);
    return static_cast<std::time_t>(creds_.times.endtime);
  }

 private:
  Error failure(krb5_error_code code, const std::string& username) const {
    const char* text = krb5_get_error_message(context_, code);
    const std::string said = text;
    krb5_free_error_message(context_, text);
    const bool nobody = code == KRB5_KDC_UNREACH || code == KRB5_REALM_UNKNOWN || code == KRB5_REALM_CANT_RESOLVE || code == KRB5_CONFIG_NODEFREALM;
    return {nobody ? ErrorCode::unavailable : ErrorCode::denied, "Kerberos gave no ticket for '" + username + "': " + said};
  }

  krb5_context context_ = nullptr;
  krb5_principal principal_ = nullptr;
  krb5_get_init_creds_opt* options_ = nullptr;
  krb5_creds creds_{};
  bool has_creds_ = false;
  krb5_error_code failed_ = 0;
};

}  // namespace

Result<void> use_kerberos_ticket(const HttpSignIn& who) {
  OM_uint32 minor = 0;
  if (who.username.empty()) {
    gss_krb5_ccache_name(&minor, nullptr, nullptr);
    return {};
  }
  // One asks, the others wait: a thousand mailboxes begin with one ticket.
  auto cache = tickets().with([&](auto& all) -> Result<std::string> {
    auto& ticket = all[who.username];
    if (ticket.password.reveal() == who.password.reveal() && ticket.ends - kRenewBefore > std::time(nullptr)) return ticket.cache;
    if (ticket.cache.empty()) ticket.cache = "MEMORY:kopial-" + std::to_string(all.size());
    auto ends = Session().get(who.username, who.password, ticket.cache);
    if (!ends) return ends.error();
    ticket.ends = *ends;
    ticket.password = who.password;
    return ticket.cache;
  });
  if (!cache) return cache.error();
  if (gss_krb5_ccache_name(&minor, cache->c_str(), nullptr) != GSS_S_COMPLETE) return Error{ErrorCode::internal, "GSSAPI takes no ticket cache"};
  return {};
}

}  // namespace kopial
