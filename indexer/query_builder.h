// The tree of a query as a Xapian query on one shard.
#pragma once

#include <xapian.h>

#include "indexer/index.h"
#include "indexer/shard.h"
#include "indexer/snippet.h"

namespace kopial {

class QueryBuilder {
 public:
  // All arguments must outlive the builder. For one thread at a time.
  QueryBuilder(const ShardView& view, const SearchScope& scope, const std::vector<std::string>& languages, bool ranked);

  // The query, filtered by the scope. Throws Xapian::Error.
  Xapian::Query build(const QueryNode& tree);
  // The scope alone.
  Xapian::Query scope() const;
  // Whether the scope lets everything of this shard pass.
  bool sees_all() const { return sees_all_; }

  // What a reader wants to see marked: words and prefixes that are looked for in text, with their forms.
  const Sought& sought() const { return sought_; }

 private:
  Xapian::Query node(const QueryNode& node, bool negative);
  Xapian::Query word(const QueryNode& node, bool negative);
  Xapian::Query prefix(const QueryNode& node, bool negative);
  Xapian::Query flag(const QueryNode& node) const;
  Xapian::Query range(const QueryNode& node) const;
  Xapian::Query in_fields(const QueryNode& node, const std::function<Xapian::Query(std::string_view prefix)>& make) const;

  const ShardView& view_;
  const SearchScope& scope_;
  Stemmers stemmers_;
  bool ranked_;
  bool sees_all_ = true;
  std::vector<ArchiveId> archives_;  // of the scope that have something here; when !sees_all_
  Sought sought_;
};

}  // namespace kopial
