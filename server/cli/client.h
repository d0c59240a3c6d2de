// The command line's view of the REST API: where the server is, who asks, and answers as JSON.
#pragma once

#include <boost/json.hpp>

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/http/client.h"
#include "storage/base/result.h"
#include "storage/base/secret.h"

namespace kopial::cli {

struct Access {
  std::string url;
  std::string ca_file;  // trusted beside the system's authorities; "": those alone
  std::string tenant;   // what --tenant stands for when it is left out
  Secret token;
};

using Query = std::vector<std::pair<std::string, std::string>>;

// Thread-safe.
class Client {
 public:
  static Result<Client> connect(const Access& access);

  // The answer's JSON; null for an answer without body. A problem of the server is an Error with its own code, detail and request id.
  Result<boost::json::value> get(const std::string& path, const Query& query = {}) const;
  Result<boost::json::value> post(const std::string& path, const boost::json::value& body) const;
  Result<boost::json::value> patch(const std::string& path, const boost::json::value& body) const;
  Result<boost::json::value> remove(const std::string& path) const;
  // Sends and answers bytes as they are.
  Result<boost::json::value> post_message(const std::string& path, const Query& query, Bytes message) const;
  Result<Bytes> get_bytes(const std::string& path) const;
  // All pages of a collection, `count_max` items at most.
  Result<boost::json::array> get_all(const std::string& path, std::size_t count_max = 100'000) const;

 private:
  Client(Access access, std::unique_ptr<HttpClient> http) : access_(std::move(access)), http_(std::move(http)) {}
  Result<HttpResponse> send(HttpRequest request) const;
  Result<boost::json::value> send_json(const std::string& method, const std::string& path, const boost::json::value& body) const;
  Access access_;
  std::unique_ptr<HttpClient> http_;
};

// "/api/v1/tenants/<tenant>/<rest>", with the tenant's name encoded.
std::string of_tenant(const std::string& tenant, std::string_view rest);

// Fields of an answer, as text: "" when absent or null. Numbers are written out.
std::string field(const boost::json::value& object, std::string_view name);
std::int64_t number(const boost::json::value& object, std::string_view name);
const boost::json::array& list(const boost::json::value& object, std::string_view name);

}  // namespace kopial::cli
