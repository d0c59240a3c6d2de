#include "storage/system_store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>

#include "storage/base/encoding.h"
#include "storage/base/files.h"
#include "storage/crypto/digest.h"
#include "storage/crypto/seal.h"
#include "storage/database.h"
#include "storage/record_book.h"
#include "storage/store_format.h"

namespace kopial {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kRecordsFamily = 1;

class RocksSystemStore final : public SystemStore {
 public:
  RocksSystemStore(std::unique_ptr<Database> database, const Secret& master_key)
      : database_(std::move(database)),
        wrap_key_(derive_key(master_key, "kopial tenant key wrap")),
        records_(*database_, kRecordsFamily, derive_key(master_key, "kopial system store")) {}

  Records& records() override { return records_; }

  Result<std::string> make_wrapped_key(std::string_view slug) override {
    const Secret key{random_bytes(kKeyBytes)};
    return base64url_encode(seal(wrap_key_, bound_to(slug), key.reveal()));
  }

  Result<Secret> unwrap_key(std::string_view slug, std::string_view wrapped) const override {
    const auto sealed = base64url_decode(wrapped);
    if (!sealed) return Error{ErrorCode::corrupt, "a wrapped key is not base64url"};
    auto key = unseal(wrap_key_, bound_to(slug), *sealed);
    if (!key) return key.error().with_context(fmt::format("the key of tenant {}", slug));
    if (key->size() != kKeyBytes) return Error{ErrorCode::corrupt, fmt::format("the key of tenant {} has another size", slug)};
    return Secret(*std::move(key));
  }

 private:
  static Bytes bound_to(std::string_view slug) { return "tenant key:" + Bytes(slug); }

  std::unique_ptr<Database> database_;
  const Secret wrap_key_;
  RecordBook records_;
};

}  // namespace

Result<Secret> load_master_key(const std::filesystem::path& path, bool create) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    if (errno != ENOENT || !create) return errno_error(errno, "open the master key", path);
    std::error_code error;
    if (path.has_parent_path() && std::filesystem::create_directories(path.parent_path(), error)) {
      std::filesystem::permissions(path.parent_path(), std::filesystem::perms::owner_all, error);
    }
    const Secret fresh{random_bytes(kKeyBytes)};
    if (auto written = write_file_durably(path, fresh.reveal(), 0600); !written) {
      return written.error().with_context("making the master key");
    }
    return fresh;
  }
  if ((facts.st_mode & 077) != 0) {
    return Error{ErrorCode::invalid, fmt::format("the master key {} may be read by others: chmod 600 it", path.string())};
  }
  auto content = read_file(path, kKeyBytes);
  if (!content && content.error().code != ErrorCode::too_large) return content.error();
  if (!content || content->size() != kKeyBytes) {
    return Error{ErrorCode::invalid, fmt::format("the master key {} must have exactly {} bytes", path.string(), kKeyBytes)};
  }
  return Secret(*std::move(content));
}

Result<std::unique_ptr<SystemStore>> SystemStore::open(const std::filesystem::path& folder, const Secret& master_key,
                                                       std::shared_ptr<SharedBudget> budget) {
  const std::array<FamilySpec, 2> families{{{"default", FamilyKind::small}, {"records", FamilyKind::small}}};
  DatabaseOptions options;
  options.budget = std::move(budget);
  auto database = Database::open(folder / "store", families, std::move(options));
  if (!database) return database.error();
  if (auto fits = check_format(**database, kFormat, master_key, "the system store in " + folder.string()); !fits) {
    return fits.error();
  }
  return std::unique_ptr<SystemStore>(std::make_unique<RocksSystemStore>(*std::move(database), master_key));
}

}  // namespace kopial
