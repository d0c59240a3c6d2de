// `kopial import`: mail in files, sent over several connections. What is there already is not kept twice, so a broken-off import is run again.
#include <fmt/format.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "connectors/files/reader.h"
#include "server/cli/command.h"
#include "storage/base/bounded_queue.h"
#include "storage/base/clock.h"

namespace kopial::cli {
namespace json = boost::json;
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMessageBytesMax = 1ull << 30;  // The server's own limit answers before this one.
constexpr std::size_t kWaiting = 32;

struct ImportOptions {
  std::vector<std::string> paths;
  std::string archive, folder;
  int connections = 8;
};

class Import {
 public:
  Import(const Client& client, std::string path, const ImportOptions& options) : client_(client), path_(std::move(path)), options_(options), queue_(kWaiting) {}

  Result<int> run(const Context& context) {
    std::vector<std::jthread> senders;
    for (int n = 0; n < options_.connections; ++n) senders.emplace_back([this] { send_all(); });
    Result<void> read;
    std::vector<std::string> findings;
    for (const auto& start : options_.paths) {
      auto report = read_files(start, kMessageBytesMax, [&](FileMessage message) { return hand_over(std::move(message)); }, stop_.get_token());
      if (!report) {
        read = report.error();
        break;
      }
      findings.insert(findings.end(), report->findings.begin(), report->findings.end());
    }
    queue_.close();
    senders.clear();
    bar_.clear();
    if (failure_) return *failure_;
    if (!read) return read.error();
    findings.insert(findings.end(), refused_.begin(), refused_.end());
    report(context, findings);
    return findings.empty() ? kDone : kFindings;
  }

 private:
  Result<void> hand_over(FileMessage message) {
    if (!queue_.push(std::move(message))) return Error{ErrorCode::cancelled, "the import was broken off"};
    return {};
  }

  void send_all() {
    while (auto message = queue_.pop()) send(*std::move(message));
  }

  void send(FileMessage message) {
    const auto bytes = message.raw.size();
    const auto folder = options_.folder.empty() ? message.folder : options_.folder;
    Query query{{"archive", options_.archive}, {"folder", folder}, {"received", format_rfc3339(message.received)}};
    if (message.unread) query.emplace_back("unread", "true");
    auto answer = client_.post_message(path_, query, std::move(message.raw));
    const std::lock_guard lock(mutex_);
    if (answer) {
      ++sent_;
      bytes_ += bytes;
      if (field(*answer, "new") == "true") ++new_;
      if (sent_ % 20 == 0) bar_.show(sent_, 0, fmt::format("{} messages, {}, {} of them new", sent_, bytes_text(bytes_), new_));
      return;
    }
    const auto& error = answer.error();
    if (error.code == ErrorCode::too_large) {
      refused_.push_back(message.path.string() + ": " + error.message);
      return;
    }
    // Anything else would hit the next message, too: better to stop, say so, and go on where it stopped.
    if (!failure_) failure_ = Error{error.code, fmt::format("after {} messages, at {}: {}", sent_, message.path.string(), error.message)};
    stop_.request_stop();
    queue_.close();
  }

  void report(const Context& context, const std::vector<std::string>& findings) const {
    if (context.json) {
      json::array listed;
      for (const auto& finding : findings) listed.push_back(json::string(finding));
      fmt::print("{}\n", json::serialize(json::object{{"messages", sent_}, {"new", new_}, {"bytes", bytes_}, {"findings", std::move(listed)}}));
      return;
    }
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    for (const auto& finding : findings) fmt::print("left out: {}\n", fitted(finding, 500));
    fmt::print("{} messages, {}, {} of them new ({:.1f} s, {:.0f}/s)\n", sent_, bytes_text(bytes_), new_, seconds, static_cast<double>(sent_) / std::max(seconds, 0.001));
  }

  const Client& client_;
  const std::string path_;
  const ImportOptions& options_;
  BoundedQueue<FileMessage> queue_;
  std::stop_source stop_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::mutex mutex_;  // of what follows
  ProgressBar bar_;
  std::uint64_t sent_ = 0, new_ = 0, bytes_ = 0;
  std::vector<std::string> refused_;
  std::optional<Error> failure_;
};

Result<int> import(Context& context, const ImportOptions& options) {
  for (const auto& path : options.paths) {
    std::error_code bad;
    if (!fs::exists(path, bad)) return Error{ErrorCode::not_found, path + " is not there"};
  }
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  // A wrong archive is said before anything is read.
  if (auto archive = client->get(of_tenant(*tenant, "archives/" + options.archive)); !archive) return archive.error();
  return Import(*client, of_tenant(*tenant, "messages/import"), options).run(context);
}

}  // namespace

void add_import(CLI::App& app, Context& context) {
  auto options = std::make_shared<ImportOptions>();
  auto* made = command(app, context, "import", "Archive mail in files: EML, mbox, Maildir, or folders of them", [&context, options] { return import(context, *options); });
  add_tenant_option(*made, context);
  made->add_option("path", options->paths, "Files or folders")->required();
  made->add_option("--archive", options->archive, "The id of the archive")->required();
  made->add_option("--folder", options->folder, "All into this folder, instead of their own");
  made->add_option("--connections", options->connections, "Requests at once")->check(CLI::Range(1, 64))->capture_default_str();
}

}  // namespace kopial::cli
