#include "storage/evidence/replay.h"

#include <fmt/format.h>

#include <algorithm>

namespace kopial {
namespace {

Bytes place_key(const Fact& fact) {
  return message_placement_key({fact.serial, fact.archive, static_cast<FolderNumber>(fact.folder), fact.tag});
}

}  // namespace

void Replay::add(const StoredEntry& stored, Sequence sequence, const FindingSink& finding) {
  if (stored.erased) {
    redacted_.emplace(stored.leaf, stored.serial);
    return;
  }
  const auto entry = decode_entry(stored.canonical);
  if (!entry) {
    finding(fmt::format("leaf {} says something that cannot be understood", stored.leaf));
    return;
  }
  const bool earlier = std::any_of(entry->facts.begin(), entry->facts.end(), [](const Fact& fact) { return fact.type == FactType::earlier; });
  if (earlier && entry->kind == EntryKind::erased) erasures = true;  // What it took with it was gone before the log began.
  for (const auto& fact : entry->facts) add(*entry, earlier, fact, stored.leaf, sequence, finding);
}

// `before` facts about what a redacted leaf had said cannot be followed; only an erasure's own leaf may have such.
void Replay::add(const Entry& entry, bool earlier, const Fact& fact, std::uint64_t leaf, Sequence sequence, const FindingSink& finding) {
  const auto contradicts = [&](std::string_view what) { finding(fmt::format("leaf {} does not follow from those before it: {}", leaf, what)); };
  switch (fact.type) {
    case FactType::copy:
      if (!copies.emplace(entry.copy, Copy{entry.serial, fact.bytes, fact.defects, leaf}).second) contradicts("a copy is added twice");
      if (entry.kind == EntryKind::copy_added) further[{entry.serial, sequence}] = entry.copy;
      break;
    case FactType::message: {
      auto& message = messages[entry.serial];
      if (entry.kind == EntryKind::message_added) {
        if (message.leaf != 0 || message.added != Sequence{}) contradicts("a message is added twice");
        message.added = sequence;
        message.first = entry.copy;
      }
      message.row = fact.digest;
      message.leaf = leaf;
      break;
    }
    case FactType::placed: {
      const auto [place, fresh] = places.insert_or_assign(place_key(fact), Place{fact.copy, fact.received, fact.unread, fact.vanished_at, leaf});
      if (fresh) last_archived[fact.archive] = earlier ? std::nullopt : std::optional(entry.at);
      break;
    }
    case FactType::unplaced:
      if (places.erase(place_key(fact)) == 0 && entry.kind != EntryKind::erased && !erasures && redacted_.empty()) {
        contradicts("a placement goes that was never there");
      }
      break;
    case FactType::folder:
      if (!folders.emplace(std::pair(fact.archive, fact.folder), Folder{fact.text, leaf}).second) contradicts("a folder gets its number twice");
      break;
    case FactType::row: {
      auto& family = rows[fact.family];
      if (fact.row) family[fact.row_key] = {*fact.row, leaf};
      else family.erase(fact.row_key);
      break;
    }
    case FactType::quarantined: quarantine[fact.number] = {fact.digest, fact.content, leaf}; break;
    case FactType::erased: erase(fact, leaf); break;
    case FactType::audit:
    case FactType::note:
    case FactType::earlier: break;
  }
}

void Replay::erase(const Fact& fact, std::uint64_t leaf) {
  erasures = true;
  for (const auto redacted : fact.leaves) permitted_.emplace(redacted, leaf);
  if (fact.number != 1) return;  // Of a message some copies stay, whose leaves are not redacted.
  messages.erase(fact.serial);
  std::erase_if(copies, [&](const auto& one) { return one.second.serial == fact.serial; });
  std::erase_if(further, [&](const auto& one) { return one.first.first == fact.serial; });
}

void Replay::finish(const FindingSink& finding) {
  for (const auto& [leaf, serial] : redacted_) {
    const auto permit = permitted_.find(leaf);
    if (permit == permitted_.end() || permit->second <= leaf) finding(fmt::format("leaf {} has lost its content, and no erasure says so", leaf));
  }
  for (const auto& [leaf, erasure] : permitted_) {
    if (!redacted_.contains(leaf)) finding(fmt::format("leaf {} should have lost its content by the erasure of leaf {}", leaf, erasure));
  }
}

}  // namespace kopial
