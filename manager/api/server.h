#pragma once
// The web API that CloudStack clients speak: /client/api, GET and POST. Listens on the API port
// (signed requests) and, only when configured, on the integration port (no authentication, loopback
// unless told otherwise: whoever reaches it is the root admin). Loop thread only; lives after
// everything in Services and dies before it. docs/API.md is its manual.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/runtime/http_server.h"
#include "manager/api/auth.h"
#include "manager/api/call.h"
#include "manager/api/command.h"
#include "manager/api/services.h"

namespace mold::manager::api {

struct ApiServerConfig {
  std::string address = "::";
  std::uint16_t port = 8080;
  std::shared_ptr<const runtime::TlsMaterial> tls;  // none: plain HTTP
  bool integration = false;                         // off unless the operator says so
  std::string integration_address = "127.0.0.1";
  std::uint16_t integration_port = 8096;
  unsigned connections_per_address = 0;  // of each port; 0: no limit
};

// "127.x.y.z" or "::1": nobody on the way can listen.
[[nodiscard]] bool is_loopback(std::string_view peer_address);

class ApiServer {
 public:
  // Errors of HttpServer::start, with the port's role in front.
  static Result<std::unique_ptr<ApiServer>> start(Services services, Authenticator::OpenSecret open,
                                                  const ApiServerConfig& config);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::optional<std::uint16_t> integration_port() const;
  Status set_tls(std::shared_ptr<const runtime::TlsMaterial> tls);

 private:
  ApiServer(Services services, Authenticator::OpenSecret open);
  void handle(const runtime::ServerRequest& raw, const runtime::AsyncReplyPtr& reply, bool trusted);
  void call(const ApiRequest& request, const runtime::AsyncReplyPtr& reply, bool trusted);
  [[nodiscard]] ApiResult<void> check_privacy(const CommandSpec& spec,
                                              const ApiRequest& request) const;
  [[nodiscard]] ApiResult<Caller> who(const ApiRequest& request, bool exists, bool trusted) const;

  std::shared_ptr<CallHouse> house_;
  Authenticator authenticator_;
  bool encrypted_ = false;  // the public port speaks HTTPS
  std::unique_ptr<runtime::HttpServer> public_server_;
  std::unique_ptr<runtime::HttpServer> integration_server_;
};

}  // namespace mold::manager::api
