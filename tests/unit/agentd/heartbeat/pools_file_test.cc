#include "agentd/heartbeat/pools_file.h"

#include <gtest/gtest.h>

#include "agentd/heartbeat/config.h"
#include "tests/unit/agentd/heartbeat/temp_dir.h"

namespace mold::heartbeat {
namespace {

constexpr auto kCluster = "11111111-1111-1111-1111-111111111111";
constexpr auto kPool = "22222222-2222-2222-2222-222222222222";

std::string with(const std::string& lines) {
  return std::string("mold-pools 1\ncluster ") + kCluster + "\n" + lines + "end\n";
}
std::string pool(const std::string& rest) {
  return std::string("pool ") + kPool + " " + rest + "\n";
}

TEST(PoolsFile, RoundTripThroughDisk) {
  TempDir dir;
  PoolsFile file{*Uuid::parse(kCluster), {}};
  file.pools.push_back({.uuid = *Uuid::parse(kPool),
                        .beat_interval_ms = 500,
                        .deadline_ms = 8000,
                        .policy = PoolPolicy::kLogOnly,
                        .must_be_mountpoint = true,
                        .path = "/mnt/a pool with blanks"});
  ASSERT_TRUE(save_pools(dir.path("pools"), file));
  const auto back = load_pools(dir.path("pools"));
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(*back, file);
}

TEST(PoolsFile, NoPoolsIsAValidFile) {
  const auto file = parse_pools(with(""));
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->pools.empty());
}

TEST(PoolsFile, MissingFileIsNotFound) {
  EXPECT_EQ(load_pools("/nonexistent/pools").error().kind, ErrorKind::kNotFound);
}

TEST(PoolsFile, EveryPrefixOfAFileIsRefused) {
  const auto text = with(pool("file 1000 10000 kill-vms - /mnt/a"));
  ASSERT_TRUE(parse_pools(text));
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(parse_pools(std::string_view(text).substr(0, size))) << size;
  }
}

TEST(PoolsFile, RefusesWhatIsWrongAnywhere) {
  const std::string good = pool("file 1000 10000 kill-vms - /mnt/a");
  for (const auto& bad :
       {with(good + good), with(pool("rados 1000 10000 kill-vms - /mnt/a")),
        with(pool("file 99 10000 kill-vms - /mnt/a")), with(pool("file 1000 x kill-vms - /mnt/a")),
        with(pool("file 1000 10000 explode - /mnt/a")),
        with(pool("file 1000 10000 kill-vms ? /mnt/a")),
        with(pool("file 1000 10000 kill-vms - mnt/a")),
        with(pool("file 1000 10000 kill-vms - /mnt/a/")),
        with(pool("file 1000 10000 kill-vms - /mnt/../a")),
        with(pool("file 1000 10000 kill-vms - /")), with(pool("file 1000 10000 kill-vms -")),
        with("nonsense\n"), with("") + "more\n", std::string("mold-pools 2\nend\n"),
        std::string("mold-pools 1\nend\n"), std::string()}) {
    EXPECT_FALSE(parse_pools(bad)) << bad;
  }
}

TEST(PoolsFile, ErrorsNameTheLine) {
  const auto result = parse_pools(with(pool("file 1 10000 kill-vms - /mnt/a")));
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().what.find("line 3"), std::string::npos) << result.error().what;
}

TEST(Config, DefaultsAreTheDocumentedOnes) {
  const auto config = parse_config("# nothing\n\n");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->board, "/run/mold/leases");
  EXPECT_EQ(config->watchdog_timeout_s, 4U);
  EXPECT_EQ(config->deadline_ms, 10000U);
  EXPECT_EQ(config->vm_prefixes, std::vector<std::string>{"qemu"});
}

TEST(Config, ReadsKeysAndRefusesNonsense) {
  const auto config =
      parse_config("watchdog.device =\nvm.name_prefixes = qemu, kvm-\nstop.wait_ms=0\n");
  ASSERT_TRUE(config) << config.error().what;
  EXPECT_TRUE(config->watchdog_device.empty());
  EXPECT_EQ(config->vm_prefixes.size(), 2U);
  for (const auto* bad :
       {"colour=blue\n", "board\n", "board=relative\n", "watchdog.timeout=0\n",
        "watchdog.required=maybe\n", "vm.name_prefixes=q\n", "self_fence.deadline_ms=5000\n"}) {
    EXPECT_FALSE(parse_config(bad)) << bad;
  }
}

}  // namespace
}  // namespace mold::heartbeat
