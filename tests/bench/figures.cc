#include "tests/bench/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "storage/base/files.h"
#include "storage/mail/message_view.h"
#include "storage/mail/transfer.h"
#include "tests/bench/parallel.h"
#include "tests/bench/plan.h"
#include "tests/bench/random.h"
#include "tests/bench/vocabulary.h"

namespace kopial::bench {
namespace {

struct Measured {
  std::vector<std::uint64_t> words;                                  // hashes, each once
  std::vector<std::pair<std::uint64_t, std::uint64_t>> attachments;  // hash, bytes
  std::uint64_t bytes = 0, header_bytes = 0, id = 0, parent = 0;
  std::size_t references = 0, parts = 0;
  bool reply = false, defective = false;
};

// Subject, addresses and texts, as an index sees them.
Measured measure_one(BytesView raw) {
  Measured out;
  const auto structure = scan(raw);
  const auto summary = summarize(raw, structure);
  const auto parts = classify(structure);
  const auto add = [&](std::string_view text) {
    each_token(text, [&](std::size_t, std::string_view token) {
      if (token.size() > 1 && token.size() <= 64) out.words.push_back(hash_token(token));
    });
  };
  add(summary.subject);
  for (const auto* addresses : {&summary.from, &summary.to, &summary.cc}) {
    for (const auto& address : *addresses) add(address.name), add(address.address);
  }
  for (const auto* leaves : {&parts.text, &parts.html}) {
    for (const auto leaf : *leaves) {
      std::uint32_t ignored = 0;
      add(leaf_text(raw, structure.entities[leaf], 4 << 20, ignored));
    }
  }
  std::sort(out.words.begin(), out.words.end());
  out.words.erase(std::unique(out.words.begin(), out.words.end()), out.words.end());
  for (const auto leaf : parts.attachments) {
    const auto& entity = structure.entities[leaf];
    const auto content = decode_transfer(entity.body.of(raw), entity.encoding).bytes;
    out.attachments.emplace_back(hash_bytes(content), content.size());
  }
  for (const auto& entity : structure.entities) out.parts += entity.is_leaf();
  out.bytes = raw.size();
  out.header_bytes = structure.entities[0].header.size;
  out.id = hash_bytes(summary.message_id);
  out.references = summary.references.size();
  out.reply = !summary.references.empty() || !summary.in_reply_to.empty();
  if (out.reply) out.parent = hash_bytes(summary.references.empty() ? summary.in_reply_to : summary.references.back());
  out.defective = (structure.defects & kStructuralDefects) != 0;
  return out;
}

// The distinct words that so many messages of the set have in the mean, whichever are drawn: 1 - (1 - s/n)^m of each word.
std::vector<std::pair<std::size_t, std::size_t>> rarefied(const std::unordered_map<std::uint64_t, std::uint32_t>& messages_of_word,
                                                          std::size_t count, std::vector<std::size_t> steps) {
  std::vector<std::pair<std::size_t, std::size_t>> out;
  std::map<std::uint32_t, std::size_t> words_by_messages;
  for (const auto& [word, messages] : messages_of_word) ++words_by_messages[messages];
  std::erase_if(steps, [&](std::size_t step) { return step >= count; });
  steps.push_back(count);
  for (const auto step : steps) {
    const double missed = 1 - static_cast<double>(step) / static_cast<double>(count);
    double sum = 0;
    for (const auto& [messages, words] : words_by_messages) sum += static_cast<double>(words) * (1 - std::pow(missed, messages));
    out.emplace_back(step, static_cast<std::size_t>(sum));
  }
  return out;
}

// As K n^beta from the last two steps where `words` ends before `messages`.
double words_at(const Figures& figures, std::size_t messages, bool& extrapolated) {
  for (const auto& [at, words] : figures.words) {
    if (at == messages) return static_cast<double>(words);
  }
  extrapolated = true;
  if (figures.words.size() < 2) return 0;
  const auto& [n1, w1] = figures.words[figures.words.size() - 2];
  const auto& [n2, w2] = figures.words.back();
  const auto log_ratio = [](std::size_t a, std::size_t b) { return std::log(static_cast<double>(a) / static_cast<double>(b)); };
  const double beta = log_ratio(w2, w1) / log_ratio(n2, n1);
  return static_cast<double>(w2) * std::pow(static_cast<double>(messages) / static_cast<double>(n2), beta);
}

}  // namespace

Figures measure(std::size_t count, const std::function<Bytes(std::size_t)>& raw_of, const std::vector<std::size_t>& steps) {
  initialise_mail();
  Figures out;
  out.messages = count;
  std::unordered_set<std::uint64_t> ids, contents;
  std::unordered_map<std::uint64_t, std::uint32_t> messages_of_word;
  std::vector<double> sizes;
  std::vector<std::uint64_t> parents;
  std::uint64_t bytes = 0, headers = 0, attached = 0, unique = 0;
  double words = 0, replies = 0, references = 0, parts = 0, with_attachments = 0;
  constexpr std::size_t kAtOnce = 4096;  // what is held in memory
  for (std::size_t from = 0; from < count; from += kAtOnce) {
    std::vector<Measured> some(std::min(kAtOnce, count - from));
    for_each_index(some.size(), [&](std::size_t i) { some[i] = measure_one(raw_of(from + i)); });
    for (std::size_t i = 0; i < some.size(); ++i) {
      const auto& one = some[i];
      for (const auto word : one.words) ++messages_of_word[word];
      words += static_cast<double>(one.words.size());
      ids.insert(one.id);
      sizes.push_back(static_cast<double>(one.bytes));
      bytes += one.bytes, headers += one.header_bytes, parts += static_cast<double>(one.parts);
      replies += one.reply, references += static_cast<double>(one.references), with_attachments += !one.attachments.empty();
      out.defective += one.defective;
      if (one.reply) parents.push_back(one.parent);
      for (const auto& [hash, size] : one.attachments) {
        attached += size;
        if (contents.insert(hash).second) unique += size;
      }
    }
  }
  if (count == 0) return out;
  std::sort(sizes.begin(), sizes.end());
  const auto quantile = [&](double q) {
    return sizes[std::min(sizes.size() - 1, static_cast<std::size_t>(q * static_cast<double>(sizes.size())))];
  };
  const auto n = static_cast<double>(count);
  out.words = rarefied(messages_of_word, count, steps);
  out.words_each = words / n;
  out.distinct_ids = ids.size();
  out.mean = static_cast<double>(bytes) / n, out.p50 = quantile(0.5), out.p90 = quantile(0.9), out.p99 = quantile(0.99);
  out.replies = replies / n, out.references = references / std::max(1.0, replies);
  const auto known = std::count_if(parents.begin(), parents.end(), [&](std::uint64_t id) { return ids.contains(id); });
  out.answered = static_cast<double>(known) / std::max(1.0, static_cast<double>(parents.size()));
  out.parts = parts / n, out.attached = with_attachments / n;
  out.unique_bytes = static_cast<double>(unique) / std::max(1.0, static_cast<double>(attached));
  out.header_bytes = static_cast<double>(headers) / static_cast<double>(bytes);
  return out;
}

Result<Figures> measure_maildirs(const std::filesystem::path& folder, const std::vector<std::size_t>& steps) {
  std::vector<std::pair<std::uint64_t, std::filesystem::path>> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, failed)) {
    if (entry.is_regular_file() && entry.path().parent_path().filename() == "cur") {
      files.emplace_back(std::strtoull(entry.path().filename().c_str(), nullptr, 10), entry.path());
    }
  }
  if (files.empty()) return Error{ErrorCode::not_found, folder.string() + " holds no Maildir with mail"};
  std::sort(files.begin(), files.end());
  return measure(files.size(), [&](std::size_t i) {
    auto raw = read_file(files[i].second, 1ULL << 30);
    return raw ? *std::move(raw) : Bytes();  // an unreadable one counts as defective
  }, steps);
}

Figures measure_corpus(const Corpus& corpus, const std::vector<std::size_t>& steps) {
  constexpr std::uint64_t kOrder = 4711;  // no seed that a set is made with
  const auto plan = make_plan(corpus, kOrder, corpus.mails.size());
  return measure(plan.size(), [&](std::size_t i) { return corpus.mails[plan[i].mail].raw; }, steps);
}

std::string compare(const Figures& generated, const Figures& real) {
  auto out = fmt::format("{:<44} {:>14} {:>14} {:>7}\n", "", "generated", "real", "ratio");
  const auto line = [&](const std::string& name, double a, double b, int digits, const char* mark = "") {
    out += fmt::format("{:<44} {:>14.{}f} {:>14} {:>7.2f}\n", name, a, digits, mark + fmt::format("{:.{}f}", b, digits), b == 0 ? 0 : a / b);
  };
  line("messages", static_cast<double>(generated.messages), static_cast<double>(real.messages), 0);
  for (const auto& [messages, words] : generated.words) {
    bool extrapolated = false;
    const double expected = words_at(real, messages, extrapolated);
    line(fmt::format("distinct words in {} messages", messages), static_cast<double>(words), expected, 0, extrapolated ? "~" : "");
  }
  line("distinct words of a message, mean", generated.words_each, real.words_each, 0);
  line("bytes, mean", generated.mean, real.mean, 0);
  line("bytes, p50", generated.p50, real.p50, 0);
  line("bytes, p90", generated.p90, real.p90, 0);
  line("bytes, p99", generated.p99, real.p99, 0);
  line("header, share of the bytes", generated.header_bytes, real.header_bytes, 3);
  line("replies, share", generated.replies, real.replies, 3);
  line("references of a reply, mean", generated.references, real.references, 2);
  line("replies whose parent is in the set, share", generated.answered, real.answered, 3);
  line("leaf parts, mean", generated.parts, real.parts, 2);
  line("with attachments, share", generated.attached, real.attached, 3);
  line("attachments, distinct share of the bytes", generated.unique_bytes, real.unique_bytes, 3);
  line("distinct Message-IDs", static_cast<double>(generated.distinct_ids), static_cast<double>(real.distinct_ids), 0);
  line("with structural defects", static_cast<double>(generated.defective), static_cast<double>(real.defective), 0);
  return out + "~: beyond the real set, continued with Heaps' law from its last two rows.\n";
}

}  // namespace kopial::bench
