// Power cuts on a real file system: ext4 on a loop device, shut down with FS_IOC_SHUTDOWN (nothing that waits in memory reaches the disk
// any more, the journal included), unmounted, mounted again, compared.
//
// KOPIAL_FAULT_CUTS (15): how many cuts. The long run takes 500.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <random>

#include "tests/faults/cycles.h"
#include "tests/faults/process.h"
#include "tests/faults/workload.h"
#include "tests/support/support.h"

namespace kopial::faults {
namespace {

constexpr std::uint32_t kNoLogFlush = 2;
constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
constexpr int kCutsOfOneDisk = 15;

std::string only_tried(std::string lines) {
  std::transform(lines.begin(), lines.end(), lines.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lines;
}

int shell(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()); }

// A small disk in a file.
class LoopDisk {
 public:
  LoopDisk() : image_(folder_.path() / "image"), mount_(folder_.path() / "disk") {
    std::filesystem::create_directory(mount_);
    made_ = shell(fmt::format("truncate -s 400M {0} && mkfs.ext4 -q -F {0}", image_.string())) == 0;
  }
  ~LoopDisk() { unmount(); }
  // "" when it is mounted, else why not.
  std::string mount() {
    if (::geteuid() != 0) return "only root may mount";
    if (!made_) return "mkfs.ext4 does not work here";
    if (shell(fmt::format("mount -o loop {} {}", image_.string(), mount_.string())) != 0) return "loop devices cannot be mounted here";
    mounted_ = true;
    return "";
  }
  bool cut_power() {
    const int folder = ::open(mount_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto how = kNoLogFlush;
    const bool done = folder >= 0 && ::ioctl(folder, kShutdown, &how) == 0;
    if (folder >= 0) ::close(folder);
    return done;
  }
  void unmount() {
    if (!mounted_) return;
    mounted_ = false;
    // A killed process' last pages may keep it busy for a moment.
    for (int i = 0; i < 500 && ::umount(mount_.c_str()) != 0; ++i) ::usleep(10'000);
  }
  std::filesystem::path tenant() const { return mount_ / "tenant"; }

 private:
  TemporaryFolder folder_;
  const std::filesystem::path image_, mount_;
  bool made_ = false, mounted_ = false;
};

class PowerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    initialise();
    LoopDisk disk;
    if (const auto why = disk.mount(); !why.empty()) GTEST_SKIP() << "NO POWER WAS CUT: " << why;
    if (!disk.cut_power()) GTEST_SKIP() << "NO POWER WAS CUT: this kernel's ext4 has no FS_IOC_SHUTDOWN";
  }

  std::vector<std::string> cut_often(int cuts, const std::string& control) {
    std::mt19937_64 random(::testing::UnitTest::GetInstance()->random_seed());
    std::unique_ptr<LoopDisk> disk;
    Ledger ledger;
    std::uint64_t next = 1;
    for (int i = 0; i < cuts; ++i) {
      if (i % kCutsOfOneDisk == 0) {
        acknowledged_ += ledger.acknowledged();
        disk = std::make_unique<LoopDisk>();
        if (const auto why = disk->mount(); !why.empty()) return {why};
        ledger = Ledger();
        next = 1;
      }
      Process child({KOPIAL_FAULT_CHILD, disk->tenant().string(), fmt::to_string(next), control});
      const bool early = i % 8 == 7;
      if (!early && !child.wait_for_output(1 + random() % 3000)) return {fmt::format("the process ended by itself with {}", (child.kill(), child.exit_code()))};
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 30'000));  // The moment is the subject.
      // A machine without power tells nobody anything. This process lives on for a moment on a disk that is gone, and ext4 may answer a
      // sync that is under way just then with success although its journal can no longer be written; so what it says after the cut counts
      // as tried, not as acknowledged.
      const auto told = child.said().rfind('\n') + 1;
      if (!disk->cut_power()) return {"the power could not be cut"};
      const auto all = child.kill();
      ledger.read(all.substr(0, told));
      ledger.read(only_tried(all.substr(told)));
      if (!ledger.fates().empty()) next = ledger.fates().rbegin()->first + 1;
      disk->unmount();
      if (const auto why = disk->mount(); !why.empty()) return {"after the cut: " + why};
      auto opened = open(disk->tenant());
      if (!opened) return {fmt::format("after cut {} the store does not open: {}", i + 1, opened.error().message)};
      auto findings = compare(*opened, ledger);
      for (auto& finding : compare_backups(disk->tenant())) findings.push_back(std::move(finding));
      if (!findings.empty()) {
        findings.insert(findings.begin(), fmt::format("after cut {}:", i + 1));
        return findings;
      }
    }
    acknowledged_ += ledger.acknowledged();
    return {};
  }
  std::uint64_t acknowledged_ = 0;
};

TEST_F(PowerTest, CutsLoseNothingAcknowledged) {
  const int cuts = cycles("KOPIAL_FAULT_CUTS", 15);
  const auto findings = cut_often(cuts, "");
  for (const auto& finding : findings) ADD_FAILURE() << finding;
  fmt::print("{} power cuts, {} deeds acknowledged: {}\n", cuts, acknowledged_, findings.empty() ? "all true" : "NOT all true");
  EXPECT_GT(acknowledged_, static_cast<std::uint64_t>(cuts)) << "hardly anything happened between the cuts";
}

TEST_F(PowerTest, ControlThatNeverSyncsIsFound) {
  const auto findings = cut_often(15, "unsynced");
  EXPECT_FALSE(findings.empty());
}

}  // namespace
}  // namespace kopial::faults
