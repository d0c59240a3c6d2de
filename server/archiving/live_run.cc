#include "server/archiving/live_run.h"

#include <algorithm>

namespace kopial {
namespace {

// Exchange Online answers an application 10,000 requests of a mailbox in ten minutes, and a message is one. Servers of one's own have other
// limits, which show in the rate that is reached.
constexpr double kRequestsPerSecond = 9'500.0 / 600;
constexpr std::uint64_t kBurst = 9'500;

}  // namespace

RunView LiveRun::compose() const {
  auto view = view_;
  view.mailboxes.clear();
  if (mailboxes_.empty()) view.mailboxes = earlier_;  // It has not begun again.
  for (const auto& [progress, counts] : mailboxes_) {
    auto mailbox = progress;
    mailbox.expected = std::max(counts.expected.load(), counts.seen.load());
    mailbox.seen = counts.seen;
    mailbox.archived = counts.archived;
    mailbox.already_archived = counts.already_archived;
    mailbox.quarantined = counts.quarantined;
    mailbox.vanished = counts.vanished;
    mailbox.moved = counts.moved;
    mailbox.failed = counts.failed;
    mailbox.bytes = counts.bytes;
    if (mailbox.started_at) {
      const auto until = mailbox.ended_at.value_or(clock_.now());
      const auto seconds = std::chrono::duration<double>(until - *mailbox.started_at).count();
      if (seconds > 0.2) mailbox.rate = static_cast<double>(mailbox.archived) / seconds;
      const auto done = mailbox.archived + mailbox.already_archived + mailbox.quarantined + mailbox.failed;
      // By what was reached so far, and never faster than the service allows one mailbox to be asked.
      if (mailbox.state == "running" && seconds > 1 && done > 0 && mailbox.expected > done) {
        const auto reached = static_cast<double>(done) / seconds;
        const auto rate = mailbox.expected > kBurst ? std::min(reached, kRequestsPerSecond) : reached;
        mailbox.eta_seconds = static_cast<std::uint64_t>(static_cast<double>(mailbox.expected - done) / rate);
      }
    }
    view.mailboxes.push_back(std::move(mailbox));
  }
  return view;
}

RunView LiveRun::snapshot() const {
  const std::lock_guard lock(mutex_);
  return compose();
}

RunOptions LiveRun::options() const {
  const std::lock_guard lock(mutex_);
  return view_.options;
}

void LiveRun::change(const std::function<void(RunView&)>& action) {
  {
    const std::lock_guard lock(mutex_);
    action(view_);
    ++view_.revision;
  }
  changed_.notify_all();
}

void LiveRun::touch() {
  change([](RunView&) {});
}

std::size_t LiveRun::add_mailbox(MailboxProgress progress) {
  const std::lock_guard lock(mutex_);
  mailboxes_.emplace_back();
  auto& [row, counts] = mailboxes_.back();
  row = std::move(progress);
  const auto before = std::find_if(earlier_.begin(), earlier_.end(), [&](const auto& one) { return !one.mailbox.empty() && one.mailbox == row.mailbox; });
  if (before != earlier_.end()) {
    counts.archived = before->archived;
    counts.quarantined = before->quarantined;
    counts.vanished = before->vanished;
    counts.moved = before->moved;
    counts.bytes = before->bytes;
    counts.already_archived = before->already_archived;
    counts.seen = before->seen;
    row.removed_at_source = before->removed_at_source;
  }
  return mailboxes_.size() - 1;
}

SinkCounts& LiveRun::counts(std::size_t mailbox) {
  const std::lock_guard lock(mutex_);
  return mailboxes_.at(mailbox).counts;
}

void LiveRun::change_mailbox(std::size_t mailbox, const std::function<void(MailboxProgress&)>& action) {
  {
    const std::lock_guard lock(mutex_);
    action(mailboxes_.at(mailbox).progress);
    ++view_.revision;
  }
  changed_.notify_all();
}

RunView LiveRun::wait(std::uint64_t revision, std::chrono::milliseconds wait, std::stop_token stop) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, wait, [&] { return view_.revision > revision; });
  return compose();
}

}  // namespace kopial
