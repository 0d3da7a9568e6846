#pragma once
// A BMC's Redfish service in software, with a machine behind it: for tests in the same process, and
// for mold-redfish-fake, which serves benches and command lines. It knows what is true (power,
// power commands, open sessions), whatever its profile makes it say. Loop thread only.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/rng.h"
#include "lib/base/secret.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/http_server.h"
#include "tests/fakes/redfish/profile.h"

namespace mold::fake {

struct RedfishFakeOptions {
  RedfishProfile profile;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  bool tls = true;
  std::shared_ptr<const runtime::TlsMaterial> material;  // none: made on the spot
  std::string user = "ADMIN";
  Secret password{"contract-secret"};
  std::string state_file;  // power of the first system: "on" or "off"; read for each request
};

struct RedfishFakeCounts {
  int requests = 0;
  int commands = 0;     // resets that reached the machine, also ignored ones
  int refused = 0;      // 401
  int credentials = 0;  // requests that carried a user, a password or a token
  int logins = 0;       // sessions made
  int patches = 0;
  std::vector<std::string> types;  // ResetTypes asked for
};

class RedfishFake {
 public:
  static Result<std::unique_ptr<RedfishFake>> start(runtime::EventLoop& loop,
                                                    RedfishFakeOptions options);
  ~RedfishFake();
  RedfishFake(const RedfishFake&) = delete;
  RedfishFake& operator=(const RedfishFake&) = delete;

  [[nodiscard]] std::uint16_t port() const { return options_.port; }
  [[nodiscard]] const std::string& certificate() const { return options_.material->cert_pem; }
  // May be changed while it serves.
  RedfishProfile& profile() { return options_.profile; }
  void set_power(bool on, std::size_t system = 0);
  [[nodiscard]] bool power(std::size_t system = 0) const;
  [[nodiscard]] const RedfishFakeCounts& counts() const { return counts_; }
  [[nodiscard]] std::size_t open_sessions() const { return sessions_.size(); }
  [[nodiscard]] const Secret& password() const { return options_.password; }
  [[nodiscard]] std::string system_id(std::size_t system) const;
  [[nodiscard]] static std::string system_uuid(std::size_t system);

  // As a process that ended: connections closed, port free. Not from inside a handler.
  void stop();
  void restart();  // on the same port
  [[nodiscard]] bool running() const { return server_ != nullptr; }

 private:
  struct System {
    bool on = true;
    bool changing = false;
    bool next = true;
    std::unique_ptr<runtime::Timer> timer;
  };
  using Reply = runtime::HttpReply;
  using Request = runtime::ServerRequest;

  RedfishFake(runtime::EventLoop& loop, RedfishFakeOptions options);
  Status serve();
  void handle(const Request& request, const runtime::AsyncReplyPtr& reply);
  void answer(const runtime::AsyncReplyPtr& reply, Reply what);
  Reply route(const Request& request, const std::string& path);
  [[nodiscard]] bool authorised(const Request& request);
  [[nodiscard]] Reply refusal(const Request& request);

  Reply root() const;
  Reply collection(const std::string& path) const;
  Reply system(std::size_t index) const;
  Reply action_info(std::size_t index) const;
  Reply reset(std::size_t index, const Request& request);
  Reply task(const std::string& path);
  Reply accounts(const Request& request, const std::string& path);
  Reply patch_account(const Request& request);
  Reply make_session(const Request& request);
  Reply drop_session(const std::string& path);
  [[nodiscard]] std::string link(const std::string& path) const;
  [[nodiscard]] std::string power_state(std::size_t index) const;
  [[nodiscard]] std::string account_etag() const;
  void change(std::size_t index, bool on);
  void apply(std::size_t index, const std::string& type);
  void reboot();

  runtime::EventLoop& loop_;
  RedfishFakeOptions options_;
  std::vector<System> systems_;
  std::map<std::string, std::string> sessions_;  // path, token
  std::map<std::string, std::size_t> tasks_;     // path, system
  int next_id_ = 1;
  int account_version_ = 1;
  RedfishFakeCounts counts_;
  bool drop_this_ = false;  // no answer to the request at hand
  Rng rng_{1};
  std::vector<runtime::AsyncReplyPtr> unanswered_;  // until their connections are closed
  std::unique_ptr<runtime::HttpServer> server_;
  runtime::Timer reboot_timer_;
  std::map<int, std::unique_ptr<runtime::Timer>> delayed_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace mold::fake
