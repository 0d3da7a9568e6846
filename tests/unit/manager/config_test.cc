// Settings: every field of the policy has a name, wrong values are told all at once.
#include "manager/config.h"

#include <fstream>

#include "core/model/profile.h"
#include "tests/unit/manager/fixture.h"

namespace mold::manager::test {
namespace {

TEST(Config, DefaultsAreGood) {
  const TempDir dir;
  std::ofstream(dir.path() + "/m.conf") << "# nothing\n";
  const auto line = read_command_line({"--config", dir.path() + "/m.conf"});
  ASSERT_TRUE(line) << line.error().text();
  EXPECT_EQ(line->config.api, (Endpoint{"0.0.0.0", 8080}));
  EXPECT_EQ(line->config.api_tls, (Endpoint{"0.0.0.0", 8443}));
  EXPECT_TRUE(line->config.api_tls_optional);
  EXPECT_FALSE(line->config.api_plain_secrets);
  EXPECT_EQ(line->config.policy.suspect_after, core::Policy{}.suspect_after);
  EXPECT_EQ(line->config.policy.start_attempts, core::Policy{}.start_attempts);
}

TEST(Config, EveryProblemIsTold) {
  const TempDir dir;
  std::ofstream(dir.path() + "/m.conf") << "api.listen=nowhere\nlog.level=loud\n"
                                        << "policy.probation_beats=many\nceph.program=mold-ceph\n";
  const auto line = read_command_line({"--config=" + dir.path() + "/m.conf"});
  ASSERT_FALSE(line);
  for (const char* name : {"api.listen", "log.level", "policy.probation_beats", "ceph.program"})
    EXPECT_NE(line.error().what.find(name), std::string::npos) << line.error().what;
}

TEST(Config, ThePolicyIsChecked) {
  const TempDir dir;
  std::ofstream(dir.path() + "/m.conf") << "policy.suspect_after=100ms\n";
  const auto line = read_command_line({"--config=" + dir.path() + "/m.conf"});
  ASSERT_FALSE(line);
  EXPECT_NE(line.error().what.find("suspect_after"), std::string::npos);
}

TEST(Config, AProfileIsASetThatSingleValuesMayBeSetBeside) {
  const TempDir dir;
  std::ofstream(dir.path() + "/m.conf") << "policy.profile=fast\npolicy.dead_after=2s\n";
  const std::string file = "--config=" + dir.path() + "/m.conf";
  const auto line = read_command_line({file});
  ASSERT_TRUE(line) << line.error().text();
  const core::Profile& fast = *core::find_profile("fast");
  EXPECT_EQ(line->config.profile, "fast");
  EXPECT_EQ(line->config.policy.suspect_after, fast.policy.suspect_after);
  EXPECT_EQ(line->config.policy.dead_after, 2s);
  EXPECT_EQ(line->config.lease_beat_interval, fast.lease_beat_interval);
  EXPECT_EQ(line->config.lease_deadline, fast.lease_deadline);
  // The value of another profile, set by name, is set.
  const auto named = read_command_line({file, "--lease.deadline=10s"});
  ASSERT_TRUE(named) << named.error().text();
  EXPECT_EQ(named->config.lease_deadline, 10s);

  const auto unknown = read_command_line({file, "--policy.profile=turbo"});
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().what.find("default, fast"), std::string::npos) << unknown.error().what;
  const auto blind = read_command_line({file, "--lease.beat.interval=1s"});
  ASSERT_FALSE(blind) << "hosts that beat as told would look silent";
  EXPECT_NE(blind.error().what.find("storage_alive_within"), std::string::npos);
}

TEST(Config, TheIntegrationPortNeedsAnApiPort) {
  const TempDir dir;
  std::ofstream(dir.path() + "/m.conf") << "api.listen=\nintegration.api.port=8096\n";
  const std::string file = "--config=" + dir.path() + "/m.conf";
  EXPECT_TRUE(read_command_line({file})) << "beside HTTPS";
  const auto line = read_command_line({file, "--api.tls.listen", ""});
  ASSERT_FALSE(line);
  EXPECT_NE(line.error().what.find("integration.api.port"), std::string::npos);
  const auto asked = read_command_line({file, "--api.tls.listen=0.0.0.0:8443"});
  ASSERT_TRUE(asked);
  EXPECT_FALSE(asked->config.api_tls_optional);
}

TEST(Config, Endpoints) {
  EXPECT_EQ(*parse_endpoint("[::]:8250"), (Endpoint{"::", 8250}));
  EXPECT_EQ(*parse_endpoint(""), Endpoint{});
  for (const char* bad : {"8080", ":8080", "a:b", "a:70000", "a:"})
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
}

}  // namespace
}  // namespace mold::manager::test
