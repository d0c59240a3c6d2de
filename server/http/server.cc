#include "server/http/server.h"

#include <fmt/format.h>

#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "server/http/asio.h"
#include "server/http/wire.h"
#include "storage/base/log.h"
#include "storage/base/worker_pool.h"
#include "storage/crypto/digest.h"

namespace kopial::http {
namespace {

using asio::awaitable;
using asio::use_awaitable;
constexpr std::size_t kPiece = 256 << 10;  // Of a large body; each has the whole request_timeout to leave.
constexpr std::chrono::seconds kHandshakeTimeout{15}, kStopTimeout{8};
constexpr auto kNoThrow = asio::as_tuple(use_awaitable);

// GCC 12 miscompiles an await inside a condition, and destroys temporaries of an awaiting expression twice. So in this file an await is a
// statement of its own, and what it is given has a name unless it is trivial.

// Runs `work` on the pool while the coroutine waits. False when the pool's queue is full; nothing ran then.
template <typename Work>
awaitable<bool> on_worker(WorkerPool& pool, Work work) {
  const auto executor = co_await asio::this_coro::executor;
  auto begin = [&pool, &work, &executor](auto handler) {
    auto resume = std::make_shared<decltype(handler)>(std::move(handler));
    std::function<void()> job = [&work, resume, executor] {
      work();
      asio::post(executor, [resume]() mutable { (*resume)(true); });
    };
    if (!pool.try_submit(std::move(job))) asio::post(executor, [resume]() mutable { (*resume)(false); });
  };
  const bool ran = co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(bool)>(begin, use_awaitable);
  co_return ran;
}

struct Shared;  // of all sessions

// One connection. What may be done to it from outside is to be told that the server stops.
struct Session {
  std::function<void()> close;       // posts to the connection's strand; under sessions_mutex
  std::atomic<bool> idle{true};      // between requests
};

struct Shared {
  Shared(ServerOptions o, Handler h, BodyLimit b)
      : options(std::move(o)), handler(std::move(h)), body_limit(std::move(b)),
        workers("http", options.workers, options.queued_requests_max),
        streamers("http-stream", options.stream_workers, options.connections_max) {}

  const ServerOptions options;
  const Handler handler;
  const BodyLimit body_limit;
  asio::io_context io;
  std::mutex tls_mutex;
  std::shared_ptr<asio::ssl::context> tls;
  std::stop_source stopping;
  std::atomic<std::uint64_t> body_bytes = 0;
  std::mutex sessions_mutex;
  std::condition_variable session_ended;
  std::list<std::shared_ptr<Session>> sessions;
  // Last, so that they end first: a job touches what is above.
  WorkerPool workers, streamers;

  void may_close(Session& session, std::function<void()> close) {
    const std::lock_guard lock(sessions_mutex);
    session.close = std::move(close);
  }

  std::shared_ptr<asio::ssl::context> current_tls() {
    const std::lock_guard lock(tls_mutex);
    return tls;
  }
};

Error from(const boost::system::error_code& error, std::string_view doing) {
  return {ErrorCode::unavailable, fmt::format("{}: {}", doing, error.message())};
}

Result<std::shared_ptr<asio::ssl::context>> make_tls(const std::string& certificate_pem, const Secret& private_key_pem) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  boost::system::error_code bad;
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, bad);
  context->use_certificate_chain(asio::buffer(certificate_pem), bad);
  if (bad) return Error{ErrorCode::invalid, "the certificate cannot be used: " + bad.message()};
  context->use_private_key(asio::buffer(private_key_pem.reveal().data(), private_key_pem.reveal().size()), asio::ssl::context::pem, bad);
  if (bad) return Error{ErrorCode::invalid, "the private key cannot be used, or does not belong to the certificate: " + bad.message()};
  SSL_CTX_set_session_cache_mode(context->native_handle(), SSL_SESS_CACHE_OFF);
  return context;
}

// Bytes reserved for one request's body, so that uploads together cannot take all memory.
class BodyRoom {
 public:
  BodyRoom(Shared& shared, std::uint64_t bytes) : shared_(shared), bytes_(bytes) {
    given_ = shared_.body_bytes.fetch_add(bytes_) + bytes_ <= shared_.options.body_bytes_in_flight_max;
  }
  ~BodyRoom() { shared_.body_bytes -= bytes_; }
  BodyRoom(const BodyRoom&) = delete;
  BodyRoom& operator=(const BodyRoom&) = delete;
  bool given() const { return given_; }

 private:
  Shared& shared_;
  const std::uint64_t bytes_;
  bool given_ = false;
};

template <typename Stream>
class Connection {
 public:
  Connection(Shared& shared, Session& session, Stream& stream, std::string remote)
      : shared_(shared), session_(session), stream_(stream), remote_(std::move(remote)) {}

  awaitable<void> serve() {
    bool more = true;
    while (more && !shared_.stopping.stop_requested()) {
      session_.idle = true;
      more = co_await serve_one();
    }
  }

 private:
  using HeadParser = beast::http::request_parser<beast::http::empty_body>;
  static inline const std::string kNoId;
  using BodyParser = beast::http::request_parser<beast::http::string_body>;

  void expires_after(std::chrono::seconds duration) { beast::get_lowest_layer(stream_).expires_after(duration); }

  // False when the connection is to be closed.
  awaitable<bool> serve_one() {
    HeadParser head;
    head.header_limit(static_cast<std::uint32_t>(shared_.options.header_bytes_max));
    head.body_limit(boost::none);
    expires_after(shared_.options.idle_timeout);
    const auto [bad, size] = co_await beast::http::async_read_header(stream_, buffer_, head, kNoThrow);
    session_.idle = false;
    if (bad == beast::http::error::end_of_stream || bad == beast::error::timeout || bad == asio::error::operation_aborted) co_return false;
    if (bad == beast::http::error::header_limit) {
      const Error error{ErrorCode::too_large, "the request's header is too large"};
      co_await refuse(431, error, kNoId);
      co_return false;
    }
    if (bad.category() == beast::http::make_error_code(beast::http::error::bad_method).category()) {
      const Error error{ErrorCode::invalid, "this is not HTTP: " + bad.message()};
      co_await refuse(400, error, kNoId);
      co_return false;
    }
    if (bad) co_return false;

    auto request = read_head(head.get());
    if (!request) {
      const Error error{ErrorCode::invalid, "the request's target cannot be read"};
      co_await refuse(400, error, kNoId);
      co_return false;
    }
    request->remote_address = remote_;
    request->request_id = random_token(9);
    const bool keep_alive = head.get().keep_alive() && !shared_.stopping.stop_requested();
    const bool http_1_0 = head.get().version() < 11;

    const auto limit = shared_.body_limit(*request);
    const auto length = head.content_length();
    if (length && *length > limit) {
      const Error error{ErrorCode::too_large, fmt::format("the body has {} bytes; at most {} are taken here", *length, limit)};
      co_await refuse(413, error, request->request_id);
      co_return false;
    }
    const bool has_body = (length && *length > 0) || head.chunked();
    const BodyRoom room(shared_, has_body ? (length ? *length : limit) : 0);
    if (!room.given()) {
      const Error error{ErrorCode::unavailable, "too many large requests at once; try again"};
      co_await refuse(503, error, request->request_id);
      co_return false;
    }
    if (has_body) {
      if (request->header("expect") == "100-continue") {
        expires_after(shared_.options.request_timeout);
        const auto [unsent, n] = co_await asio::async_write(stream_, asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")), kNoThrow);
        if (unsent) co_return false;
      }
      BodyParser body(std::move(head));
      body.body_limit(limit);
      while (!body.is_done()) {
        expires_after(shared_.options.request_timeout);
        const auto [cut, n] = co_await beast::http::async_read_some(stream_, buffer_, body, kNoThrow);
        if (cut == beast::http::error::body_limit) {
          const Error error{ErrorCode::too_large, fmt::format("the body has more than {} bytes", limit)};
          co_await refuse(413, error, request->request_id);
          co_return false;
        }
        if (cut) co_return false;
      }
      request->body = std::move(body.get().body());
    }

    // The handler may take its time, and no read or write is pending: no deadline until the answer.
    beast::get_lowest_layer(stream_).expires_never();
    Response response;
    const auto handle = [&] { response = shared_.handler(*request); };
    const bool handled = co_await on_worker(shared_.workers, handle);
    if (!handled) {
      response = problem({ErrorCode::unavailable, "the server is busy; try again"}, request->request_id);
    }
    const bool more = co_await send(response, keep_alive, http_1_0, request->method == "HEAD");
    co_return more;
  }

  awaitable<void> refuse(int status, const Error& error, const std::string& request_id) {
    auto response = problem(error, request_id);
    response.status = status;
    co_await send(response, false, false, false);
    // What the client is still sending is read away for a moment: closing at once would destroy the answer on its way.
    std::array<char, 16384> sink;
    for (std::size_t bytes = 0; bytes < (8u << 20);) {
      expires_after(std::chrono::seconds(2));
      const auto [bad, n] = co_await stream_.async_read_some(asio::buffer(sink), kNoThrow);
      if (bad) break;
      bytes += n;
    }
  }

  awaitable<bool> write(std::string_view bytes) {
    expires_after(shared_.options.request_timeout);
    const auto [bad, n] = co_await asio::async_write(stream_, asio::buffer(bytes), kNoThrow);
    co_return !bad;
  }

  awaitable<bool> send(const Response& response, bool keep_alive, bool http_1_0, bool head_only) {
    if (response.stream) {
      const bool more = co_await send_stream(response, keep_alive, http_1_0, head_only);
      co_return more;
    }
    std::string out = write_head(response, keep_alive, false, response.status == 204 || response.status == 304 ? std::optional<std::uint64_t>() : response.body.size());
    const bool without_body = head_only || response.status == 204 || response.status == 304;
    const bool in_one = without_body || response.body.size() <= kPiece;
    if (in_one && !without_body) out += response.body;
    bool written = co_await write(out);
    for (std::size_t at = 0; !in_one && written && at < response.body.size(); at += kPiece) {
      written = co_await write(std::string_view(response.body).substr(at, kPiece));
    }
    co_return written && keep_alive;
  }

  awaitable<bool> send_stream(const Response& response, bool keep_alive, bool http_1_0, bool head_only) {
    const bool chunked = !response.stream_length && !http_1_0;
    keep_alive = keep_alive && (chunked || response.stream_length);
    const auto head = write_head(response, keep_alive, chunked, response.stream_length);
    bool written = co_await write(head);
    if (!written || head_only) co_return written && keep_alive;
    std::uint64_t sent = 0;
    std::stop_source gone;
    const std::stop_callback relay(shared_.stopping.get_token(), [&gone] { gone.request_stop(); });
    while (true) {
      std::optional<std::string> piece;
      beast::get_lowest_layer(stream_).expires_never();
      const auto ask = [&] { piece = response.stream(gone.get_token()); };
      const bool asked = co_await on_worker(shared_.streamers, ask);
      if (!asked) co_return false;
      if (!piece) break;
      if (piece->empty()) {
        // A chance to notice that nobody listens any more.
        if (!is_open()) co_return false;
        continue;
      }
      sent += piece->size();
      if (chunked) *piece = fmt::format("{:x}\r\n", piece->size()) + *piece + "\r\n";
      written = co_await write(*piece);
      if (!written) co_return false;
    }
    // Less than was announced: only the end of the connection tells the client.
    if (response.stream_length && sent != *response.stream_length) co_return false;
    if (chunked) written = co_await write("0\r\n\r\n");
    co_return written && keep_alive;
  }

  bool is_open() {
    auto& socket = beast::get_lowest_layer(stream_).socket();
    char byte = 0;
    const auto n = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n != 0;
  }

  Shared& shared_;
  Session& session_;
  Stream& stream_;
  const std::string remote_;
  beast::flat_buffer buffer_;
};

awaitable<void> serve_connection(Shared& shared, std::shared_ptr<Session> session, tcp::socket socket) {
  boost::system::error_code ignored;
  const auto endpoint = socket.remote_endpoint(ignored);
  const auto remote = endpoint.address().to_string();
  socket.set_option(tcp::no_delay(true), ignored);
  const auto executor = co_await asio::this_coro::executor;
  // What stops a connection from outside may come when it is just over: it holds the stream weakly, and never uses it off its strand.
  const auto closer = [executor](auto stream) {
    return [executor, weak = std::weak_ptr(stream)] {
      asio::post(executor, [weak] {
        if (const auto open = weak.lock()) beast::get_lowest_layer(*open).close();
      });
    };
  };
  if (!shared.options.tls) {
    const auto stream = std::make_shared<beast::tcp_stream>(std::move(socket));
    shared.may_close(*session, closer(stream));
    Connection<beast::tcp_stream> connection(shared, *session, *stream, remote);
    co_await connection.serve();
    co_return;
  }
  const auto tls = shared.current_tls();  // Kept until the connection ends, whatever certificate comes meanwhile.
  const auto stream = std::make_shared<beast::ssl_stream<beast::tcp_stream>>(beast::tcp_stream(std::move(socket)), *tls);
  shared.may_close(*session, closer(stream));
  beast::get_lowest_layer(*stream).expires_after(kHandshakeTimeout);
  const auto [bad] = co_await stream->async_handshake(asio::ssl::stream_base::server, kNoThrow);
  if (bad) co_return;
  Connection<beast::ssl_stream<beast::tcp_stream>> connection(shared, *session, *stream, remote);
  co_await connection.serve();
  beast::get_lowest_layer(*stream).expires_after(std::chrono::seconds(2));
  const auto [unclean] = co_await stream->async_shutdown(kNoThrow);
  (void)unclean;  // The peer may have gone without a word.
}

awaitable<void> accept_connections(Shared& shared, tcp::acceptor& acceptor) {
  while (!shared.stopping.stop_requested()) {
    const auto strand = asio::make_strand(shared.io);
    auto [bad, socket] = co_await acceptor.async_accept(strand, kNoThrow);
    if (bad == asio::error::operation_aborted) co_return;
    if (bad) {  // Out of descriptors: wait for some to come back.
      asio::steady_timer timer(shared.io, std::chrono::milliseconds(100));
      co_await timer.async_wait(kNoThrow);
      continue;
    }
    auto session = std::make_shared<Session>();
    {
      const std::lock_guard lock(shared.sessions_mutex);
      if (shared.sessions.size() >= shared.options.connections_max) continue;  // The socket closes here.
      shared.sessions.push_back(session);
    }
    const auto executor = socket.get_executor();
    asio::co_spawn(executor, serve_connection(shared, session, std::move(socket)), [&shared, session](std::exception_ptr failure) {
      if (failure) spdlog::warn("http: a connection ended by an exception");
      {
        const std::lock_guard lock(shared.sessions_mutex);
        shared.sessions.remove(session);
      }
      shared.session_ended.notify_all();
    });
  }
}

Result<tcp::endpoint> read_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  auto host = text.substr(0, colon == std::string::npos ? 0 : colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  boost::system::error_code bad;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, bad);
  const auto port = colon == std::string::npos ? std::string() : text.substr(colon + 1);
  if (bad || port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos || std::stoul(port) > 65535) {
    return Error{ErrorCode::invalid, "'" + text + "' is not an address to listen on; write ADDRESS:PORT, such as 127.0.0.1:8460 or [::1]:8460"};
  }
  return tcp::endpoint(address, static_cast<unsigned short>(std::stoul(port)));
}

class BeastServer final : public Server {
 public:
  BeastServer(ServerOptions options, Handler handler, BodyLimit body_limit)
      : shared_(std::move(options), std::move(handler), std::move(body_limit)) {}
  ~BeastServer() override { stop(); }

  Result<void> open() {
    if (shared_.options.tls) {
      if (auto set = replace_certificate(shared_.options.certificate_pem, shared_.options.private_key_pem); !set) return set;
    }
    for (const auto& text : shared_.options.listen) {
      auto endpoint = read_endpoint(text);
      if (!endpoint) return endpoint.error();
      boost::system::error_code bad;
      tcp::acceptor acceptor(shared_.io);
      if (acceptor.open(endpoint->protocol(), bad); bad) return from(bad, text);
      acceptor.set_option(asio::socket_base::reuse_address(true), bad);
      if (acceptor.bind(*endpoint, bad); bad) return from(bad, "listening on " + text);
      if (acceptor.listen(asio::socket_base::max_listen_connections, bad); bad) return from(bad, "listening on " + text);
      const auto bound = acceptor.local_endpoint(bad);
      const auto host = bound.address().is_v6() ? "[" + bound.address().to_string() + "]" : bound.address().to_string();
      addresses_.push_back(fmt::format("{}://{}:{}", shared_.options.tls ? "https" : "http", host, bound.port()));
      acceptors_.push_back(std::move(acceptor));
    }
    for (auto& acceptor : acceptors_) asio::co_spawn(shared_.io, accept_connections(shared_, acceptor), asio::detached);
    for (std::size_t i = 0; i < shared_.options.io_threads; ++i) threads_.emplace_back([this] { shared_.io.run(); });
    return {};
  }

  std::vector<std::string> addresses() const override { return addresses_; }

  Result<void> replace_certificate(const std::string& certificate_pem, const Secret& private_key_pem) override {
    auto tls = make_tls(certificate_pem, private_key_pem);
    if (!tls) return tls.error();
    const std::lock_guard lock(shared_.tls_mutex);
    shared_.tls = *tls;
    return {};
  }

  void stop() override {
    if (stopped_.exchange(true)) return;
    shared_.stopping.request_stop();
    asio::post(shared_.io, [this] {
      boost::system::error_code ignored;
      for (auto& acceptor : acceptors_) acceptor.close(ignored);
    });
    std::unique_lock lock(shared_.sessions_mutex);
    for (const auto& session : shared_.sessions) {
      if (session->idle && session->close) session->close();
    }
    // Requests in progress may end; whoever takes longer is cut off.
    shared_.session_ended.wait_for(lock, kStopTimeout, [&] { return shared_.sessions.empty(); });
    for (const auto& session : shared_.sessions) {
      if (session->close) session->close();
    }
    shared_.session_ended.wait_for(lock, std::chrono::seconds(2), [&] { return shared_.sessions.empty(); });
    lock.unlock();
    shared_.io.stop();
    threads_.clear();
  }

 private:
  Shared shared_;
  std::vector<tcp::acceptor> acceptors_;
  std::vector<std::string> addresses_;
  std::vector<std::jthread> threads_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler, BodyLimit body_limit) {
  auto server = std::make_unique<BeastServer>(std::move(options), std::move(handler), std::move(body_limit));
  if (auto opened = server->open(); !opened) return opened.error();
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace kopial::http
