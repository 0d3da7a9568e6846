#include "agentd/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agentd/link/manager_call.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::agentd {
namespace {

Result<AgentConfig> compiled(std::vector<std::string> arguments) {
  runtime::ConfigSources sources;
  sources.arguments = std::move(arguments);
  MOLD_TRY(const runtime::Config config, runtime::Config::load(agent_options(), sources));
  return compile_config(config);
}

TEST(AgentConfig, DefaultsAreGood) {
  const AgentConfig config = runtime::must(compiled({}));
  EXPECT_TRUE(config.managers.empty());
  EXPECT_EQ(config.board_path, "/run/mold/leases");
  EXPECT_EQ(config.epoch_path, "/run/mold/epoch");
  EXPECT_EQ(config.reserve.memory_bytes, 1ULL << 30U);
  EXPECT_EQ(config.hypervisor.connection.uri, "qemu:///system");
}

TEST(AgentConfig, TellsEveryProblemAtOnce) {
  const auto config = compiled({"--managers=http://a:1", "--state.dir=here", "--vm.type=xen",
                                "--reserved.cpus=-1", "--log.level=loud"});
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().kind, ErrorKind::kInvalid);
  for (const char* name : {"http://a:1", "state.dir", "vm.type", "reserved.cpus", "log.level"}) {
    EXPECT_THAT(config.error().what, ::testing::HasSubstr(name));
  }
}

TEST(ManagerUrl, IsSchemeHostAndPort) {
  for (const char* good :
       {"https://10.77.0.2:8250", "https://m1.example:8250", "https://[fd00::2]:1"}) {
    EXPECT_OK(check_manager_url(good));
  }
  for (const char* bad :
       {"", "https://", "http://m:1", "https://m:1/path", "https://u@m", "https://m m"}) {
    EXPECT_FALSE(check_manager_url(bad)) << bad;
  }
}

}  // namespace
}  // namespace mold::agentd
