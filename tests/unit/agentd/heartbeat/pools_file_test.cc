#include "agentd/heartbeat/pools_file.h"

#include <gtest/gtest.h>

#include "agentd/heartbeat/config.h"
#include "agentd/heartbeat/rados_settings.h"
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

TEST(PoolsFile, EveryTypeAndPolicyMakesTheRoundTrip) {
  PoolsFile file{*Uuid::parse(kCluster), {}};
  const auto uuid = [](char last) {
    return *Uuid::parse(std::string("22222222-2222-2222-2222-22222222222") + last);
  };
  file.pools.push_back({.uuid = uuid('1'),
                        .type = PoolType::kRados,
                        .policy = PoolPolicy::kPause,
                        .conf = "/run/mold/ceph/a, b 100%.conf",
                        .path = "rbd:vms"});
  file.pools.push_back({.uuid = uuid('2'),
                        .type = PoolType::kNfs,
                        .policy = PoolPolicy::kResetHost,
                        .source = "nfs://[fd00::1]:2049/an export,/x%41?version=3",
                        .path = "/mnt/a"});
  file.pools.push_back({.uuid = uuid('3'),
                        .type = PoolType::kBlock,
                        .source = "/dev/vg-a/mold-heartbeat",
                        .path = "/dev/vg-a"});
  const auto back = parse_pools(format_pools(file));
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(*back, file);
  EXPECT_EQ(ceph_pool_of(back->pools[0].path), "vms");
  EXPECT_EQ(ceph_pool_of("/mnt/a"), "");
}

TEST(PoolsFile, OptionsBelongToTheirTypes) {
  for (const auto* good :
       {"rados 0 0 kill-vms conf=/run/c rbd:vms", "nfs 0 0 pause source=nfs://a/b /mnt/a",
        "block 0 0 kill-vms source=/dev/vg/beat /dev/vg"}) {
    const auto parsed = parse_pools(with(pool(good)));
    EXPECT_TRUE(parsed) << good << ": " << parsed.error().what;
  }
  for (const auto* bad :
       {"rados 0 0 kill-vms - rbd:vms", "rados 0 0 kill-vms conf=c rbd:vms",
        "rados 0 0 kill-vms conf=/c rbd:", "rados 0 0 kill-vms conf=/c rbd:a/b",
        "rados 0 0 kill-vms conf=/c rbd:a\"b", "rados 0 0 kill-vms conf=/c /mnt/a",
        "rados 0 0 kill-vms conf=/c,conf=/d rbd:a", "rados 0 0 kill-vms conf=/c,mountpoint rbd:a",
        "rados 0 0 kill-vms conf=/c%2 rbd:a", "rados 0 0 kill-vms conf=/c%0a rbd:a",
        "nfs 0 0 kill-vms - /mnt/a", "nfs 0 0 kill-vms source=http://a/b /mnt/a",
        "nfs 0 0 kill-vms source=nfs://a/b,mountpoint /mnt/a", "block 0 0 kill-vms - /dev/vg",
        "block 0 0 kill-vms source=sda /dev/vg", "file 0 0 kill-vms source=/dev/x /mnt/a",
        "file 0 0 kill-vms conf=/c /mnt/a", "file 0 0 kill-vms mountpoint,mountpoint /mnt/a"}) {
    EXPECT_FALSE(parse_pools(with(pool(bad)))) << bad;
  }
}

TEST(RadosSettings, TheUserIsFoundAndNothingCanSlipIn) {
  const RadosSettings good{"10.0.0.1,[v2:10.0.0.2:3300,v1:10.0.0.2:6789]", "mold-host-1",
                           "/run/mold/ceph/x.keyring"};
  const auto text = format_rados_settings(good);
  ASSERT_TRUE(text);
  EXPECT_EQ(rados_user_of(*text), "mold-host-1");
  EXPECT_EQ(rados_user_of("[global]\nmon_host = a\nuser = not-ours\n"), "admin");
  EXPECT_EQ(rados_user_of("[mold]\nuser = a b\n"), std::nullopt);
  for (const RadosSettings& bad :
       {RadosSettings{"a\nkeyring = /etc/passwd", "u", "/k"}, RadosSettings{"", "u", "/k"},
        RadosSettings{"a", "u\n", "/k"}, RadosSettings{"a", "", "/k"}, RadosSettings{"a", "u", "k"},
        RadosSettings{"a", "u", "/k;x"}}) {
    EXPECT_FALSE(format_rados_settings(bad));
  }
  const auto keyring = format_keyring("u", Secret("QUJD+/=="));
  ASSERT_TRUE(keyring);
  EXPECT_EQ(keyring->reveal(), "[client.u]\nkey = QUJD+/==\n");
  EXPECT_FALSE(format_keyring("u", Secret("a\nb")));
  EXPECT_FALSE(format_keyring("u", Secret()));
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
  const auto config = parse_config(
      "watchdog.device =\nvm.name_prefixes = qemu, kvm-\nstop.wait_ms=0\nvm.status_dir=/run/q\n");
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
