#include "tests/fakes/redfish/redfish_fake.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/text.h"
#include "lib/runtime/crypto.h"
#include "lib/runtime/files.h"
#include "tests/fakes/redfish/certificate.h"

namespace mold::fake {
namespace {

using Json = nlohmann::json;

constexpr const char* kRoot = "/redfish/v1";
constexpr const char* kSystems = "/redfish/v1/Systems";
constexpr const char* kTasks = "/redfish/v1/TaskService/Tasks/";
constexpr const char* kAccounts = "/redfish/v1/AccountService/Accounts";
constexpr const char* kReset = "/Actions/ComputerSystem.Reset";
constexpr const char* kActionInfo = "/ResetActionInfo";

runtime::HttpReply json_reply(int status, const Json& body) {
  runtime::HttpReply reply;
  reply.status = status;
  reply.body = body.dump(2);
  reply.headers = {{"OData-Version", "4.0"}};
  return reply;
}

runtime::HttpReply error_reply(int status, const std::string& text) {
  return json_reply(status, {{"error",
                              {{"code", "Base.1.0.GeneralError"},
                               {"message", "See the extended information."},
                               {"@Message.ExtendedInfo", {{{"Message", text}}}}}}});
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

Result<std::unique_ptr<RedfishFake>> RedfishFake::start(runtime::EventLoop& loop,
                                                        RedfishFakeOptions options) {
  if (options.tls && !options.material) {
    options.material = make_self_signed(options.profile.certificate_name);
  }
  std::unique_ptr<RedfishFake> fake(new RedfishFake(loop, std::move(options)));
  MOLD_TRY_VOID(fake->serve());
  return fake;
}

RedfishFake::RedfishFake(runtime::EventLoop& loop, RedfishFakeOptions options)
    : loop_(loop), options_(std::move(options)), reboot_timer_(loop) {
  systems_.resize(static_cast<std::size_t>(options_.profile.systems));
  for (System& system : systems_) system.timer = std::make_unique<runtime::Timer>(loop);
}

RedfishFake::~RedfishFake() = default;

Status RedfishFake::serve() {
  runtime::HttpServerConfig config;
  config.address = options_.address;
  config.port = options_.port;
  if (options_.tls) config.tls = options_.material;
  MOLD_TRY(server_,
           runtime::HttpServer::start(
               loop_, config, [this](const auto& request, auto reply) { handle(request, reply); }));
  options_.port = server_->port();
  return {};
}

void RedfishFake::stop() {
  delayed_.clear();
  server_.reset();
  unanswered_.clear();
}

void RedfishFake::restart() {
  if (running()) return;
  // Sessions do not outlive the BMC's process.
  sessions_.clear();
  if (!serve()) reboot_timer_.start_after(50ms, [this] { restart(); });
}

// Later: a server cannot end inside its own handler.
void RedfishFake::reboot() {
  const Duration gone = options_.profile.reboots;
  loop_.post([this, alive = std::weak_ptr(alive_), gone] {
    if (alive.expired()) return;
    stop();
    reboot_timer_.start_after(gone, [this] { restart(); });
  });
}

void RedfishFake::set_power(bool on, std::size_t system) {
  systems_[system].timer->cancel();
  systems_[system].changing = false;
  systems_[system].on = on;
  if (system == 0 && !options_.state_file.empty()) {
    (void)runtime::write_file_atomic(options_.state_file, on ? "on\n" : "off\n");
  }
}

bool RedfishFake::power(std::size_t system) const {
  if (system == 0 && !options_.state_file.empty()) {
    const auto text = runtime::read_file(options_.state_file, 64);
    if (text) return trim(*text) != "off";
  }
  return systems_[system].on;
}

std::string RedfishFake::system_id(std::size_t system) const {
  return system == 0 ? options_.profile.system_id : "node" + std::to_string(system + 1);
}

std::string RedfishFake::system_uuid(std::size_t system) {
  return "4c4c4544-0000-1000-8000-00000000000" + std::to_string(system % 10);
}

// ---- requests ----------------------------------------------------------------------------------

void RedfishFake::handle(const Request& request, const runtime::AsyncReplyPtr& reply) {
  ++counts_.requests;
  drop_this_ = false;
  if (!request.header("Authorization").empty() || !request.header("X-Auth-Token").empty()) {
    ++counts_.credentials;
  }
  Reply what;
  const RedfishProfile& profile = options_.profile;
  const std::string path = without_slash(request.path);
  if (profile.busy_half && rng_.chance(50)) {
    what = error_reply(503, "The service is busy.");
  } else if (profile.html) {
    what.content_type = "text/html";
    what.body = "<!DOCTYPE html><html><body>Welcome to the printer</body></html>";
  } else if (!profile.redirects_to.empty() && path != kRoot) {
    what = error_reply(308, "Elsewhere.");
    what.headers.emplace_back("Location", profile.redirects_to + request.path);
  } else if (profile.redirects_to_slash && !request.path.ends_with('/')) {
    what = error_reply(308, "With a slash.");
    what.headers.emplace_back("Location", request.path + "/");
  } else if (!authorised(request)) {
    what = refusal(request);
  } else {
    what = route(request, path);
  }
  if (profile.padding > 0) what.body += std::string(profile.padding, ' ');
  if (drop_this_) {
    unanswered_.push_back(reply);
    loop_.post([this, alive = std::weak_ptr(alive_)] {
      if (alive.expired() || options_.profile.reboots.count() > 0) return;
      stop();
      restart();
    });
    if (profile.reboots.count() > 0) reboot();
    return;
  }
  answer(reply, std::move(what));
}

void RedfishFake::answer(const runtime::AsyncReplyPtr& reply, Reply what) {
  if (options_.profile.slow.count() == 0) {
    reply->answer(std::move(what));
    return;
  }
  const int id = next_id_++;
  auto timer = std::make_unique<runtime::Timer>(loop_);
  timer->start_after(options_.profile.slow, [this, id, reply, what = std::move(what)] {
    reply->answer(what);
    delayed_.erase(id);
  });
  delayed_.emplace(id, std::move(timer));
}

bool RedfishFake::authorised(const Request& request) {
  const RedfishProfile& profile = options_.profile;
  const std::string path = without_slash(request.path);
  if (profile.open_to_all) return true;
  if ((path == kRoot || path == "/redfish") && !profile.root_needs_auth) return true;
  if (path == profile.sessions_path && request.method == "POST" && !profile.no_sessions) {
    return true;
  }
  const std::string_view token = request.header("X-Auth-Token");
  if (!token.empty()) {
    return std::any_of(sessions_.begin(), sessions_.end(),
                       [&](const auto& session) { return session.second == token; });
  }
  const std::string_view basic = request.header("Authorization");
  if (profile.session_only || !basic.starts_with("Basic ")) return false;
  const auto pair = runtime::base64_decode(basic.substr(6));
  return pair && *pair == options_.user + ":" + options_.password.reveal();
}

RedfishFake::Reply RedfishFake::refusal(const Request&) {
  ++counts_.refused;
  Reply reply = error_reply(401, "The credentials are not good.");
  reply.headers.emplace_back("WWW-Authenticate", "Basic realm=\"fake\"");
  return reply;
}

RedfishFake::Reply RedfishFake::route(const Request& request, const std::string& path) {
  const bool get = request.method == "GET";
  if (path == "/redfish" && get) return json_reply(200, {{"v1", "/redfish/v1/"}});
  if (path == kRoot && get) return root();
  if (path == kSystems && get) return collection(path);
  for (std::size_t i = 0; i < systems_.size(); ++i) {
    const std::string own = std::string(kSystems) + "/" + system_id(i);
    if (path == own && get) return system(i);
    if (path == own + kActionInfo && get) return action_info(i);
    if (path == own + kReset && request.method == "POST") return reset(i, request);
  }
  if (path.starts_with(kTasks) && get) return task(path);
  if (path.starts_with("/redfish/v1/AccountService")) return accounts(request, path);
  if (path == options_.profile.sessions_path && !options_.profile.no_sessions) {
    if (request.method == "POST") return make_session(request);
    if (get) return collection(path);
  }
  if (request.method == "DELETE" && sessions_.contains(path)) return drop_session(path);
  return error_reply(404, "There is no " + path);
}

std::string RedfishFake::link(const std::string& path) const {
  return options_.profile.redirects_to_slash ? path + "/" : path;
}

RedfishFake::Reply RedfishFake::root() const {
  Json body = {{"@odata.id", "/redfish/v1/"},
               {"@odata.type", "#ServiceRoot.v1_5_0.ServiceRoot"},
               {"Id", "RootService"},
               {"RedfishVersion", "1.6.0"},
               {"Vendor", options_.profile.vendor},
               {"Systems", {{"@odata.id", link(kSystems)}}},
               {"AccountService", {{"@odata.id", link("/redfish/v1/AccountService")}}}};
  if (!options_.profile.no_sessions) {
    body["Links"] = {{"Sessions", {{"@odata.id", link(options_.profile.sessions_path)}}}};
  }
  return json_reply(200, body);
}

RedfishFake::Reply RedfishFake::collection(const std::string& path) const {
  Json members = Json::array();
  if (path == kSystems) {
    for (std::size_t i = 0; i < systems_.size(); ++i) {
      members.push_back({{"@odata.id", link(std::string(kSystems) + "/" + system_id(i))}});
    }
  } else if (path == kAccounts) {
    members.push_back({{"@odata.id", link(std::string(kAccounts) + "/1")}});
    members.push_back({{"@odata.id", link(std::string(kAccounts) + "/2")}});
  } else {
    for (const auto& [session, token] : sessions_) members.push_back({{"@odata.id", session}});
  }
  return json_reply(
      200, {{"@odata.id", path}, {"Members@odata.count", members.size()}, {"Members", members}});
}

// ---- the machine -------------------------------------------------------------------------------

std::string RedfishFake::power_state(std::size_t index) const {
  const RedfishProfile& profile = options_.profile;
  if (!profile.always_state.empty()) return profile.always_state;
  if (systems_[index].changing && profile.says_powering) {
    return systems_[index].next ? "PoweringOn" : "PoweringOff";
  }
  return power(index) ? "On" : "Off";
}

RedfishFake::Reply RedfishFake::system(std::size_t index) const {
  const RedfishProfile& profile = options_.profile;
  if (!profile.raw_system.empty()) {
    Reply reply = json_reply(200, nullptr);
    reply.body = profile.raw_system;
    return reply;
  }
  const std::string own = std::string(kSystems) + "/" + system_id(index);
  Json reset = {{"target", link(own + kReset)}};
  if (profile.types_in_action_info) {
    reset["@Redfish.ActionInfo"] = link(own + kActionInfo);
  } else if (!profile.types_hidden) {
    reset["ResetType@Redfish.AllowableValues"] = profile.reset_types;
  }
  Json body = {{"@odata.id", own},
               {"@odata.type", "#ComputerSystem.v1_10_0.ComputerSystem"},
               {"Id", system_id(index)},
               {"Name", "System"},
               {"UUID", to_lower(system_uuid(index))},
               {"SerialNumber", "FAKE" + std::to_string(index)},
               {"Manufacturer", profile.vendor},
               {"Model", profile.model},
               {"Actions", {{"#ComputerSystem.Reset", reset}}}};
  const std::string state = power_state(index);
  if (state == "null") {
    body["PowerState"] = nullptr;
  } else if (state != "absent") {
    body["PowerState"] = state;
  }
  Reply reply = json_reply(200, body);
  reply.headers.emplace_back("ETag", "W/\"system\"");
  return reply;
}

RedfishFake::Reply RedfishFake::action_info(std::size_t) const {
  return json_reply(200, {{"Id", "ResetActionInfo"},
                          {"Parameters",
                           {{{"Name", "ResetType"},
                             {"Required", true},
                             {"AllowableValues", options_.profile.reset_types}}}}});
}

RedfishFake::Reply RedfishFake::reset(std::size_t index, const Request& request) {
  const RedfishProfile& profile = options_.profile;
  const Json body = Json::parse(request.body, nullptr, false);
  const auto type = body.is_object() ? body.value("ResetType", Json()) : Json();
  if (!type.is_string()) return error_reply(400, "ResetType is missing.");
  ++counts_.commands;
  counts_.types.push_back(type);
  if (profile.loses_race) set_power(false, index);
  if (profile.refuses_all != 0) return error_reply(profile.refuses_all, "Not today.");
  const bool hidden_but_can = profile.name == "supermicro" && type == "ForceOff";
  if (!hidden_but_can && std::find(profile.reset_types.begin(), profile.reset_types.end(), type) ==
                             profile.reset_types.end()) {
    return error_reply(400, "The value is not in the acceptable values.");
  }
  const bool to_off = type == "ForceOff" || type == "GracefulShutdown";
  const bool same = type == "On" || type == "ForceOn" ? power(index) : !power(index);
  if (same && profile.refuses_same_state != 0) {
    return error_reply(profile.refuses_same_state,
                       to_off ? "The machine is off already." : "The state does not allow it.");
  }
  if (!profile.ignores) apply(index, type);
  if (profile.answers_instead != 0) return error_reply(profile.answers_instead, "Not now.");
  drop_this_ = profile.drops_action || profile.reboots.count() > 0;
  if (!profile.task) {
    Reply reply = json_reply(204, nullptr);
    reply.body.clear();
    return reply;
  }
  const std::string path = kTasks + std::to_string(next_id_++);
  tasks_[path] = index;
  Reply reply = json_reply(202, {{"@odata.id", path}, {"TaskState", "Running"}});
  reply.headers.emplace_back("Location", path);
  return reply;
}

void RedfishFake::apply(std::size_t index, const std::string& type) {
  if (type == "On" || type == "ForceOn") change(index, true);
  if (type == "ForceOff" || type == "GracefulShutdown") change(index, false);
  if (type == "PushPowerButton") change(index, !power(index));
}

void RedfishFake::change(std::size_t index, bool on) {
  if (options_.profile.late.count() == 0) {
    set_power(on, index);
    return;
  }
  System& system = systems_[index];
  system.changing = true;
  system.next = on;
  system.timer->start_after(options_.profile.late, [this, index, on] { set_power(on, index); });
}

RedfishFake::Reply RedfishFake::task(const std::string& path) {
  const auto found = tasks_.find(path);
  if (found == tasks_.end()) return error_reply(404, "There is no such task.");
  if (options_.profile.task_fails) {
    return json_reply(200, {{"@odata.id", path},
                            {"TaskState", "Exception"},
                            {"TaskStatus", "Critical"},
                            {"Messages", {{{"Message", "The power supply said no."}}}}});
  }
  const bool running = systems_[found->second].changing;
  return json_reply(running ? 202 : 200,
                    {{"@odata.id", path}, {"TaskState", running ? "Running" : "Completed"}});
}

// ---- accounts and sessions ---------------------------------------------------------------------

std::string RedfishFake::account_etag() const {
  return "\"account-" + std::to_string(account_version_) + "\"";
}

RedfishFake::Reply RedfishFake::accounts(const Request& request, const std::string& path) {
  if (path == "/redfish/v1/AccountService") {
    return json_reply(200, {{"Accounts", {{"@odata.id", link(kAccounts)}}}});
  }
  if (path == kAccounts) return collection(path);
  const bool ours = path == std::string(kAccounts) + "/2";
  if (request.method == "PATCH" && ours) return patch_account(request);
  Reply reply = json_reply(200, {{"@odata.id", path},
                                 {"@odata.etag", account_etag()},
                                 {"UserName", ours ? options_.user : "somebody"},
                                 {"Password", nullptr}});
  if (options_.profile.name != "lenovo") reply.headers.emplace_back("ETag", account_etag());
  return reply;
}

RedfishFake::Reply RedfishFake::patch_account(const Request& request) {
  ++counts_.patches;
  const RedfishProfile& profile = options_.profile;
  const std::string_view match = request.header("If-Match");
  if (profile.etag_star_only && match != "*") return error_reply(412, "Stale.");
  if (profile.etag_required && match != account_etag() && match != "*") {
    ++account_version_;
    return error_reply(412, "The ETag is not the newest one.");
  }
  const Json body = Json::parse(request.body, nullptr, false);
  const auto password = body.is_object() ? body.value("Password", Json()) : Json();
  if (!password.is_string()) return error_reply(400, "Password is missing.");
  if (password.get_ref<const std::string&>().size() < 8) {
    return error_reply(400, "The password is too short.");
  }
  ++account_version_;
  if (!profile.ignores) options_.password = Secret(password.get<std::string>());
  if (profile.answers_instead != 0) return error_reply(profile.answers_instead, "Not now.");
  Reply reply = json_reply(204, nullptr);
  reply.body.clear();
  return reply;
}

RedfishFake::Reply RedfishFake::make_session(const Request& request) {
  const Json body = Json::parse(request.body, nullptr, false);
  const bool good = body.is_object() && body.value("UserName", Json()) == Json(options_.user) &&
                    body.value("Password", Json()) == Json(options_.password.reveal());
  if (!good) {
    ++counts_.refused;
    return error_reply(401, "The credentials are not good.");
  }
  if (sessions_.size() >= static_cast<std::size_t>(options_.profile.session_slots)) {
    return error_reply(503, "No session is free.");
  }
  const std::string path = options_.profile.sessions_path + "/" + std::to_string(next_id_++);
  const std::string token = hex_encode(runtime::random_bytes(16));
  sessions_[path] = token;
  ++counts_.logins;
  Reply reply = json_reply(201, {{"@odata.id", path}, {"UserName", options_.user}});
  reply.headers.emplace_back("X-Auth-Token", token);
  reply.headers.emplace_back("Location", link(path));
  return reply;
}

RedfishFake::Reply RedfishFake::drop_session(const std::string& path) {
  sessions_.erase(path);
  Reply reply = json_reply(204, nullptr);
  reply.body.clear();
  return reply;
}

}  // namespace mold::fake
