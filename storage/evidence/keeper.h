// Keeps a tenant's evidence: signs checkpoints, keeps the anchors, compares them with the store at start.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "storage/evidence/evidence.h"
#include "storage/evidence/log.h"
#include "storage/records.h"

namespace kopial {

class BatchBuilder;
class Committer;

// The size and root of the tree after the last durable batch, beside the database and without fsync: it survives a killed process,
// not a power cut, and tells of a log file that was cut short after the last checkpoint.
//   "kopial high-water 1\n" (20 bytes), u64 size, 32 root, 4 bytes of their SHA-256
class HighWater {
 public:
  ~HighWater();
  Result<void> open(const std::filesystem::path& path);
  // What it says; nullopt when it says nothing that can be understood.
  std::optional<EvidenceLog::Head> read() const;
  void write(const EvidenceLog::Head& head);

 private:
  int file_ = -1;
};

// Thread-safe once opened.
class EvidenceKeeper final : public Evidence {
 public:
  EvidenceKeeper(const Database& database, EvidenceLog& log, Committer& committer, Records& records, Clock& clock)
      : database_(database), log_(log), committer_(committer), records_(records), clock_(clock) {}
  ~EvidenceKeeper() override;

  // Makes or reads the log's key, compares the store with its anchors, and begins to sign.
  Result<void> open(const std::filesystem::path& tenant_folder, const EvidenceOptions& options);
  // To be called after each durable batch.
  void durable();

  Status status() const override;
  Result<std::string> checkpoint() override;
  std::string newest_checkpoint() const override;
  Result<std::vector<Digest>> tile(unsigned level, std::uint64_t index, unsigned width) const override { return log_.tile(level, index, width); }
  Result<std::vector<Digest>> inclusion(std::uint64_t leaf, std::uint64_t size) const override { return log_.inclusion(leaf, size); }
  Result<std::vector<Digest>> consistency(std::uint64_t old_size, std::uint64_t size) const override { return log_.consistency(old_size, size); }
  Result<Digest> root_at(std::uint64_t size) const override { return log_.root_at(size); }
  Result<std::optional<StoredEntry>> entry(std::uint64_t leaf) const override { return log_.entry(leaf); }
  Result<std::vector<LeafProof>> message(Serial serial, std::uint64_t size) const override;
  std::filesystem::path folder() const override { return folder_; }
  Bytes sign(const std::string& text) const override;
  Result<void> accept(const std::string& who, const std::string& why) override;

 private:
  Result<void> load_identity(const std::filesystem::path& tenant_folder, const std::string& name);
  Result<void> keep_identity();
  std::string compare() const;  // what is wrong, "" if nothing
  std::string compare(const std::filesystem::path& path, BytesView note) const;
  void read_newest();
  void set_trouble(std::string trouble);
  Result<void> keep(const std::string& note);
  void sign_on(std::stop_token stop);

  const Database& database_;
  EvidenceLog& log_;
  Committer& committer_;
  Records& records_;
  Clock& clock_;
  std::filesystem::path folder_;
  std::vector<std::filesystem::path> anchors_;
  std::chrono::milliseconds every_{0};
  std::optional<Ed25519Key> key_;
  Secret seed_;
  Time began_at_;
  std::uint64_t changes_before_ = 0;
  bool made_now_ = false;  // the log's key was made by this opening: there can be no anchor yet
  HighWater high_water_;

  std::mutex signing_;  // one checkpoint after the other; taken before mutex_
  mutable std::mutex mutex_;
  std::condition_variable_any grown_;
  NoteVerifier verifier_;
  std::string note_;
  std::uint64_t signed_size_ = 0;
  std::optional<Time> signed_at_;
  std::string trouble_, anchor_trouble_;
  std::jthread thread_;  // Last: it uses what is above.
};

}  // namespace kopial
