#pragma once
// The agents' door: HTTPS with mutual TLS, one long poll per host. Turns their messages into events
// of the brain (UUIDs into ids) and the brain's actions into answers and orders. Who speaks is told
// by the verified certificate alone; a body that breaks a rule is refused as a whole. Beats are
// answered at once, everything that promises something (session, result, report) after its commit.
// Loop thread only; lives after engine and registry.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/http_server.h"
#include "lib/wire/messages.h"
#include "manager/agents/power_desk.h"
#include "manager/agents/registry.h"
#include "manager/agents/session.h"
#include "manager/engine/engine.h"
#include "manager/inventory/inventory.h"
#include "manager/pki/authority.h"

namespace mold::manager {

class AgentLink {
 public:
  struct Options {
    std::string address = "0.0.0.0";
    std::uint16_t port = wire::kDefaultPort;
    std::string manager_name;
    std::vector<std::string> managers;  // URLs told to agents; empty: they keep what they have
    Duration poll_wait{25'000};
    unsigned connections_per_address = 0;  // 0: no limit
    PowerDesk* power = nullptr;            // none: agents are not asked to act on power
  };
  static Result<std::unique_ptr<AgentLink>> start(runtime::EventLoop& loop, Options options,
                                                  Engine& engine, Inventory& inventory,
                                                  AgentRegistry& registry, Authority& authority);
  ~AgentLink();
  AgentLink(const AgentLink&) = delete;
  AgentLink& operator=(const AgentLink&) = delete;

  // From the engine's executors.
  void open_session(const core::OpenSession& open);
  void refuse_session(const core::RefuseSession& refusal);
  void send_order(const core::Order& order);

  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  Status set_tls(std::shared_ptr<const runtime::TlsMaterial> tls) { return server_->set_tls(tls); }

 private:
  struct Hello {
    HostId host;
    runtime::AsyncReplyPtr reply;
    Epoch epoch;  // that it names
  };
  using Request = runtime::ServerRequest;
  using Reply = runtime::AsyncReplyPtr;

  AgentLink(runtime::EventLoop& loop, Options options, Engine& engine, Inventory& inventory,
            AgentRegistry& registry, Authority& authority);
  void handle(const Request& request, const Reply& reply);
  void route(HostId host, const Request& request, const Reply& reply);
  void on_enrol(const Request& request, const Reply& reply);
  void on_renew(HostId host, const Request& request, const Reply& reply);
  void on_hello(HostId host, const Request& request, const Reply& reply);
  void on_orders(HostId host, const Request& request, const Reply& reply);
  void on_results(HostId host, const Request& request, const Reply& reply);
  void on_report(HostId host, const Request& request, const Reply& reply);
  void on_beat(HostId host, const Request& request, const Reply& reply);
  void on_power_poll(HostId host, const Request& request, const Reply& reply);
  void on_power_report(HostId host, const Request& request, const Reply& reply);
  void on_fenced_node(HostId reporter, const wire::FencedNode& fenced);
  bool check_poll(HostId host, const Request& request, const Reply& reply);
  void answer_certificate(const std::string& host_uuid, std::string certificate,
                          const Reply& reply);
  void hello_committed(std::uint64_t number, const Status& status);
  void keep_facts(HostId host, const wire::HelloRequest& hello);
  void refuse_epoch(HostId host, const Reply& reply, const std::string& why);
  [[nodiscard]] bool is_current(HostId host, Epoch epoch) const;
  std::vector<core::LeaseReading> readings(HostId observer,
                                           const std::vector<wire::Reading>& readings);
  [[nodiscard]] bool is_of_its_boot(const HostRecord& subject, const wire::Reading& reading) const;
  [[nodiscard]] std::vector<core::OwnLease> own_leases(
      const std::vector<wire::OwnLease>& leases) const;
  AgentSession& session(HostId host);

  runtime::EventLoop& loop_;
  Options options_;
  Engine& engine_;
  Inventory& inventory_;
  AgentRegistry& registry_;
  Authority& authority_;
  std::map<HostId, AgentSession> sessions_;
  std::map<std::uint64_t, Hello> hellos_;  // by session number, waiting for their commit
  std::uint64_t next_session_ = 1;
  std::shared_ptr<bool> alive_;
  std::unique_ptr<runtime::HttpServer> server_;
};

}  // namespace mold::manager
