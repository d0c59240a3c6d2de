// What an operator may set (CONTRACT section 2), read once at start from one TOML file and checked whole.
//
// Unknown keys, wrong types and impossible values are errors that name file, line and mend.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/base/result.h"

namespace kopial {

struct Settings {
  std::filesystem::path data_dir = "/var/lib/kopial";
  struct Http {
    std::vector<std::string> listen = {"127.0.0.1:8460"};
    bool tls = true;
    std::filesystem::path certificate, private_key;
    std::string public_url;
  } http;
  struct Smtp {
    std::vector<std::string> listen;
    std::string hostname;
  } smtp;
  struct Keys {
    std::filesystem::path master_key_file;  // empty: data_dir/keys/master.key
  } keys;
  struct Limits {
    std::uint64_t message_bytes_max = 256ull << 20;
    std::uint64_t memory_bytes_max = 1ull << 30;
  } limits;
  struct Log {
    std::string level = "info", format = "text";
  } log;
  struct Backup {
    std::filesystem::path folder;  // empty: no backups; a tenant's are in a folder of its name
    std::chrono::seconds every{std::chrono::hours(24)};  // 0: only when asked for
    std::uint64_t keep = 14;
    std::uint64_t bytes_per_second = 0;  // 0: as fast as it goes
  } backup;
  struct Scrub {
    std::chrono::seconds every{std::chrono::hours(24 * 7)};  // 0: only when asked for
    std::uint64_t bytes_per_second = 20ull << 20;
  } scrub;
  struct Evidence {
    std::filesystem::path anchor_dir;  // a second place for every tenant's checkpoint; empty: none
    std::string timestamp_url;         // of a time-stamping authority (RFC 3161); "": none
    std::chrono::seconds timestamp_every{std::chrono::hours(24)};
    std::filesystem::path timestamp_ca;  // PEM: what its certificate must lead to; empty: not checked when a stamp comes in
    std::vector<std::string> witnesses;  // "URL KEY" each (C2SP tlog-witness)
    std::chrono::seconds witness_every{std::chrono::minutes(10)};
  } evidence;
  struct Connectors {
    std::vector<std::string> allowed_hosts;
  } connectors;
};

// An empty path gives the defaults. The message of an error reads "FILE:LINE: what is wrong; what to write instead".
Result<Settings> load_settings(const std::filesystem::path& file);
Result<std::chrono::seconds> parse_duration(std::string_view text);  // "30s", "5m", "6h", "7d", "0s"
Result<std::uint64_t> parse_size(std::string_view text);  // "256MiB", "1GiB", "4096"

}  // namespace kopial
