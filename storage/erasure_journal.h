// Which messages were erased, kept outside the store: a backup from before an erasure still has the message, and whoever restores it must
// erase it again. One small file beside the store; every backup takes a copy along.
//
// Lines of text, each ended by a space, 32 hex digits of an HMAC-SHA256 over it under a key of the tenant's, and LF:
//   kopial erasures 1
//   erase GROUP SERIAL IDENTITY COPIES    before the batch is written; IDENTITY and COPIES are keyed tags in hex, COPIES joined by ',' or '*'
//   done GROUP | cancelled GROUP          after it was written, or was refused
// A last line without its end was cut off by a crash and is not there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/base/secret.h"

namespace kopial {

class ErasureJournal {
 public:
  struct Entry {
    std::uint64_t group = 0;
    Serial message{};
    Bytes identity;             // tag
    std::vector<Bytes> copies;  // tags; empty: all
    bool open = false;          // neither done nor cancelled
    bool operator==(const Entry&) const = default;
  };

  // Reads `path`, which need not exist. What does not carry the tenant's mark is refused as corrupt: it would erase mail.
  static Result<ErasureJournal> open(std::filesystem::path path, const Secret& tenant_key);

  const std::vector<Entry>& entries() const { return entries_; }  // without the cancelled ones, oldest first

  // Each durable when it returns.
  Result<std::uint64_t> begin(std::vector<Entry> entries);  // gives them a group
  Result<void> end(std::uint64_t group, bool done);
  // From now on `entries` has only what is open: a journal may be long, and only a restore needs all of it.
  void forget_ended();
  // Takes over what another journal of the same tenant knows and this one does not.
  Result<void> merge(const ErasureJournal& other);

  const std::filesystem::path& path() const { return path_; }

 private:
  ErasureJournal(std::filesystem::path path, Secret key) : path_(std::move(path)), key_(std::move(key)) {}
  static Result<ErasureJournal> open_with(std::filesystem::path path, Secret key);
  Result<void> read(BytesView content);
  bool read_line(BytesView line);
  Result<void> append(const std::vector<std::string>& lines);
  std::string marked(std::string line) const;

  std::filesystem::path path_;
  Secret key_;
  std::vector<Entry> entries_;
  std::uint64_t last_group_ = 0;
};

}  // namespace kopial
