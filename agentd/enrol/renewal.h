#pragma once
// Keeps the certificate of this host from running out: looks at start and daily, and once less than
// a third of its life is left asks a manager for a new one, with a fresh key, over the identity
// that is in force. Stores key and certificate so that there is a usable identity at any moment,
// then says so. A failure changes nothing and is tried again. Loop thread only; files and keys on
// the lane.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agentd/enrol/identity.h"
#include "agentd/link/manager_call.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/http_client.h"
#include "lib/runtime/worker_lane.h"

namespace mold::agentd {

// Less than a third of it is left (or nothing).
bool renewal_due(const runtime::CertificateInfo& certificate, WallTime now);

class Renewal {
 public:
  struct Options {
    std::string state_dir;
    std::string host_uuid;
    std::string hostname;
    Duration period{24 * 60 * 60 * 1000};
    Duration retry{60'000};
  };
  struct Hooks {
    // The identity in force, and whom to ask.
    std::function<std::shared_ptr<const runtime::TlsMaterial>()> tls;
    std::function<std::vector<std::string>()> managers;
    std::function<void()> on_renewed;  // the files hold a new one
  };

  Renewal(runtime::EventLoop& loop, runtime::WorkerLane& lane);
  ~Renewal();
  Renewal(const Renewal&) = delete;
  Renewal& operator=(const Renewal&) = delete;

  void start(Options options, Hooks hooks);

 private:
  void check();
  void check_later();
  void ask(KeyAndRequest made);
  void answered(const Result<runtime::HttpResponse>& response);
  void store(const std::string& certificate_pem);
  void try_later(const std::string& why);

  runtime::EventLoop& loop_;
  runtime::WorkerLane& lane_;
  Options options_;
  Hooks hooks_;
  runtime::HttpClient client_;
  runtime::HttpHandle call_;
  runtime::Timer timer_;
  Secret key_pem_;  // of the request under way
  Peer peer_;
  std::string trouble_;
  std::shared_ptr<bool> alive_;
};

}  // namespace mold::agentd
