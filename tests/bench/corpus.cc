#include "tests/bench/corpus.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "storage/base/files.h"
#include "tests/bench/archives.h"
#include "tests/bench/parallel.h"

namespace kopial::bench {
namespace {

// file -> thread root, of volume/index.tsv.zst.
Result<std::unordered_map<std::string, std::string>> read_thread_roots(const std::filesystem::path& volume) {
  const auto table = read_zstd(volume / "index.tsv.zst");
  if (!table) return table.error();
  constexpr int kThreadColumn = 13;
  std::unordered_map<std::string, std::string> out;
  const BytesView text = *table;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    at = end + 1;
    auto rest = line;
    for (int column = 0; column < kThreadColumn && !rest.empty(); ++column) {
      rest.remove_prefix(std::min(rest.find('\t'), rest.size() - 1) + 1);
    }
    out.emplace(line.substr(0, line.find('\t')), rest.substr(0, rest.find('\t')));
  }
  return out;
}

Result<std::vector<ArchivedFile>> read_archive(const std::filesystem::path& file, const std::string& source) {
  auto bytes = read_zstd(file);
  if (!bytes) return bytes.error();
  if (file.stem().extension() == ".mbox") return split_mbox(*bytes, source + ".mbox");
  return split_tar(*bytes);
}

Bytes without_envelope_line(Bytes raw) {
  if (raw.starts_with("From ")) raw.erase(0, std::min(raw.find('\n'), raw.size() - 1) + 1);
  return raw;
}

Result<void> read_documents(const std::filesystem::path& folder, Corpus& corpus) {
  std::vector<std::filesystem::path> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "documents", failed)) {
    if (entry.is_regular_file() && entry.path().parent_path() != folder / "documents") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    auto content = read_file(file, 64 << 20);
    if (!content) return content.error();
    if (content->size() >= 512) corpus.documents.push_back({file.filename().string(), *std::move(content)});
  }
  const auto tar = read_zstd(folder / "german-bodies.tar.zst");
  if (!tar) return tar.error();
  for (auto& file : split_tar(*tar)) {
    if (file.name.ends_with(".txt")) corpus.german_bodies.push_back(std::move(file.content));
  }
  return {};
}

}  // namespace

Result<Corpus> read_corpus(const std::filesystem::path& folder, bool with_documents) {
  const auto volume = folder / "volume";
  const auto roots = read_thread_roots(volume);
  if (!roots) return roots.error().with_context("reading the corpus");
  Corpus corpus;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(volume)) {
    if (entry.path().stem().extension() == ".mbox" || entry.path().stem().extension() == ".tar") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::vector<ArchivedFile>> contents(files.size());
  std::vector<Error> errors(files.size());
  for_each_index(files.size(), [&](std::size_t i) {
    auto archive = read_archive(files[i], files[i].stem().stem().string());
    if (archive) {
      contents[i] = *std::move(archive);
    } else {
      errors[i] = archive.error();
    }
  });
  std::map<std::string, std::uint32_t> threads;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!errors[i].message.empty()) return errors[i].with_context("reading the corpus");
    corpus.sources.push_back(files[i].stem().stem().string());
    for (auto& file : contents[i]) {
      const auto root = roots->find(file.name);
      // Cross-posts of one thread stay one thread a source, so that each archive keeps its own copies.
      const auto key = corpus.sources.back() + " " + (root == roots->end() || root->second.empty() ? file.name : root->second);
      const auto thread = threads.emplace(key, static_cast<std::uint32_t>(threads.size())).first->second;
      corpus.mails.push_back({without_envelope_line(std::move(file.content)), {}, static_cast<std::uint32_t>(i), thread});
    }
    contents[i].clear();
  }
  for_each_index(corpus.mails.size(), [&](std::size_t i) { corpus.mails[i].structure = scan(corpus.mails[i].raw); });
  const auto read = corpus.mails.size();
  std::erase_if(corpus.mails, [](const CorpusMail& mail) { return (mail.structure.defects & kStructuralDefects) != 0; });
  corpus.left_out = read - corpus.mails.size();
  corpus.threads.resize(threads.size());
  for (std::uint32_t i = 0; i < corpus.mails.size(); ++i) corpus.threads[corpus.mails[i].thread].push_back(i);
  if (corpus.mails.empty()) return Error{ErrorCode::not_found, volume.string() + " holds no mail"};
  if (with_documents) {
    if (auto done = read_documents(folder, corpus); !done) return done.error().with_context("reading the corpus");
  }
  return corpus;
}

}  // namespace kopial::bench
