// A manager of the real rooms (store, engine, inventory, authority, registry, power, API) on
// loopback, with a power driver that always obeys and no agents' door:
//
//   api-test-manager STATE_DIR API_PORT INTEGRATION_PORT
//
// The API key is "test-key", its secret "test-secret". Ends on SIGTERM; is meant to be killed.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "lib/base/text.h"
#include "lib/runtime/files.h"
#include "manager/agents/registry.h"
#include "manager/api/jobs.h"
#include "manager/api/server.h"
#include "manager/engine/engine.h"
#include "manager/inventory/secret_box.h"
#include "manager/power/power_service.h"
#include "manager/storage/storage_service.h"
#include "tests/fakes/ceph/fake_ceph.h"

namespace mold::manager {
namespace {

// Reads back what was asked for.
class ObedientPower final : public port::PowerControl {
 public:
  explicit ObedientPower(runtime::EventLoop& loop) : loop_(loop) {}
  void request(const port::PowerTarget& target, core::PowerVerb verb, Duration,
               Done done) override {
    port::PowerResult result;
    result.outcome = target.password.reveal().starts_with("wrong") ? core::Outcome::kFailed
                                                                   : core::Outcome::kConfirmed;
    if (result.outcome == core::Outcome::kConfirmed) {
      result.state = verb == core::PowerVerb::kOff ? core::PowerState::kOff : core::PowerState::kOn;
      result.text = "test driver: done";
    } else {
      result.error = ErrorKind::kDenied;
      result.text = "test driver: wrong password";
    }
    loop_.post([done = std::move(done), result] { done(result); });
  }
  Status check(const port::PowerTarget&) const override { return {}; }
  void identify(const port::PowerTarget&, Duration,
                std::function<void(port::IdentityResult)> done) override {
    loop_.post([done = std::move(done)] {
      done({.outcome = core::Outcome::kConfirmed, .identity = {}, .text = "test driver: silent"});
    });
  }
  void change_password(const port::PowerTarget& target, const Secret&, Duration,
                       Done done) override {
    port::PowerResult result;
    const bool wrong = target.password.reveal().starts_with("wrong");
    result.outcome = wrong ? core::Outcome::kFailed : core::Outcome::kConfirmed;
    if (wrong) result.error = ErrorKind::kDenied;
    result.text = wrong ? "test driver: wrong password" : "test driver: changed";
    loop_.post([done = std::move(done), result] { done(result); });
  }

 private:
  runtime::EventLoop& loop_;
};

// The first start makes the account and user of the tests.
Status make_test_user(Inventory& inventory, const SecretBox& box) {
  if (inventory.accounts().size() != 0) return {};
  Account account;
  account.name = "admin";
  account.domain_uuid = runtime::new_uuid();
  MOLD_TRY(const Account made, inventory.create(account));
  User user;
  user.account = made.id;
  user.uuid = runtime::new_uuid();
  user.name = "admin";
  user.api_key = "test-key";
  MOLD_TRY(user.sealed_secret, box.seal_user_secret(user.uuid, Secret("test-secret")));
  MOLD_TRY_VOID(inventory.create(user));
  return {};
}

struct Arguments {
  std::string state_dir;
  std::uint16_t api_port = 0;
  std::uint16_t integration_port = 0;
};

// Parts in the order of their lives.
struct Manager {
  std::unique_ptr<runtime::EventLoop> loop;
  std::unique_ptr<Store> store;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Inventory> inventory;
  std::unique_ptr<Authority> authority;
  std::unique_ptr<SecretBox> box;
  std::unique_ptr<AgentRegistry> agents;
  std::unique_ptr<ObedientPower> driver;
  std::unique_ptr<PowerService> power;
  std::unique_ptr<DrillService> drills;
  std::unique_ptr<PowerPoll> poll;
  std::unique_ptr<fakes::FakeCeph> ceph;
  std::unique_ptr<StorageService> storage;
  std::unique_ptr<api::ApiServer> api;
};

api::Services services_of(Manager& m) {
  api::ApiSettings settings;
  settings.version = "test";
  settings.manager_uuid = "00000000-0000-4000-8000-000000000001";
  settings.manager_name = "test-manager";
  settings.started = m.loop->wall();
  return {*m.loop,   *m.engine, *m.inventory, *m.agents, *m.power,
          *m.drills, *m.poll,   *m.storage,   settings};
}

// A Ceph cluster with the pools "vms" and "more". The user "mold" may fence, "weak" may not.
void make_ceph(Manager& m) {
  m.ceph = std::make_unique<fakes::FakeCeph>(*m.loop);
  fakes::FakeCluster& cluster = m.ceph->cluster();
  cluster.total_bytes = 1ULL << 40;
  cluster.free_bytes = 1ULL << 39;
  cluster.add_pool("vms");
  cluster.add_pool("more");
  cluster.add_user("mold", true, {"vms", "more"});
  cluster.add_user("weak", false, {"vms", "more"});
  // Keys that the tests know.
  cluster.users.at("mold").key = "a2FuYXJpLUNlcGgtTW9sZD8/Pz8/Pj4+Pj4=";
  cluster.users.at("weak").key = "a2FuYXJpLUNlcGgtV2VhazAwMDAwMDAwMDA=";
}

Status open_rooms(Manager& m, const Arguments& args) {
  MOLD_TRY(m.loop, runtime::EventLoop::create());
  MOLD_TRY(m.store, Store::open(*m.loop, {.directory = args.state_dir}));
  Restored restored = m.store->take_restored();
  InventoryData data = std::move(restored.inventory);
  auto certificates = std::move(restored.certificates);
  auto tokens = std::move(restored.tokens);
  DrillService::Options drill;
  drill.doubts = std::move(restored.doubts);
  StorageService::Options storage;
  storage.keys = std::move(restored.pool_keys);
  m.engine = std::make_unique<Engine>(*m.loop, *m.store, core::Policy{}, std::move(restored));
  const auto wall = [] { return runtime::wall_time_now(); };
  m.inventory = std::make_unique<Inventory>(*m.engine, wall, std::move(data));
  Authority::Options options;
  options.directory = args.state_dir;
  options.names = {"127.0.0.1"};
  MOLD_TRY(m.authority,
           Authority::open(options, *m.engine, wall, std::move(certificates), std::move(tokens)));
  MOLD_TRY(SecretBox box, SecretBox::open(args.state_dir));
  m.box = std::make_unique<SecretBox>(std::move(box));
  m.agents = std::make_unique<AgentRegistry>(*m.loop, *m.engine, *m.inventory, *m.authority,
                                             AgentRegistry::LeaseOptions{});
  m.driver = std::make_unique<ObedientPower>(*m.loop);
  m.power = std::make_unique<PowerService>(*m.engine, *m.inventory, *m.box, *m.driver);
  m.drills =
      std::make_unique<DrillService>(*m.loop, *m.engine, *m.inventory, *m.power, std::move(drill));
  m.power->set_veto([&m](const Feed& feed) { return m.drills->veto(feed); });
  m.poll = std::make_unique<PowerPoll>(*m.loop, *m.engine, *m.inventory, *m.power);
  make_ceph(m);
  storage.ceph = m.ceph.get();
  storage.pool_keys.look_every = 100ms;
  m.storage = std::make_unique<StorageService>(*m.loop, *m.engine, *m.inventory, *m.box,
                                               std::move(storage));
  return {};
}

Status serve(Manager& m, const Arguments& args) {
  Executors executors;
  executors.open_session = [](const core::OpenSession&) {};
  executors.refuse_session = [](const core::RefuseSession&) {};
  executors.send_order = [](const core::Order&) {};
  executors.request_power = [&m](const core::RequestPower& wanted) { m.power->request(wanted); };
  m.engine->set_executors(std::move(executors));
  m.engine->set_job_renderer([services = std::make_shared<api::Services>(services_of(m))](
                                 const JobRecord& job, const core::Job& end) {
    return api::render_job(*services, job, end);
  });
  m.engine->start();
  m.power->tell_ladders();
  m.storage->start();
  MOLD_TRY_VOID(make_test_user(*m.inventory, *m.box));
  api::ApiServerConfig config;
  config.address = "127.0.0.1";
  config.port = args.api_port;
  config.integration = true;
  config.integration_port = args.integration_port;
  MOLD_TRY(m.api, api::ApiServer::start(
                      services_of(m),
                      [&m](const User& user) { return m.box->open_user_secret(user); }, config));
  return {};
}

int run(const Arguments& args) {
  Manager m;
  Status status = open_rooms(m, args);
  if (status) status = serve(m, args);
  if (!status) {
    std::fprintf(stderr, "api-test-manager: %s\n", status.error().text().c_str());
    return 1;
  }
  if (!m.loop->on_signals([&m](int) { m.loop->stop(0); })) return 1;
  const int code = m.loop->run();
  m.api.reset();
  return code;
}

}  // namespace
}  // namespace mold::manager

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: api-test-manager STATE_DIR API_PORT INTEGRATION_PORT\n");
    return 2;
  }
  mold::manager::Arguments args;
  args.state_dir = argv[1];
  args.api_port = mold::parse_number<std::uint16_t>(argv[2]).value_or(0);
  args.integration_port = mold::parse_number<std::uint16_t>(argv[3]).value_or(0);
  return mold::manager::run(args);
}
