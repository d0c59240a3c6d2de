// kopial-verify: does a store, a backup of one, or a bundle of proofs and mail say what was signed? Offline and alone: no server, no network, no configuration.
//
// It is linked with storage and nothing else of the project. It lives here because it is a program that a person starts, like the
// other two; the includes of this file are those of storage, and nothing of server includes it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>

#include "storage/backup.h"
#include "storage/base/encoding.h"
#include "storage/base/files.h"
#include "storage/crypto/digest.h"
#include "storage/evidence/bundle.h"
#include "storage/evidence/verify.h"

namespace kopial {
namespace {

constexpr int kSound = 0, kFailed = 1, kUsage = 2, kFindings = 3;

struct Asked {
  std::string folder, public_key, key_file, backup;
  std::vector<std::string> checkpoints;
  std::size_t findings = 100;
  bool json = false;
};

int failed(const Error& error) {
  fmt::print(stderr, "kopial-verify: {}\n", error.message);
  return kFailed;
}

// A folder of its own that goes with the object.
class Scratch {
 public:
  Scratch() : path_(std::filesystem::temp_directory_path() / ("kopial-verify-" + hex_encode(random_bytes(8)))) {}
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

// 32 bytes as they are, or as 64 hex digits with a line end.
Result<Secret> read_key(const std::string& path) {
  auto bytes = read_file(path, 1024);
  if (!bytes) return bytes.error();
  while (bytes->size() > 32 && (bytes->back() == '\n' || bytes->back() == '\r')) bytes->pop_back();
  if (bytes->size() == 64) {
    if (const auto decoded = hex_decode(*bytes)) return Secret(*decoded);
  }
  if (bytes->size() != 32) return Error{ErrorCode::invalid, path + " is no key: a key has 32 bytes, or 64 hex digits"};
  return Secret(*std::move(bytes));
}

// A verifier key itself, or a file that has one in its first line.
Result<NoteVerifier> read_verifier(const std::string& given) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(given, ignored)) return NoteVerifier::parse(given);
  auto text = read_file(given, 4096);
  if (!text) return text.error();
  return NoteVerifier::parse(std::string_view(*text).substr(0, text->find('\n')));
}

void print_json(const Asked& asked, const VerifyReport& report) {
  boost::json::array findings;
  for (const auto& finding : report.findings) findings.push_back(boost::json::string(finding));
  fmt::print("{}\n", boost::json::serialize(boost::json::object{{"folder", asked.folder},
                                                               {"sound", report.sound()},
                                                               {"findings", std::move(findings)},
                                                               {"leaves", report.leaves},
                                                               {"messages", report.messages},
                                                               {"copies", report.copies},
                                                               {"placements", report.placements},
                                                               {"audit_events", report.audit_events},
                                                               {"erased_leaves", report.erased_leaves},
                                                               {"checkpoints", report.checkpoints},
                                                               {"rows_checked", report.rows}}));
}

void print_text(const VerifyReport& report) {
  for (const auto& finding : report.findings) fmt::print("{}\n", finding);
  fmt::print("{} leaves", report.leaves);
  if (report.rows) {
    fmt::print(", {} messages, {} copies, {} placements, {} audit events", report.messages, report.copies, report.placements, report.audit_events);
  }
  fmt::print(", held against {} checkpoints\n", report.checkpoints);
  if (!report.rows) fmt::print("Without the tenant's key only the tree was checked, not what its leaves say.\n");
  if (report.checkpoints == 0) fmt::print("Without a public key and a checkpoint nothing says that this is the whole of the store: give both.\n");
  fmt::print("{}\n", report.sound() ? "Sound." : "NOT SOUND: the first line names the first wrong thing.");
}

int run_bundle(const Asked& asked, const VerifyOptions& options) {
  auto report = verify_bundle(asked.folder, options.verifier, asked.findings);
  if (!report) return failed(report.error());
  if (asked.json) {
    boost::json::array findings, keys;
    for (const auto& finding : report->findings) findings.push_back(boost::json::string(finding));
    for (const auto& key : report->keys) keys.push_back(boost::json::string(key));
    fmt::print("{}\n", boost::json::serialize(boost::json::object{{"path", asked.folder},
                                                                  {"sound", report->sound()},
                                                                  {"findings", std::move(findings)},
                                                                  {"messages", report->messages},
                                                                  {"copies", report->copies},
                                                                  {"files", report->files},
                                                                  {"unproven_arrivals", report->unproven_arrivals},
                                                                  {"keys", std::move(keys)}}));
    return report->sound() ? kSound : kFindings;
  }
  for (const auto& finding : report->findings) fmt::print("{}\n", finding);
  fmt::print("{} messages, {} copies proven, {} files\n", report->messages, report->copies, report->files);
  if (report->unproven_arrivals > 0) fmt::print("Of {} the time of arrival is from before the log began, and so the archive's word only.\n", report->unproven_arrivals);
  if (!options.verifier) {
    fmt::print("The key is the one that came along. Compare it with the one the archive's owner gave you, or give that one with --public-key:\n");
    for (const auto& key : report->keys) fmt::print("  {}\n", key);
  }
  fmt::print("{}\n", report->sound() ? "Sound." : "NOT SOUND: the first line names the first wrong thing.");
  return report->sound() ? kSound : kFindings;
}

int run(const Asked& asked) {
  VerifyOptions options;
  options.findings_max = asked.findings;
  if (!asked.key_file.empty()) {
    auto key = read_key(asked.key_file);
    if (!key) return failed(key.error());
    options.key = *std::move(key);
  }
  if (!asked.public_key.empty()) {
    auto verifier = read_verifier(asked.public_key);
    if (!verifier) return failed(verifier.error());
    options.verifier = *std::move(verifier);
  }
  for (const auto& path : asked.checkpoints) {
    auto note = read_file(path, kNoteBytesMax);
    if (!note) return failed(note.error());
    options.checkpoints.emplace_back(path, *std::move(note));
  }
  std::error_code ignored;
  if (std::filesystem::is_regular_file(asked.folder, ignored) || std::filesystem::exists(std::filesystem::path(asked.folder) / kBundleProofs, ignored)) {
    return run_bundle(asked, options);
  }
  const Scratch scratch;
  std::filesystem::path folder = asked.folder;
  if (!asked.backup.empty()) {
    if (!options.key) return failed({ErrorCode::invalid, "a backup can be checked with the tenant's key only: give --key-file"});
    std::error_code bad;
    std::filesystem::create_directories(scratch.path(), bad);
    std::filesystem::permissions(scratch.path(), std::filesystem::perms::owner_all, bad);
    auto restored = restore_backup(folder, asked.backup, *options.key, scratch.path(), {});
    if (!restored && restored.error().code == ErrorCode::corrupt) {
      fmt::print("{}\nNOT SOUND: the first line names the first wrong thing.\n", restored.error().message);
      return kFindings;
    }
    if (!restored) return failed(restored.error());
    folder = scratch.path();
    options.unsigned_allowed = true;  // A backup is taken while mail comes in: what came after its checkpoint is in it, too.
  }
  auto report = verify_folder(folder, std::move(options));
  if (!report) return failed(report.error());
  if (asked.json) print_json(asked, *report);
  else print_text(*report);
  return report->sound() ? kSound : kFindings;
}

}  // namespace
}  // namespace kopial

int main(int argc, char** argv) {
  kopial::Asked asked;
  CLI::App app{"Checks a stopped store, a backup of one, or proofs that were taken away, against their evidence.\nExit codes: 0 sound, 1 could not be checked, 2 usage, 3 something is wrong."};
  app.add_option("folder", asked.folder, "A tenant's folder (it has a folder 'store' in it), a proof file, or a folder with proofs.jsonl and mail")->required();
  app.add_option("--public-key", asked.public_key, "The log's public key (NAME+ID+BASE64), or a file with it");
  app.add_option("--checkpoint", asked.checkpoints, "A signed checkpoint to hold the store against; may be given again");
  app.add_option("--backup", asked.backup, "The folder is one of backups: check this one, restored into a temporary folder");
  app.add_option("--key-file", asked.key_file, "The tenant's key: without it only the tree is checked");
  app.add_option("--findings", asked.findings, "How many findings to name at most")->check(CLI::Range(1, 1'000'000));
  app.add_flag("--json", asked.json, "Print one JSON object");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kopial::kSound : kopial::kUsage;
  }
  return kopial::run(asked);
}
