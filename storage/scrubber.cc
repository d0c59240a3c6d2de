#include "storage/scrubber.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

constexpr std::size_t kFindingsMax = 1000;
constexpr std::uint64_t kTellEvery = 16 << 20;  // bytes
constexpr std::size_t kPage = 100;              // messages

// "file 12" or "message 34".
std::optional<std::uint64_t> number_after(const std::string& position, std::string_view word) {
  if (!position.starts_with(word)) return std::nullopt;
  std::uint64_t number = 0;
  const auto* end = position.data() + position.size();
  const auto read = std::from_chars(position.data() + word.size(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

void Scrubber::say(ScrubFinding finding) {
  ++report_.damaged;
  if (report_.findings.size() < kFindingsMax) report_.findings.push_back(std::move(finding));
}

void Scrubber::tell(bool now) {
  const auto bytes = report_.file_bytes + report_.copy_bytes;
  if (!options_.progress || (!now && bytes < told_ + kTellEvery)) return;
  told_ = bytes;
  options_.progress(report_);
}

Result<ScrubReport> Scrubber::run() {
  const auto message = number_after(options_.position, "message ");
  if (!message) {
    auto done = files(number_after(options_.position, "file ").value_or(0));
    if (!done) return done.error();
    if (!*done) return report_;
  }
  auto done = messages(Serial{message.value_or(0)});
  if (!done) return done.error();
  if (*done) {
    report_.complete = true;
    report_.position.clear();
  }
  tell(true);
  return report_;
}

// By number, and later files have larger ones: what is made while the pass goes on is still before it.
Result<bool> Scrubber::files(std::uint64_t after) {
  auto live = live_files(database_);
  if (!live) return live.error();
  for (const auto& file : *live) {
    if (!file.immutable || file.number <= after) continue;
    auto found = checksum_of(database_.folder() / file.name, pace_, options_.stop, [this](std::uint64_t bytes) {
      report_.file_bytes += bytes;
      tell();
    });
    if (found && !*found) return false;
    ++report_.files;
    if (file.checksum.empty()) {
      ++report_.unknown_files;
    } else if (!found) {
      // A file that a compaction has replaced meanwhile is no loss.
      auto still = live_files(database_);
      if (!still) return still.error();
      const bool needed = std::any_of(still->begin(), still->end(), [&](const LiveFile& one) { return one.name == file.name; });
      if (needed) say({"file " + file.name, found.error().message, std::nullopt, std::nullopt});
    } else if (**found != file.checksum) {
      say({"file " + file.name, "its bytes are not those that were written", std::nullopt, std::nullopt});
    }
    report_.position = fmt::format("file {}", file.number);
    tell();
  }
  return true;
}

Result<bool> Scrubber::messages(Serial after) {
  std::vector<Serial> page;
  for (auto serial = to_number(after) + 1; serial <= to_number(last_); serial += kPage) {
    page.clear();
    for (auto one = serial; one < serial + kPage && one <= to_number(last_); ++one) page.push_back(Serial{one});
    auto records = reader_.messages(page);
    if (!records) {  // One bad row spoils the page: look at each alone.
      for (const auto one : page) {
        auto alone = reader_.messages({&one, 1});
        if (!alone) say({fmt::format("message {}", to_number(one)), alone.error().message, one, std::nullopt});
        else for (const auto& record : *alone) {
          for (const auto& id : record.copies) {
            if (!copy(one, id)) return false;
          }
        }
      }
    } else {
      for (const auto& record : *records) {
        for (const auto& id : record.copies) {
          if (!copy(record.serial, id)) return false;
        }
        ++report_.messages;
      }
    }
    report_.position = fmt::format("message {}", to_number(page.back()));
    tell();
  }
  return true;
}

bool Scrubber::copy(Serial message, const CopyId& id) {
  auto raw = reader_.raw(id);
  const auto name = "copy " + id.hex();
  if (!raw) {
    say({name, raw.error().message, message, id});
    return pace_.spend(1, options_.stop);
  }
  if (!*raw) {
    // Erased meanwhile, or lost.
    auto record = reader_.messages({&message, 1});
    const bool named = record && !record->empty() && std::find(record->front().copies.begin(), record->front().copies.end(), id) != record->front().copies.end();
    if (named) say({name, "the message names it and it is not there", message, id});
    return true;
  }
  ++report_.copies;
  report_.copy_bytes += (*raw)->size();
  tell();
  return pace_.spend((*raw)->size(), options_.stop);
}

}  // namespace kopial
