#include "tests/bench/generated_set.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <set>

#include "storage/base/files.h"
#include "storage/base/guarded.h"
#include "tests/bench/corporate.h"
#include "tests/bench/parallel.h"

namespace kopial::bench {
namespace {

// Bench data: no fsync, so that its making measures nothing.
Result<void> write_file(const std::filesystem::path& path, BytesView content) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return errno_error(errno, "creating", path);
  while (!content.empty()) {
    const auto written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int number = errno;
      ::close(fd);
      return errno_error(number, "writing", path);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  ::close(fd);
  return {};
}

class Writer {
 public:
  explicit Writer(std::filesystem::path out) : out_(std::move(out)) {}

  void add_mailbox(const std::string& name) {
    for (const char* folder : {"cur", "new", "tmp"}) std::filesystem::create_directories(out_ / name / folder);
  }
  // Thread-safe. The first failure is kept for error().
  void add(const std::string& mailbox, std::size_t number, BytesView content) {
    const auto name = std::to_string(1'700'000'000 + number) + ".M" + std::to_string(number) + ".bench:2,S";
    if (auto done = write_file(out_ / mailbox / "cur" / name, content); !done && !failed_.exchange(true)) error_ = done.error();
    bytes_ += content.size();
    ++files_;
  }
  bool failed() const { return failed_; }
  const Error& error() const { return error_; }
  std::uint64_t bytes() const { return bytes_; }
  std::size_t files() const { return files_; }

 private:
  std::filesystem::path out_;
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::size_t> files_{0};
  std::atomic<bool> failed_{false};
  Error error_;  // written once, read after the threads have ended
};

}  // namespace

Result<Generated> generate(const Corpus& corpus, const GenerateOptions& options, const std::filesystem::path& out) {
  if (options.messages == 0 || options.mailboxes == 0) return Error{ErrorCode::invalid, "no messages or no mailboxes are asked for"};
  if (options.mailboxes > 10'000) return Error{ErrorCode::invalid, "more than 10 000 mailboxes are asked for"};
  std::error_code ignored;
  if (std::filesystem::exists(out, ignored) && !std::filesystem::is_empty(out, ignored)) {
    return Error{ErrorCode::conflict, out.string() + " is not empty"};
  }
  const Rewriter rewriter(corpus, options.seed);
  Writer writer(out);
  Generated made;
  if (options.profile == Profile::list) {
    const auto plan = make_plan(corpus, options.seed, options.messages);
    for (const auto& source : corpus.sources) writer.add_mailbox(source);
    for_each_index(plan.size(), [&](std::size_t i) {
      const auto& mail = corpus.mails[plan[i].mail];
      if (!writer.failed()) writer.add(corpus.sources[mail.source], i, rewriter.message(mail, plan[i].epoch));
    });
    made.distinct = plan.size();
    made.mailboxes = corpus.sources.size();
  } else {
    const Corporate corporate(corpus, rewriter, options.seed, options.mailboxes, options.messages);
    const auto mailbox = [&](std::uint32_t owner) {
      const auto& address = corporate.people()[owner].address;
      return address.substr(0, address.find('@'));
    };
    for (std::uint32_t i = 0; i < options.mailboxes; ++i) writer.add_mailbox(mailbox(i));
    for_each_index(corporate.items().size(), [&](std::size_t i) {
      if (writer.failed()) return;
      const auto& item = corporate.items()[i];
      const auto copies = corporate.compose(item);
      for (std::size_t n = 0; n < copies.size(); ++n) writer.add(mailbox(item.mailboxes[n]), i, copies[n]);
    });
    made.distinct = corporate.items().size();
    made.mailboxes = options.mailboxes;
  }
  if (writer.failed()) return writer.error();
  made.files = writer.files();
  made.bytes = writer.bytes();
  return made;
}

}  // namespace kopial::bench
