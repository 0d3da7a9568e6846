#include "lib/runtime/http_server.h"

#include <microhttpd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <set>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "lib/runtime/http_server_parts.h"
#include "lib/runtime/journal_log.h"
#include "lib/runtime/mhd_request.h"

namespace mold::runtime {
namespace {

// A TLS handshake costs about a millisecond. When a thousand hosts come back at once, they wait in
// the kernel's backlog and are let in a few per turn, so that the loop stays responsive.
constexpr int kAcceptsPerTurn = 4;
constexpr Duration kAcceptPause{100};  // after "too many open files"

// One TCP connection; may carry many requests.
struct Connection {
  std::shared_ptr<const ServerCredentials> credentials;  // those of its handshake
  std::optional<PeerVerdict> verdict;                    // after the first request
  std::optional<Instant> deadline;                       // of the request that is being read
};

// One request from its first line to the last byte of its answer.
struct Exchange {
  explicit Exchange(std::string_view uri) : raw_uri(uri) {}
  std::string raw_uri;
  ServerRequest request;
  bool begun = false;
  bool parked = false;
  std::size_t most_bytes = 0;  // of the body, for this peer
  std::size_t dropped_bytes = 0;
  std::optional<HttpReply> refusal;
  std::shared_ptr<AsyncReply::State> reply;  // set when the handler has it
  std::unique_ptr<IoSource> hangup;          // watches for the client going away while parked
};

HttpReply body_too_long(std::size_t most) {
  return refuse(413, "the body is longer than " + std::to_string(most) + " bytes");
}

Connection* context_of(MHD_Connection* connection) {
  const auto* const info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info == nullptr ? nullptr : static_cast<Connection*>(info->socket_context);
}

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(EventLoop& the_loop, HttpServerConfig the_config, Handler the_handler)
      : loop(the_loop),
        config(std::move(the_config)),
        handler(std::move(the_handler)),
        timer(the_loop),
        accept_timer(the_loop),
        deadline_timer(the_loop),
        patient(the_loop) {}

  EventLoop& loop;
  HttpServerConfig config;
  Handler handler;
  Timer timer;
  Timer accept_timer;
  Timer deadline_timer;
  std::set<std::pair<Instant, MHD_Connection*>> deadlines;
  PatientClose patient;
  UniqueFd listener;
  std::uint16_t port = 0;
  std::shared_ptr<const ServerCredentials> credentials;
  MHD_Daemon* daemon = nullptr;
  std::unique_ptr<IoSource> readiness;
  std::unique_ptr<IoSource> arrivals;
  bool full = false;  // at max_connections: the next ones wait in the backlog
  bool stopping = false;
  bool pump_posted = false;
  std::set<std::pair<MHD_Connection*, Exchange*>> parked;
  HttpServerStats stats;

  Status start();
  void stop();
  void accept_some();
  void pump();
  void pump_soon();

  void set_deadline(MHD_Connection* connection, Duration after);
  void clear_deadline(MHD_Connection* connection);
  void cut_late();
  Status check_peer(MHD_Connection* connection, Exchange& exchange);
  void begin(MHD_Connection* connection, Exchange& exchange, std::string_view method);
  void take_body(Exchange& exchange, std::string_view data);
  void dispatch(MHD_Connection* connection, Exchange& exchange);
  void park(MHD_Connection* connection, Exchange& exchange);
  void unpark(MHD_Connection* connection, Exchange& exchange);
  MHD_Result access(MHD_Connection* connection, Exchange& exchange, const char* method,
                    const char* data, std::size_t* size);

  static MHD_Result on_access(void* self, MHD_Connection* connection, const char* url,
                              const char* method, const char* version, const char* data,
                              std::size_t* size, void** context);
  static void* on_uri(void* self, const char* uri, MHD_Connection* connection);
  static void on_completed(void* self, MHD_Connection* connection, void** context,
                           MHD_RequestTerminationCode why);
  static void on_connection(void* self, MHD_Connection* connection, void** context,
                            MHD_ConnectionNotificationCode what);
  static int on_certificate(gnutls_session_t session, const gnutls_cert_retr_st* info,
                            gnutls_pcert_st** chain, unsigned* length, gnutls_ocsp_data_st** ocsp,
                            unsigned* ocsp_length, gnutls_privkey_t* key, unsigned* flags);
};

Status HttpServer::Impl::start() {
  if (config.tls && !config.tls->cert_pem.empty()) {
    MOLD_TRY(credentials, ServerCredentials::make(*config.tls));
  }
  if (config.require_client_cert && !(credentials && credentials->has_ca())) {
    return fail(ErrorKind::kInvalid, "client certificates are required, but there is no CA");
  }
  MOLD_TRY(listener, listen_on(config.address, config.port));
  MOLD_TRY(port, bound_port(listener.get()));
  unsigned flags =
      MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
  if (credentials) flags |= MHD_USE_TLS;
  std::vector<MHD_OptionItem> options;
  const auto add = [&options](MHD_OPTION option, std::size_t value, const void* pointer = nullptr) {
    options.push_back({option, static_cast<std::intptr_t>(value), const_cast<void*>(pointer)});
  };
  if (credentials) {
    add(MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2");
    add(MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, reinterpret_cast<const void*>(&Impl::on_certificate));
  }
  add(MHD_OPTION_END, 0);
  const auto idle_s = static_cast<unsigned>((config.idle_timeout.count() + 999) / 1000);
  daemon = MHD_start_daemon(
      flags, 0, nullptr, nullptr, &Impl::on_access, this, MHD_OPTION_EXTERNAL_LOGGER, &mhd_log,
      nullptr, MHD_OPTION_URI_LOG_CALLBACK, &Impl::on_uri, this, MHD_OPTION_NOTIFY_COMPLETED,
      &Impl::on_completed, this, MHD_OPTION_NOTIFY_CONNECTION, &Impl::on_connection, this,
      MHD_OPTION_CONNECTION_LIMIT, config.max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
      config.max_connections_per_ip, MHD_OPTION_CONNECTION_TIMEOUT, idle_s,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, config.max_header_bytes,
      MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY, options.data(), MHD_OPTION_END);
  if (daemon == nullptr) return fail(ErrorKind::kInvalid, "the HTTP server does not start");
  const auto* const info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
  readiness = std::make_unique<IoSource>(loop, info->epoll_fd, EPOLLIN, [this](auto) { pump(); });
  arrivals =
      std::make_unique<IoSource>(loop, listener.get(), EPOLLIN, [this](auto) { accept_some(); });
  return {};
}

void HttpServer::Impl::accept_some() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    full = stats.connections >= config.max_connections;
    if (full) {
      arrivals->set_events(0);
      break;
    }
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int fd = ::accept4(listener.get(), reinterpret_cast<sockaddr*>(&address), &size,
                             SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) break;
      log_warning("HTTP server: " + errno_error(errno, "accepting a connection").what);
      arrivals->set_events(0);
      accept_timer.start_after(kAcceptPause, [this] { arrivals->set_events(EPOLLIN); });
      break;
    }
    // Closes the socket when it refuses it (limit per address).
    static_cast<void>(MHD_add_connection(daemon, fd, reinterpret_cast<sockaddr*>(&address), size));
  }
  pump();
}

void HttpServer::Impl::stop() {
  if (daemon == nullptr) return;
  stopping = true;
  // A parked connection cannot be closed; each is told, woken, and then refused.
  while (!parked.empty()) {
    const auto [connection, exchange] = *parked.begin();
    const auto reply = exchange->reply;
    reply->close();
    if (parked.contains({connection, exchange})) unpark(connection, *exchange);
  }
  MHD_run(daemon);
  readiness.reset();
  arrivals.reset();
  accept_timer.cancel();
  deadline_timer.cancel();
  timer.cancel();
  MHD_stop_daemon(daemon);
  daemon = nullptr;
}

void HttpServer::Impl::pump() {
  const auto keep = shared_from_this();
  if (daemon == nullptr) return;
  MHD_run(daemon);
  MHD_UNSIGNED_LONG_LONG wait_ms = 0;
  if (MHD_get_timeout(daemon, &wait_ms) == MHD_YES) {
    timer.start_after(Duration{static_cast<std::int64_t>(wait_ms)}, [this] { pump(); });
  } else {
    timer.cancel();
  }
}

// Many replies in one turn of the loop are sent by one pump.
void HttpServer::Impl::pump_soon() {
  if (pump_posted || stopping) return;
  pump_posted = true;
  loop.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->pump_posted = false;
    self->pump();
  });
}

Status HttpServer::Impl::check_peer(MHD_Connection* connection, Exchange& exchange) {
  auto* const context = context_of(connection);
  MOLD_CHECK(context != nullptr, "a connection without context");
  const bool verifies = context->credentials && context->credentials->has_ca();
  if (verifies && !context->verdict) {
    context->verdict = context->credentials->verify(session_of(connection));
  }
  if (context->verdict) {
    exchange.request.peer_certificate = context->verdict->certificate;
    exchange.request.peer_certificate_problem = context->verdict->problem;
  }
  if (!config.require_client_cert || exchange.request.peer_certificate) return {};
  return fail(ErrorKind::kDenied, exchange.request.peer_certificate_problem);
}

// A client that sends a byte now and then is never idle; without an end to it, it would hold its
// connection and what it sent for as long as it likes.
void HttpServer::Impl::set_deadline(MHD_Connection* connection, Duration after) {
  clear_deadline(connection);
  const Instant at = loop.now() + after;
  context_of(connection)->deadline = at;
  deadlines.emplace(at, connection);
  if (deadlines.begin()->second == connection || !deadline_timer.armed())
    deadline_timer.start_at(deadlines.begin()->first, [this] { cut_late(); });
}

void HttpServer::Impl::clear_deadline(MHD_Connection* connection) {
  Connection* const context = context_of(connection);
  if (context == nullptr || !context->deadline) return;
  deadlines.erase({*context->deadline, connection});
  context->deadline.reset();
}

void HttpServer::Impl::cut_late() {
  const Instant now = loop.now();
  while (!deadlines.empty() && deadlines.begin()->first <= now) {
    MHD_Connection* const connection = deadlines.begin()->second;
    clear_deadline(connection);
    ++stats.too_slow;
    ::shutdown(socket_of(connection), SHUT_RDWR);  // the library sees the end and closes it
  }
  if (!deadlines.empty()) deadline_timer.start_at(deadlines.begin()->first, [this] { cut_late(); });
}

void HttpServer::Impl::begin(MHD_Connection* connection, Exchange& exchange,
                             std::string_view method) {
  exchange.begun = true;
  ++stats.requests;
  const PeerAddress peer = describe_peer(connection);
  exchange.request.method = std::string(method);
  exchange.request.peer_address = peer.text;
  exchange.request.peer_port = peer.port;
  if (auto allowed = check_peer(connection, exchange); !allowed) {
    ++stats.refused_certificates;
    log(LogLevel::kWarning, messages::kPeerRefused,
        "client " + peer.text + " was refused: " + allowed.error().what, {{"PEER", peer.text}});
    exchange.refusal = refuse(403, "client certificate refused: " + allowed.error().what);
  } else if (exchange.raw_uri.size() > config.max_url_bytes) {
    exchange.refusal =
        refuse(414, "the URL is longer than " + std::to_string(config.max_url_bytes) + " bytes");
  }
  const char* const length =
      MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
  const auto announced = parse_number<std::uint64_t>(length == nullptr ? "0" : length);
  const bool stranger = config.max_body_bytes_stranger != 0 && !exchange.request.peer_certificate;
  exchange.most_bytes = stranger ? config.max_body_bytes_stranger : config.max_body_bytes;
  if (!exchange.refusal && announced.value_or(UINT64_MAX) > exchange.most_bytes) {
    exchange.refusal = body_too_long(exchange.most_bytes);
  }
}

void HttpServer::Impl::take_body(Exchange& exchange, std::string_view data) {
  auto& body = exchange.request.body;
  if (exchange.refusal) {
    exchange.dropped_bytes += data.size();
  } else if (body.size() + data.size() > exchange.most_bytes) {
    body = std::string();
    exchange.refusal = body_too_long(exchange.most_bytes);
  } else {
    body.append(data);
  }
}

void HttpServer::Impl::dispatch(MHD_Connection* connection, Exchange& exchange) {
  split_uri(exchange.raw_uri, exchange.request);
  const auto add_header = [](void* list, MHD_ValueKind, const char* name, const char* value) {
    static_cast<decltype(ServerRequest::headers)*>(list)->emplace_back(
        name, value == nullptr ? "" : value);
    return MHD_YES;
  };
  MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, &exchange.request.headers);
  const auto state = std::make_shared<AsyncReply::State>();
  exchange.reply = state;
  try {
    handler(exchange.request, std::make_shared<AsyncReply>(state));
  } catch (const std::exception& e) {
    log_error(std::string("an HTTP handler threw: ") + e.what());
    if (!state->answered) state->answer(refuse(500, "internal error"));
  }
}

void HttpServer::Impl::park(MHD_Connection* connection, Exchange& exchange) {
  exchange.parked = true;
  parked.emplace(connection, &exchange);
  MHD_suspend_connection(connection);
  exchange.reply->wake = [this, connection, &exchange] { unpark(connection, exchange); };
  exchange.hangup = std::make_unique<IoSource>(loop, socket_of(connection), EPOLLRDHUP,
                                               [this, connection, &exchange](auto) {
                                                 const auto reply = exchange.reply;
                                                 unpark(connection, exchange);
                                                 reply->close();
                                               });
}

void HttpServer::Impl::unpark(MHD_Connection* connection, Exchange& exchange) {
  exchange.parked = false;
  exchange.reply->wake = nullptr;
  exchange.hangup.reset();
  parked.erase({connection, &exchange});
  MHD_resume_connection(connection);
  pump_soon();
}

MHD_Result HttpServer::Impl::access(MHD_Connection* connection, Exchange& exchange,
                                    const char* method, const char* data, std::size_t* size) {
  if (stopping) return MHD_NO;
  if (!exchange.begun) {
    begin(connection, exchange, method);
    // Before the body a reply ends the connection; PatientClose reads what still comes.
    return exchange.refusal ? queue_reply(connection, *exchange.refusal) : MHD_YES;
  }
  if (*size > 0) {
    take_body(exchange, std::string_view(data, *size));
    *size = 0;
    return exchange.dropped_bytes > 4 * exchange.most_bytes + 1024 * 1024 ? MHD_NO : MHD_YES;
  }
  clear_deadline(connection);
  if (exchange.refusal) return queue_reply(connection, *exchange.refusal);
  if (!exchange.reply) dispatch(connection, exchange);
  if (exchange.reply->answered) return queue_reply(connection, exchange.reply->reply);
  if (exchange.reply->gone) return MHD_NO;
  park(connection, exchange);
  return MHD_YES;
}

MHD_Result HttpServer::Impl::on_access(void* self, MHD_Connection* connection, const char* url,
                                       const char* method, const char*, const char* data,
                                       std::size_t* size, void** context) {
  if (*context == nullptr) *context = new Exchange(url);
  return static_cast<Impl*>(self)->access(connection, *static_cast<Exchange*>(*context), method,
                                          data, size);
}

void* HttpServer::Impl::on_uri(void*, const char* uri, MHD_Connection*) {
  return new Exchange(uri);
}

void HttpServer::Impl::on_completed(void* raw, MHD_Connection* connection, void** context,
                                    MHD_RequestTerminationCode) {
  auto* const self = static_cast<Impl*>(raw);
  // The next request of this connection, if there is one: the idle time goes by before it begins.
  if (!self->stopping && context_of(connection) != nullptr)
    self->set_deadline(connection, self->config.idle_timeout + self->config.request_timeout);
  const std::unique_ptr<Exchange> exchange(static_cast<Exchange*>(*context));
  *context = nullptr;
  if (exchange && exchange->reply) exchange->reply->close();
}

void HttpServer::Impl::on_connection(void* raw, MHD_Connection* connection, void** context,
                                     MHD_ConnectionNotificationCode what) {
  auto* const self = static_cast<Impl*>(raw);
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    ++self->stats.connections;
    *context = new Connection{self->credentials, std::nullopt, std::nullopt};
    self->set_deadline(connection, self->config.request_timeout);
    if (self->credentials && self->credentials->has_ca()) {
      const gnutls_session_t session = session_of(connection);
      gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
      gnutls_certificate_send_x509_rdn_sequence(session, 1);  // no list of CA names
    }
    return;
  }
  --self->stats.connections;
  self->clear_deadline(connection);
  if (std::exchange(self->full, false) && self->arrivals) self->arrivals->set_events(EPOLLIN);
  if (!self->stopping) self->patient.take(socket_of(connection));
  delete static_cast<Connection*>(*context);
  *context = nullptr;
}

int HttpServer::Impl::on_certificate(gnutls_session_t session, const gnutls_cert_retr_st*,
                                     gnutls_pcert_st** chain, unsigned* length,
                                     gnutls_ocsp_data_st** ocsp, unsigned* ocsp_length,
                                     gnutls_privkey_t* key, unsigned* flags) {
  auto* const connection = static_cast<MHD_Connection*>(gnutls_session_get_ptr(session));
  const Connection* const context = connection == nullptr ? nullptr : context_of(connection);
  if (context == nullptr || !context->credentials) return -1;
  context->credentials->present(chain, length, key);
  *ocsp = nullptr;
  *ocsp_length = 0;
  *flags = 0;
  return 0;
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() {
  impl_->stop();
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(EventLoop& loop, HttpServerConfig config,
                                                      Handler handler) {
  auto impl = std::make_shared<Impl>(loop, std::move(config), std::move(handler));
  MOLD_TRY_VOID(impl->start());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

std::uint16_t HttpServer::port() const {
  return impl_->port;
}

HttpServerStats HttpServer::stats() const {
  HttpServerStats stats = impl_->stats;
  stats.parked = impl_->parked.size();
  return stats;
}

Status HttpServer::set_tls(std::shared_ptr<const TlsMaterial> tls) {
  if (!impl_->credentials || !tls) return fail(ErrorKind::kInvalid, "this server has no TLS");
  MOLD_TRY(auto fresh, ServerCredentials::make(*tls));
  if (impl_->config.require_client_cert && !fresh->has_ca()) {
    return fail(ErrorKind::kInvalid, "client certificates are required, but there is no CA");
  }
  impl_->credentials = std::move(fresh);
  impl_->config.tls = std::move(tls);
  log(LogLevel::kNotice, messages::kTlsReloaded, "the HTTP server uses new certificates");
  return {};
}

}  // namespace mold::runtime
