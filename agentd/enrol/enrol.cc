#include "agentd/enrol/enrol.h"

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "agentd/enrol/identity.h"
#include "agentd/host/facts.h"
#include "agentd/link/manager_call.h"
#include "lib/base/text.h"
#include "lib/runtime/config_file.h"
#include "lib/runtime/files.h"
#include "lib/runtime/http_client.h"
#include "lib/wire/codec.h"
#include "lib/wire/enrol_token.h"

namespace mold::agentd {
namespace {

constexpr Duration kTimeout{20'000};

Result<wire::EnrolAnswer> ask_manager(runtime::EventLoop& loop, const std::string& manager,
                                      const wire::EnrolToken& token,
                                      const wire::EnrolRequest& message) {
  runtime::HttpRequest request;
  request.method = "POST";
  request.url = manager + std::string(wire::kEnrolPath);
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = wire::encode(message);
  request.timeout = kTimeout;
  request.fresh_connection = true;
  // There is no CA yet: the pin says whom we talk to.
  request.tls.pinned_public_key = token.curl_pin();
  request.tls.verify_peer = false;
  request.tls.verify_host = false;

  runtime::HttpClient client(loop);
  std::optional<Result<runtime::HttpResponse>> response;
  const runtime::HttpHandle call = client.send(
      std::move(request),
      [&response](Result<runtime::HttpResponse> result) { response.emplace(std::move(result)); });
  loop.run_until([&response] { return response.has_value(); }, kTimeout + 1s);
  if (!response) return fail(ErrorKind::kUnknown, manager + " did not answer");
  if (!*response) {
    Error error = std::move(response->error());
    if (error.kind == ErrorKind::kDenied) {
      error.what += " (is this token of this manager?)";
    }
    return fail(error.context("asking " + manager));
  }
  if ((*response)->status == 200) return wire::decode_enrol_answer((*response)->body);
  const auto told = wire::decode_error_answer((*response)->body);
  return fail((*response)->status == 403 ? ErrorKind::kDenied : ErrorKind::kInvalid,
              fmt::format("the manager refused (HTTP {}): {}", (*response)->status,
                          told ? told->text : "no reason given"));
}

std::vector<runtime::OptionSpec> enrol_options() {
  const auto option = [](const char* name, std::string value, const char* help, bool flag) {
    runtime::OptionSpec spec;
    spec.name = name;
    spec.default_value = std::move(value);
    spec.help = help;
    spec.is_flag = flag;
    spec.command_line_only = true;
    return spec;
  };
  return {option("manager", "", "https://HOST:8250", false),
          option("token", "", "enrolment token (others on this machine may see it: prefer a file)",
                 false),
          option("token-file", "", "file with the token, - for standard input", false),
          option("state.dir", "/var/lib/mold/agentd", "where the identity is kept", false),
          option("force", "false", "replace the identity that is there", true),
          option("help", "false", "this text", true)};
}

Result<Secret> find_token(const runtime::Config& config) {
  if (!config.is_default("token")) return Secret(config.text("token"));
  if (!config.is_default("token-file")) {
    const std::string& path = config.text("token-file");
    MOLD_TRY(std::string text, runtime::read_file(path == "-" ? "/dev/stdin" : path, 4096));
    Secret token{std::string(trim(text))};
    wipe(text);
    return token;
  }
  if (const char* const given = std::getenv("MOLD_ENROL_TOKEN")) return Secret(given);
  return fail(ErrorKind::kInvalid, "no token: use --token-file, MOLD_ENROL_TOKEN or --token");
}

Result<EnrolOptions> compile_options(const runtime::Config& config) {
  EnrolOptions options;
  options.manager = config.text("manager");
  if (options.manager.empty()) return fail(ErrorKind::kInvalid, "--manager is missing");
  MOLD_TRY_VOID(check_manager_url(options.manager));
  MOLD_TRY(options.token, find_token(config));
  options.state_dir = config.text("state.dir");
  MOLD_TRY(options.force, config.boolean("force"));
  MOLD_TRY(const HostFacts facts, read_facts());
  options.hostname = facts.hostname;
  return options;
}

}  // namespace

Result<std::string> enrol(runtime::EventLoop& loop, const EnrolOptions& options) {
  if (has_identity(options.state_dir) && !options.force) {
    return fail(ErrorKind::kConflict,
                options.state_dir + " holds an identity already; --force replaces it");
  }
  MOLD_TRY(const wire::EnrolToken token, wire::parse_token(options.token));
  MOLD_TRY(KeyAndRequest made, make_key_and_request(wire::host_common_name(token.host_uuid)));
  const wire::EnrolRequest message{options.token, made.csr_pem, options.hostname};
  MOLD_TRY(const wire::EnrolAnswer answer, ask_manager(loop, options.manager, token, message));
  if (answer.host_uuid != token.host_uuid) {
    return fail(ErrorKind::kCorrupt, "the manager answered for another host");
  }
  NewIdentity identity;
  identity.host_uuid = token.host_uuid;
  identity.key_pem = std::move(made.key_pem);
  identity.certificate_pem = answer.certificate_pem;
  identity.ca_pem = answer.ca_pem;
  identity.managers = answer.managers;
  if (identity.managers.empty()) identity.managers.push_back(options.manager);
  MOLD_TRY_VOID(store_identity(options.state_dir, identity));
  return token.host_uuid;
}

int enrol_main(const std::vector<std::string>& arguments) {
  runtime::ConfigSources sources;
  sources.arguments = arguments;
  const auto config = runtime::Config::load(enrol_options(), sources);
  if (!config) {
    fmt::print(stderr, "mold-agentd enrol: {}\n", config.error().what);
    return 2;
  }
  if (config->boolean("help").value_or(false)) {
    fmt::print("Usage: mold-agentd enrol --manager https://HOST:8250 --token-file FILE\n{}",
               runtime::options_help(enrol_options()));
    return 0;
  }
  const auto options = compile_options(*config);
  if (!options) {
    fmt::print(stderr, "mold-agentd enrol: {}\n", options.error().what);
    return 2;
  }
  auto loop = runtime::EventLoop::create();
  if (!loop) {
    fmt::print(stderr, "mold-agentd enrol: {}\n", loop.error().what);
    return 1;
  }
  const auto host = enrol(**loop, *options);
  if (!host) {
    fmt::print(stderr, "mold-agentd enrol: {}\n", host.error().text());
    return 1;
  }
  fmt::print("enrolled as host {}\n", *host);
  return 0;
}

}  // namespace mold::agentd
