#include "storage/tenant_store.h"

#include <fmt/format.h>

#include <chrono>

#include "storage/backup_writer.h"
#include "storage/blob_coder.h"
#include "storage/committer.h"
#include "storage/database.h"
#include "storage/dictionary_trainer.h"
#include "storage/eraser.h"
#include "storage/layout.h"
#include "storage/preparer.h"
#include "storage/record_book.h"
#include "storage/scrubber.h"
#include "storage/store_format.h"
#include "storage/tenant_check.h"
#include "storage/tenant_reader.h"

namespace kopial {
namespace {

constexpr std::uint64_t kFormat = 1;

class RocksTenantStore final : public TenantStore {
 public:
  RocksTenantStore(std::filesystem::path folder, std::unique_ptr<Database> database, const Secret& key, ErasureJournal journal, const TenantStoreOptions& options)
      : folder_(std::move(folder)),
        key_(key),
        options_(options),
        clock_(options.clock != nullptr ? *options.clock : system_clock()),
        database_(std::move(database)),
        names_(key),
        packs_(*database_, coder_),
        parts_(*database_, coder_, packs_),
        trainer_(*database_, coder_),
        preparer_(*database_, names_, coder_, parts_, packs_, trainer_, options.compress_threads),
        committer_(*database_, names_, parts_, packs_, clock_, options.may_erase),
        reader_(*database_, names_, coder_, parts_, packs_),
        eraser_(*database_, names_, reader_, committer_, std::move(journal)),
        records_(*database_, kRecords, key) {}

  Result<void> load() {
    if (auto loaded = trainer_.load(); !loaded) return loaded;
    if (auto loaded = packs_.load(); !loaded) return loaded;
    if (auto loaded = committer_.load(); !loaded) return loaded;
    return eraser_.load();
  }

  Result<BatchOutcome> archive(Batch batch) override {
    for (const auto& intake : batch.messages) {
      if (intake.raw.size() > options_.message_bytes_max) return too_large("a message", intake.raw.size());
    }
    for (const auto& item : batch.quarantined) {
      if (item.bytes.size() > options_.message_bytes_max) return too_large("a quarantined item", item.bytes.size());
    }
    auto prepared = preparer_.prepare(std::move(batch));
    if (!prepared) return prepared.error();
    return committer_.commit(*prepared);
  }

  Result<ErasureOutcome> erase(const std::vector<Erasure>& erasures) override { return eraser_.erase(erasures); }
  Result<ErasureOutcome> replay_erasures(const std::filesystem::path& journal, const Secret& key, Serial last) override {
    return eraser_.replay(journal, key, last);
  }
  Result<void> compact() override { return database_->compact(); }

  Result<std::optional<Bytes>> raw(const CopyId& copy) const override { return reader_.raw(copy); }
  Result<std::unique_ptr<CopyReader>> open_copy(const CopyId& copy) const override { return reader_.open_copy(copy); }
  Result<std::optional<Serial>> serial_of(const CopyId& copy) const override { return reader_.serial_of(copy); }
  Result<std::optional<MessageRecord>> message(Serial serial) const override {
    auto found = reader_.messages({&serial, 1});
    if (!found) return found.error();
    if (found->empty()) return std::optional<MessageRecord>();
    return std::optional<MessageRecord>(std::move(found->front()));
  }
  Result<std::vector<MessageRecord>> messages(std::span<const Serial> serials) const override {
    return reader_.messages(serials);
  }
  Result<std::vector<Placement>> placements(Serial serial) const override { return reader_.placements(serial); }

  Result<std::optional<SeenValue>> seen(const SeenKey& key) const override { return reader_.seen(key); }
  Result<std::vector<std::string>> seen_items(ProfileId profile, const std::string& mailbox, const std::string& folder,
                                              const std::string& after, std::size_t limit) const override {
    return reader_.seen_items(profile, mailbox, folder, after, limit);
  }
  Result<std::string> cursor(const CursorKey& key) const override { return reader_.cursor(key); }

  Result<std::vector<Change>> changes(Sequence after, std::size_t limit) const override {
    return reader_.changes(after, limit);
  }
  void on_change(std::function<void(Sequence)> listener) override { committer_.on_change(std::move(listener)); }

  Result<Page> browse(ArchiveId archive, const std::string& folder, const std::string& after,
                      std::size_t limit) const override {
    return reader_.browse(archive, folder, after, limit);
  }
  Result<std::vector<FolderCount>> folders(ArchiveId archive) const override { return reader_.folders(archive); }
  Result<ArchiveTotals> totals(ArchiveId archive) const override { return reader_.totals(archive); }
  Result<StoreTotals> totals() const override {
    const State state = committer_.state();
    return StoreTotals{state.messages, state.copies, state.placements, state.raw_bytes, Sequence{state.last_sequence}};
  }

  Result<std::vector<QuarantineEntry>> quarantine(const std::string& after_id, std::size_t limit) const override {
    return reader_.quarantine(after_id, limit);
  }
  Result<std::optional<QuarantineEntry>> quarantined(const std::string& id) const override {
    return reader_.quarantined(id);
  }

  Records& records() override { return records_; }
  Result<std::uint64_t> disk_bytes() const override { return database_->disk_bytes(); }
  Result<ScrubReport> scrub(const ScrubOptions& options) override {
    return Scrubber(*database_, reader_, Serial{committer_.state().last_serial}, clock_, options).run();
  }
  Result<BackupRecord> backup(const BackupOptions& options) override { return write_backup(*database_, folder_, key_, clock_, options); }
  Result<RepairReport> repair(const std::filesystem::path& backups, std::stop_token stop) override {
    return repair_files(*database_, key_, clock_, backups, std::move(stop));
  }
  Result<std::vector<std::string>> check() const override {
    return check_tenant(*database_, names_, reader_, committer_.state());
  }

 private:
  Error too_large(std::string_view what, std::uint64_t bytes) const {
    return {ErrorCode::too_large,
            fmt::format("{} of {} bytes is larger than the limit of {} bytes", what, bytes, options_.message_bytes_max)};
  }

  const std::filesystem::path folder_;
  const Secret key_;
  const TenantStoreOptions options_;
  Clock& clock_;
  const std::unique_ptr<Database> database_;
  const Names names_;
  BlobCoder coder_;
  PackStore packs_;
  const PartStore parts_;
  DictionaryTrainer trainer_;
  Preparer preparer_;
  Committer committer_;
  TenantReader reader_;
  Eraser eraser_;
  RecordBook records_;
};

}  // namespace

Result<std::unique_ptr<TenantStore>> TenantStore::open(const std::filesystem::path& folder, const Secret& key,
                                                       TenantStoreOptions options) {
  DatabaseOptions database_options;
  database_options.budget = options.budget;
  database_options.env = options.env;
  database_options.reserve_bytes = options.reserve_bytes;
  auto database = Database::open(folder / "store", tenant_families(), std::move(database_options));
  if (!database) return database.error();
  if (auto fits = check_format(**database, kFormat, key, "the store in " + folder.string()); !fits) return fits.error();
  auto journal = ErasureJournal::open(folder / kErasureJournal, key);
  if (!journal) return journal.error();
  auto store = std::make_unique<RocksTenantStore>(folder, *std::move(database), key, *std::move(journal), options);
  if (auto loaded = store->load(); !loaded) return loaded.error();
  return std::unique_ptr<TenantStore>(std::move(store));
}

}  // namespace kopial
