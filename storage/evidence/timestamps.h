// Which checkpoints a time-stamping authority has stamped, and which stamp is due: a new one now and then, and another one over an old
// one before its authority's certificate ends. Asking the authority is somebody else's (storage has no network); nothing waits for it.
//
// Folder evidence/timestamps:
//   <leaves>.note      the checkpoint
//   <leaves>-<n>.tsr   the authority's response; n = 0 stamps SHA-256(note), n > 0 SHA-256(note, response n - 1)
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "storage/base/clock.h"
#include "storage/crypto/timestamp.h"

namespace kopial {

struct TimestampsOptions {
  std::chrono::hours every{24};              // a new checkpoint is stamped so often
  std::chrono::hours renew_before{24 * 60};  // the authority's certificate ends
  std::string trusted_pem;                   // the authority's; "": signatures are not checked when a stamp comes in
};

// Thread-safe.
class Timestamps {
 public:
  static Result<std::unique_ptr<Timestamps>> open(std::filesystem::path folder, TimestampsOptions options);

  struct Due {
    std::uint64_t size = 0;
    std::size_t number = 0;
    Digest digest;
    Bytes nonce;
    Bytes request;   // to be POSTed as application/timestamp-query
    std::string note;
  };
  // What should be stamped now: `size` and `note` are the newest checkpoint. One at a time; what failed is due again.
  std::optional<Due> due(std::uint64_t size, const std::string& note, Time now) const;
  // Checks the authority's answer and keeps it durably.
  Result<Timestamp> keep(const Due& due, BytesView response);

  struct Kept {
    std::uint64_t size = 0;
    std::size_t number = 0;
    Timestamp stamp;
  };
  std::optional<Kept> newest() const;

 private:
  Timestamps(std::filesystem::path folder, TimestampsOptions options) : folder_(std::move(folder)), options_(std::move(options)) {}
  Result<void> load();

  const std::filesystem::path folder_;
  const TimestampsOptions options_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Kept> last_;  // by size: the last stamp of each checkpoint
};

}  // namespace kopial
