#include "indexer/shard_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "indexer/terms.h"

namespace kopial {
namespace {

// A date-ordered look ahead longer than this is slower than sorting by value.
constexpr std::size_t kLookAheadMax = 4096;
constexpr std::size_t kFacetQueriesMax = 500;

unsigned slot_of(SearchSort sort) {
  switch (sort) {
    case SearchSort::size_asc:
    case SearchSort::size_desc:
      return terms::kSize;
    case SearchSort::received_asc:
    case SearchSort::received_desc:
      return terms::kReceived;
    default:
      return terms::kDate;
  }
}

bool is_descending(SearchSort sort) {
  return sort == SearchSort::date_desc || sort == SearchSort::size_desc || sort == SearchSort::received_desc;
}

// Counts the values of one slot over everything that matches.
class ValueCounter final : public Xapian::MatchSpy {
 public:
  ValueCounter(unsigned slot, std::map<std::string, std::uint64_t>& counts) : slot_(slot), counts_(counts) {}
  void operator()(const Xapian::Document& document, double) override {
    const std::string value = document.get_value(slot_);
    if (value.empty()) return;
    if (slot_ != terms::kDate) {
      ++counts_[value];
      return;
    }
    using namespace std::chrono;
    const auto day = floor<days>(from_milliseconds(terms::slot_number(value)));
    ++counts_[fmt::format("{:04}", static_cast<int>(year_month_day(day).year()))];
  }

 private:
  unsigned slot_;
  std::map<std::string, std::uint64_t>& counts_;
};

std::uint64_t count(const Xapian::Database& database, const Xapian::Query& query) {
  if (query.empty()) return 0;
  Xapian::Enquire enquire(database);
  enquire.set_weighting_scheme(Xapian::BoolWeight());
  enquire.set_query(query);
  Xapian::MSet quick = enquire.get_mset(0, 0, Xapian::doccount{0});
  if (quick.get_matches_lower_bound() == quick.get_matches_upper_bound()) return quick.get_matches_lower_bound();
  return enquire.get_mset(0, 0, database.get_doccount()).get_matches_lower_bound();
}

ShardHit hit_of(const Xapian::MSetIterator& item, SearchSort sort) {
  const Xapian::Document document = item.get_document();
  ShardHit hit;
  hit.id = *item;
  hit.serial = static_cast<Serial>(terms::slot_number(document.get_value(terms::kSerial)));
  const std::string key = document.get_value(slot_of(sort));
  hit.key = key.empty() ? 0 : terms::slot_number(key);
  hit.rank = sort == SearchSort::relevance ? item.get_weight() : 0;
  return hit;
}

// The total, and the first `size` of them. Both are exact: where the bounds do not meet, everything is looked at.
Xapian::MSet match(Xapian::Enquire& enquire, const Xapian::Database& database, std::size_t size, std::uint64_t& total) {
  Xapian::MSet set = enquire.get_mset(0, static_cast<Xapian::doccount>(size), Xapian::doccount{0});
  if (set.get_matches_lower_bound() != set.get_matches_upper_bound()) {
    set = enquire.get_mset(0, static_cast<Xapian::doccount>(size), database.get_doccount());
  }
  total = set.get_matches_lower_bound();
  return set;
}

void date_descending(Xapian::Enquire& enquire, const ShardView& view, std::size_t wanted, ShardAnswer& answer) {
  const std::uint64_t displacement = view.displacement_max;
  std::size_t ahead = 16;
  while (true) {
    const Xapian::MSet set = match(enquire, view.database, wanted + ahead, answer.total);
    // A document stands at most `displacement` from its place, so nobody from beyond this id can belong among the first.
    const bool complete = set.size() < wanted + ahead ||
                          (wanted == 0 ? true : *set.back() > *set[static_cast<Xapian::doccount>(wanted - 1)] + 2 * displacement + 1);
    if (complete || ahead >= kLookAheadMax) {
      if (!complete) enquire.set_sort_by_value(terms::kDate, true);
      const Xapian::MSet final_set = complete ? set : match(enquire, view.database, wanted, answer.total);
      for (auto item = final_set.begin(); item != final_set.end(); ++item) answer.hits.push_back(hit_of(item, SearchSort::date_desc));
      return;
    }
    ahead *= 4;
  }
}

void count_facets(ShardView& view, QueryBuilder& builder, const Xapian::Query& query, const SearchRequest& request, ShardAnswer& answer) {
  for (const std::string& facet : request.facets) {
    auto& counts = answer.facets[facet];
    if (facet == "year" || facet == "from_domain") {
      Xapian::Enquire enquire(view.database);
      enquire.set_weighting_scheme(Xapian::BoolWeight());
      enquire.set_query(query);
      ValueCounter counter(facet == "year" ? terms::kDate : terms::kFromDomain, counts);
      enquire.add_matchspy(&counter);
      (void)enquire.get_mset(0, 0, view.database.get_doccount());
      continue;
    }
    const std::string prefix = facet == "archive" ? "H" : "E";
    std::size_t queries = 0;
    for (auto term = view.database.allterms_begin(prefix); term != view.database.allterms_end(prefix) && queries < kFacetQueriesMax; ++term) {
      const std::string value = (*term).substr(1);
      if (facet == "archive" && request.scope.archives) {
        const auto& visible = *request.scope.archives;
        if (std::none_of(visible.begin(), visible.end(), [&](ArchiveId id) { return terms::archive(id) == *term; })) continue;
      }
      ++queries;
      const std::uint64_t matches = count(view.database, Xapian::Query(Xapian::Query::OP_FILTER, query, Xapian::Query(*term)));
      if (matches > 0) counts[value] += matches;
    }
  }
  (void)builder;
}

}  // namespace

bool comes_before(SearchSort sort, const ShardHit& a, const ShardHit& b) {
  if (sort == SearchSort::relevance && a.rank != b.rank) return a.rank > b.rank;
  if (a.key != b.key) {
    const bool descending = is_descending(sort) || sort == SearchSort::relevance;
    return descending ? a.key > b.key : a.key < b.key;
  }
  return to_number(a.serial) > to_number(b.serial);
}

ShardAnswer search_shard(ShardView& view, QueryBuilder& builder, const QueryNode& tree, const SearchRequest& request, std::size_t wanted) {
  ShardAnswer answer;
  const Xapian::Query query = builder.build(tree);
  Xapian::Enquire enquire(view.database);
  enquire.set_query(query);
  if (request.sort != SearchSort::relevance) enquire.set_weighting_scheme(Xapian::BoolWeight());
  enquire.set_docid_order(Xapian::Enquire::ASCENDING);
  if (request.sort == SearchSort::date_desc) {
    date_descending(enquire, view, wanted, answer);
  } else {
    if (request.sort != SearchSort::relevance) enquire.set_sort_by_value(slot_of(request.sort), is_descending(request.sort));
    const Xapian::MSet set = match(enquire, view.database, wanted, answer.total);
    for (auto item = set.begin(); item != set.end(); ++item) answer.hits.push_back(hit_of(item, request.sort));
  }
  std::sort(answer.hits.begin(), answer.hits.end(),
            [&](const ShardHit& a, const ShardHit& b) { return comes_before(request.sort, a, b); });
  if (answer.hits.size() > wanted) answer.hits.resize(wanted);

  const Xapian::Query scope = builder.scope();
  const auto in_scope = [&](std::string_view term) {
    const Xapian::Query fact{std::string(term)};
    return count(view.database, builder.sees_all() ? fact : Xapian::Query(Xapian::Query::OP_FILTER, fact, scope));
  };
  answer.indexed = builder.sees_all() ? view.database.get_doccount() : count(view.database, scope);
  answer.partial = in_scope(terms::kPartial);
  answer.encrypted = in_scope(terms::kEncrypted);
  if (!request.facets.empty()) count_facets(view, builder, query, request, answer);
  return answer;
}

}  // namespace kopial
