// The HTTPS server: Beast on I/O threads, handlers on a bounded pool of workers. The only asynchronous code of the house.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/http/message.h"
#include "storage/base/secret.h"

namespace kopial::http {

struct ServerOptions {
  std::vector<std::string> listen;  // "127.0.0.1:8460", "[::1]:0"
  bool tls = true;
  std::string certificate_pem;
  Secret private_key_pem;
  std::size_t io_threads = 2;
  std::size_t workers = 8;
  std::size_t stream_workers = 16;          // pieces of streamed bodies, such as live progress
  std::size_t queued_requests_max = 256;    // over it: 503 with Retry-After
  std::uint64_t body_bytes_in_flight_max = 600ull << 20;  // of all requests that are being read or answered; over it: 503
  std::size_t connections_max = 1024;
  std::uint64_t header_bytes_max = 32 << 10;
  std::uint64_t body_bytes_max = 1 << 20;   // of ordinary requests
  std::chrono::seconds idle_timeout{75}, request_timeout{60};
};

// Answers one request. Called on a worker; may block; must not throw.
using Handler = std::function<Response(const Request&)>;
// The largest body accepted for this request (its body is not yet there); 413 above it.
using BodyLimit = std::function<std::uint64_t(const Request&)>;

// Thread-safe.
class Server {
 public:
  // Fails with invalid for an address or certificate that cannot be used, unavailable when the port is taken.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler, BodyLimit body_limit);
  virtual ~Server() = default;
  virtual std::vector<std::string> addresses() const = 0;  // as bound: "https://127.0.0.1:8460"
  // New connections use these from now on (SIGHUP).
  virtual Result<void> replace_certificate(const std::string& certificate_pem, const Secret& private_key_pem) = 0;
  // Stops accepting, lets requests in progress end (at most a few seconds), then closes. Called once.
  virtual void stop() = 0;
};

}  // namespace kopial::http
