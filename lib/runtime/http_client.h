#pragma once
// HTTP(S) requests from the loop: libcurl's multi interface with our sockets and timers, HTTP/1.1
// only, no proxy from the environment, no redirects. Loop thread only. Connections are kept and
// reused per HttpClient (same host, port and TLS identity).
//
// What an error means for the one who asked:
//   kUnavailable  refused, unreachable, name not resolved, or broken before anything was sent
//   kTimeout      out of time before the request was sent: certainly not carried out
//   kUnknown      out of time or broken after the request was (partly) sent
//   kDenied       TLS: certificate not trusted, wrong name, pin mismatch, own key not usable
//   kInvalid      malformed URL or request
//   kCorrupt      answer is not HTTP, or too long (GET and HEAD; for others that is kUnknown)
// An HTTP status, 500 included, is an answer and not an error.
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/tls_config.h"

namespace mold::runtime {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;
// First header of that name, any letter case; empty when absent.
std::string_view find_header(const HttpHeaders& headers, std::string_view name);

struct HttpTls {
  std::shared_ptr<const TlsMaterial>
      material;  // own CA, certificate and key; without a CA nobody is trusted
  // Files instead of (or besides) the material; the material wins part by part. A CA of ours is the
  // only one trusted then; with neither material nor file the system's CAs are.
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string pinned_public_key;  // "sha256//BASE64"; holds even with verify_peer off
  bool verify_peer = true;
  bool verify_host = true;
};

struct BasicAuth {
  std::string user;
  Secret password;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers;
  std::string body;
  Duration timeout{10'000};         // for everything
  Duration connect_timeout{3'000};  // name, TCP and TLS
  HttpTls tls;
  std::size_t max_response_bytes = 4 * 1024 * 1024;
  std::optional<BasicAuth> auth;
  bool fresh_connection = false;  // a new connection, closed afterwards
  // A connection that is made for it resends lost segments at an even pace (lib/base/thin_tcp.h).
  bool thin_stream = false;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;
  std::string peer_address;  // of the server
  int peer_port = 0;
  Duration took{0};
  bool reused_connection = false;
};

struct HttpClientLimits {
  long total_connections = 512;
  long connections_per_origin = 8;  // more requests wait, and their timeout runs
  long idle_connections = 64;
};

// Owner of a request under way: destroying it cancels, and `done` is not called any more.
class HttpHandle {
 public:
  HttpHandle();
  ~HttpHandle();
  HttpHandle(HttpHandle&&) noexcept;
  HttpHandle& operator=(HttpHandle&&) noexcept;

  void cancel();
  [[nodiscard]] bool running() const;

 private:
  friend class HttpClient;
  struct State;
  explicit HttpHandle(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

class HttpClient {
 public:
  explicit HttpClient(EventLoop& loop, HttpClientLimits limits = {});
  // Cancels what is under way.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // `done` is called once, on the loop, never inside this call; it may send again and may drop its
  // own handle or the client. A request on a kept connection that the server closed without a byte
  // of answer is sent once more on a new one; what must be sent at most once sets fresh_connection.
  [[nodiscard]] HttpHandle send(HttpRequest request,
                                std::function<void(Result<HttpResponse>)> done);

  [[nodiscard]] std::size_t under_way() const;

 private:
  friend class HttpHandle;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mold::runtime
