#include "config/settings.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/support.h"

namespace kopial {
namespace {

class SettingsTest : public ::testing::Test {
 protected:
  Result<Settings> load(std::string_view text) {
    std::ofstream(file(), std::ios::binary) << text;
    return load_settings(file());
  }
  std::filesystem::path file() const { return folder_.path() / "kopial.toml"; }
  TemporaryFolder folder_;
};

TEST_F(SettingsTest, HasDefaultsForEverything) {
  const auto settings = load("");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->data_dir, "/var/lib/kopial");
  EXPECT_EQ(settings->http.listen, std::vector<std::string>{"127.0.0.1:8460"});
  EXPECT_TRUE(settings->http.tls);
  EXPECT_EQ(settings->limits.message_bytes_max, 256ull << 20);
}

TEST_F(SettingsTest, ReadsEveryKeyOfTheContract) {
  const auto settings = load(R"(data_dir = "/srv/kopial"
[http]
listen = ["127.0.0.1:1", "[::1]:2"]
tls = false
public_url = "https://archive.example.org"
[smtp]
listen = ["0.0.0.0:25"]
hostname = "archive.example.org"
[keys]
master_key_file = "/etc/kopial/master.key"
[limits]
message_bytes_max = "100MiB"
memory_bytes_max = "2GiB"
[log]
level = "debug"
format = "json"
[backup]
folder = "/mnt/backup"
every = "12h"
keep = 30
bytes_per_second = "100MiB"
[scrub]
every = "0s"
bytes_per_second = "50MiB"
[connectors]
allowed_hosts = ["*.example.org", "10.0.0.0/8"]
)");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->http.listen.size(), 2u);
  EXPECT_EQ(settings->limits.message_bytes_max, 100ull << 20);
  EXPECT_EQ(settings->limits.memory_bytes_max, 2ull << 30);
  EXPECT_EQ(settings->backup.folder, "/mnt/backup");
  EXPECT_EQ(settings->backup.every, std::chrono::hours(12));
  EXPECT_EQ(settings->backup.keep, 30u);
  EXPECT_EQ(settings->scrub.every.count(), 0);
  EXPECT_EQ(settings->scrub.bytes_per_second, 50ull << 20);
  EXPECT_EQ(settings->connectors.allowed_hosts.back(), "10.0.0.0/8");
  EXPECT_EQ(settings->log.format, "json");
}

TEST_F(SettingsTest, NamesFileLineAndMend) {
  struct Case {
    const char *text, *line, *what;
  };
  for (const Case& c :
       {Case{"datadir = \"/x\"\n", ":1: ", "the key 'datadir' is not known"},
        Case{"\n[http]\nport = 1\n", ":3: ", "keys there are listen, tls, certificate, private_key, public_url"},
        Case{"[http]\ntls = \"yes\"\n", ":2: ", "http.tls must be true or false"},
        Case{"[http]\nlisten = \"127.0.0.1:1\"\n", ":2: ", "must be a list"},
        Case{"[http]\nlisten = [\"8460\"]\n", ":2: ", "write \"127.0.0.1:8460\""},
        Case{"[http]\nlisten = [\"127.0.0.1:99999\"]\n", ":2: ", "is no address"},
        Case{"data_dir = \"relative\"\n", ":1: ", "write an absolute path"},
        Case{"[limits]\nmemory_bytes_max = \"1GB\"\n", ":2: ", "KiB, MiB or GiB"},
        Case{"[limits]\nmemory_bytes_max = \"1KiB\"\n", ":2: ", "out of range"},
        Case{"[log]\nlevel = \"loud\"\n", ":2: ", "write one of trace, debug, info, warn, error"},
        Case{"http = 1\n", ":1: ", "write [http]"},
        Case{"\n\nthis is no toml\n", ":3: ", ""},
        Case{"[http]\ntls = false\nlisten = [\"0.0.0.0:80\"]\n", ": ", "loopback addresses only"},
        Case{"[http]\ncertificate = \"/a.pem\"\n", ": ", "belong together"}}) {
    const auto settings = load(c.text);
    ASSERT_FALSE(settings) << c.text;
    EXPECT_EQ(settings.error().code, ErrorCode::invalid);
    EXPECT_TRUE(settings.error().message.starts_with(file().string() + c.line)) << settings.error().message;
    EXPECT_NE(settings.error().message.find(c.what), std::string::npos) << settings.error().message;
  }
}

TEST_F(SettingsTest, AcceptsItsOwnSample) {
  const auto settings = load_settings(std::filesystem::path(KOPIAL_SOURCE_DIR) / "config" / "kopial.toml");
  EXPECT_TRUE(settings) << settings.error().message;
}

TEST_F(SettingsTest, SaysWhenTheFileIsNotThere) {
  const auto settings = load_settings("/nowhere/kopial.toml");
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace kopial
