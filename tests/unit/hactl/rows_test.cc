// What hactl status says of pools: each host that cannot use one, in the host's own words, and
// users that cannot be removed from Ceph; nothing of hosts that are silent, for that their own row
// says.
#include "hactl/commands/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace mold::hactl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(PoolWarnings, EachHostThatCannotUseAPool) {
  const Json pool = Json::parse(R"({"name":"vms","hosts":[
      {"hostname":"h1","state":"Up","connection":"mounted from nas:/vms"},
      {"hostname":"h2","state":"Down","reason":"something else is mounted there"},
      {"hostname":"h3","state":"Unknown","reason":"its agent is silent"}]})");
  EXPECT_THAT(pool_warnings({pool}, {}),
              ElementsAre("pool vms cannot be used on h2: something else is mounted there"));
}

TEST(PoolWarnings, UsersThatStayInCeph) {
  const Json stays = Json::parse(R"({"user":"mold-host-u","hostname":"h1","fsid":"f",
                                     "state":"Leaving","reason":"no answer"})");
  const Json leaves = Json::parse(R"({"user":"mold-host-v","fsid":"f","state":"Leaving"})");
  const Json needed = Json::parse(R"({"user":"mold-host-w","fsid":"f","state":"Granted"})");
  EXPECT_THAT(pool_warnings({}, {stays, leaves, needed}),
              ElementsAre("client.mold-host-u of h1 is still in Ceph f: no answer"));
}

TEST(PoolWarnings, OddAnswersAreNoWarnings) {
  const Json odd = Json::parse(R"({"name":5,"hosts":{"state":"Down"}})");
  EXPECT_THAT(pool_warnings({odd, Json("x"), Json()}, {Json(3)}), IsEmpty());
}

}  // namespace
}  // namespace mold::hactl
