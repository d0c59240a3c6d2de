#include "storage/tenant_store.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "storage/backup_writer.h"
#include "storage/base/log.h"
#include "storage/blob_coder.h"
#include "storage/committer.h"
#include "storage/database.h"
#include "storage/dictionary_trainer.h"
#include "storage/eraser.h"
#include "storage/evidence/beginning.h"
#include "storage/evidence/keeper.h"
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
// Opening waits so long for the evidence log to begin in an older store; the rest is done while it serves.
constexpr std::chrono::milliseconds kBeginningWait{500};
constexpr std::chrono::seconds kBeginningRetry{60};

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
        log_(*database_),
        committer_(*database_, names_, parts_, packs_, log_, clock_, options.may_erase, options.evidence),
        reader_(*database_, names_, coder_, parts_, packs_),
        eraser_(*database_, names_, reader_, committer_, std::move(journal)),
        records_(*database_, kRecords, key),
        evidence_(*database_, log_, committer_, records_, clock_),
        beginning_(*database_, coder_, records_, committer_) {}

  ~RocksTenantStore() override {
    beginner_ = {};
    committer_.on_durable({});
  }

  Result<void> load() {
    if (options_.evidence) {
      records_.prove_with([this](std::vector<RecordBook::Row> rows, std::vector<Fact> facts) {
        return committer_.commit([&](BatchBuilder& builder) {
          for (const auto& row : rows) builder.add_row(kRecords, row.key, row.value);
          // Before the log has begun with all records there are (LogBeginning), it does not speak of single ones.
          if (!builder.state().is_before_records()) builder.add_event(EntryKind::record, facts);
        });
      });
    }
    if (auto loaded = trainer_.load(); !loaded) return loaded;
    if (auto loaded = packs_.load(); !loaded) return loaded;
    if (auto loaded = committer_.load(); !loaded) return loaded;
    if (auto loaded = eraser_.load(); !loaded) return loaded;
    if (!options_.evidence) return {};
    committer_.on_durable([this] { evidence_.durable(); });
    if (auto opened = evidence_.open(folder_, options_.anchoring); !opened) return opened;
    begin_log();
    return {};
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

  Result<void> append_audit(std::string json) override {
    Fact fact;
    fact.type = FactType::audit;
    fact.text = std::move(json);
    return committer_.commit([&](BatchBuilder& builder) { builder.add_event(EntryKind::audit, {fact}); });
  }
  Result<std::vector<AuditRow>> audit(std::uint64_t from, std::size_t limit) const override {
    return reader_.audit(from, limit);
  }

  Evidence& evidence() override { return evidence_; }
  Records& records() override { return records_; }
  Result<std::uint64_t> disk_bytes() const override { return database_->disk_bytes(); }
  Result<ScrubReport> scrub(const ScrubOptions& options) override {
    return Scrubber(*database_, reader_, Serial{committer_.state().last_serial}, clock_, options).run();
  }
  Result<BackupRecord> backup(const BackupOptions& options) override {
    BackupOptions anchored = options;
    if (anchored.checkpoint.empty() && options_.evidence) {
      // A store that does not follow from its anchor is backed up all the same, without a signature that would vouch for it.
      if (auto note = evidence_.checkpoint()) anchored.checkpoint = *std::move(note);
    }
    return write_backup(*database_, folder_, key_, clock_, anchored);
  }
  Result<RepairReport> repair(const std::filesystem::path& backups, std::stop_token stop) override {
    return repair_files(*database_, key_, clock_, backups, std::move(stop));
  }
  Result<std::vector<std::string>> check() const override {
    return check_tenant(*database_, names_, reader_, committer_.state());
  }

 private:
  // Never a reason not to open: what is there can be read, and the state says what is still to do.
  void begin_log() {
    if (committer_.state().beginning == kBeginningNone) return;
    spdlog::info("store {}: it kept no evidence until now; its log begins with what is in it", database_->folder().string());
    if (const auto begun = beginning_.run({}, kBeginningWait); begun && *begun) return log_begun();
    beginner_ = std::jthread([this](std::stop_token stop) {
      while (!stop.stop_requested()) {
        const auto begun = beginning_.run(stop);
        if (begun) {
          if (*begun) log_begun();
          return;
        }
        spdlog::error("store {}: the evidence log goes on beginning later: {}", database_->folder().string(), begun.error().message);
        if (!clock_.wait_for(kBeginningRetry, stop)) return;
      }
    });
  }
  void log_begun() const { spdlog::info("store {}: its evidence log has begun", database_->folder().string()); }

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
  EvidenceLog log_;
  Committer committer_;
  TenantReader reader_;
  Eraser eraser_;
  RecordBook records_;
  EvidenceKeeper evidence_;
  LogBeginning beginning_;
  std::jthread beginner_;  // Last: it uses what is above.
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
