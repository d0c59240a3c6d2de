#include "server/archiving/mailbox_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/archiving/after_archiving.h"
#include "server/archiving/reconciliation.h"
#include "storage/base/log.h"

namespace kopial {
namespace {

constexpr std::size_t kFindingsMax = 200;
// Beside the cursors: that this mailbox is gone at the source, and was reported so. No folder's id begins with this byte.
const std::string kGone = "\x02gone";

void add_finding(MailboxProgress& mailbox, std::string finding) {
  if (mailbox.findings.size() >= kFindingsMax || std::find(mailbox.findings.begin(), mailbox.findings.end(), finding) != mailbox.findings.end()) return;
  mailbox.findings.push_back(std::move(finding));
}

}  // namespace

MailboxRun::MailboxRun(const Profile& profile, SourceMailbox mailbox, std::size_t row, bool named, Source& source, LiveRun& run, const RunEnvironment& environment)
    : profile_(profile), mailbox_(std::move(mailbox)), row_(row), named_(named), source_(source), run_(run), environment_(environment) {}

void MailboxRun::work(Turn turn, std::optional<Time> recent_since, std::optional<Time> until) {
  change([&](MailboxProgress& mailbox) {
    mailbox.state = "running";
    if (!mailbox.started_at) mailbox.started_at = environment_.clock.now();
  });
  if (!begun_) {
    auto identified = source_.identify(mailbox_, run_.stop_token());
    if (!identified) return end(identified.error());
    mailbox_ = *std::move(identified);
    begun_ = true;
    StoreSink::Options options;
    options.profile = profile_.number;
    options.mailbox = mailbox_.id;
    options.message_bytes_max = environment_.settings.limits.message_bytes_max;
    if (profile_.kind == "ews_journal") {
      auto loaded = JournalPlacer::load(*run_.tenant(), environment_.clock);
      if (!loaded) return end(loaded.error());
      placer_ = *std::move(loaded);
      options.beside = [this](const SourceItem& item, BytesView raw) { return placer_->place(item, raw); };
    }
    options.archive = [this] { return archive(); };
    options.progressed = [this] { run_.touch(); };
    options.paused = [this](const std::string& why) {
      if (paused_.exchange(!why.empty()) || !why.empty()) change([&](MailboxProgress& mailbox) { mailbox.error = why; });
    };
    sink_ = std::make_unique<StoreSink>(*run_.tenant(), std::move(options), run_.counts(row_), environment_.metrics, environment_.clock, run_.stop_token());
    change([&](MailboxProgress& mailbox) { mailbox.mailbox = mailbox_.id; });
  }
  auto pulled = pull({.recent_since = recent_since, .backfill = turn == Turn::backfill, .backfill_until = until});
  if (!pulled) return end(pulled.error());
  change([&](MailboxProgress& mailbox) {
    for (const auto& finding : pulled->findings) add_finding(mailbox, finding);
    if (pulled->unfinished) mailbox.state = "waiting";
  });
  if (const auto gone = sink_->cursor(kGone); gone && !gone->empty()) {  // It is back.
    if (auto done = sink_->save_cursor(kGone, ""); !done) return end(done);
  }
  if (pulled->unfinished) return;
  last_ = *std::move(pulled);
  conclude();
}

void MailboxRun::freshen() {
  if (!finished_ || !sink_ || run_.stop_token().stop_requested()) return;
  if (auto pulled = pull({}); !pulled && pulled.error().code != ErrorCode::cancelled) {
    change([&](MailboxProgress& mailbox) { add_finding(mailbox, "later mail of this run was not archived yet: " + pulled.error().message); });
  }
}

Result<PullReport> MailboxRun::pull(const PullOptions& options) {
  auto pulled = source_.pull(mailbox_, *sink_, options, run_.stop_token());
  // What was fetched before a failure is kept: the cursor does not cover it, and the next run finds it there.
  auto flushed = sink_->flush();
  if (pulled && !flushed) return flushed.error();
  return pulled;
}

void MailboxRun::conclude() {
  if (auto id = archive(); !id) return end(id.error());  // An empty mailbox has an archive, too.
  change([&](MailboxProgress& mailbox) {
    for (const auto& gap : last_.gaps) add_finding(mailbox, gap.folder.empty() ? gap.reason : fmt::format("folder {} could not be read: {}", gap.folder, gap.reason));
  });
  auto done = reconcile_if_due();
  if (done) done = act_if_wanted();
  end(done);
}

Result<void> MailboxRun::reconcile_if_due() {
  auto due = run_.options().reconcile;
  if (!due && profile_.reconcile_every.count() > 0) {
    auto latest = latest_statement_time(*run_.tenant(), profile_, mailbox_.id);
    if (!latest) return latest.error();
    // The first one comes with the first complete pull.
    due = !*latest || environment_.clock.now() - **latest >= profile_.reconcile_every;
  }
  if (!due) return {};
  auto archived_in = archive();
  if (!archived_in) return archived_in.error();
  auto statement = reconcile({profile_, mailbox_, *archived_in, source_, *sink_, *run_.tenant(), environment_.clock, run_.stop_token()}, last_.gaps);
  if (!statement) return statement.error().with_context("comparing with the source");
  change([&](MailboxProgress& mailbox) {
    mailbox.complete = statement->complete;
    for (const auto& finding : statement->findings) add_finding(mailbox, finding);
  });
  return {};
}

Result<void> MailboxRun::act_if_wanted() {
  if (profile_.after_archiving.action == AfterArchiving::Action::keep) return {};
  auto done = act_after_archiving({profile_, mailbox_, source_, *sink_, *run_.tenant(), environment_.clock, run_.stop_token()});
  if (!done) return done.error().with_context("after archiving");
  change([&](MailboxProgress& mailbox) {
    mailbox.removed_at_source += done->acted;
    for (const auto& finding : done->findings) add_finding(mailbox, finding);
  });
  return {};
}

void MailboxRun::end(const Result<void>& done) {
  finished_ = true;
  const bool no_mailbox = !done && done.error().code == ErrorCode::not_found;
  const bool disappeared = no_mailbox && note_gone();
  change([&](MailboxProgress& mailbox) {
    mailbox.ended_at = environment_.clock.now();
    if (sink_) {
      for (auto& failure : sink_->failures()) add_finding(mailbox, std::move(failure));
    }
    if (done) {
      mailbox.state = "done";
    } else if (no_mailbox) {
      // A directory has many users without a mailbox: that is no failure, and it is said. One that was asked for by name is looked at.
      mailbox.state = "skipped";
      mailbox.error = done.error().message;
      if (named_) add_finding(mailbox, "the profile names this mailbox: " + done.error().message);
      else if (disappeared) add_finding(mailbox, "this mailbox was archived before, and is gone at the source now: " + done.error().message);
    } else if (done.error().code == ErrorCode::cancelled) {
      mailbox.state = "stopped";
    } else {
      mailbox.state = "failed";
      mailbox.error = done.error().message;
    }
  });
  if (!done && !no_mailbox && done.error().code != ErrorCode::cancelled) {
    spdlog::warn("tenant {}, run {}: mailbox {} failed: {}", run_.tenant()->facts().slug, run_.snapshot().id, mailbox_.id, done.error().message);
  }
}

// True for the first run that finds a mailbox gone which was archived before.
bool MailboxRun::note_gone() {
  if (!sink_) return false;
  const auto tree = sink_->cursor(""), noted = sink_->cursor(kGone);
  if (!tree || tree->empty() || !noted || !noted->empty()) return false;
  return sink_->save_cursor(kGone, "1").ok();
}

Result<ArchiveId> MailboxRun::archive() {
  const std::lock_guard lock(mutex_);
  if (archive_) return *archive_;
  Archive wanted;
  wanted.kind = mailbox_.purpose == SourceMailbox::Purpose::user || mailbox_.enabled ? "person" : "shared";
  if (profile_.kind == "ews_journal") wanted.kind = "journal";
  wanted.display_name = mailbox_.display_name.empty() ? mailbox_.upn : mailbox_.display_name;
  wanted.addresses = mailbox_.addresses;
  if (wanted.addresses.empty() && !mailbox_.upn.empty()) wanted.addresses.push_back(mailbox_.upn);
  // A further mailbox of the same owner goes into his one archive, below a folder of its own.
  auto found = run_.tenant()->archive_for_mailbox(mailbox_.part_of.empty() ? mailbox_.id : mailbox_.part_of, wanted);
  if (!found) return found.error();
  archive_ = found->id;
  run_.change_mailbox(row_, [&](MailboxProgress& progress) { progress.archive = found->id; });
  return found->id;
}

}  // namespace kopial
