#include "manager/api/server.h"

#include <algorithm>
#include <utility>

#include "lib/runtime/journal_log.h"
#include "manager/api/call.h"
#include "manager/api/jobs.h"
#include "manager/api/metrics.h"
#include "manager/api/signature.h"

namespace mold::manager::api {
namespace {

constexpr std::size_t kMaxBodyBytes = 1024 * 1024;
constexpr std::size_t kMaxUrlBytes = 32 * 1024;

runtime::HttpReply plain(int status, std::string text) {
  runtime::HttpReply reply;
  reply.status = status;
  reply.content_type = "text/plain; charset=UTF-8";
  reply.body = std::move(text) + "\n";
  return reply;
}

bool is_api_path(std::string_view path) {
  return path == "/client/api" || path == "/client/api/";
}

runtime::HttpServerConfig http_config(std::string address, std::uint16_t port,
                                      unsigned connections_per_address) {
  runtime::HttpServerConfig config;
  config.max_connections_per_ip = connections_per_address;
  config.address = std::move(address);
  config.port = port;
  config.max_body_bytes = kMaxBodyBytes;
  config.max_url_bytes = kMaxUrlBytes;
  return config;
}

ApiResult<Page> page_of(const CommandSpec& spec, const Params& params) {
  if (!spec.paged) return Page{};
  return read_page(params.integer("page"), params.integer("pagesize"));
}

}  // namespace

bool is_loopback(std::string_view peer_address) {
  return peer_address.starts_with("127.") || peer_address == "::1";
}

ApiServer::ApiServer(Services services, Authenticator::OpenSecret open)
    : house_(std::make_shared<CallHouse>(CallHouse{std::move(services), build_command_table()})),
      authenticator_(house_->services.inventory, std::move(open),
                     house_->services.settings.allow_sha1) {}

ApiServer::~ApiServer() = default;

Result<std::unique_ptr<ApiServer>> ApiServer::start(Services services,
                                                    Authenticator::OpenSecret open,
                                                    const ApiServerConfig& config) {
  std::unique_ptr<ApiServer> api(new ApiServer(std::move(services), std::move(open)));
  runtime::EventLoop& loop = api->house_->services.loop;
  ApiServer* const self = api.get();
  runtime::HttpServerConfig http =
      http_config(config.address, config.port, config.connections_per_address);
  http.tls = config.tls;
  api->encrypted_ = config.tls != nullptr;
  auto server = runtime::HttpServer::start(
      loop, std::move(http),
      [self](const runtime::ServerRequest& raw, const runtime::AsyncReplyPtr& reply) {
        self->handle(raw, reply, false);
      });
  if (!server) return fail(server.error().context("API port"));
  api->public_server_ = std::move(*server);
  if (config.integration) {
    auto inner = runtime::HttpServer::start(
        loop,
        http_config(config.integration_address, config.integration_port,
                    config.connections_per_address),
        [self](const runtime::ServerRequest& raw, const runtime::AsyncReplyPtr& reply) {
          self->handle(raw, reply, true);
        });
    if (!inner) return fail(inner.error().context("API integration port"));
    api->integration_server_ = std::move(*inner);
    runtime::log_warning("API: the integration port is open: no authentication on " +
                         config.integration_address);
  }
  return api;
}

std::uint16_t ApiServer::port() const {
  return public_server_->port();
}

std::optional<std::uint16_t> ApiServer::integration_port() const {
  if (!integration_server_) return std::nullopt;
  return integration_server_->port();
}

Status ApiServer::set_tls(std::shared_ptr<const runtime::TlsMaterial> tls) {
  return public_server_->set_tls(std::move(tls));
}

void ApiServer::handle(const runtime::ServerRequest& raw, const runtime::AsyncReplyPtr& reply,
                       bool trusted) {
  if (trusted && raw.path == kMetricsPath && raw.method == "GET") {
    runtime::HttpReply metrics;
    metrics.content_type = kMetricsType;
    metrics.body = metrics_text(house_->services);
    reply->answer(std::move(metrics));
    return;
  }
  if (!is_api_path(raw.path)) {
    reply->answer(plain(404, "not found: the API is at /client/api"));
    return;
  }
  if (raw.method != "GET" && raw.method != "POST") {
    runtime::HttpReply refusal = plain(405, "the API takes GET and POST");
    refusal.headers.emplace_back("Allow", "GET, POST");
    reply->answer(std::move(refusal));
    return;
  }
  const ApiRequest request = read_request(raw);
  if (const auto fine = check_request(raw, request); !fine) {
    const bool named = house_->table.find(request.command) != nullptr;
    reply->answer(
        error_reply(request.format, named ? request.command : std::string(), fine.error()));
    return;
  }
  if (!trusted && signed_bytes(request.sent) > kSignedMost) {
    const ApiError error =
        invalid_parameter("a signed request has at most " + std::to_string(kSignedMost / 1024) +
                          " KiB of parameters");
    const bool named = house_->table.find(request.command) != nullptr;
    reply->answer(error_reply(request.format, named ? request.command : std::string(), error));
    return;
  }
  call(request, reply, trusted);
}

ApiResult<Caller> ApiServer::who(const ApiRequest& request, bool exists, bool trusted) const {
  if (!trusted) return authenticator_.check(request, exists, house_->services.loop.wall());
  return authenticator_.system_caller();
}

// Too late for this request, which was sent in the clear; in time for the next one, and for what an
// answer would tell.
ApiResult<void> ApiServer::check_privacy(const CommandSpec& spec, const ApiRequest& request) const {
  const bool with_key =
      std::any_of(spec.params.begin(), spec.params.end(), [&request](const ParamSpec& param) {
        const auto given = request.params.find(std::string(param.name));
        return param.userinfo && given != request.params.end() && may_hold_key(given->second);
      });
  if (encrypted_ || !(spec.is_confidential() || with_key) || is_loopback(request.peer_address) ||
      house_->services.settings.plain_secrets) {
    return {};
  }
  return refuse({531, 4365,
                 std::string(spec.name) +
                     " carries a secret: use HTTPS (api.tls.listen); api.plain.secrets=true allows "
                     "plain HTTP"});
}

void ApiServer::call(const ApiRequest& request, const runtime::AsyncReplyPtr& reply, bool trusted) {
  const CommandSpec* const spec = house_->table.find(request.command);
  const std::string name = spec == nullptr ? std::string() : request.command;
  const auto refuse_with = [&](const ApiError& error) {
    reply->answer(error_reply(request.format, name, error));
  };
  // A request without any command is told so only when it comes from somebody we know.
  ApiResult<Caller> caller = who(request, spec != nullptr || request.command.empty(), trusted);
  if (!caller) return refuse_with(caller.error());
  if (const std::string warning = request.warning(); !warning.empty()) {
    runtime::log_warning("API: " + name + " of " + caller->user_name + " from " +
                         request.peer_address + ": " + warning);
  }
  if (request.command.empty()) {
    return refuse_with(unsupported_command("No command was given: command=<name> is missing"));
  }
  if (spec == nullptr) {
    return refuse_with(
        unsupported_command("Unknown API command: " + request.command.substr(0, 128)));
  }
  if (!trusted) {
    const auto kept = check_privacy(*spec, request);
    if (!kept) return refuse_with(kept.error());
  }
  ApiResult<Params> params = Params::read(spec->name, spec->params, request.params);
  if (!params) return refuse_with(params.error());
  const ApiResult<Page> page = page_of(*spec, *params);
  if (!page) return refuse_with(page.error());
  dispatch(std::make_shared<Call>(house_, *spec, std::move(*params), std::move(*caller), *page,
                                  request.format, reply));
}

}  // namespace mold::manager::api
