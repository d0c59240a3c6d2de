#include "server/archiving/profile_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "server/archiving/journal_placer.h"
#include "storage/base/log.h"

namespace kopial {
namespace {

std::string folded(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// Whether `wanted` (an id, a user principal name, or any address) means this mailbox.
bool is_called(const SourceMailbox& mailbox, const std::string& wanted) {
  const auto name = folded(wanted);
  if (folded(mailbox.id) == name || folded(mailbox.upn) == name || folded(mailbox.mail) == name) return true;
  return std::any_of(mailbox.addresses.begin(), mailbox.addresses.end(), [&](const std::string& address) { return folded(address) == name; });
}

struct Chosen {
  SourceMailbox mailbox;
  std::size_t row = 0;  // in the run
  bool named = false;   // by the profile; then it must be there
};

// The mailboxes of this run, each with its row. Those that were named and are not there fail at once.
Result<std::vector<Chosen>> choose(const Profile& profile, Source& source, LiveRun& run) {
  std::vector<Chosen> chosen;
  const auto add = [&](SourceMailbox mailbox, bool named) {
    const auto excluded = std::any_of(profile.exclude_mailboxes.begin(), profile.exclude_mailboxes.end(), [&](const auto& one) { return is_called(mailbox, one); });
    const auto twice = std::any_of(chosen.begin(), chosen.end(), [&](const Chosen& one) { return !mailbox.id.empty() && one.mailbox.id == mailbox.id; });
    if (excluded || twice) return;
    MailboxProgress progress;
    progress.mailbox = mailbox.id;
    progress.upn = mailbox.upn;
    progress.display_name = mailbox.display_name;
    progress.state = "waiting";
    const auto row = run.add_mailbox(std::move(progress));
    chosen.push_back({std::move(mailbox), row, named});
  };
  if (profile.all_mailboxes) {
    auto all = source.mailboxes(run.stop_token());
    if (!all) return all.error();
    for (auto& mailbox : *all) add(std::move(mailbox), false);
  } else {
    for (const auto& name : profile.include_mailboxes) {
      auto mailbox = source.mailbox(name, run.stop_token());
      if (mailbox) {
        add(*std::move(mailbox), true);
        continue;
      }
      if (mailbox.error().code != ErrorCode::not_found) return mailbox.error();
      MailboxProgress missing;
      missing.upn = name;
      missing.state = "failed";
      missing.error = "the directory has no user of this name";
      run.add_mailbox(std::move(missing));
    }
  }
  run.touch();
  return chosen;
}

class MailboxRun {
 public:
  MailboxRun(const Profile& profile, const Chosen& chosen, Source& source, LiveRun& run, const RunEnvironment& environment)
      : profile_(profile), chosen_(chosen), source_(source), run_(run), environment_(environment) {}

  void operator()() {
    const auto change = [&](const std::function<void(MailboxProgress&)>& action) { run_.change_mailbox(chosen_.row, action); };
    change([&](MailboxProgress& mailbox) {
      mailbox.state = "running";
      mailbox.started_at = environment_.clock.now();
    });
    auto identified = source_.identify(mailbox_, run_.stop_token());
    if (identified) mailbox_ = *identified;
    StoreSink::Options options;
    options.profile = profile_.number;
    options.mailbox = mailbox_.id;
    options.message_bytes_max = environment_.settings.limits.message_bytes_max;
    std::optional<JournalPlacer> placer;
    if (profile_.kind == "ews_journal") {
      auto loaded = JournalPlacer::load(*run_.tenant(), environment_.clock);
      if (loaded) placer = *std::move(loaded);
      else identified = loaded.error();
      options.beside = [&placer](const SourceItem& item, BytesView raw) { return placer->place(item, raw); };
    }
    options.archive = [this] { return archive(); };
    options.progressed = [this] { run_.touch(); };
    options.paused = [this, change](const std::string& why) {
      if (paused_.exchange(!why.empty()) || !why.empty()) change([&](MailboxProgress& mailbox) { mailbox.error = why; });
    };
    StoreSink sink(*run_.tenant(), std::move(options), run_.counts(chosen_.row), environment_.metrics, environment_.clock, run_.stop_token());
    auto pulled = identified ? source_.pull(mailbox_, sink, {}, run_.stop_token()) : Result<PullReport>(identified.error());
    // What was fetched before a failure is kept: the cursor does not cover it, and the next run finds it there.
    auto flushed = sink.flush();
    if (pulled && !flushed) pulled = flushed.error();
    if (pulled) {
      if (auto id = archive(); !id) pulled = id.error();  // An empty mailbox has an archive, too.
    }
    const bool no_mailbox = !pulled && pulled.error().code == ErrorCode::not_found && !chosen_.named;
    change([&](MailboxProgress& mailbox) {
      mailbox.ended_at = environment_.clock.now();
      for (auto& failure : sink.failures()) mailbox.findings.push_back(std::move(failure));
      if (pulled) {
        mailbox.state = "done";
        mailbox.mailbox = mailbox_.id;
        for (auto& finding : pulled->findings) mailbox.findings.push_back(std::move(finding));
        for (const auto& gap : pulled->gaps) mailbox.findings.push_back(fmt::format("folder {} could not be read: {}", gap.folder, gap.reason));
      } else if (no_mailbox) {
        mailbox.state = "skipped";  // A directory has many users without a mailbox: that is no failure, and it is said.
        mailbox.error = pulled.error().message;
      } else if (pulled.error().code == ErrorCode::cancelled) {
        mailbox.state = "stopped";
      } else {
        mailbox.state = "failed";
        mailbox.error = pulled.error().message;
      }
    });
    if (!pulled && !no_mailbox && pulled.error().code != ErrorCode::cancelled) {
      spdlog::warn("tenant {}, run {}: mailbox {} failed: {}", run_.tenant()->facts().slug, run_.snapshot().id, chosen_.mailbox.id, pulled.error().message);
    }
  }

 private:
  Result<ArchiveId> archive() {
    const std::lock_guard lock(mutex_);
    if (archive_) return *archive_;
    Archive wanted;
    const auto& mailbox = mailbox_;
    wanted.kind = mailbox.purpose == SourceMailbox::Purpose::user || mailbox.enabled ? "person" : "shared";
    if (profile_.kind == "ews_journal") wanted.kind = "journal";
    wanted.display_name = mailbox.display_name.empty() ? mailbox.upn : mailbox.display_name;
    wanted.addresses = mailbox.addresses;
    if (wanted.addresses.empty() && !mailbox.upn.empty()) wanted.addresses.push_back(mailbox.upn);
    auto found = run_.tenant()->archive_for_mailbox(mailbox.id, wanted);
    if (!found) return found.error();
    archive_ = found->id;
    run_.change_mailbox(chosen_.row, [&](MailboxProgress& progress) { progress.archive = found->id; });
    return found->id;
  }

  const Profile& profile_;
  const Chosen& chosen_;
  SourceMailbox mailbox_ = chosen_.mailbox;
  Source& source_;
  LiveRun& run_;
  const RunEnvironment& environment_;
  std::mutex mutex_;
  std::optional<ArchiveId> archive_;
  std::atomic<bool> paused_ = false;
};

}  // namespace

Result<void> run_profile(const Profile& profile, LiveRun& run, const RunEnvironment& environment) {
  auto opened = open_source(*run.tenant(), profile, environment);
  if (!opened) return opened.error();
  auto& source = *opened->source;

  auto chosen = choose(profile, source, run);
  if (!chosen) return chosen.error();
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t at = next++; at < chosen->size() && !run.stop_token().stop_requested(); at = next++) {
      MailboxRun(profile, (*chosen)[at], source, run, environment)();
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < std::min(profile.parallel, chosen->size()); ++i) threads.emplace_back(work);
  work();
  threads.clear();
  if (run.stop_token().stop_requested()) return Error{ErrorCode::cancelled, "stopped"};
  return {};
}

}  // namespace kopial
