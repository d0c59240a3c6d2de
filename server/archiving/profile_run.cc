#include "server/archiving/profile_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <set>
#include <thread>

#include "server/archiving/listed_mailboxes.h"
#include "server/archiving/mailbox_run.h"
#include "storage/base/log.h"

namespace kopial {
namespace {

constexpr std::chrono::hours kRecent{24};
constexpr std::chrono::seconds kSlice{15 * 60}, kSliceMin{60};

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

using Mailboxes = std::deque<MailboxRun>;  // addresses stay

// The mailboxes of this run, each with its row. Those that were named and are not there are said at once.
class Choice {
 public:
  Choice(const Profile& profile, Source& source, LiveRun& run, const RunEnvironment& environment)
      : profile_(profile), source_(source), run_(run), environment_(environment), listed_(*run.tenant(), profile) {}

  Result<void> make(Mailboxes& out) {
    if (profile_.all_mailboxes) {
      auto all = source_.mailboxes(run_.stop_token());
      if (!all) return all.error();
      for (const auto& mailbox : *all) listed_.add(mailbox);
      for (auto& mailbox : *all) add(out, std::move(mailbox), false);
      if (auto done = name_missing(); !done) return done;
    } else {
      for (const auto& name : profile_.include_mailboxes) {
        auto mailbox = source_.mailbox(name, run_.stop_token());
        if (mailbox) {
          add(out, *std::move(mailbox), true);
          continue;
        }
        if (mailbox.error().code != ErrorCode::not_found) return mailbox.error();
        MailboxProgress missing;
        missing.upn = name;
        missing.state = "failed";
        missing.error = "the directory has no user of this name";
        run_.add_mailbox(std::move(missing));
      }
    }
    run_.touch();
    return {};
  }
  // When the run has ended in order: those that were missing have been named.
  Result<void> keep() const { return profile_.all_mailboxes ? listed_.keep() : Result<void>(); }

 private:
  Result<void> name_missing() {
    auto missing = listed_.missing();
    if (!missing) return missing.error();
    for (const auto& one : *missing) {
      MailboxProgress row;
      row.mailbox = one.key;
      row.upn = one.upn;
      row.state = "skipped";
      row.error = "the directory does not list this mailbox any more; what is archived of it stays";
      row.findings = {row.error};
      run_.add_mailbox(std::move(row));
    }
    return {};
  }

  void add(Mailboxes& out, SourceMailbox mailbox, bool named) {
    const auto excluded = std::any_of(profile_.exclude_mailboxes.begin(), profile_.exclude_mailboxes.end(), [&](const auto& one) { return is_called(mailbox, one); });
    if (excluded || (!mailbox.id.empty() && !ids_.insert(mailbox.id).second)) return;
    std::vector<SourceMailbox> parts;
    if (profile_.in_place_archives) {
      // Further mailboxes name the one they belong to. One that cannot be identified says so when its turn comes.
      if (auto identified = source_.identify(mailbox, run_.stop_token())) {
        mailbox = *std::move(identified);
        auto further = source_.further_mailboxes(mailbox, run_.stop_token());
        if (further) parts = *std::move(further);
        else if (further.error().code != ErrorCode::not_found) unknown_parts(mailbox, further.error());
      }
    }
    parts.insert(parts.begin(), std::move(mailbox));
    for (auto& part : parts) {
      MailboxProgress progress;
      progress.mailbox = part.id;
      progress.upn = part.upn;
      progress.display_name = part.display_name;
      progress.state = "waiting";
      const auto row = run_.add_mailbox(std::move(progress));
      out.emplace_back(profile_, std::move(part), row, named, source_, run_, environment_);
    }
  }

  // Whether there is an archive mailbox could not be found out: a row of its own, so that it is not overlooked.
  void unknown_parts(const SourceMailbox& mailbox, const Error& error) {
    MailboxProgress row;
    row.upn = mailbox.upn;
    row.display_name = mailbox.display_name + " (in-place archive)";
    row.state = "failed";
    row.error = "whether this mailbox has an in-place archive could not be found out: " + error.message;
    run_.add_mailbox(std::move(row));
  }

  const Profile& profile_;
  Source& source_;
  LiveRun& run_;
  const RunEnvironment& environment_;
  std::set<std::string> ids_;
  ListedMailboxes listed_;
};

// Every mailbox that is not finished gets one turn, a few at a time.
void take_turns(Mailboxes& mailboxes, std::size_t parallel, std::stop_token stop, const std::function<void(MailboxRun&)>& turn) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t at = next++; at < mailboxes.size() && !stop.stop_requested(); at = next++) {
      if (!mailboxes[at].finished()) turn(mailboxes[at]);
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < std::min(parallel, mailboxes.size()); ++i) threads.emplace_back(work);
  work();
}

}  // namespace

Result<void> run_profile(const Profile& profile, LiveRun& run, const RunEnvironment& environment) {
  auto opened = open_source(*run.tenant(), profile, environment);
  if (!opened) return opened.error();
  Mailboxes mailboxes;
  Choice choice(profile, *opened->source, run, environment);
  if (auto chosen = choice.make(mailboxes); !chosen) return chosen.error();

  // Today's mail of every mailbox comes before anybody's backfill, and comes again after each slice of it: a first fill may take days.
  const auto slice = std::clamp<std::chrono::seconds>(profile.schedule.every.value_or(kSlice), kSliceMin, kSlice);
  const auto all_finished = [&] { return std::all_of(mailboxes.begin(), mailboxes.end(), [](const auto& one) { return one.finished(); }); };
  for (bool first = true; !all_finished() && !run.stop_token().stop_requested(); first = false) {
    const auto recent = environment.clock.now() - kRecent;
    const bool each_at_once = mailboxes.size() <= profile.parallel;  // Then nobody's backfill keeps another one waiting.
    if (!each_at_once) {
      take_turns(mailboxes, profile.parallel, run.stop_token(), [&](MailboxRun& one) { one.work(MailboxRun::Turn::fresh, recent, std::nullopt); });
    }
    if (!first) {
      for (auto& one : mailboxes) one.freshen();
    }
    const auto until = environment.clock.now() + slice;
    take_turns(mailboxes, profile.parallel, run.stop_token(), [&](MailboxRun& one) {
      if (!each_at_once && environment.clock.now() >= until) return;
      one.work(MailboxRun::Turn::backfill, each_at_once ? std::optional<Time>(recent) : std::nullopt, until);
    });
  }
  if (run.stop_token().stop_requested()) return Error{ErrorCode::cancelled, "stopped"};
  return choice.keep();
}

}  // namespace kopial
