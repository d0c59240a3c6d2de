// What a data folder needs before the daemon serves from it.
#pragma once

#include "config/settings.h"
#include "storage/base/secret.h"
#include "storage/crypto/certificate.h"
#include "storage/system_store.h"

namespace kopial {

// The master key: $CREDENTIALS_DIRECTORY/kopial-master-key, else the configured file, else data_dir/keys/master.key, made when absent.
Result<Secret> find_master_key(const Settings& settings);
// The configured certificate, else the self-signed one under data_dir/tls, made at first start and renewed in its last month.
Result<CertificateAndKey> find_certificate(const Settings& settings, Clock& clock);
Result<std::unique_ptr<SystemStore>> open_system_store(const Settings& settings, std::shared_ptr<SharedBudget> budget = nullptr);

// `kopial setup`: the first system administrator of a data folder whose daemon does not run. conflict when there is one already.
Result<void> set_up_administrator(const Settings& settings, const std::string& username, const Secret& password, Clock& clock);

}  // namespace kopial
