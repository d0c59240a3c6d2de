#include "tests/storage/faulty_disk.h"

#include <rocksdb/file_system.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace kopial {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class DiskState {
 public:
  static constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

  // Called before a change of the disk; not ok: the change must not happen.
  IOStatus before_write(std::uint64_t bytes) {
    const std::lock_guard lock(mutex);
    ++writes;
    if (failed || writes_left == 0) {
      failed = true;
      return IOStatus::IOError("the disk has failed (test)");
    }
    if (writes_left != kUnlimited) --writes_left;
    if (bytes > room) return IOStatus::NoSpace("no space left on device (test)");
    if (room != kUnlimited) room -= bytes;
    return IOStatus::OK();
  }

  IOStatus before_sync() {
    if (auto status = before_write(0); !status.ok()) return status;
    const std::lock_guard lock(mutex);
    ++syncs;
    if (syncs_left == 0) {
      failed = true;
      return IOStatus::IOError("fsync has failed (test)");
    }
    if (syncs_left != kUnlimited) --syncs_left;
    return IOStatus::OK();
  }

  struct File {
    std::uint64_t size = 0, synced = 0;
  };
  struct Rename {
    std::string from, to;
    std::optional<std::string> replaced;  // the content `to` had
  };

  mutable std::mutex mutex;
  std::uint64_t writes = 0, syncs = 0;
  std::uint64_t writes_left = kUnlimited, syncs_left = kUnlimited, room = kUnlimited;
  bool failed = false, lying = false, tell_free = true;
  std::map<std::string, File> files;
  std::set<std::string> fresh;     // names no fsync of their folder has covered
  std::vector<Rename> renames;     // likewise, oldest first
};

namespace {

class WatchedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WatchedFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path, std::shared_ptr<DiskState> state)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), state_(std::move(state)) {}

  using FSWritableFileOwnerWrapper::Append;
  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    return grow(data, [&] { return FSWritableFileOwnerWrapper::Append(data, options, debug); });
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo& verification,
                  IODebugContext* debug) override {
    return grow(data, [&] { return FSWritableFileOwnerWrapper::Append(data, options, verification, debug); });
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }

 private:
  template <typename Write>
  IOStatus grow(const Slice& data, Write write) {
    if (auto status = state_->before_write(data.size()); !status.ok()) return status;
    auto status = write();
    const std::lock_guard lock(state_->mutex);
    if (status.ok()) state_->files[path_].size += data.size();
    return status;
  }
  template <typename Write>
  IOStatus sync(Write write) {
    if (auto status = state_->before_sync(); !status.ok()) return status;
    auto status = write();
    const std::lock_guard lock(state_->mutex);
    auto& file = state_->files[path_];
    if (status.ok() && !state_->lying) file.synced = file.size;
    return status;
  }

  const std::string path_;
  const std::shared_ptr<DiskState> state_;
};

class WatchedFolder final : public rocksdb::FSDirectoryWrapper {
 public:
  WatchedFolder(std::unique_ptr<rocksdb::FSDirectory> folder, std::shared_ptr<DiskState> state)
      : FSDirectoryWrapper(std::move(folder)), state_(std::move(state)) {}
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSDirectoryWrapper::Fsync(options, debug); });
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& which) override {
    return sync([&] { return FSDirectoryWrapper::FsyncWithDirOptions(options, debug, which); });
  }

 private:
  template <typename Write>
  IOStatus sync(Write write) {  // A store is one folder, so one fsync covers all names.
    if (auto status = state_->before_write(0); !status.ok()) return status;
    auto status = write();
    const std::lock_guard lock(state_->mutex);
    if (status.ok() && !state_->lying) {
      state_->fresh.clear();
      state_->renames.clear();
    }
    return status;
  }
  const std::shared_ptr<DiskState> state_;
};

class WatchedFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit WatchedFileSystem(std::shared_ptr<DiskState> state)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), state_(std::move(state)) {}
  const char* Name() const override { return "WatchedFileSystem"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) override {
    if (auto status = state_->before_write(0); !status.ok()) return status;
    std::unique_ptr<rocksdb::FSWritableFile> plain;
    auto status = FileSystemWrapper::NewWritableFile(path, options, &plain, debug);
    if (!status.ok()) return status;
    {
      const std::lock_guard lock(state_->mutex);
      state_->files[path] = {};
      state_->fresh.insert(path);
    }
    *file = std::make_unique<WatchedFile>(std::move(plain), path, state_);
    return status;
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options, std::unique_ptr<rocksdb::FSDirectory>* folder,
                        IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSDirectory> plain;
    auto status = FileSystemWrapper::NewDirectory(path, options, &plain, debug);
    if (status.ok()) *folder = std::make_unique<WatchedFolder>(std::move(plain), state_);
    return status;
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    if (auto status = state_->before_write(0); !status.ok()) return status;
    auto status = FileSystemWrapper::DeleteFile(path, options, debug);
    const std::lock_guard lock(state_->mutex);
    state_->files.erase(path);
    state_->fresh.erase(path);
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    if (auto status = state_->before_write(0); !status.ok()) return status;
    std::optional<std::string> replaced;
    if (std::ifstream old(to, std::ios::binary); old) {
      std::ostringstream content;
      content << old.rdbuf();
      replaced = content.str();
    }
    auto status = FileSystemWrapper::RenameFile(from, to, options, debug);
    if (!status.ok()) return status;
    const std::lock_guard lock(state_->mutex);
    if (auto file = state_->files.extract(from)) {
      file.key() = to;
      state_->files.erase(to);
      state_->files.insert(std::move(file));
    }
    state_->renames.push_back({from, to, std::move(replaced)});
    return status;
  }
  IOStatus GetFreeSpace(const std::string& path, const IOOptions& options, std::uint64_t* free,
                        IODebugContext* debug) override {
    {
      const std::lock_guard lock(state_->mutex);
      if (!state_->tell_free) return IOStatus::NotSupported("free space (test)");
      if (state_->room != DiskState::kUnlimited) {
        *free = state_->room;
        return IOStatus::OK();
      }
    }
    return FileSystemWrapper::GetFreeSpace(path, options, free, debug);
  }

 private:
  const std::shared_ptr<DiskState> state_;
};

}  // namespace

FaultyDisk::FaultyDisk()
    : state_(std::make_shared<DiskState>()), env_(rocksdb::NewCompositeEnv(std::make_shared<WatchedFileSystem>(state_))) {}
FaultyDisk::~FaultyDisk() = default;

std::uint64_t FaultyDisk::syncs() const {
  const std::lock_guard lock(state_->mutex);
  return state_->syncs;
}
std::uint64_t FaultyDisk::writes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->writes;
}
void FaultyDisk::fail_writes_after(std::uint64_t writes) {
  const std::lock_guard lock(state_->mutex);
  state_->writes_left = writes;
}
void FaultyDisk::fail_syncs_after(std::uint64_t syncs) {
  const std::lock_guard lock(state_->mutex);
  state_->syncs_left = syncs;
}
bool FaultyDisk::has_failed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failed;
}
void FaultyDisk::set_room(std::uint64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->room = bytes;
}
void FaultyDisk::set_room_unlimited() { set_room(DiskState::kUnlimited); }
void FaultyDisk::tell_free_space(bool tell) {
  const std::lock_guard lock(state_->mutex);
  state_->tell_free = tell;
}
void FaultyDisk::lie_about_syncs(bool lie) {
  const std::lock_guard lock(state_->mutex);
  state_->lying = lie;
}

void FaultyDisk::lose_power() {
  const std::lock_guard lock(state_->mutex);
  std::error_code gone;
  for (const auto& [path, file] : state_->files) {
    if (file.synced < file.size && std::filesystem::exists(path)) std::filesystem::resize_file(path, file.synced, gone);
  }
  for (auto rename = state_->renames.rbegin(); rename != state_->renames.rend(); ++rename) {
    std::filesystem::rename(rename->to, rename->from, gone);
    if (rename->replaced) std::ofstream(rename->to, std::ios::binary) << *rename->replaced;
  }
  for (const auto& path : state_->fresh) std::filesystem::remove(path, gone);
  state_->files.clear();
  state_->renames.clear();
  state_->fresh.clear();
  state_->failed = state_->lying = false;
  state_->writes_left = state_->syncs_left = state_->room = DiskState::kUnlimited;
}

}  // namespace kopial
