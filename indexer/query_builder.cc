#include "indexer/query_builder.h"

#include <algorithm>

#include "indexer/terms.h"
#include "indexer/words.h"

namespace kopial {
namespace {

// A new one each time: Query::MatchAll is one object for all threads, and Xapian counts references without a lock.
Xapian::Query everything() { return Xapian::Query(std::string()); }

using Xapian::Query;
using Kind = QueryNode::Kind;

constexpr std::size_t kFormsMax = 200;
// A prefix that stands for more words than this is refused: people are told to type another letter.
constexpr Xapian::termcount kExpansionMax = 20'000;

Query any_of(const std::vector<std::string>& terms, Query::op op = Query::OP_OR) {
  if (terms.empty()) return Query::MatchNothing;
  if (terms.size() == 1) return Query(terms.front());
  return Query(op, terms.begin(), terms.end());
}

std::vector<std::string> with_prefix(std::string_view prefix, const std::vector<std::string>& words) {
  std::vector<std::string> out;
  out.reserve(words.size());
  for (const std::string& word : words) out.push_back(std::string(prefix) + word);
  return out;
}

Query value_range(unsigned slot, std::optional<std::int64_t> low, std::optional<std::int64_t> high) {
  if (low && high) return Query(Query::OP_VALUE_RANGE, slot, terms::slot_value(*low), terms::slot_value(*high));
  if (low) return Query(Query::OP_VALUE_GE, slot, terms::slot_value(*low));
  if (high) return Query(Query::OP_VALUE_LE, slot, terms::slot_value(*high));
  return everything();
}

}  // namespace

QueryBuilder::QueryBuilder(const ShardView& view, const SearchScope& scope, const std::vector<std::string>& languages, bool ranked)
    : view_(view), scope_(scope), stemmers_(languages), ranked_(ranked) {
  if (!scope_.archives) return;
  for (const ArchiveId archive : *scope_.archives) {
    if (view_.archives.contains(archive)) archives_.push_back(archive);
  }
  std::sort(archives_.begin(), archives_.end());
  archives_.erase(std::unique(archives_.begin(), archives_.end()), archives_.end());
  // Every document lies in an archive, so a scope that holds all of them needs no filter.
  sees_all_ = archives_.size() == view_.archives.size();
}

Query QueryBuilder::scope() const {
  if (sees_all_) return everything();
  std::vector<std::string> terms;
  for (const ArchiveId archive : archives_) terms.push_back(terms::archive(archive));
  return any_of(terms);
}

Query QueryBuilder::build(const QueryNode& tree) {
  const Query query = node(tree, false);
  if (sees_all_) return query;
  if (tree.kind == Kind::all) return scope();
  return Query(Query::OP_FILTER, query, scope());
}

Query QueryBuilder::node(const QueryNode& node, bool negative) {
  switch (node.kind) {
    case Kind::all:
      return everything();
    case Kind::word:
    case Kind::phrase:
      return word(node, negative);
    case Kind::prefix:
      return prefix(node, negative);
    case Kind::range:
      return range(node);
    case Kind::flag:
      return flag(node);
    case Kind::near: {
      const auto left = words_of(node.children[0]->text), right = words_of(node.children[1]->text);
      for (const auto* side : {&left, &right}) {
        if (!negative) sought_.words.insert(side->begin(), side->end());
      }
      if (left.size() != 1 || right.size() != 1) throw Xapian::InvalidArgumentError("NEAR takes single words");
      return in_fields(node, [&](std::string_view prefix) {
        const std::vector<std::string> pair = with_prefix(prefix, {left.front(), right.front()});
        // Xapian's window counts the words themselves.
        return Query(Query::OP_NEAR, pair.begin(), pair.end(), node.distance + 1);
      });
    }
    case Kind::negation:
      return Query(Query::OP_AND_NOT, everything(), this->node(*node.children.front(), !negative));
    case Kind::conjunction: {
      // "a -b" as one AND_NOT: cheaper than everything without b.
      std::vector<Query> wanted, unwanted, filters;
      for (const auto& child : node.children) {
        if (child->kind == Kind::negation) unwanted.push_back(this->node(*child->children.front(), !negative));
        else if (child->kind == Kind::range || child->kind == Kind::flag) filters.push_back(this->node(*child, negative));
        else wanted.push_back(this->node(*child, negative));
      }
      Query all = wanted.empty() ? everything() : Query(Query::OP_AND, wanted.begin(), wanted.end());
      if (!filters.empty()) {
        const Query filter(Query::OP_AND, filters.begin(), filters.end());
        all = wanted.empty() ? filter : Query(Query::OP_FILTER, all, filter);
      }
      if (!unwanted.empty()) all = Query(Query::OP_AND_NOT, all, Query(Query::OP_OR, unwanted.begin(), unwanted.end()));
      return all;
    }
    case Kind::disjunction: {
      std::vector<Query> any;
      for (const auto& child : node.children) any.push_back(this->node(*child, negative));
      return Query(Query::OP_OR, any.begin(), any.end());
    }
  }
  return Query::MatchNothing;
}

Query QueryBuilder::in_fields(const QueryNode& node, const std::function<Query(std::string_view prefix)>& make) const {
  if (node.field != QueryField::participants) return make(terms::prefix_of(node.field));
  std::vector<Query> any;
  for (const std::string_view prefix : {terms::kFrom, terms::kTo, terms::kCc, terms::kBcc}) any.push_back(make(prefix));
  return Query(Query::OP_OR, any.begin(), any.end());
}

Query QueryBuilder::word(const QueryNode& node, bool negative) {
  const std::vector<std::string> words = words_of(node.text);
  if (!negative) sought_.words.insert(words.begin(), words.end());
  const bool people = node.field == QueryField::from || node.field == QueryField::to || node.field == QueryField::cc ||
                      node.field == QueryField::bcc || node.field == QueryField::participants;
  // A whole address is one term: exact, and cheaper than the phrase of its pieces.
  const std::size_t at = node.text.find('@');
  if (people && at != std::string::npos && at > 0 && at + 1 < node.text.size() && node.text.find(' ') == std::string::npos &&
      node.text.find('.', at) != std::string::npos) {
    return in_fields(node, [&](std::string_view prefix) { return Query(terms::address(prefix, node.text)); });
  }
  if (words.size() > 1) {
    return in_fields(node, [&](std::string_view prefix) {
      const auto terms = with_prefix(prefix, words);
      return Query(Query::OP_PHRASE, terms.begin(), terms.end(), static_cast<Xapian::termcount>(terms.size()));
    });
  }
  if (words.empty()) return Query::MatchNothing;
  if (node.kind == Kind::phrase || people || node.field == QueryField::filename) {
    // One word in quotes means this word; names have no word forms.
    return in_fields(node, [&](std::string_view prefix) { return Query(std::string(prefix) + words.front()); });
  }
  const std::vector<std::string> forms = forms_of(view_.database, stemmers_, words.front(), kFormsMax);
  if (!negative) sought_.words.insert(forms.begin(), forms.end());
  return in_fields(node, [&](std::string_view prefix) {
    return any_of(with_prefix(prefix, forms), ranked_ ? Query::OP_SYNONYM : Query::OP_OR);
  });
}

Query QueryBuilder::prefix(const QueryNode& node, bool negative) {
  const std::vector<std::string> words = words_of(node.text);
  if (words.empty()) return Query::MatchNothing;
  if (!negative) sought_.prefixes.push_back(words.front());
  return in_fields(node, [&](std::string_view prefix) {
    return Query(Query::OP_WILDCARD, std::string(prefix) + words.front(), kExpansionMax, Query::WILDCARD_LIMIT_ERROR,
                 ranked_ ? Query::OP_SYNONYM : Query::OP_OR);
  });
}

Query QueryBuilder::range(const QueryNode& node) const {
  switch (node.field) {
    case QueryField::size:
      return value_range(terms::kSize, node.low, node.high);
    case QueryField::received:
      return value_range(terms::kReceived, node.low, node.high);
    default:
      return value_range(terms::kDate, node.low, node.high);
  }
}

Query QueryBuilder::flag(const QueryNode& node) const {
  switch (node.field) {
    case QueryField::has:
      return Query("XH" + node.text);
    case QueryField::is:
      return Query("XP" + node.text);
    case QueryField::type:
      return Query(terms::attachment_type(node.text));
    case QueryField::domain:
      return Query(terms::domain(node.text.starts_with('@') ? node.text.substr(1) : node.text));
    case QueryField::message_id:
      return Query(terms::message_id(node.text));
    case QueryField::archive: {
      std::vector<std::string> terms;
      const auto ids = scope_.resolve_archive ? scope_.resolve_archive(node.text) : std::vector<ArchiveId>{};
      for (const ArchiveId id : ids) {
        // Only what the caller may see counts, whatever the name resolves to.
        if (sees_all_ || std::binary_search(archives_.begin(), archives_.end(), id)) terms.push_back(terms::archive(id));
      }
      return any_of(terms);
    }
    case QueryField::folder: {
      if (sees_all_) return Query(terms::folder(node.text));
      // A folder counts where the caller may see it: the same message may lie in a folder of this name in an archive he may not.
      std::vector<std::string> terms;
      for (const ArchiveId archive : archives_) terms.push_back(terms::folder_in(archive, node.text));
      return any_of(terms);
    }
    default:
      return Query::MatchNothing;
  }
}

}  // namespace kopial
