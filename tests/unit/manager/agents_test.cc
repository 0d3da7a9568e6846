// The agents' door over real TLS: who gets in, what a session is, and where orders wait.
#include "lib/runtime/files.h"
#include "lib/runtime/http_client.h"
#include "lib/wire/codec.h"
#include "lib/wire/enrol_token.h"
#include "manager/agents/agent_link.h"
#include "manager/pki/x509.h"
#include "tests/unit/manager/fixture.h"

namespace mold::manager::test {
namespace {

using runtime::TlsMaterial;

constexpr const char* kBootId = "0b3c5a58-7d0c-4a55-9a50-aa9e1f1d2c3b";

struct Answer {
  int status = 0;
  std::string body;
};

class AgentsTest : public testing::Test {
 protected:
  void SetUp() override {
    w.make_ground();
    SetUpAgain();
  }
  void SetUpAgain() {
    AgentLink::Options options;
    options.address = "127.0.0.1";
    options.port = 0;
    options.manager_name = "m1";
    options.poll_wait = 300ms;
    options.power = &desk;
    auto started =
        AgentLink::start(*w.loop, options, *w.engine, *w.inventory, *w.registry, *w.authority);
    ASSERT_TRUE(started) << started.error().text();
    link = std::move(*started);
    Executors executors;
    executors.open_session = [this](const core::OpenSession& a) { link->open_session(a); };
    executors.refuse_session = [this](const core::RefuseSession& a) { link->refuse_session(a); };
    executors.send_order = [this](const core::Order& a) { link->send_order(a); };
    w.engine->set_executors(std::move(executors));
    w.engine->start();
    client = std::make_unique<runtime::HttpClient>(*w.loop);
  }
  void TearDown() override {
    client.reset();
    link.reset();
  }

  // Sends without waiting; the answer appears in the shared value.
  std::shared_ptr<std::optional<Answer>> send(const std::string& method, const std::string& path,
                                              const std::string& body,
                                              std::shared_ptr<const TlsMaterial> who) {
    auto answer = std::make_shared<std::optional<Answer>>();
    runtime::HttpRequest request;
    request.method = method;
    request.url = "https://127.0.0.1:" + std::to_string(link->port()) + path;
    request.body = body;
    request.tls.material = std::move(who);
    handles.push_back(client->send(std::move(request), [answer](const auto& result) {
      *answer = result ? Answer{result->status, result->body} : Answer{-1, result.error().text()};
    }));
    return answer;
  }
  Answer wait(const std::shared_ptr<std::optional<Answer>>& answer) {
    EXPECT_TRUE(w.loop->run_until([&] { return answer->has_value(); }, 10s));
    return answer->value_or(Answer{});
  }
  Answer call(const std::string& method, std::string_view path, const std::string& body,
              std::shared_ptr<const TlsMaterial> who) {
    return wait(send(method, std::string(path), body, std::move(who)));
  }
  std::shared_ptr<const TlsMaterial> nobody() const {
    return std::make_shared<TlsMaterial>(TlsMaterial{w.authority->ca_pem(), "", {}});
  }

  Answer enrol(const Secret& token, const Secret& key) {
    wire::EnrolRequest request;
    request.token = token;
    request.csr_pem = *x509::make_request(key, "host:i-would-like-to-be-somebody-else");
    request.hostname = "node";
    return call("POST", wire::kEnrolPath, wire::encode(request), nobody());
  }
  std::shared_ptr<const TlsMaterial> enrolled(HostId host) {
    const Secret key = *x509::make_key();
    const Answer answer = enrol(*w.registry->make_enrol_token(host), key);
    EXPECT_EQ(answer.status, 200) << answer.body;
    const auto message = wire::decode_enrol_answer(answer.body);
    EXPECT_TRUE(message);
    return std::make_shared<TlsMaterial>(
        TlsMaterial{message->ca_pem, message->certificate_pem, key});
  }
  std::string uuid_of(HostId host) const { return w.inventory->hosts().find(host)->uuid; }
  std::string hello_body(HostId host) const {
    wire::HelloRequest hello;
    hello.host_uuid = uuid_of(host);
    hello.boot_id = kBootId;
    hello.agent_version = "0.1";
    hello.hostname = "node";
    hello.capacity = {8, 2000, 8ULL << 30};
    hello.facts = {{"kernel", "6.1"}};
    if (const auto known = w.engine->state().hosts.find(host);
        known != w.engine->state().hosts.end())
      hello.epoch = known->second.epoch;
    return wire::encode(hello);
  }
  Epoch say_hello(HostId host, const std::shared_ptr<const TlsMaterial>& who) {
    const Answer answer = call("POST", wire::kHelloPath, hello_body(host), who);
    EXPECT_EQ(answer.status, 200) << answer.body;
    const auto message = wire::decode_hello_answer(answer.body);
    EXPECT_TRUE(message) << message.error().text();
    return message ? message->epoch : Epoch{};
  }
  std::string beat_body(Epoch epoch) const {
    wire::BeatRequest beat;
    beat.epoch = epoch;
    beat.seq = ++w.told;
    return wire::encode(beat);
  }
  std::vector<wire::Order> poll(Epoch epoch, const std::shared_ptr<const TlsMaterial>& who) {
    const Answer answer = call("GET", orders_path(epoch), "", who);
    EXPECT_EQ(answer.status, 200) << answer.body;
    const auto message = wire::decode_orders_answer(answer.body);
    EXPECT_TRUE(message) << message.error().text();
    return message ? message->orders : std::vector<wire::Order>{};
  }
  std::string orders_path(Epoch epoch) const {
    return std::string(wire::kOrdersPath) + "?epoch=" + std::to_string(epoch.value);
  }
  core::Order kill_order(HostId host, Epoch epoch) const {
    core::Order order;
    order.kind = core::OrderKind::kKillVm;
    order.host = host;
    order.epoch = epoch;
    order.vm = VmId{5};
    order.generation = Generation{2};
    order.spec.uuid = "11111111-1111-4111-8111-111111111111";
    return order;
  }

  std::string power_path(Epoch epoch) const {
    return std::string(wire::kPowerPath) + "?epoch=" + std::to_string(epoch.value);
  }
  // An off by that host, once its answer is there.
  std::shared_ptr<std::optional<port::PowerResult>> ask_off(HostId host, Duration deadline) {
    auto result = std::make_shared<std::optional<port::PowerResult>>();
    port::PowerTarget target;
    target.address = "10.0.0.9";
    target.password = Secret("canary");
    desk.request(host, OpId{77}, target, core::PowerVerb::kOff, deadline,
                 [result](port::PowerResult r) { *result = std::move(r); });
    return result;
  }
  port::PowerResult result_of(const std::shared_ptr<std::optional<port::PowerResult>>& result) {
    EXPECT_TRUE(w.loop->run_until([&] { return result->has_value(); }, 30s));
    return result->value_or(port::PowerResult{});
  }

  World w;
  PowerDesk desk{*w.loop, [this](ClusterId) {
                   std::vector<HostId> up;
                   for (const auto& [id, host] : w.engine->state().hosts) {
                     if (host.link_up) up.push_back(id);
                   }
                   return up;
                 }};
  std::unique_ptr<AgentLink> link;
  std::unique_ptr<runtime::HttpClient> client;
  std::vector<runtime::HttpHandle> handles;
};

TEST_F(AgentsTest, EnrolmentGivesACertificateOfThatHostOnce) {
  const HostId host = w.add_host("h1");
  const auto token = w.registry->make_enrol_token(host);
  ASSERT_TRUE(token);
  EXPECT_EQ(wire::parse_token(*token)->host_uuid, uuid_of(host));
  const Secret key = *x509::make_key();
  const Answer first = enrol(*token, key);
  ASSERT_EQ(first.status, 200) << first.body;
  const auto message = wire::decode_enrol_answer(first.body);
  const auto info = runtime::read_certificate(message->certificate_pem);
  EXPECT_EQ(info->common_name, "host:" + uuid_of(host)) << "the name is ours to give";
  const Answer second = enrol(*token, key);
  EXPECT_EQ(second.status, 403);
  EXPECT_EQ(wire::decode_error_answer(second.body)->error, wire::kErrorToken);
}

TEST_F(AgentsTest, ABadRequestDoesNotUseUpTheToken) {
  const HostId host = w.add_host("h1");
  const auto token = w.registry->make_enrol_token(host);
  wire::EnrolRequest request;
  request.token = *token;
  request.csr_pem = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----";
  request.hostname = "node";
  EXPECT_EQ(call("POST", wire::kEnrolPath, wire::encode(request), nobody()).status, 400);
  EXPECT_EQ(call("POST", wire::kEnrolPath, "{", nobody()).status, 400);
  EXPECT_EQ(enrol(*token, *x509::make_key()).status, 200);
}

TEST_F(AgentsTest, ANewTokenEndsTheOldOneAndSurvivesARestart) {
  const HostId host = w.add_host("h1");
  const auto old = w.registry->make_enrol_token(host);
  const auto token = w.registry->make_enrol_token(host);
  EXPECT_EQ(enrol(*old, *x509::make_key()).status, 403);
  ASSERT_TRUE(w.settle());
  TearDown();
  w.restart();
  SetUpAgain();
  EXPECT_EQ(enrol(*token, *x509::make_key()).status, 200);
}

TEST_F(AgentsTest, OnlyOurCertificatesOfLiveHostsGetIn) {
  const HostId host = w.add_host("h1");
  const auto who = enrolled(host);
  EXPECT_EQ(call("POST", wire::kHelloPath, hello_body(host), nobody()).status, 403);
  // A foreign authority with the same names.
  const Secret foreign_ca_key = *x509::make_key();
  x509::Subject subject;
  subject.serial = x509::make_serial();
  subject.common_name = "Mold HA CA";
  subject.not_before = WallTime{w.loop->wall().ms - 3'600'000};
  subject.not_after = WallTime{w.loop->wall().ms + 3'600'000};
  const std::string foreign_ca = *x509::make_ca(foreign_ca_key, subject);
  const Secret foreign_key = *x509::make_key();
  subject.serial = x509::make_serial();
  subject.common_name = "host:" + uuid_of(host);
  const auto foreign_cert = x509::certify_key({foreign_ca, foreign_ca_key}, foreign_key, subject);
  ASSERT_TRUE(foreign_cert) << foreign_cert.error().text();
  const auto foreign =
      std::make_shared<TlsMaterial>(TlsMaterial{w.authority->ca_pem(), *foreign_cert, foreign_key});
  const Answer refused = call("POST", wire::kHelloPath, hello_body(host), foreign);
  EXPECT_EQ(refused.status, 403) << refused.body;
  // Another host's name in the body.
  const HostId other = w.add_host("h2");
  EXPECT_EQ(call("POST", wire::kHelloPath, hello_body(other), who).status, 403);
  EXPECT_EQ(call("POST", wire::kHelloPath, hello_body(host), who).status, 200);
  // Revoked, then removed.
  ASSERT_TRUE(w.registry->revoke(host));
  EXPECT_EQ(call("POST", wire::kHelloPath, hello_body(host), who).status, 403);
  ASSERT_TRUE(w.inventory->remove(host));
  const Answer removed = call("POST", wire::kHelloPath, hello_body(host), who);
  EXPECT_EQ(removed.status, 403);
  EXPECT_NE(removed.body.find("removed"), std::string::npos);
  EXPECT_GE(w.registry->refused_total(), 4U);
}

TEST_F(AgentsTest, ASecondEnrolmentEndsTheEarlierCertificate) {
  const HostId host = w.add_host("h1");
  const HostId other = w.add_host("h2");
  const auto neighbour = enrolled(other);
  const auto old = enrolled(host);
  const Epoch epoch = say_hello(host, old);
  const auto parked = send("GET", orders_path(epoch), "", old);
  w.turn_for(50ms);
  const auto fresh = enrolled(host);
  EXPECT_EQ(wait(parked).status, 403);
  const Answer refused = call("POST", wire::kBeatPath, beat_body(epoch), old);
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.body.find("revoked"), std::string::npos) << refused.body;
  EXPECT_EQ(call("POST", wire::kBeatPath, beat_body(epoch), fresh).status, 200);
  EXPECT_EQ(call("POST", wire::kHelloPath, hello_body(other), neighbour).status, 200);
  ASSERT_TRUE(w.settle());
  TearDown();
  w.restart();
  SetUpAgain();
  EXPECT_EQ(call("POST", wire::kHelloPath, hello_body(host), old).status, 403);
  EXPECT_EQ(call("POST", wire::kHelloPath, hello_body(host), fresh).status, 200);
}

TEST_F(AgentsTest, StrangersCannotSendMuch) {
  const HostId host = w.add_host("h1");
  const auto who = enrolled(host);
  const std::string body(100'000, 'x');
  EXPECT_EQ(call("POST", wire::kEnrolPath, body, nobody()).status, 413);
  EXPECT_EQ(call("POST", wire::kHelloPath, body, who).status, 400) << "known: read, then refused";
}

TEST_F(AgentsTest, ReadingsOfOtherClustersSayNothing) {
  const HostId host = w.add_host("h1");
  const auto pod = w.inventory->clusters().find(w.cluster)->pod;
  const ClusterId elsewhere = w.inventory->create(Cluster{.pod = pod, .name = "c2"})->id;
  const auto foreign_host = w.inventory->create(HostRecord{.cluster = elsewhere, .name = "far"});
  const auto pool =
      w.inventory->create(PoolRecord{.cluster = w.cluster, .name = "p", .path = "/p"});
  const auto foreign_pool =
      w.inventory->create(PoolRecord{.cluster = elsewhere, .name = "p", .path = "/p"});
  const auto who = enrolled(host);
  wire::BeatRequest beat;
  beat.epoch = say_hello(host, who);
  const auto tell = [&](const std::string& pool_uuid, const std::string& subject) {
    beat.seq = ++w.told;
    beat.readings.assign(1, {});
    beat.readings[0].pool_uuid = pool_uuid;
    beat.readings[0].subject_uuid = subject;
    beat.readings[0].readable = true;
    EXPECT_EQ(call("POST", wire::kBeatPath, wire::encode(beat), who).status, 200);
    return w.registry->view(host).foreign_readings;
  };
  EXPECT_EQ(tell(pool->uuid, uuid_of(host)), 0U);
  EXPECT_EQ(tell(foreign_pool->uuid, uuid_of(host)), 1U);
  EXPECT_EQ(tell(pool->uuid, foreign_host->uuid), 2U);
  EXPECT_EQ(tell(foreign_pool->uuid, foreign_host->uuid), 3U);
}

// What a host wrote in an earlier boot, and what it is writing in its next one.
TEST_F(AgentsTest, ALeaseOfAnotherBootCountsOnlyWhileItMoves) {
  const HostId observer = w.add_host("h1");
  const HostId subject = w.add_host("h2");
  const auto pool =
      w.inventory->create(PoolRecord{.cluster = w.cluster, .name = "p", .path = "/p"});
  const auto who = enrolled(observer);
  say_hello(subject, enrolled(subject));
  wire::BeatRequest beat;
  beat.epoch = say_hello(observer, who);
  const auto seen = [&](const std::string& boot, std::uint64_t unchanged_ms) {
    beat.seq = ++w.told;
    wire::Reading reading;
    reading.pool_uuid = pool->uuid;
    reading.subject_uuid = uuid_of(subject);
    reading.boot_id = boot;
    reading.readable = true;
    reading.unchanged_ms = unchanged_ms;
    beat.readings = {reading};
    EXPECT_EQ(call("POST", wire::kBeatPath, wire::encode(beat), who).status, 200);
    const core::Brain& brain = w.engine->brain();
    return brain.lease_book().judge_pool(brain.policy(), pool->id, subject, w.loop->now()).liveness;
  };
  const std::string other = "99999999-9999-4999-8999-999999999999";
  EXPECT_EQ(seen(kBootId, 60'000), core::Liveness::kSilent);
  EXPECT_EQ(seen(other, 60'000), core::Liveness::kUnknown) << "left behind";
  EXPECT_EQ(seen(other, 100), core::Liveness::kAlive) << "it has booted";
}

TEST_F(AgentsTest, RenewalTakesACertificateInForce) {
  const HostId host = w.add_host("h1");
  const auto who = enrolled(host);
  const Secret key = *x509::make_key();
  wire::EnrolRequest request;
  request.token = Secret("renew");
  request.csr_pem = *x509::make_request(key, "x");
  request.hostname = "node";
  const Answer answer = call("POST", wire::kRenewPath, wire::encode(request), who);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto message = wire::decode_enrol_answer(answer.body);
  const auto renewed =
      std::make_shared<TlsMaterial>(TlsMaterial{message->ca_pem, message->certificate_pem, key});
  EXPECT_EQ(call("POST", wire::kHelloPath, hello_body(host), renewed).status, 200);
  EXPECT_EQ(call("POST", wire::kRenewPath, wire::encode(request), nobody()).status, 403);
}

TEST_F(AgentsTest, HelloOpensASessionAndBeatsNeedItsEpoch) {
  const HostId host = w.add_host("h1");
  const auto who = enrolled(host);
  const Epoch first = say_hello(host, who);
  const Answer answer = call("POST", wire::kBeatPath, beat_body(first), who);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(wire::decode_beat_answer(answer.body)->pools) << "it named no version we have";
  EXPECT_TRUE(w.registry->view(host).connected);
  const Epoch second = say_hello(host, who);
  EXPECT_GT(second, first);
  const Answer stale = call("POST", wire::kBeatPath, beat_body(first), who);
  EXPECT_EQ(stale.status, 409);
  EXPECT_EQ(wire::decode_error_answer(stale.body)->error, wire::kErrorSession);
  wire::ReportRequest report;
  report.epoch = first;
  EXPECT_EQ(call("POST", wire::kReportPath, wire::encode(report), who).status, 409);
  wire::ResultsRequest results;
  results.epoch = first;
  EXPECT_EQ(call("POST", wire::kResultsPath, wire::encode(results), who).status, 409);
  report.epoch = second;
  EXPECT_EQ(call("POST", wire::kReportPath, wire::encode(report), who).status, 200);
  EXPECT_EQ(w.inventory->hosts().find(host)->agent_version, "0.1");
  EXPECT_NE(w.inventory->hosts().find(host)->facts_json.find("6.1"), std::string::npos);
}

TEST_F(AgentsTest, BrokenMessagesChangeNothing) {
  const HostId host = w.add_host("h1");
  const auto who = enrolled(host);
  const Epoch epoch = say_hello(host, who);
  for (const std::string body : {"", "{", "[]", "{\"epoch\":\"x\"}", "\xff\xfe", "null"}) {
    for (const auto path :
         {wire::kHelloPath, wire::kBeatPath, wire::kReportPath, wire::kResultsPath}) {
      EXPECT_EQ(call("POST", path, body, who).status, 400) << path << " " << body;
    }
  }
  EXPECT_EQ(call("GET", "/v1/orders?epoch=abc", "", who).status, 400);
  EXPECT_EQ(call("GET", "/v1/orders", "", who).status, 400);
  EXPECT_EQ(call("GET", "/v1/nothing", "", who).status, 404);
  EXPECT_EQ(call("POST", wire::kHelloPath, std::string(5 * 1024 * 1024, 'x'), who).status, 413);
  EXPECT_EQ(w.engine->state().hosts.at(host).epoch, epoch) << "nothing else happened";
}

TEST_F(AgentsTest, AParkedPollIsWokenByAnOrder) {
  const HostId host = w.add_host("h1");
  const auto who = enrolled(host);
  const Epoch epoch = say_hello(host, who);
  const auto parked = send("GET", orders_path(epoch), "", who);
  w.turn_for(100ms);
  EXPECT_FALSE(parked->has_value());
  link->send_order(kill_order(host, epoch));
  const Answer answer = wait(parked);
  ASSERT_EQ(answer.status, 200);
  const auto orders = wire::decode_orders_answer(answer.body);
  ASSERT_TRUE(orders) << orders.error().text();
  ASSERT_EQ(orders->orders.size(), 1U);
  EXPECT_EQ(orders->orders[0].vm, VmId{5});
  // Nobody answers it: it was handed out, the next poll finds nothing and ends by itself.
  EXPECT_TRUE(poll(epoch, who).empty());
}

TEST_F(AgentsTest, AnOrderStaysUntilItsResultAndIsHandedOutAgainWhenSentAgain) {
  const HostId host = w.add_host("h1");
  const auto who = enrolled(host);
  core::Pool pool;
  pool.id = w.inventory->create(PoolRecord{.cluster = w.cluster, .name = "p", .path = "/p"})->id;
  pool.cluster = w.cluster;
  pool.path = "/p";
  w.engine->submit(core::PoolAdded{pool});
  const Epoch epoch = say_hello(host, who);
  for (int i = 0; i < w.policy.probation_beats; ++i)
    ASSERT_EQ(call("POST", wire::kBeatPath, beat_body(epoch), who).status, 200);
  core::VmDeployed deployed;
  deployed.vm.id = VmId{1};
  deployed.vm.cluster = w.cluster;
  deployed.vm.spec.name = "i-1-1-VM";
  deployed.vm.spec.uuid = "11111111-1111-4111-8111-111111111111";
  deployed.vm.spec.memory_bytes = 1 << 20;
  deployed.vm.spec.disks.push_back({.pool = pool.id, .path = "/p/d", .template_path = "/p/t"});
  deployed.start = false;
  w.engine->submit(deployed);
  ASSERT_TRUE(w.settle());
  const auto first = poll(epoch, who);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].disks.at(0).pool_uuid, w.inventory->pools().find(pool.id)->uuid);
  core::Order again;  // as the brain sends it when no answer comes
  again.kind = first[0].kind;
  again.op = first[0].op;
  again.host = host;
  again.epoch = epoch;
  again.vm = VmId{1};
  again.spec = deployed.vm.spec;
  again.generation = first[0].generation;
  link->send_order(again);
  const auto second = poll(epoch, who);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].op, again.op);
  wire::ResultsRequest results;
  results.epoch = epoch;
  core::OrderResult result;
  result.op = again.op;
  result.vm = VmId{1};
  result.generation = again.generation;
  result.outcome = core::Outcome::kConfirmed;
  results.results.push_back(result);
  ASSERT_EQ(call("POST", wire::kResultsPath, wire::encode(results), who).status, 200);
  EXPECT_EQ(w.engine->state().vms.at(VmId{1}).state, core::VmState::kStopped);
  link->send_order(again);  // the brain does not wait for it any more
  const auto third = poll(epoch, who);
  EXPECT_TRUE(third.empty());
}

TEST_F(AgentsTest, ANewSessionDropsTheOldPollAndItsOrders) {
  const HostId host = w.add_host("h1");
  const auto who = enrolled(host);
  const Epoch first = say_hello(host, who);
  const auto parked = send("GET", orders_path(first), "", who);
  w.turn_for(50ms);
  const Epoch second = say_hello(host, who);
  EXPECT_EQ(wait(parked).status, 409);
  EXPECT_EQ(call("GET", orders_path(first), "", who).status, 409);
  link->send_order(kill_order(host, first));
  EXPECT_TRUE(poll(second, who).empty());
}

TEST_F(AgentsTest, AnAgentCarriesOutAPowerRequest) {
  const HostId host = w.add_host("h1");
  const auto who = enrolled(host);
  const Epoch epoch = say_hello(host, who);
  EXPECT_FALSE(desk.available(host)) << "it never polled";
  const auto parked = send("GET", power_path(epoch), "", who);
  ASSERT_TRUE(w.loop->run_until([&] { return desk.available(host); }, 10s));
  EXPECT_EQ(desk.candidates(w.engine->state().hosts.at(host).cluster), std::vector<HostId>{host});
  const auto result = ask_off(host, 20s);
  const auto orders = wire::decode_power_orders(wait(parked).body).value();
  ASSERT_EQ(orders.orders.size(), 1U);
  EXPECT_EQ(orders.orders[0].op, OpId{77});
  EXPECT_TRUE(orders.orders[0].target.password == Secret("canary"));
  EXPECT_EQ(call("GET", power_path(epoch), "", who).status, 200);
  const auto again = wire::decode_power_orders(call("GET", power_path(epoch), "", who).body);
  EXPECT_TRUE(again->orders.empty()) << "handed out once";
  wire::PowerReport report;
  report.epoch = epoch;
  report.outcomes.push_back({orders.orders[0].ticket, core::Outcome::kConfirmed,
                             core::PowerState::kOff, ErrorKind::kInternal, "read back", "", "",
                             ""});
  EXPECT_EQ(call("POST", wire::kPowerPath, wire::encode(report), who).status, 200);
  EXPECT_EQ(result_of(result).outcome, core::Outcome::kConfirmed);
  EXPECT_EQ(result_of(result).state, core::PowerState::kOff);
}

TEST_F(AgentsTest, APowerRequestThatWasHandedOutAndNotAnsweredIsUnknown) {
  const HostId host = w.add_host("h1");
  const auto who = enrolled(host);
  Epoch epoch = say_hello(host, who);
  const auto parked = send("GET", power_path(epoch), "", who);
  ASSERT_TRUE(w.loop->run_until([&] { return desk.available(host); }, 10s));
  const auto lost = ask_off(host, 1s);
  EXPECT_EQ(wait(parked).status, 200);
  epoch = say_hello(host, who);  // another session
  EXPECT_EQ(result_of(lost).outcome, core::Outcome::kUnknown);
  const auto nobody_there = ask_off(host, 20s);
  EXPECT_EQ(result_of(nobody_there).outcome, core::Outcome::kFailed);
  EXPECT_EQ(result_of(nobody_there).error, ErrorKind::kUnavailable);
}

TEST_F(AgentsTest, AFencedNodeIsToldToTheBrainByItsName) {
  const HostId host = w.add_host("h1");
  const HostId dead = w.add_host("node2.example.org");
  const auto who = enrolled(host);
  const Epoch epoch = say_hello(host, who);
  wire::PowerReport report;
  report.epoch = epoch;
  report.fenced.push_back(
      {"NODE2", "pacemaker", "off by h1", static_cast<std::uint64_t>(w.loop->now().ms)});
  const auto of_another_clock = static_cast<std::uint64_t>(w.loop->now().ms + 3'600'000);
  report.fenced.push_back({"h1", "pacemaker", "off by h3", of_another_clock});
  report.fenced.push_back({"nobody-here", "pacemaker", "off by h1", 1});
  EXPECT_EQ(call("POST", wire::kPowerPath, wire::encode(report), who).status, 200);
  EXPECT_TRUE(w.engine->state().hosts.at(dead).claim.has_value());
  EXPECT_FALSE(w.engine->state().hosts.at(host).claim.has_value());
  report.epoch = Epoch{epoch.value + 1};
  EXPECT_EQ(call("POST", wire::kPowerPath, wire::encode(report), who).status, 409);
}

TEST_F(AgentsTest, NoHelloIsAnsweredWhileTheStoreCannotWrite) {
  const HostId host = w.add_host("h1");
  const auto who = enrolled(host);
  ASSERT_TRUE(w.settle());
  w.store->set_fault([]() -> Status { return fail(ErrorKind::kBusy, "disk is full"); });
  const auto hello = send("POST", std::string(wire::kHelloPath), hello_body(host), who);
  w.turn_for(300ms);
  EXPECT_FALSE(hello->has_value());
  w.store->set_fault({});
  EXPECT_EQ(wait(hello).status, 200);
}

}  // namespace
}  // namespace mold::manager::test
