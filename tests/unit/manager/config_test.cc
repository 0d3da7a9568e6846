// Settings: every field of the policy has a name, wrong values are told all at once.
#include "manager/config.h"

#include <fstream>

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
                                        << "policy.probation_beats=many\n";
  const auto line = read_command_line({"--config=" + dir.path() + "/m.conf"});
  ASSERT_FALSE(line);
  for (const char* name : {"api.listen", "log.level", "policy.probation_beats"})
    EXPECT_NE(line.error().what.find(name), std::string::npos) << line.error().what;
}

TEST(Config, ThePolicyIsChecked) {
  const TempDir dir;
  std::ofstream(dir.path() + "/m.conf") << "policy.suspect_after=100ms\n";
  const auto line = read_command_line({"--config=" + dir.path() + "/m.conf"});
  ASSERT_FALSE(line);
  EXPECT_NE(line.error().what.find("suspect_after"), std::string::npos);
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
