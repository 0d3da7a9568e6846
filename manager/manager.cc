#include "manager/manager.h"

#include <unistd.h>

#include <array>
#include <utility>

#include "core/isolation/isolation.h"
#include "fencing/all_drivers.h"
#include "fencing/ceph/ceph_tool.h"
#include "lib/runtime/journal_log.h"
#include "lib/runtime/systemd_notify.h"
#include "manager/agents/agent_link.h"
#include "manager/agents/power_desk.h"
#include "manager/agents/registry.h"
#include "manager/api/jobs.h"
#include "manager/api/server.h"
#include "manager/engine/engine.h"
#include "manager/first_start.h"
#include "manager/inventory/inventory.h"
#include "manager/inventory/secret_box.h"
#include "manager/pki/authority.h"
#include "manager/power/drill_service.h"
#include "manager/power/power_poll.h"
#include "manager/power/power_service.h"
#include "manager/storage/storage_service.h"
#include "manager/store/store.h"
#include "manager/version.h"

namespace mold::manager {
namespace {

constexpr Duration kLastCommit{5'000};
constexpr Duration kCertificateCheck{6 * 60 * 60'000};

std::string own_host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "manager";
}

std::vector<std::string> manager_urls(const ManagerConfig& config) {
  std::vector<std::string> urls;
  for (const std::string& name : config.agents_names) {
    const bool six = name.find(':') != std::string::npos;
    urls.push_back("https://" + (six ? "[" + name + "]" : name) + ":" +
                   std::to_string(config.agents.port));
  }
  return urls;
}

}  // namespace

// In the order of need; destroyed in reverse.
struct Manager::Rooms {
  explicit Rooms(runtime::EventLoop& event_loop)
      : loop(event_loop), certificate_timer(event_loop), stop_timer(event_loop) {}

  runtime::EventLoop& loop;
  ManagerConfig config;
  std::optional<SecretBox> box;
  std::unique_ptr<Store> store;
  std::vector<DeviceDoubt> doubts;       // of the store, for the drills
  std::vector<PoolKeyRecord> pool_keys;  // of the store, for the keys of hosts
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Inventory> inventory;
  std::unique_ptr<Authority> authority;
  std::unique_ptr<AgentRegistry> registry;
  std::unique_ptr<PowerDesk> desk;
  std::unique_ptr<fencing::DriverTable> drivers;
  std::unique_ptr<PowerService> power;
  std::unique_ptr<DrillService> drills;
  std::unique_ptr<PowerPoll> poll;
  std::unique_ptr<ceph::CephTool> ceph;
  std::unique_ptr<StorageService> storage;
  std::unique_ptr<api::Services> services;  // bound into the job renderer
  std::unique_ptr<AgentLink> link;
  std::unique_ptr<api::ApiServer> api;
  std::unique_ptr<api::ApiServer> api_tls;
  runtime::Timer certificate_timer;
  runtime::Timer stop_timer;

  Status open_state();
  Status make_services();
  void make_power();
  void make_storage();
  [[nodiscard]] std::vector<api::FixedSetting> fixed_settings() const;
  Status listen();
  Result<std::unique_ptr<api::ApiServer>> serve_api(const Endpoint& endpoint, bool tls);
  void wire();
  void refresh_certificate();
};

Status Manager::Rooms::open_state() {
  MOLD_TRY(store, Store::open(loop, {.directory = config.state_dir,
                                     .mark_directory = config.state_dir + "-mark"}));
  MOLD_TRY(SecretBox opened, SecretBox::open(config.state_dir));
  box = std::move(opened);
  Restored restored = store->take_restored();
  InventoryData data = std::move(restored.inventory);
  auto certificates = std::move(restored.certificates);
  auto tokens = std::move(restored.tokens);
  doubts = std::move(restored.doubts);
  pool_keys = std::move(restored.pool_keys);
  EngineLimits limits;
  limits.job_expire = config.job_expire;
  engine = std::make_unique<Engine>(loop, *store, config.policy, std::move(restored), limits);
  const auto wall = [this] { return loop.wall(); };
  inventory = std::make_unique<Inventory>(*engine, wall, std::move(data));
  Authority::Options options;
  options.directory = config.state_dir;
  options.names = own_names(config.agents_names);
  MOLD_TRY(authority, Authority::open(std::move(options), *engine, wall, std::move(certificates),
                                      std::move(tokens)));
  return prepare_first_start(loop, config, *engine, *inventory, *box);
}

Status Manager::Rooms::make_services() {
  AgentRegistry::LeaseOptions lease;
  lease.beat_interval = config.lease_beat_interval;
  lease.self_fence_deadline = config.lease_deadline;
  lease.must_be_mountpoint = config.lease_mountpoint;
  registry = std::make_unique<AgentRegistry>(loop, *engine, *inventory, *authority, lease);
  make_power();
  make_storage();
  api::ApiSettings settings;
  settings.fixed = fixed_settings();
  settings.allow_sha1 = config.api_allow_sha1;
  settings.plain_secrets = config.api_plain_secrets;
  settings.version = std::string(kVersion);
  settings.manager_uuid = inventory->setting(kManagerUuidSetting);
  settings.manager_name = own_host_name();
  settings.started = loop.wall();
  services = std::make_unique<api::Services>(api::Services{
      loop, *engine, *inventory, *registry, *power, *drills, *poll, *storage, std::move(settings)});
  return {};
}

void Manager::Rooms::make_storage() {
  ceph::CephToolSettings tool;
  tool.program = config.ceph_program;
  ceph = std::make_unique<ceph::CephTool>(loop, std::move(tool));
  StorageService::Options options;
  options.ceph = ceph.get();
  options.keys = std::move(pool_keys);
  options.pool_keys.taken = [this](HostId host, PoolId pool) {
    const auto known = engine->state().hosts.find(host);
    const bool isolated = known != engine->state().hosts.end() &&
                          core::find_isolation(known->second, pool) != nullptr;
    return std::string(isolated ? "its access is being taken away: it is isolated from the pool"
                                : "");
  };
  options.maintenance.reach = [this](const PoolRecord& pool) {
    const PoolHosts hosts = registry->pool_hosts(pool);
    return PoolReach{hosts.connected, hosts.ready};
  };
  storage = std::make_unique<StorageService>(loop, *engine, *inventory, *box, std::move(options));
  registry->set_host_keys([this](const HostRecord& host, const PoolRecord& pool) {
    return storage->keys().key_of(host, pool);
  });
}

void Manager::Rooms::make_power() {
  desk = std::make_unique<PowerDesk>(loop, [this](ClusterId cluster) {
    std::vector<HostId> up;
    for (const auto& [id, host] : engine->state().hosts) {
      if (host.cluster == cluster && host.link_up) up.push_back(id);
    }
    return up;
  });
  fencing::FencingSettings ways;
  ways.ipmi.program = config.ipmitool_path;
  ways.ipmi.interface = config.ipmitool_interface;
  ways.ipmi.retries = config.ipmitool_retries;
  ways.redfish.ignore_ssl = config.redfish_ignore_ssl;
  ways.redfish.use_https = config.redfish_use_https;
  drivers = fencing::make_all_drivers(loop, std::move(ways));
  PowerService::Options options;
  options.drivers = drivers->names();
  power = std::make_unique<PowerService>(*engine, *inventory, *box, *drivers, std::move(options));
  DrillService::Options drill;
  drill.executor = desk.get();
  drill.doubts = std::move(doubts);
  drill.last_heard = [this](HostId id) { return registry->view(id).last_beat; };
  drills = std::make_unique<DrillService>(loop, *engine, *inventory, *power, std::move(drill));
  const auto chooser = [this](const Feed& feed) { return drills->choose(feed); };
  power->set_executor(desk.get(), chooser);
  power->set_used([this](const Feed& feed, HostId executor, bool reached) {
    drills->note_use(feed, executor, reached);
  });
  power->set_veto([this](const Feed& feed) { return drills->veto(feed); });
  poll = std::make_unique<PowerPoll>(loop, *engine, *inventory, *power, chooser);
}

std::vector<api::FixedSetting> Manager::Rooms::fixed_settings() const {
  const auto word = [](bool value) { return std::string(value ? "true" : "false"); };
  const ManagerConfig usual;
  return {
      {"policy.profile", config.profile, usual.profile, "what lease.* and policy.* are unless set"},
      {"lease.beat.interval", runtime::format_duration(config.lease_beat_interval),
       runtime::format_duration(usual.lease_beat_interval), "hosts beat on storage this often"},
      {"lease.deadline", runtime::format_duration(config.lease_deadline),
       runtime::format_duration(usual.lease_deadline),
       "a host that cannot beat for this long stops its VMs itself"},
      {"outofbandmanagement.ipmitool.path", config.ipmitool_path, usual.ipmitool_path,
       "the program"},
      {"outofbandmanagement.ipmitool.interface", config.ipmitool_interface,
       usual.ipmitool_interface, "IPMI interface"},
      {"outofbandmanagement.ipmitool.retries", std::to_string(config.ipmitool_retries),
       std::to_string(usual.ipmitool_retries), "tries of one packet"},
      {"redfish.ignore.ssl", word(config.redfish_ignore_ssl), word(usual.redfish_ignore_ssl),
       "do not check certificates of BMCs"},
      {"redfish.use.https", word(config.redfish_use_https), word(usual.redfish_use_https),
       "false: plain HTTP to BMCs"},
  };
}

Result<std::unique_ptr<api::ApiServer>> Manager::Rooms::serve_api(const Endpoint& endpoint,
                                                                  bool tls) {
  api::ApiServerConfig set;
  set.address = endpoint.address;
  set.port = endpoint.port;
  set.connections_per_address = config.api_connections_per_address;
  // Beside the first API port there is.
  if (!tls || config.api.address.empty()) {
    set.integration = config.integration_port != 0;
    set.integration_port = config.integration_port;
  }
  if (tls) {
    auto material = std::make_shared<runtime::TlsMaterial>(*authority->server_tls());
    material->ca_pem.clear();  // people sign their requests, they bring no certificate
    set.tls = std::move(material);
  }
  return api::ApiServer::start(
      *services, [this](const User& user) { return box->open_user_secret(user); }, set);
}

Status Manager::Rooms::listen() {
  AgentLink::Options agents;
  agents.address = config.agents.address;
  agents.port = config.agents.port;
  agents.manager_name = own_host_name();
  agents.managers = manager_urls(config);
  agents.connections_per_address = config.agents_connections_per_address;
  agents.power = desk.get();
  auto started =
      AgentLink::start(loop, std::move(agents), *engine, *inventory, *registry, *authority);
  if (!started) return fail(started.error().context("agents.listen"));
  link = std::move(*started);
  if (!config.api.address.empty()) {
    MOLD_TRY(api, serve_api(config.api, false));
  }
  if (!config.api_tls.address.empty()) {
    auto served = serve_api(config.api_tls, true);
    const bool needed = !config.api_tls_optional || config.api.address.empty();
    if (!served && (needed || served.error().kind != ErrorKind::kConflict)) {
      return fail(served.error().context("api.tls.listen"));
    }
    if (served) {
      api_tls = std::move(*served);
    } else {
      runtime::log_warning("api.tls.listen: no HTTPS: " + served.error().text());
    }
  }
  return {};
}

void Manager::Rooms::wire() {
  Executors executors;
  executors.open_session = [this](const core::OpenSession& open) { link->open_session(open); };
  executors.refuse_session = [this](const core::RefuseSession& refusal) {
    link->refuse_session(refusal);
  };
  executors.send_order = [this](const core::Order& order) { link->send_order(order); };
  executors.request_isolation = [this](const core::RequestIsolation& wanted) {
    storage->isolation().request(wanted);
  };
  executors.request_power = [this](const core::RequestPower& wanted) { power->request(wanted); };
  engine->set_executors(std::move(executors));
  engine->set_job_renderer([this](const JobRecord& job, const core::Job& end) {
    return api::render_job(*services, job, end);
  });
  Chronicle::Namer namer;
  namer.host_uuid = [this](HostId id) {
    const HostRecord* const host = inventory->hosts().find(id);
    return host == nullptr ? std::string{} : host->uuid;
  };
  namer.host_name = [this](HostId id) {
    const HostRecord* const host = inventory->hosts().find(id);
    return host == nullptr ? std::to_string(id.value) : host->name;
  };
  namer.vm_uuid = [this](VmId id) {
    const VmRecord* const vm = inventory->vms().find(id);
    return vm == nullptr ? std::string{} : vm->uuid;
  };
  engine->chronicle().set_namer(std::move(namer));
}

void Manager::Rooms::refresh_certificate() {
  const auto renewed = authority->refresh_server();
  if (!renewed) {
    runtime::log_error("server certificate: " + renewed.error().text());
    return;
  }
  if (!*renewed || !link) return;
  if (const Status set = link->set_tls(authority->server_tls()); !set)
    runtime::log_error("server certificate: " + set.error().text());
  if (!api_tls) return;
  auto material = std::make_shared<runtime::TlsMaterial>(*authority->server_tls());
  material->ca_pem.clear();
  if (const Status set = api_tls->set_tls(std::move(material)); !set)
    runtime::log_error("server certificate: " + set.error().text());
}

Result<std::unique_ptr<Manager>> Manager::start(runtime::EventLoop& loop, ManagerConfig config) {
  auto rooms = std::make_unique<Rooms>(loop);
  rooms->config = std::move(config);
  MOLD_TRY_VOID(rooms->open_state());
  MOLD_TRY_VOID(rooms->make_services());
  rooms->wire();
  MOLD_TRY_VOID(rooms->listen());
  rooms->engine->start();
  rooms->power->tell_ladders();
  rooms->drills->start();
  rooms->poll->start();
  rooms->storage->start();
  rooms->certificate_timer.start_periodic(kCertificateCheck,
                                          [raw = rooms.get()] { raw->refresh_certificate(); });
  return std::unique_ptr<Manager>(new Manager(std::move(rooms)));
}

Manager::Manager(std::unique_ptr<Rooms> rooms) : rooms_(std::move(rooms)) {}
Manager::~Manager() = default;

void Manager::stop(std::function<void()> done) {
  rooms_->api_tls.reset();
  rooms_->api.reset();
  rooms_->engine->set_executors({});  // what is decided now is asked for again after the next start
  rooms_->link.reset();
  if (rooms_->engine->idle()) {
    done();
    return;
  }
  rooms_->stop_timer.start_after(kLastCommit, done);
  rooms_->engine->when_durable([done](const Status&) { done(); });
}

void Manager::reload() {
  rooms_->refresh_certificate();
}

std::uint16_t Manager::agents_port() const {
  return rooms_->link->port();
}
std::uint16_t Manager::api_port() const {
  return rooms_->api ? rooms_->api->port() : 0;
}

}  // namespace mold::manager
