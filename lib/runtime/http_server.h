#pragma once
// The HTTP(S) server of manager and agent: libmicrohttpd driven by our loop, so that a thousand
// parked long polls cost memory and no thread. Loop thread only. The handler is called on the loop
// with a complete request and answers through AsyncReply, now or later.
//
// What never reaches the handler: body over the limit -> 413, URL over the limit -> 414, headers
// over the limit -> 431, certificate missing or bad when one is required -> 403 with the reason.
// Client certificates are verified here: chain to the CA, validity, purpose "TLS client".
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/runtime/async_reply.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/tls_config.h"

namespace mold::runtime {

// Verified identity of the client.
struct PeerCertificate {
  std::string common_name;
  std::string fingerprint;  // SHA-256 of the DER form, lower-case hex
  std::string serial;
};

// One "name=value" of a query, in the order sent. Raw is as on the wire; decoded has %XX and '+'
// resolved.
struct QueryPair {
  std::string name;
  std::string value;
  std::string raw_name;
  std::string raw_value;
};

// Valid during the handler call only; copy what is needed later.
struct ServerRequest {
  std::string method;
  std::string path;       // decoded, without query
  std::string raw_query;  // as sent, without '?'
  std::vector<QueryPair> query;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer_address;  // "192.0.2.1" or "2001:db8::1"
  int peer_port = 0;
  std::optional<PeerCertificate> peer_certificate;  // only when verified
  std::string peer_certificate_problem;  // why there is none, when one was sent or required

  // First of that name, any letter case for headers, exact for the query; empty when absent.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  [[nodiscard]] const std::string* query_value(std::string_view name) const;
};

// Splits "a=1&b=%20" (a query or a form body); at most `max_pairs`, the rest is left out.
std::vector<QueryPair> parse_query(std::string_view raw, std::size_t max_pairs = 4096);
std::string percent_decode(std::string_view text, bool plus_is_space);

struct HttpServerConfig {
  std::string address = "::";  // numeric; "::" serves IPv4 too
  std::uint16_t port = 0;      // 0: any free one
  std::shared_ptr<const TlsMaterial>
      tls;                           // cert and key -> HTTPS; with ca -> asks for client certs
  bool require_client_cert = false;  // needs tls->ca_pem
  unsigned max_connections = 4096;
  unsigned max_connections_per_ip = 0;  // 0: no limit
  std::size_t max_body_bytes = 1024 * 1024;
  std::size_t max_body_bytes_stranger = 0;  // without a verified certificate; 0: the same
  std::size_t max_url_bytes = 32 * 1024;
  std::size_t max_header_bytes = 64 * 1024;  // request line and headers together
  Duration idle_timeout{30'000};             // parked requests do not count as idle
  // Handshake, request line, headers and body must be here by then, however busily they drip.
  Duration request_timeout{60'000};
};

struct HttpServerStats {
  std::size_t connections = 0;
  std::size_t parked = 0;
  std::uint64_t requests = 0;
  std::uint64_t refused_certificates = 0;
  std::uint64_t too_slow = 0;  // connections cut by request_timeout
};

class HttpServer {
 public:
  using Handler = std::function<void(const ServerRequest& request, AsyncReplyPtr reply)>;

  // Binds and serves at once. kConflict (port taken), kDenied, kInvalid (address, TLS material).
  static Result<std::unique_ptr<HttpServer>> start(EventLoop& loop, HttpServerConfig config,
                                                   Handler handler);
  // Closes every connection; parked requests are told through on_closed. Not from inside a handler.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] HttpServerStats stats() const;
  // New certificate, key and CA for connections made from now on. kInvalid leaves the old ones.
  Status set_tls(std::shared_ptr<const TlsMaterial> tls);

 private:
  struct Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace mold::runtime
