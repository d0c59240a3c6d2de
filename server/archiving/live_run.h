// A run while it is under way: its counts, who watches it, and how it is stopped.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "server/archiving/run_service.h"
#include "server/archiving/store_sink.h"

namespace kopial {

// Thread-safe.
class LiveRun {
 public:
  LiveRun(std::shared_ptr<Tenant> tenant, RunView view, Clock& clock) : tenant_(std::move(tenant)), clock_(clock), view_(std::move(view)) {
    earlier_ = std::exchange(view_.mailboxes, {});
  }

  const std::shared_ptr<Tenant>& tenant() const { return tenant_; }
  RunView snapshot() const;
  RunOptions options() const;
  // Changes the run and tells whoever waits.
  void change(const std::function<void(RunView&)>& action);
  // A mailbox of the run; the reference stays good. Its counts belong to it alone, and go on from where an earlier part of the same run
  // left them.
  std::size_t add_mailbox(MailboxProgress progress);
  SinkCounts& counts(std::size_t mailbox);
  void change_mailbox(std::size_t mailbox, const std::function<void(MailboxProgress&)>& action);
  void touch();
  RunView wait(std::uint64_t revision, std::chrono::milliseconds wait, std::stop_token stop) const;

  void cancel() {
    cancelled_ = true;
    stop_.request_stop();
  }
  bool cancelled() const { return cancelled_; }
  void interrupt() { stop_.request_stop(); }  // The run goes on later: with the next start, after a pause, or when it is no longer blocked.
  std::stop_token stop_token() const { return stop_.get_token(); }

 private:
  struct Mailbox {
    MailboxProgress progress;
    SinkCounts counts;
  };
  RunView compose() const;  // Under the lock.

  const std::shared_ptr<Tenant> tenant_;
  Clock& clock_;
  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  RunView view_;
  std::vector<MailboxProgress> earlier_;  // rows of the part before
  std::deque<Mailbox> mailboxes_;
  std::stop_source stop_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace kopial
