// GET /tenants/{t}/search: the question of a person, answered within what that person may see.
#include <chrono>

#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/views.h"
#include "server/people/audit.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

Result<SearchSort> sort_of(const std::string& text) {
  using enum SearchSort;
  static constexpr std::pair<std::string_view, SearchSort> kSorts[] = {
      {"", date_desc},          {"date", date_desc},         {"-date", date_desc},     {"date_desc", date_desc},
      {"date_asc", date_asc},   {"relevance", relevance},    {"size_desc", size_desc}, {"size_asc", size_asc},
      {"received_desc", received_desc}, {"received_asc", received_asc}};
  for (const auto& [name, sort] : kSorts) {
    if (name == text) return sort;
  }
  return Error{ErrorCode::invalid,
               "sort must be one of date_desc, date_asc, received_desc, received_asc, size_desc, size_asc, relevance"};
}

std::string folded(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// What a person writes after archive: an id, a display name, or an address. Only readable archives can be meant.
std::vector<ArchiveId> archives_called(const std::vector<Archive>& archives, const Readable& readable, const std::string& text) {
  std::vector<ArchiveId> out;
  const auto wanted = folded(text);
  for (const auto& archive : archives) {
    if (!readable.contains(archive.id)) continue;
    bool matches = archive_id_text(archive.id) == text || folded(archive.display_name) == wanted;
    for (const auto& address : archive.addresses) matches = matches || folded(address) == wanted;
    if (matches) out.push_back(archive.id);
  }
  return out;
}

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// Everything one answer needs, gathered before the index is asked.
struct Question {
  SearchRequest request;
  Readable readable;
  std::string purpose;
  bool only_own = false;  // then nobody else's mail is looked at
};

Result<Question> read_question(const ApiCall& call) {
  for (const auto& [name, value] : call.request.query) {
    static constexpr std::string_view kKnown[] = {"q", "sort", "limit", "after", "facets", "archive", "purpose"};
    if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown)) {
      return Error{ErrorCode::invalid, "the parameter '" + name + "' is not known; q, sort, limit, after, facets, archive and purpose are"};
    }
  }
  Question question;
  auto page = page_request(call.request);
  if (!page) return page.error();
  auto sort = sort_of(call.request.parameter("sort").value_or(""));
  if (!sort) return sort.error();
  auto readable = readable_archives(call.caller);
  if (!readable) return readable.error();
  auto archives = call.tenant().archives();
  if (!archives) return archives.error();

  question.request.query = call.request.parameter("q").value_or("");
  question.request.limit = page->limit;
  question.request.after = page->after;
  question.request.sort = *sort;
  question.request.facets = split_commas(call.request.parameter("facets").value_or(""));
  question.purpose = call.request.parameter("purpose").value_or("");
  question.readable = *readable;

  auto scope = readable->archives;
  if (const auto named = call.request.parameter("archive"); named && !named->empty()) {
    const auto id = parse_archive_id(*named);
    if (!id || !readable->contains(*id)) return Error{ErrorCode::not_found, "there is no archive '" + *named + "' that you may read"};
    scope = {*id};
  }
  question.only_own = std::all_of(scope.begin(), scope.end(), [&](ArchiveId id) {
    return readable->is_own(id);
  });
  // All of the tenant is the common case of an officer, and needs no filter in the query.
  if (scope.size() < archives->size()) question.request.scope.archives = scope;
  question.request.scope.resolve_archive = [all = std::move(*archives), may = *readable](const std::string& text) {
    return archives_called(all, may, text);
  };
  return question;
}

Result<json::array> lines_of(const ApiCall& call, const Question& question, const SearchResponse& found) {
  std::vector<Serial> serials;
  for (const auto& hit : found.hits) serials.push_back(hit.serial);
  auto records = call.tenant().store().messages(serials);
  if (!records) return records.error();
  json::array items;
  std::size_t at = 0;
  for (const auto& hit : found.hits) {
    if (at >= records->size()) break;
    if ((*records)[at].serial != hit.serial) continue;  // Gone from the store since the index was asked.
    const auto& record = (*records)[at++];
    auto placements = call.tenant().store().placements(hit.serial);
    if (!placements) return placements.error();
    std::erase_if(*placements, [&](const Placement& placement) { return !question.readable.sees(placement.archive, placement.folder); });
    items.push_back(message_line(record, *placements, hit.snippet));
  }
  return items;
}

json::object facets_of(const SearchResponse& found) {
  json::object out;
  for (const auto& [name, values] : found.facets) {
    json::array counts;
    for (const auto& value : values) counts.push_back({{"value", value.value}, {"count", value.count}});
    out[name] = std::move(counts);
  }
  return out;
}

http::Response search(const ApiCall& call) {
  const auto started = std::chrono::steady_clock::now();
  const auto fail = [&](const Error& error) { return http::problem(error, call.request.request_id); };
  auto question = read_question(call);
  if (!question) return fail(question.error());

  auto found = call.tenant().index().search(question->request);
  if (!found) return fail(found.error());
  if (!question->only_own) {
    const AuditEvent event{call.services.clock.now(), call.caller.user_id, call.caller.username, "search", found->normal_form,
                           question->purpose, call.request.remote_address, call.request.request_id,
                           question->readable.reason};
    if (auto kept = append_audit(call.tenant(), event); !kept) return fail(kept.error());
  }
  auto items = lines_of(call, *question, *found);
  if (!items) return fail(items.error());

  const auto took = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count();
  const auto& coverage = found->coverage;
  return json_answer(200, json::object{{"total", found->total},
                                       {"coverage",
                                        {{"in_scope", coverage.in_scope},
                                         {"indexed", coverage.indexed},
                                         {"partial", coverage.partial},
                                         {"pending", coverage.pending},
                                         {"encrypted", coverage.encrypted}}},
                                       {"took_ms", std::round(took * 100) / 100},
                                       {"query", found->normal_form},
                                       {"items", std::move(*items)},
                                       {"facets", facets_of(*found)},
                                       {"next", found->next.empty() ? json::value(nullptr) : json::value(found->next)}});
}

}  // namespace

void add_search_routes(Api& api) { api.add({"GET", "/api/v1/tenants/{t}/search", Need::reader, search}); }

}  // namespace kopial
