// What a tenant can prove: its log of evidence, signed checkpoints, and the anchor outside the database.
//
// Promises
//   one history    every checkpoint this log ever signed is of a beginning of the tree it has now; a store that does not follow from
//                  its anchor takes no mail and signs nothing until an administrator accepts it, and that is itself on record;
//   outside        a checkpoint is given out only after it is durable in the anchor files, outside the database;
//   cheap          proofs read a few tiles, however long the log is.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/evidence/entry.h"
#include "storage/evidence/merkle.h"
#include "storage/evidence/note.h"

namespace kopial {

struct EvidenceOptions {
  std::string name;                                // of the tenant, for the origin line; "": the folder's name
  std::vector<std::filesystem::path> anchors;      // files beside tenant/evidence/anchor; one may lie on another machine's disk
  std::chrono::milliseconds checkpoint_every{3000};  // while there is something new; 0: only when asked
};

// A message's proof: the leaf, what it says, and the way to the root of a checkpoint.
struct LeafProof {
  std::uint64_t leaf = 0;
  StoredEntry entry;
  std::vector<Digest> path;
};

// Thread-safe.
class Evidence {
 public:
  struct Status {
    std::string origin;
    NoteVerifier verifier;  // the public key
    std::uint64_t size = 0;
    Digest root;
    std::uint64_t signed_size = 0;
    std::optional<Time> signed_at;
    std::string trouble;  // "" when the store follows from its anchors; else what is wrong, and mail is refused
    std::vector<std::string> anchors;
    std::string anchor_trouble;  // "" unless an anchor file cannot be written just now
    Time began_at;                     // when the log began; nothing before that time is proven
    std::uint64_t changes_before = 0;  // how many changes the store had by then
    std::string beginning;             // "" unless they are still being taken: how far it is. Mail is refused until then
  };
  virtual ~Evidence() = default;
  virtual Status status() const = 0;

  // The newest checkpoint, signed now when there is something new. Fails with conflict while there is trouble.
  virtual Result<std::string> checkpoint() = 0;
  // The newest checkpoint that was signed; "" when there is none yet. With what witnesses have added.
  virtual std::string newest_checkpoint() const = 0;

  virtual Result<std::vector<Digest>> tile(unsigned level, std::uint64_t index, unsigned width) const = 0;
  virtual Result<std::vector<Digest>> inclusion(std::uint64_t leaf, std::uint64_t size) const = 0;
  virtual Result<std::vector<Digest>> consistency(std::uint64_t old_size, std::uint64_t size) const = 0;
  virtual Result<Digest> root_at(std::uint64_t size) const = 0;
  virtual Result<std::optional<StoredEntry>> entry(std::uint64_t leaf) const = 0;
  // The leaves that say how this message came and where it lies now, with their paths to the root of `size`: the leaf of its
  // arrival first, then those of further copies. not_found when there is no such message.
  virtual Result<std::vector<LeafProof>> message(Serial serial, std::uint64_t size) const = 0;
  // Where what belongs to the log lies outside the database: <tenant>/evidence.
  virtual std::filesystem::path folder() const = 0;
  // Signs any text under the log's name: a report.
  virtual Bytes sign(const std::string& text) const = 0;

  // Takes the store as it is although it does not follow from its anchor: an administrator has restored it knowingly. Begins a
  // new branch: its origin is new, the old anchors are kept aside, and a leaf says who did it, why, and what the anchors said.
  // Fails with invalid when there is no trouble.
  virtual Result<void> accept(const std::string& who, const std::string& why) = 0;
};

}  // namespace kopial
