// The fsync family of this whole process, libraries included: counted, made to fail, or made to do nothing.
//
// Linking syncs.cc puts fsync, fdatasync, sync_file_range, syncfs and msync in front of the C library's, so that RocksDB, Xapian and our
// own files are all seen, whoever calls.
#pragma once

#include <cstdint>
#include <string>

namespace kopial::faults {

std::uint64_t syncs();  // since the last reset, of files and folders below the watched path
// Only what lies below it is counted and struck; "" = everything.
void watch_syncs_below(const std::string& path);
void fail_syncs_after(std::uint64_t syncs);  // the next `syncs` succeed, all later ones fail with EIO
bool sync_has_failed();
void ignore_syncs(bool ignore);  // they say yes and do nothing: the known-bad disk
void reset_syncs();

}  // namespace kopial::faults
