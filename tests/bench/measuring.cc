#include "tests/bench/measuring.h"

#include <fcntl.h>
#include <rocksdb/file_system.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace kopial::bench {
namespace {

class CountingFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  CountingFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, DiskCounts& counts)
      : FSWritableFileOwnerWrapper(std::move(file)), counts_(counts) {}
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    counts_.bytes_written += data.size();
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification, rocksdb::IODebugContext* debug) override {
    counts_.bytes_written += data.size();
    return FSWritableFileOwnerWrapper::Append(data, options, verification, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    ++counts_.syncs;
    return FSWritableFileOwnerWrapper::Sync(options, debug);
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    ++counts_.syncs;
    return FSWritableFileOwnerWrapper::Fsync(options, debug);
  }

 private:
  DiskCounts& counts_;
};

class CountingFolder : public rocksdb::FSDirectoryWrapper {
 public:
  CountingFolder(std::unique_ptr<rocksdb::FSDirectory>&& folder, DiskCounts& counts)
      : FSDirectoryWrapper(std::move(folder)), counts_(counts) {}
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    ++counts_.syncs;
    return FSDirectoryWrapper::Fsync(options, debug);
  }
  rocksdb::IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug,
                                        const rocksdb::DirFsyncOptions& how) override {
    ++counts_.syncs;
    return FSDirectoryWrapper::FsyncWithDirOptions(options, debug, how);
  }

 private:
  DiskCounts& counts_;
};

class CountingFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit CountingFileSystem(DiskCounts& counts) : FileSystemWrapper(rocksdb::FileSystem::Default()), counts_(counts) {}
  const char* Name() const override { return "CountingFileSystem"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file, rocksdb::IODebugContext* debug) override {
    const auto status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (status.ok()) file->reset(new CountingFile(std::move(*file), counts_));
    return status;
  }
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* folder, rocksdb::IODebugContext* debug) override {
    const auto status = FileSystemWrapper::NewDirectory(name, options, folder, debug);
    if (status.ok()) folder->reset(new CountingFolder(std::move(*folder), counts_));
    return status;
  }

 private:
  DiskCounts& counts_;
};

std::uint64_t status_line(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10) << 10;
  }
  return 0;
}

}  // namespace

std::unique_ptr<rocksdb::Env> counting_env(DiskCounts& counts) {
  return rocksdb::NewCompositeEnv(std::make_shared<CountingFileSystem>(counts));
}

Percentiles percentiles(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double q) {
    return values[std::min(values.size() - 1, static_cast<std::size_t>(q * static_cast<double>(values.size())))];
  };
  return {at(0.5), at(0.99), values.back()};
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::uint64_t resident_bytes() { return status_line("VmRSS"); }
std::uint64_t resident_peak() { return status_line("VmHWM"); }
void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

void evict(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, ignored)) {
    if (!entry.is_regular_file(ignored)) continue;
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    ::fdatasync(file);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

std::vector<std::filesystem::path> maildir_files(const std::filesystem::path& folder) {
  std::vector<std::pair<std::uint64_t, std::filesystem::path>> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, failed)) {
    if (entry.is_regular_file() && entry.path().parent_path().filename() == "cur") {
      files.emplace_back(std::strtoull(entry.path().filename().c_str(), nullptr, 10), entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<std::filesystem::path> out;
  for (auto& [number, path] : files) out.push_back(std::move(path));
  return out;
}

std::vector<double> sync_times(const std::filesystem::path& folder, std::size_t bytes, std::size_t count) {
  const auto path = folder / "sync-probe";
  std::vector<double> times;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const Bytes block(bytes, 'x');
  for (std::size_t i = 0; file >= 0 && i < count; ++i) {
    const Stopwatch watch;
    if (::write(file, block.data(), block.size()) < 0 || ::fdatasync(file) != 0) break;
    times.push_back(watch.seconds());
  }
  ::close(file);
  std::filesystem::remove(path);
  return times;
}

}  // namespace kopial::bench
