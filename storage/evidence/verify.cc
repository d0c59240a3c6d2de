#include "storage/evidence/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "storage/base/encoding.h"
#include "storage/base/files.h"
#include "storage/crypto/digest.h"
#include "storage/evidence/beginning.h"
#include "storage/evidence/log.h"
#include "storage/evidence/replay.h"
#include "storage/layout.h"
#include "storage/tenant_reader.h"

namespace kopial {
namespace {

// The entries of the three families in the order of their leaves.
class Entries {
 public:
  explicit Entries(const Database& database)
      : ranges_{database.range(kChanges, "", ""), database.range(kEvents, "", ""), database.range(kAudit, "", "")} {}

  struct One {
    Family family{};
    Bytes key;
    std::optional<StoredEntry> entry;  // nullopt: the row cannot be read
  };
  // nullopt at the end. A row that cannot be read comes first.
  std::optional<One> next() {
    std::optional<std::size_t> lowest;
    std::uint64_t leaf = 0;
    for (std::size_t i = 0; i < ranges_.size(); ++i) {
      if (!ranges_[i].valid()) continue;
      const auto entry = decode_stored_entry(ranges_[i].value());
      if (!entry) {
        One broken{kFamilies_[i], Bytes(ranges_[i].key()), std::nullopt};
        ranges_[i].next();
        return broken;
      }
      if (lowest && entry->leaf >= leaf) continue;
      lowest = i;
      leaf = entry->leaf;
    }
    if (!lowest) return std::nullopt;
    One one{kFamilies_[*lowest], Bytes(ranges_[*lowest].key()), decode_stored_entry(ranges_[*lowest].value())};
    ranges_[*lowest].next();
    return one;
  }
  Result<void> status() const {
    for (const auto& range : ranges_) {
      if (auto status = range.status(); !status) return status;
    }
    return {};
  }

 private:
  static constexpr std::array<Family, 3> kFamilies_{kChanges, kEvents, kAudit};
  std::array<Range, 3> ranges_;
};

struct Held {
  std::string from;
  Checkpoint checkpoint;
  bool met = false;
};

class Verification {
 public:
  Verification(Database& database, const VerifyOptions& options) : database_(database), options_(options) {}

  Result<VerifyReport> run() {
    read_checkpoints();
    auto value = database_.get(kMeta, kStateKey);
    if (!value) return value.error();
    const auto state = *value ? decode_state(**value) : std::nullopt;
    if (*value && is_newer_state(**value)) return Error{ErrorCode::invalid, "the store was last written by a newer version: verify it with that version's kopial-verify"};
    if (*value && !state) finding("the state of the store cannot be read");
    if (state && state->beginning != kBeginningNone) {
      return Error{ErrorCode::invalid, "the evidence log of this store has not begun in full: what was in it before is not in the log yet. Start kopiald on it until "
                                       "its evidence has no 'beginning' any more"};
    }
    if (state) state_ = *state;
    if (auto done = leaves(); !done) return done.error();
    if (auto done = tiles(); !done) return done.error();
    for (const auto& held : checkpoints_) {
      if (!held.met) {
        finding("the store was rolled back: it ends at leaf {}, and {} is of {} leaves", edge_.size(), held.from, held.checkpoint.size);
      }
    }
    std::uint64_t newest = 0;
    for (const auto& held : checkpoints_) newest = std::max(newest, held.checkpoint.size);
    report_.unsigned_leaves = edge_.size() - std::min(edge_.size(), newest);
    if (options_.all_signed && !checkpoints_.empty() && report_.unsigned_leaves > 0) {
      finding("no signature covers the last {} leaves: they came after the newest checkpoint, of {} leaves. Either the store was not stopped in order "
              "(start and stop it once), or somebody else added them", report_.unsigned_leaves, newest);
    }
    if (options_.key) {
      report_.rows = true;
      const Names names(*options_.key);
      if (auto done = hold_rows(database_, *options_.key, names, replay_, state_, options_.message_bytes_max, sink(), report_); !done) return done.error();
    }
    report_.leaves = edge_.size();
    return std::move(report_);
  }

 private:
  template <typename... Args>
  void finding(fmt::format_string<Args...> text, Args&&... args) {
    sink()(fmt::format(text, std::forward<Args>(args)...));
  }
  FindingSink sink() {
    return [this](std::string text) {
      if (report_.findings.size() < options_.findings_max) report_.findings.push_back(std::move(text));
    };
  }

  void read_checkpoints() {
    for (const auto& [from, note] : options_.checkpoints) {
      if (!options_.verifier) {
        finding("{} cannot be checked: no public key was given", from);
        continue;
      }
      auto checkpoint = open_checkpoint(note, *options_.verifier);
      if (!checkpoint) finding("{}: {}", from, checkpoint.error().message);
      else checkpoints_.push_back({from, *std::move(checkpoint), false});
    }
    report_.checkpoints = checkpoints_.size();
  }

  void meet_checkpoints() {
    for (auto& held : checkpoints_) {
      if (held.checkpoint.size != edge_.size() || held.met) continue;
      held.met = true;
      if (edge_.root() != held.checkpoint.root) {
        finding("the first {} leaves are not those that {} was signed for", held.checkpoint.size, held.from);
      }
    }
  }

  // Every entry is where it belongs, and together they make the tree that was signed.
  Result<void> leaves() {
    std::uint64_t last_sequence = 0;
    Entries entries(database_);
    meet_checkpoints();
    while (auto one = entries.next()) {
      const auto what = tenant_families()[one->family].name;
      if (!one->entry) {
        finding("a row of {} cannot be read", what);
        continue;
      }
      const auto& entry = *one->entry;
      if (entry.leaf != edge_.size()) {
        if (entry.leaf < edge_.size()) {
          finding("leaf {} is there twice; the second one stands in {}", entry.leaf, what);
          continue;
        }
        finding("leaf {} is missing; leaf {} of {} follows", edge_.size(), entry.leaf, what);
        // What is missing cannot be made up for: the tree is wrong from here on, and rows can still be compared.
        while (edge_.size() < entry.leaf && edge_.size() < state_.leaves) append(Digest{});
        if (entry.leaf != edge_.size()) continue;
      }
      if (one->family == kChanges) {
        if (one->key != sequence_key(Sequence{last_sequence + 1})) finding("change {} does not follow change {}", hex_encode(one->key), last_sequence);
        Decoder key(one->key);
        last_sequence = key.fixed64();
      } else if (one->key != leaf_key(entry.leaf)) {
        finding("leaf {} stands under another number in {}", entry.leaf, what);
      }
      const bool belongs = one->family == (is_change(entry.kind) ? kChanges : entry.kind == EntryKind::audit ? kAudit : kEvents);
      if (!belongs) finding("leaf {} stands in {}, where it does not belong", entry.leaf, what);
      if (one->family == kAudit) ++report_.audit_events;
      if (entry.erased) ++report_.erased_leaves;
      replay_.add(entry, Sequence{last_sequence}, sink());
      append(leaf_hash(entry.committed.view()));
    }
    if (auto status = entries.status(); !status) return status;
    replay_.finish(sink());
    if (edge_.size() != state_.leaves) finding("the log has {} leaves, and the store says {}", edge_.size(), state_.leaves);
    else if (edge_.root() != state_.root) finding("the leaves do not give the root that the store recorded with its last batch");
    if (last_sequence != state_.last_sequence) finding("the last change is {}, and the store says {}", last_sequence, state_.last_sequence);
    return {};
  }

  void append(const Digest& leaf) {
    edge_.append(leaf, [this](const Tile& tile) {
      const bool full = tile.hashes.size() == kTileWidth;
      if (!full && tile.index != state_.leaves >> (kTileBits * (tile.level + 1))) return;
      if (!full && tile.hashes.size() != ((state_.leaves >> (kTileBits * tile.level)) & (kTileWidth - 1))) return;
      ++tiles_;
      auto row = database_.get(kEvidence, tile_key(tile.level, tile.index));
      const auto hashes = row && *row ? decode_tile(**row) : std::nullopt;
      if (!hashes || *hashes != tile.hashes) finding("tile {} of level {} is not what its leaves give", tile.index, tile.level);
    });
    meet_checkpoints();
  }

  Result<void> tiles() {
    std::uint64_t stored = 0;
    auto rows = database_.range(kEvidence, "t", after_prefix("t"));
    for (; rows.valid(); rows.next()) ++stored;
    if (stored != tiles_) finding("there are {} tiles, and the leaves make {}", stored, tiles_);
    return rows.status();
  }

  Database& database_;
  const VerifyOptions& options_;
  VerifyReport report_;
  State state_;
  std::vector<Held> checkpoints_;
  TreeEdge edge_;
  std::uint64_t tiles_ = 0;
  Replay replay_;
};

}  // namespace

namespace {

// The checkpoints of this log that others have vouched for: each is one more that the store must follow from.
void add_vouched(const std::filesystem::path& folder, VerifyOptions& options) {
  std::error_code bad;
  std::vector<std::filesystem::path> paths;
  for (std::filesystem::recursive_directory_iterator entry(folder, bad), end; !bad && entry != end; entry.increment(bad)) {
    const auto& path = entry->path();
    if (path.extension() == ".note" || path.filename().string().starts_with("witnessed.")) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    auto note = read_file(path, kNoteBytesMax);
    if (note && open_checkpoint(*note, *options.verifier)) options.checkpoints.emplace_back(path.filename().string(), *std::move(note));
  }
}

}  // namespace

Result<VerifyReport> verify_store(Database& database, const VerifyOptions& options) {
  return Verification(database, options).run();
}

Result<VerifyReport> verify_folder(const std::filesystem::path& folder, VerifyOptions options) {
  // A tenant's folder may itself lie in one, as under data_dir/tenants.
  std::error_code ignored;
  auto tenant = folder;
  while (!std::filesystem::exists(tenant / "store" / "CURRENT", ignored) && std::filesystem::is_directory(tenant / "store", ignored)) tenant /= "store";
  DatabaseOptions database_options;
  database_options.read_only = true;
  auto database = Database::open(tenant / "store", tenant_families(), database_options);
  if (!database) return database.error();
  if (options.verifier) {
    auto anchor = read_file(tenant / "evidence" / "anchor", kNoteBytesMax);
    if (anchor) {
      options.checkpoints.emplace_back("the store's own anchor", *std::move(anchor));
      options.all_signed = !options.unsigned_allowed;
    }
    add_vouched(tenant / "evidence", options);
  }
  return verify_store(**database, options);
}

}  // namespace kopial
