// reports/completeness: the newest statement about each mailbox.
#include "server/api/api.h"
#include "server/api/json.h"
#include "server/archiving/completeness.h"

namespace kopial {
namespace {

http::Response list(const ApiCall& call) {
  const auto page = page_request(call.request);
  if (!page) return http::problem(page.error(), call.request.request_id);
  auto found = latest_statements(call.tenant(), call.request.parameter("profile").value_or(""), call.request.parameter("mailbox").value_or(""), page->after, page->limit);
  if (!found) return http::problem(found.error(), call.request.request_id);
  return collection(std::move(found->items), found->next);
}

}  // namespace

void add_completeness_routes(Api& api) { api.add({"GET", "/api/v1/tenants/{t}/reports/completeness", Need::auditor, list}); }

}  // namespace kopial
