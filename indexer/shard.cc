#include "indexer/shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <mutex>

#include "indexer/terms.h"
#include "indexer/xapian_error.h"
#include "storage/base/files.h"

namespace kopial {
namespace {

namespace fs = std::filesystem;

constexpr Xapian::docid kLastId = 0xFFFFFFFE;
constexpr std::size_t kIdleViewsMax = 8;

// Xapian commits by itself after this many changes, in the middle of our batch and without our fsync. Out of reach it never does.
void forbid_implicit_commits() {
  static std::once_flag once;
  std::call_once(once, [] { ::setenv("XAPIAN_FLUSH_THRESHOLD", "2000000000", 1); });
}

std::uint64_t number_of(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Xapian::docid ideal_id(Time date) {
  const std::int64_t seconds = std::clamp<std::int64_t>(to_milliseconds(date) / 1000, 1, kLastId - 1);
  return kLastId - static_cast<Xapian::docid>(seconds);
}

void read_facts(ShardView& view) {
  view.displacement_max = static_cast<std::uint32_t>(number_of(view.database.get_metadata("displacement")));
  view.archives.clear();
  for (auto term = view.database.allterms_begin("H"); term != view.database.allterms_end("H"); ++term) {
    view.archives.insert(static_cast<ArchiveId>(number_of((*term).substr(1))));
  }
}

}  // namespace

Result<std::unique_ptr<Shard>> Shard::open(const fs::path& path, const std::string& kind, const std::vector<std::string>& languages) {
  forbid_implicit_commits();
  std::error_code ignored;
  const fs::path old = path.string() + ".old", compact = path.string() + ".compact";
  // seal() renames path to .old and .compact to path: between the two only .old is whole under a name.
  if (!fs::exists(path) && fs::exists(old)) fs::rename(old, path, ignored);
  fs::remove_all(old, ignored);
  fs::remove_all(compact, ignored);
  std::unique_ptr<Shard> shard(new Shard(path, kind, languages));
  if (auto opened = shard->open_writer(); !opened) return opened.error();
  return shard;
}

Result<void> Shard::open_writer() {
  try {
    writer_.emplace(path_.string(), Xapian::DB_CREATE_OR_OPEN | Xapian::DB_BACKEND_GLASS);
    const std::string found = writer_->get_metadata("kind");
    if (found.empty() && writer_->get_doccount() == 0) {
      writer_->set_metadata("kind", kind_);
    } else if (found != kind_) {
      return Error{ErrorCode::corrupt, fmt::format("{}: made as '{}', wanted '{}'", path_.string(), found, kind_)};
    }
    position_ = static_cast<Sequence>(number_of(writer_->get_metadata("position")));
    displacement_max_ = static_cast<std::uint32_t>(number_of(writer_->get_metadata("displacement")));
    return {};
  } catch (const Xapian::Error& error) {
    return translate(error, "opening " + path_.string());
  }
}

Xapian::WritableDatabase& Shard::writer() {
  if (!writer_) {
    if (auto opened = open_writer(); !opened) throw Xapian::DatabaseOpeningError(opened.error().message);
  }
  return *writer_;
}

std::optional<Xapian::docid> Shard::find_id(Serial serial) {
  const std::string term = terms::serial(serial);
  const auto found = writer().postlist_begin(term);
  if (found == writer().postlist_end(term)) return std::nullopt;
  return *found;
}

Xapian::docid Shard::free_id(Time date) {
  const Xapian::docid ideal = ideal_id(date);
  const auto is_taken = [&](Xapian::docid id) {
    try {
      (void)writer().get_doclength(id);
      return true;
    } catch (const Xapian::DocNotFoundError&) {
      return false;
    }
  };
  Xapian::docid id = ideal;
  while (is_taken(id)) {
    if (id == kLastId) {  // Only mail dated 1970 comes here; it finds room among what is newer.
      id = ideal;
      while (is_taken(id)) --id;
      break;
    }
    ++id;
  }
  const std::uint32_t moved = id > ideal ? id - ideal : ideal - id;
  if (moved > displacement_max_) {
    displacement_max_ = moved;
    writer().set_metadata("displacement", fmt::to_string(moved));
  }
  return id;
}

void Shard::put(Serial serial, Time date, Xapian::Document document) {
  // A second document for one serial would be a message found twice: the old one goes first, its date may differ.
  if (const auto old = find_id(serial)) writer().delete_document(*old);
  const Xapian::docid id = free_id(date);
  for (auto term = document.termlist_begin(); term != document.termlist_end(); ++term) {
    const std::string word = *term;
    if (word.front() < 'A' || word.front() > 'Z') forms_.enter(writer(), word);
  }
  writer().replace_document(id, document);
  ++changes_;
}

std::optional<Xapian::Document> Shard::find(Serial serial) {
  const auto id = find_id(serial);
  if (!id) return std::nullopt;
  return writer().get_document(*id);
}

void Shard::replace(Serial serial, const Xapian::Document& document) {
  if (const auto id = find_id(serial)) {
    writer().replace_document(*id, document);
    ++changes_;
  }
}

void Shard::remove(Serial serial) {
  if (const auto id = find_id(serial)) {
    writer().delete_document(*id);
    ++changes_;
  }
}

Result<void> Shard::commit(Sequence position) {
  try {
    writer().set_metadata("position", fmt::to_string(to_number(position)));
    writer().commit();
  } catch (const Xapian::Error& error) {
    return translate(error, "committing " + path_.string());
  }
  // commit() renames a file into place and never syncs the folder: without this a power cut may take the name away.
  if (auto synced = sync_folder(path_); !synced) return synced;
  position_ = position;
  changes_ = 0;
  ++commits_;
  return {};
}

Result<void> Shard::compact() {
  try {
    drop_unused_forms(writer());
  } catch (const Xapian::Error& error) {
    return translate(error, "compacting " + path_.string());
  }
  if (auto kept = commit(position()); !kept) return kept;
  return seal();
}

Result<void> Shard::seal() {
  const fs::path old = path_.string() + ".old", compact = path_.string() + ".compact";
  try {
    writer_.reset();
    forms_.forget();
    std::error_code failed;
    fs::remove_all(compact, failed);
    {
      Xapian::Database database(path_.string());
      database.compact(compact.string(), Xapian::DBCOMPACT_NO_RENUMBER);
    }
    if (auto synced = sync_folder(compact); !synced) return synced;
    fs::rename(path_, old, failed);
    if (failed) return Error{ErrorCode::unavailable, fmt::format("renaming {}: {}", path_.string(), failed.message())};
    fs::rename(compact, path_, failed);
    if (failed) return Error{ErrorCode::unavailable, fmt::format("renaming {}: {}", compact.string(), failed.message())};
    if (auto synced = sync_folder(path_.parent_path()); !synced) return synced;
    ++epoch_;
    fs::remove_all(old, failed);
    return {};
  } catch (const Xapian::Error& error) {
    return translate(error, "sealing " + path_.string());
  }
}

std::unique_ptr<ShardView> Shard::view() {
  const std::uint64_t epoch = epoch_, commit = commits_;
  std::unique_ptr<ShardView> view = idle_.with([](auto& idle) -> std::unique_ptr<ShardView> {
    if (idle.empty()) return nullptr;
    auto taken = std::move(idle.back());
    idle.pop_back();
    return taken;
  });
  if (view == nullptr || view->epoch != epoch) {
    view = std::make_unique<ShardView>();
    view->epoch = epoch;
    view->commit = commit;
    view->database = Xapian::Database(path_.string());
    read_facts(*view);
  } else if (view->commit != commit) {
    view->commit = commit;
    refresh(*view);
  }
  return view;
}

void Shard::refresh(ShardView& view) {
  view.database.reopen();
  read_facts(view);
}

void Shard::give_back(std::unique_ptr<ShardView> view) {
  if (view == nullptr || view->epoch != epoch_) return;
  idle_.with([&](auto& idle) {
    if (idle.size() < kIdleViewsMax) idle.push_back(std::move(view));
  });
}

}  // namespace kopial
