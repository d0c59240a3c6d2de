// The index of one tenant: derived from its store's change log, disposable, searchable.
//
// Removing the folder and opening again gives the same answers after catching up. The position in the change log is committed
// together with the documents it covers, so a crash repeats work and never skips it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "indexer/query.h"
#include "storage/tenant_store.h"

namespace kopial {

class WorkerPool;

struct IndexOptions {
  std::size_t lanes = 2;              // writers of the growing edge, about one a core
  std::size_t documents_per_commit = 1000;
  std::vector<std::string> languages = {"english", "german"};  // Snowball stemmers, or ISO codes ("de", "en")
  std::size_t text_bytes_max = 4 << 20;  // of one message; more makes it `partial`
  std::uint64_t shard_messages_max = 2'000'000;  // then a shard is sealed, and the next ones begin
  std::shared_ptr<WorkerPool> search_workers;    // shards of one search run on these; null: a small pool of its own
  Clock* clock = nullptr;                        // what "today" in a query is; null: the system's
};

// Names of archives for `archive:` and of folders are resolved by the caller's directory.
struct SearchScope {
  // The archives the caller may see; nothing else is ever counted. nullopt = all of the tenant (internal use and tests).
  std::optional<std::vector<ArchiveId>> archives;
  // Resolves the text after archive: to ids (id, display name or address); empty = none.
  std::function<std::vector<ArchiveId>(const std::string&)> resolve_archive;
};

enum class SearchSort : std::uint8_t { date_desc, date_asc, relevance, size_desc, size_asc, received_desc, received_asc };

struct SearchRequest {
  std::string query;
  SearchScope scope;
  SearchSort sort = SearchSort::date_desc;
  std::size_t limit = 50;     // 1..1000
  std::string after;          // opaque `next` of the page before
  std::vector<std::string> facets;  // archive, year, type, from_domain
  bool snippets = true;
};

struct Coverage {
  std::uint64_t in_scope = 0, indexed = 0, partial = 0, pending = 0, encrypted = 0;
};
struct SearchHit {
  Serial serial{};
  std::string snippet;  // HTML-escaped text with <mark>…</mark>; empty when there is none
};
struct FacetValue {
  std::string value;
  std::uint64_t count = 0;
};
struct SearchResponse {
  std::uint64_t total = 0;  // exact
  Coverage coverage;
  std::vector<SearchHit> hits;
  std::vector<std::pair<std::string, std::vector<FacetValue>>> facets;
  std::string next;              // "" at the end
  std::string normal_form;       // of the query
};

// Thread-safe. `catch_up` and `compact` take turns.
class Index {
 public:
  // `store` must outlive it. A damaged index, one of another format, or one ahead of its store is removed and built anew.
  static Result<std::unique_ptr<Index>> open(const std::filesystem::path& folder, const TenantStore& store, IndexOptions options);
  virtual ~Index() = default;

  // Indexes what the change log has after position(); returns when nothing is left or `stop` is requested.
  virtual Result<void> catch_up(std::stop_token stop) = 0;
  // Rewrites every shard without gaps and without words that no message has any more, so that nothing of an erased message is left
  // in the files once its change is indexed. Searches go on, and `catch_up` waits a while. Returns early when `stop` is requested.
  virtual Result<void> compact(std::stop_token stop) = 0;
  virtual Sequence position() const = 0;
  virtual Result<SearchResponse> search(const SearchRequest& request) const = 0;
  virtual Result<std::uint64_t> disk_bytes() const = 0;
};

}  // namespace kopial
