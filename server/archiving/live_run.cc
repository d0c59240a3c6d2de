#include "server/archiving/live_run.h"

namespace kopial {

RunView LiveRun::compose() const {
  auto view = view_;
  view.mailboxes.clear();
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
      if (mailbox.state == "running" && seconds > 1 && done > 0 && mailbox.expected > done) {
        mailbox.eta_seconds = static_cast<std::uint64_t>(static_cast<double>(mailbox.expected - done) * seconds / static_cast<double>(done));
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
  mailboxes_.back().progress = std::move(progress);
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
