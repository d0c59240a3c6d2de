// A disk for tests, on top of the real one: counts syncs, runs out of room, fails at the n-th write, lies about syncing, and
// forgets on a power cut what was never synced: bytes behind the last fsync of a file, and names behind the last fsync of
// their folder. (A name removed and not synced stays removed: RocksDB copes with either.)
#pragma once

#include <rocksdb/env.h>

#include <cstdint>
#include <memory>

namespace kopial {

class DiskState;

// Thread-safe.
class FaultyDisk {
 public:
  FaultyDisk();
  ~FaultyDisk();

  rocksdb::Env* env() { return env_.get(); }

  std::uint64_t syncs() const;   // fsync and fdatasync of files, those of folders not counted
  std::uint64_t writes() const;  // everything that changes the disk

  // The next `writes` writes succeed, all later ones fail.
  void fail_writes_after(std::uint64_t writes);
  // As above, and only syncs count and fail.
  void fail_syncs_after(std::uint64_t syncs);
  bool has_failed() const;
  // Room for `bytes` more; the disk says how much is free.
  void set_room(std::uint64_t bytes);
  void set_room_unlimited();
  // Whether the disk tells how much is free: else it is first noticed by a write that fails.
  void tell_free_space(bool tell);
  // Syncs succeed and do nothing: what a disk without a flushed cache does.
  void lie_about_syncs(bool lie);

  // To be called with every file closed. Afterwards the disk works again.
  void lose_power();

 private:
  std::shared_ptr<DiskState> state_;
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace kopial
