// Does a store say what its evidence says? The whole of `kopial-verify` but its command line.
//
// It reads everything and believes nothing but the checkpoints it is given: it recomputes every leaf and every tile, replays the
// facts of the leaves, and holds every row of the store against them, so that whatever was changed, added, dropped, put in
// another order or rolled back since a checkpoint was signed is found, also when the database is otherwise in perfect order.
// Memory grows with the number of messages and placements (about 300 bytes each).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "storage/base/result.h"
#include "storage/base/secret.h"
#include "storage/evidence/note.h"

namespace kopial {

class Database;

struct VerifyOptions {
  std::optional<Secret> key;                // the tenant's; without it the tree alone can be checked
  std::optional<NoteVerifier> verifier;     // whose checkpoints count
  std::vector<std::pair<std::string, Bytes>> checkpoints;  // where from, and the note
  bool all_signed = false;                  // every leaf must be below a checkpoint: the store was stopped in order
  bool unsigned_allowed = false;            // `verify_folder` does not ask for that
  std::size_t findings_max = 100;
  std::uint64_t message_bytes_max = 1ull << 40;
};

struct VerifyReport {
  std::vector<std::string> findings;  // the first wrong thing first; empty when all is well
  std::uint64_t leaves = 0, messages = 0, copies = 0, placements = 0, audit_events = 0, erased_leaves = 0;
  std::uint64_t checkpoints = 0;      // that the tree was held against
  std::uint64_t unsigned_leaves = 0;  // behind the newest of them
  bool rows = false;                  // the rows were held against the leaves
  bool sound() const { return findings.empty(); }
};

// Fails only when the store cannot be read at all; whatever is wrong with it is a finding.
Result<VerifyReport> verify_store(Database& database, const VerifyOptions& options);
// `folder` is a tenant's folder, or a backup of one: it has a folder "store". Nothing in it is written. Its own anchor counts as
// a checkpoint when there is a verifier. Fails with conflict while another process has the store open.
Result<VerifyReport> verify_folder(const std::filesystem::path& folder, VerifyOptions options);

}  // namespace kopial
