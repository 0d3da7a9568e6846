#pragma once
// The Redfish driver and a fake BMC on one loop, as the Redfish tests of this folder share them.
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "fencing/drivers/redfish.h"
#include "tests/fakes/redfish/redfish_fake.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::contract {

// Generous: the machine may be busy. Nothing waits for it to pass.
constexpr Duration kRedfishGrace{15'000};

class RedfishBench {
 public:
  explicit RedfishBench(fake::RedfishProfile profile = {}, bool tls = true,
                        const std::string& address = "127.0.0.1") {
    fake::RedfishFakeOptions options;
    options.profile = std::move(profile);
    options.tls = tls;
    options.address = address;
    settings.use_https = tls;
    bmc = runtime::must(fake::RedfishFake::start(*loop, options));
    if (tls) std::ofstream(folder.file("bmc.pem")) << bmc->certificate();
    target.driver = "redfish";
    target.address = address;
    target.port = std::to_string(bmc->port());
    target.username = "ADMIN";
    target.password = Secret("contract-secret");
    if (tls) target.options["tls.ca"] = folder.file("bmc.pem");
  }

  port::PowerControl& power() {
    if (!driver) driver = fencing::make_redfish_driver(*loop, settings);
    return *driver;
  }

  port::PowerResult ask(core::PowerVerb verb, Duration deadline = 8'000ms) {
    return wait([&](auto done) { power().request(target, verb, deadline, done); }, deadline);
  }
  port::PowerResult change_password(const std::string& fresh, Duration deadline = 8'000ms) {
    auto result =
        wait([&](auto done) { power().change_password(target, Secret(fresh), deadline, done); },
             deadline);
    EXPECT_EQ(result.text.find(fresh), std::string::npos) << result.text;
    return result;
  }
  port::IdentityResult identify(Duration deadline = 8'000ms) {
    std::optional<port::IdentityResult> answer;
    power().identify(target, deadline, [&](port::IdentityResult r) { answer = std::move(r); });
    EXPECT_TRUE(loop->run_until([&] { return answer.has_value(); }, deadline + kRedfishGrace));
    return answer.value_or(port::IdentityResult{});
  }
  // The driver ends its sessions, the latest some seconds after the answer.
  bool sessions_end() {
    return loop->run_until([&] { return bmc->open_sessions() == 0; }, kRedfishGrace);
  }

  std::unique_ptr<runtime::EventLoop> loop = runtime::make_loop();
  runtime::TempDir folder;
  fencing::RedfishSettings settings;  // before the first request
  std::unique_ptr<fake::RedfishFake> bmc;
  std::unique_ptr<port::PowerControl> driver;
  port::PowerTarget target;

 private:
  template <class Start>
  port::PowerResult wait(Start start, Duration deadline) {
    std::optional<port::PowerResult> answer;
    int answers = 0;
    start([&](port::PowerResult r) {
      answer = std::move(r);
      ++answers;
    });
    EXPECT_EQ(answers, 0) << "a completion never comes inside the call";
    EXPECT_TRUE(loop->run_until([&] { return answers > 0; }, deadline + kRedfishGrace));
    EXPECT_EQ(answers, 1);
    if (!answer) return {};
    EXPECT_FALSE(answer->text.empty());
    EXPECT_EQ(answer->text.find(target.password.reveal()), std::string::npos) << answer->text;
    return *answer;
  }
};

inline fake::RedfishProfile profile_named(std::string_view name) {
  auto profile = fake::redfish_profile(name);
  EXPECT_TRUE(profile.has_value()) << name;
  return profile.value_or(fake::RedfishProfile{});
}

}  // namespace mold::contract
