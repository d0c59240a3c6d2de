// One search on one shard. The index merges what its shards answer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "indexer/index.h"
#include "indexer/query_builder.h"

namespace kopial {

struct ShardHit {
  double rank = 0;          // relevance; 0 in other orders
  std::int64_t key = 0;     // what is sorted by: milliseconds or bytes
  Serial serial{};
  Xapian::docid id = 0;
};

struct ShardAnswer {
  std::uint64_t total = 0;  // exact
  std::uint64_t indexed = 0, partial = 0, encrypted = 0;  // of the scope
  std::vector<ShardHit> hits;  // the first `wanted` in the order asked for
  std::map<std::string, std::map<std::string, std::uint64_t>> facets;
};

// Whether `a` comes before `b`. Equal keys are told apart by the serial, so the order is the same on every run.
bool comes_before(SearchSort sort, const ShardHit& a, const ShardHit& b);

// Throws Xapian::Error.
ShardAnswer search_shard(ShardView& view, QueryBuilder& builder, const QueryNode& tree, const SearchRequest& request, std::size_t wanted);

}  // namespace kopial
