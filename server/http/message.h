// A request and its answer as handlers see them. No Beast, no Asio: handlers compile in a second.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/base/result.h"

namespace kopial::http {

struct Request {
  std::string method;  // upper case
  std::string path;    // percent-decoding is done per segment by the router
  std::vector<std::pair<std::string, std::string>> query;    // decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::string remote_address;
  std::string request_id;
  std::vector<std::string> captures;  // of the route's {…} segments, decoded, in order

  std::optional<std::string> header(std::string_view lower_case_name) const;
  std::optional<std::string> parameter(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // When set: the body is streamed. Called on a worker until it gives nullopt; each piece is sent before the next is asked for.
  // `stop` is requested when the client is gone or the server stops. It may block for at most a second or so between looks at `stop`.
  std::function<std::optional<std::string>(std::stop_token stop)> stream;
  std::optional<std::uint64_t> stream_length;  // known: Content-Length, else chunked
};

Response json_response(int status, std::string json);
// RFC 9457: {"type","title","status","code","detail","request_id"}. The one place that turns an ErrorCode into a status.
Response problem(const Error& error, std::string_view request_id = {});
int status_of(ErrorCode code);

}  // namespace kopial::http
