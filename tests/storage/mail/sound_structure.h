// What every structure must satisfy, whatever the bytes were.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "storage/mail/structure.h"

namespace kopial {

// "" when all is well, else the first thing that is not.
inline std::string unsound(BytesView raw, const Structure& structure,
                           const ScanLimits& limits = {}) {
  const auto& entities = structure.entities;
  if (entities.empty()) return "no entity";
  if (entities.size() > limits.parts_max) return "too many entities";
  // Together header, blank line and body of the message cover the input; in front there may be one
  // mbox line.
  const auto& root = entities.front();
  if (root.parent != -1 || root.depth != 0) return "the message has a parent";
  const std::size_t first =
      (structure.defects & kMboxFromLine) == 0 ? 0 : std::min(raw.find('\n'), raw.size() - 1) + 1;
  if (root.header.offset != first) return "the header does not begin at the beginning";
  if (root.body.end() != raw.size()) return "the body does not end at the end";
  std::vector<std::uint64_t> used(
      entities.size());  // of each parent: up to where its children take it
  std::uint64_t leaf_end = 0;
  for (std::size_t i = 0; i < entities.size(); ++i) {
    const auto& entity = entities[i];
    const auto where = [&](std::string_view what) {
      return fmt::format("entity {} of {}: {}", i, entities.size(), what);
    };
    if (entity.header.end() > raw.size() || entity.body.end() > raw.size())
      return where("out of bounds");
    if (entity.header.end() < entity.header.offset || entity.body.end() < entity.body.offset)
      return where("a span that wraps");
    if (entity.header.end() > entity.body.offset) return where("header and body overlap");
    const auto blank = raw.substr(entity.header.end(), entity.body.offset - entity.header.end());
    if (blank != "" && blank != "\n" && blank != "\r\n")
      return where("something between header and body");
    if (entity.depth > limits.depth_max + 1) return where("too deep");
    if (entity.is_multipart && entity.is_message) return where("two kinds at once");
    if (entity.is_multipart && entity.boundary.empty())
      return where("a multipart without a boundary");
    if (i > 0) {
      if (entity.parent < 0 || static_cast<std::size_t>(entity.parent) >= i)
        return where("no parent in front of it");
      const auto& parent = entities[static_cast<std::size_t>(entity.parent)];
      if (parent.is_leaf()) return where("the child of a leaf");
      if (entity.depth != parent.depth + 1)
        return where("a depth that is not its parent's and one");
      if (entity.header.offset < parent.body.offset) return where("begins before its parent");
      if (entity.body.size > 0 && entity.body.end() > parent.body.end())
        return where("ends after its parent");
      auto& taken = used[static_cast<std::size_t>(entity.parent)];
      if (entity.header.offset < taken) return where("overlaps its elder");
      taken = entity.body.end();
    }
    // What the store takes out: leaves come in the order of the bytes and share none.
    if (entity.is_leaf() && entity.body.size > 0) {
      if (entity.body.offset < leaf_end) return where("overlaps another leaf");
      leaf_end = entity.body.end();
    }
    for (const auto& field : header_fields(raw, entity.header, limits)) {
      if (field.name.size == 0 || field.name.offset < entity.header.offset ||
          field.name.end() >= field.value.offset || field.value.end() > entity.header.end()) {
        return where("a field outside of its header");
      }
    }
  }
  if (structure.defects >= std::uint32_t{kHeaderTooLarge} << 1) return "an unknown defect";
  if (defect_names(structure.defects).size() !=
      static_cast<std::size_t>(__builtin_popcount(structure.defects)))
    return "a defect without a name";
  return "";
}

}  // namespace kopial
