#include "agentd/host/facts.h"

#include <gtest/gtest.h>

#include "agentd/host/memory_trim.h"
#include "agentd/lease/stall_meter.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::agentd {
namespace {

using runtime::TempDir;

constexpr const char* kBoot = "0f3b4c5d-1111-4222-8333-444455556666";

void put(const TempDir& root, const std::string& path, const std::string& text) {
  const std::filesystem::path full = root.file(path);
  std::filesystem::create_directories(full.parent_path());
  EXPECT_OK(runtime::write_file_atomic(full, text));
}

void fill(const TempDir& root) {
  put(root, "proc/sys/kernel/hostname", "h1\n");
  put(root, "proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
  put(root, "proc/sys/kernel/random/boot_id", std::string(kBoot) + "\n");
  put(root, "proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\n");
  put(root, "proc/loadavg", "0.42 0.30 0.10 1/100 4242\n");
  put(root, "proc/cpuinfo",
      "processor\t: 0\nmodel name\t: CPU X\nphysical id\t: 0\ncpu MHz\t\t: 2400.123\n\n"
      "processor\t: 1\nmodel name\t: CPU X\nphysical id\t: 1\ncpu MHz\t\t: 2500.9\n");
  put(root, "sys/class/dmi/id/product_uuid", "4C4C4544-0000-1111-2222-333344445555\n");
}

TEST(Facts, AreReadUnderTheGivenRoot) {
  const TempDir root;
  fill(root);
  const HostFacts facts = runtime::must(read_facts(root.path()));
  EXPECT_EQ(facts.hostname, "h1");
  EXPECT_EQ(facts.boot_id, kBoot);
  EXPECT_EQ(facts.total, (core::Capacity{2, 2500, 16384ULL * 1024}));
  EXPECT_EQ(facts.named.at("kernel"), "6.1.0-18-amd64");
  EXPECT_EQ(facts.named.at("cpu_model"), "CPU X");
  EXPECT_EQ(facts.named.at("sockets"), "2");
  EXPECT_EQ(facts.named.at("product_uuid"), "4c4c4544-0000-1111-2222-333344445555");
  EXPECT_EQ(facts.named.count("vendor"), 0U);
  const auto stats = read_stats(root.path());
  EXPECT_EQ(stats.at("memory_free_bytes"), 8192ULL * 1024);
  EXPECT_EQ(stats.at("load1_permille"), 420U);
}

TEST(Facts, AContainerDoesNotPassForTheMachineBelow) {
  const TempDir root;
  fill(root);
  put(root, "run/systemd/container", "systemd-nspawn\n");
  const HostFacts facts = runtime::must(read_facts(root.path()));
  EXPECT_EQ(facts.named.count("product_uuid"), 0U);
  EXPECT_EQ(facts.named.at("sockets"), "2");
}

TEST(Facts, WithoutTheEssentialsThereAreNone) {
  for (const char* missing : {"proc/meminfo", "proc/cpuinfo", "proc/sys/kernel/random/boot_id"}) {
    const TempDir root;
    fill(root);
    put(root, missing, "nothing of use\n");
    EXPECT_FALSE(read_facts(root.path())) << missing;
  }
  const TempDir empty;
  EXPECT_FALSE(read_facts(empty.path()));
  EXPECT_TRUE(read_stats(empty.path()).empty());
}

TEST(Facts, OfThisMachineCanBeRead) {
  EXPECT_OK(read_facts());
}

TEST(Usable, KeepsTheReserveAndAtLeastOneCpu) {
  const core::Capacity total{4, 2000, 8ULL << 30U};
  EXPECT_EQ(usable(total, {1ULL << 30U, 1}), (core::Capacity{3, 2000, 7ULL << 30U}));
  EXPECT_EQ(usable(total, {16ULL << 30U, 9}), (core::Capacity{1, 2000, 0}));
}

TEST(StallMeter, TellsTheGreatestRecentGap) {
  StallMeter meter(Duration{100});
  meter.tick({1'000});
  meter.tick({1'100});
  EXPECT_EQ(meter.worst({1'100}), Duration{0});
  meter.tick({61'200});  // frozen for a minute
  EXPECT_EQ(meter.worst({61'200}), Duration{60'000});
  meter.note(Duration{70}, {61'300});
  EXPECT_EQ(meter.worst({66'200}), Duration{60'000});
  EXPECT_EQ(meter.worst({66'250}), Duration{70});  // the minute is out of the window
  EXPECT_EQ(meter.worst({66'400}), Duration{0});
}

TEST(MemoryTrim, TakesOnlyCodeOfFiles) {
  TextMapping mapping;
  EXPECT_TRUE(parse_text_mapping(
      "7f0000000000-7f0000021000 r-xp 00001000 08:01 123   /usr/lib/x.so", mapping));
  EXPECT_EQ(mapping.begin, 0x7f0000000000U);
  EXPECT_EQ(mapping.end, 0x7f0000021000U);
  for (const char* other :
       {"", "x", "-", " - ", "7f00-7f01 r--p 0 08:01 1 /usr/lib/x.so",  // relocated, perhaps
        "7f00-7f01 rw-p 0 08:01 1 /usr/lib/x.so", "7f00-7f01 r-xs 0 08:01 1 /usr/lib/x.so",
        "7f00-7f01 r-xp 0 00:00 0 [vdso]", "7f00-7f01 r-xp 0 00:00 0 ",
        "7f01-7f00 r-xp 0 08:01 1 /x", "zz-7f00 r-xp 0 08:01 1 /x"}) {
    EXPECT_FALSE(parse_text_mapping(other, mapping)) << other;
  }
}

TEST(MemoryTrim, TheProgramGoesOn) {
  EXPECT_GT(trim_memory(), 0U);
  EXPECT_OK(read_facts());
}

}  // namespace
}  // namespace mold::agentd
