#include "agentd/heartbeat/vm_hunter.h"

#include <gtest/gtest.h>

#include "tests/unit/agentd/heartbeat/child_process.h"
#include "tests/unit/agentd/heartbeat/temp_dir.h"

namespace mold::heartbeat {
namespace {

namespace fs = std::filesystem;

class VmHunterTest : public ::testing::Test {
 protected:
  VmHunterTest() {
    fs::create_directories(dir.path("a"));
    fs::create_directories(dir.path("ab"));
    hunter->set_pool(0, dir.path("a"), {});
    hunter->set_pool(1, dir.path("ab"), {});
  }
  ChildProcess victim(const std::string& file, const std::string& mode = "-") {
    return ChildProcess({MOLD_TEST_VICTIM, dir.path(file), mode}, dir.path("victim.log"));
  }
  std::uint32_t count(std::size_t slot) {
    // A process of somebody else that ends right now makes one look incomplete.
    EXPECT_TRUE(eventually([this] { return hunter->look(); }));
    return hunter->count(slot);
  }
  TempDir dir;
  std::unique_ptr<VmHunter> hunter = std::make_unique<VmHunter>(std::vector<std::string>{"qemu"});
};

TEST_F(VmHunterTest, FindsAVmByItsOpenFileAndOnlyOnItsPool) {
  auto vm = victim("a/disk");
  ASSERT_TRUE(eventually([&] { return count(0) == 1; }));
  EXPECT_EQ(count(1), 0U);
  EXPECT_EQ(hunter->kill(0), 1U);
  EXPECT_TRUE(eventually([&] { return count(0) == 0; }));  // a zombie without threads is gone
  EXPECT_EQ(vm.wait(), -SIGKILL);
}

TEST_F(VmHunterTest, FindsAVmByItsCommandLine) {
  auto vm = victim("ab/disk", "--by-name");
  ASSERT_TRUE(eventually([&] { return count(1) == 1; }));
  EXPECT_EQ(count(0), 0U);
}

TEST_F(VmHunterTest, FindsThroughTheRealNameOfALinkedPool) {
  fs::create_directory_symlink(dir.path("a"), dir.path("link"));
  hunter->set_pool(0, dir.path("link"), {});
  auto vm = victim("a/disk");
  auto other = victim("ab/disk");
  ASSERT_TRUE(eventually([&] { return count(1) == 1; }));
  EXPECT_EQ(count(0), 0U);
  hunter->set_real_path(0, dir.path("a"));
  ASSERT_TRUE(eventually([&] { return count(0) == 1; }));
  hunter->set_pool(0, dir.path("link"), {});  // the pools file was read again
  EXPECT_EQ(count(0), 1U);
}

TEST_F(VmHunterTest, AZombieLeaderWithAThreadIsNotGone) {
  auto vm = victim("a/disk", "--leaderless");
  const auto state = [&] {
    std::ifstream stat("/proc/" + std::to_string(vm.pid()) + "/stat");
    std::string text;
    std::getline(stat, text);
    return text.find(") Z ") != std::string::npos;
  };
  ASSERT_TRUE(eventually(state));
  EXPECT_EQ(count(0), 1U);  // found without exe and without links of its leader
  EXPECT_EQ(hunter->kill(0), 1U);
  EXPECT_TRUE(eventually([&] { return count(0) == 0; }));
}

TEST_F(VmHunterTest, OthersAreNobodysVm) {
  ChildProcess bystander({"/bin/sleep", "60"}, dir.path("a/open-log"));
  EXPECT_EQ(count(0), 0U);
  EXPECT_EQ(hunter->kill(0), 0U);
  EXPECT_TRUE(bystander.alive());
}

// A made-up /proc: what cannot be had from a healthy kernel.
class FakeProcTest : public ::testing::Test {
 protected:
  void process(int pid, char state, int threads, const std::string& link) {
    const auto base = std::to_string(pid);
    fs::create_directories(dir.path(base + "/fd"));
    dir.write(base + "/stat", base + " (qemu-system-x8) " + state +
                                  " 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n");
    dir.write(base + "/cmdline", "qemu");
    if (!link.empty()) fs::create_symlink(link, dir.path(base + "/fd/3"));
    for (int i = 0; i < threads; ++i) {
      fs::create_directories(dir.path(base + "/task/" + std::to_string(pid + i) + "/fd"));
    }
  }
  TempDir dir;
};

TEST_F(FakeProcTest, ADyingVmCountsUntilItsLastThreadIsGone) {
  process(99999991, 'S', 2, "/mnt/p/disk");
  VmHunter hunter({"qemu"}, dir.path());
  hunter.set_pool(0, "/mnt/p", {});
  ASSERT_TRUE(hunter.look());
  ASSERT_EQ(hunter.count(0), 1U);
  // Killed by somebody: the leader is a zombie, its links are gone, a thread is in D.
  fs::remove_all(dir.path("99999991"));
  process(99999991, 'Z', 2, "");
  ASSERT_TRUE(hunter.look());
  EXPECT_EQ(hunter.count(0), 1U);
  fs::remove_all(dir.path("99999991"));
  process(99999991, 'Z', 1, "");
  ASSERT_TRUE(hunter.look());
  EXPECT_EQ(hunter.count(0), 0U);
}

TEST_F(FakeProcTest, AVmWhoseCommandWasNeverReadIsNoProof) {
  process(99999991, 'D', 2, "");
  VmHunter hunter({"qemu"}, dir.path());
  hunter.set_pool(0, "/mnt/p", {});
  EXPECT_FALSE(hunter.look());
  fs::remove_all(dir.path("99999991"));
  process(99999991, 'S', 2, "");
  dir.write("99999991/cmdline", "");  // its memory is given back, its files are not
  EXPECT_FALSE(hunter.look());
  dir.write("99999991/cmdline", "qemu");
  EXPECT_TRUE(hunter.look());
  // Once read it stays known, whatever the pools are told of again.
  fs::remove_all(dir.path("99999991"));
  process(99999991, 'D', 2, "");
  hunter.set_pool(0, "/mnt/p", {});
  EXPECT_TRUE(hunter.look());
}

constexpr auto kNul = std::string_view("\0", 1);

std::string words(std::initializer_list<std::string> list) {
  std::string out;
  for (const auto& word : list) out += word + std::string(kNul);
  return out;
}

TEST_F(FakeProcTest, AnRbdDiskIsFoundInTheCommandLine) {
  VmHunter hunter({"qemu"}, dir.path());
  hunter.set_pool(0, "rbd:vms", {});
  hunter.set_pool(1, "rbd:vms2", {});
  const auto pools_of = [&](const std::string& command) {
    fs::remove_all(dir.path("99999991"));
    hunter.look();
    process(99999991, 'S', 1, "");
    dir.write("99999991/cmdline", command);
    EXPECT_TRUE(hunter.look());
    return 2 * hunter.count(1) + hunter.count(0);
  };
  // As libvirt writes it.
  const std::string disk =
      R"({"driver":"rbd","pool":"vms","image":"a","server":[{"host":"10.0.0.1","port":"6789"}],)"
      R"("user":"mold-host-1","node-name":"libvirt-1-storage","auto-read-only":true})";
  EXPECT_EQ(pools_of(words({"qemu", "-blockdev", disk})), 1U);
  EXPECT_EQ(pools_of(words(
                {"qemu", "-blockdev", R"({"node-name":"x","pool" : "vms2", "driver": "rbd"})"})),
            2U);
  EXPECT_EQ(pools_of(words({"qemu", "-drive", "file=rbd:vms2/a:id=u:mon_host=h,format=raw"})), 2U);
  // Neither another pool, nor another driver's, nor a name in another word.
  EXPECT_EQ(pools_of(words({"qemu", R"({"driver":"rbd","pool":"vms3","image":"vms"})"})), 0U);
  EXPECT_EQ(pools_of(words({"qemu", R"({"driver":"file","pool":"vms"})"})), 0U);
  EXPECT_EQ(pools_of(words({"qemu", R"({"driver":"rbd"})", R"({"pool":"vms"})"})), 0U);
  EXPECT_EQ(pools_of(words({"qemu", R"("pool":)", R"("pool)", R"({"driver":"rbd","pool":"vms)"})),
            0U);
  // A word that lies across two reads of the file is still one word.
  for (const std::size_t before : {32600, 32700, 32760, 32767, 32768, 40000}) {
    EXPECT_EQ(pools_of(words({std::string(before, 'x'), disk})), 1U) << before;
  }
}

// As libvirt 9 writes /run/libvirt/qemu/NAME.xml, shortened.
std::string domain_status(int pid, const std::string& disks) {
  return "<domstatus state='running' reason='booted' pid='" + std::to_string(pid) +
         "'>\n  <taint flag='high-privileges'/>\n  <monitor path='/run/x' type='unix'/>\n"
         "  <domain type='qemu' id='1'>\n    <name>a</name>\n    <devices>\n" +
         disks + "    </devices>\n  </domain>\n</domstatus>\n";
}
std::string rbd_disk(const std::string& image) {
  return "      <disk type='network' device='disk'>\n        <driver name='qemu' type='raw'/>\n"
         "        <auth username='mold-host-1'>\n          <secret type='ceph' uuid='x'/>\n"
         "        </auth>\n        <source protocol='rbd' name='" +
         image + "' index='2'>\n          <host name='10.0.0.1'/>\n        </source>\n" +
         "      </disk>\n";
}

class PluggedDisks : public FakeProcTest {
 protected:
  PluggedDisks() {
    fs::create_directories(dir.path("run"));
    hunter->set_pool(0, "rbd:vms", {});
    hunter->set_pool(1, "rbd:more", {});
    hunter->set_pool(2, "/mnt/p", {});
    process(kPid, 'S', 1, "/dev/zero");
  }
  // As libvirtd does it, so that the file is another one each time.
  void tell(const std::string& name, const std::string& text) {
    dir.write("run/new", text);
    fs::rename(dir.path("run/new"), dir.path("run/" + name));
  }
  std::string pools() {
    EXPECT_TRUE(hunter->look());
    std::string out;
    for (std::size_t slot = 0; slot < 3; ++slot) out += hunter->count(slot) > 0 ? '1' : '0';
    return out;
  }
  static constexpr int kPid = 99999991;
  std::unique_ptr<VmHunter> hunter = std::make_unique<VmHunter>(
      std::vector<std::string>{"qemu"}, dir.path(), "/sys", dir.path("run"));
};

TEST_F(PluggedDisks, AreFoundWhileTheyAreThere) {
  tell("a.xml", domain_status(kPid, ""));
  EXPECT_EQ(pools(), "000");
  tell("a.xml", domain_status(kPid, rbd_disk("vms/a") + rbd_disk("elsewhere/b")));
  EXPECT_EQ(pools(), "100");
  tell("a.xml", domain_status(kPid, rbd_disk("vms/a") + rbd_disk("more/b")));
  EXPECT_EQ(pools(), "110");
  tell("a.xml", domain_status(kPid, rbd_disk("more/b")));
  EXPECT_EQ(pools(), "010");
  hunter->set_pool(1, {}, {});
  hunter->set_pool(1, "rbd:vms", {});
  EXPECT_EQ(pools(), "000") << "pools became others";
  fs::remove(dir.path("run/a.xml"));
  EXPECT_EQ(pools(), "000");
}

TEST_F(PluggedDisks, OfAnotherVmAreNotOurs) {
  tell("b.xml", domain_status(kPid + 1, rbd_disk("vms/a")));
  tell("a.xml", domain_status(kPid,
                              "      <source protocol='nbd' name='vms/x'/>\n"
                              "      <source file='/x' name='vms/x'/>\n"));
  EXPECT_EQ(pools(), "000");
}

TEST_F(PluggedDisks, AreFoundWhereverTheyLieInALongFile) {
  for (const std::size_t before : {32000, 32500, 32600, 32700, 32768, 65500, 100000}) {
    tell("a.xml", domain_status(kPid, std::string(before, ' ') + rbd_disk("vms/a")));
    EXPECT_EQ(pools(), "100") << before;
    tell("a.xml", domain_status(kPid, ""));
    EXPECT_EQ(pools(), "000");
  }
}

// Nobody can say which RBD disks its VM has: it counts on every RBD pool, and only that one.
TEST_F(PluggedDisks, WithoutLibvirtsWordAVmCountsOnEveryRbdPool) {
  process(kPid + 9, 'S', 1, "/dev/zero");
  tell("known.xml", domain_status(kPid + 9, ""));
  const std::string whole = domain_status(kPid, rbd_disk("vms/a"));
  for (const std::string& text :
       {std::string(), std::string("garbage"), whole.substr(0, whole.size() - 5),
        domain_status(kPid, rbd_disk("noslash")), domain_status(0, rbd_disk("vms/a")),
        domain_status(kPid, "<" + std::string(40000, 'x') + ">")}) {
    tell("a.xml", text);
    EXPECT_EQ(pools(), "110") << text.substr(0, 200);
    EXPECT_EQ(hunter->count(0), 1U) << "the other one is known to have none";
  }
  tell("a.xml", domain_status(kPid, ""));
  EXPECT_EQ(pools(), "000");
}

TEST_F(FakeProcTest, ALogicalVolumeIsFoundByItsGroup) {
  fs::create_directories(dir.path("sys/block/dm-3/dm"));
  const auto dm_is = [&](const std::string& name) {
    dir.write("sys/block/dm-3/dm/name", name + "\n");
  };
  VmHunter hunter({"qemu"}, dir.path(), dir.path("sys"));
  hunter.set_pool(0, "/dev/vg-a", {});
  hunter.set_pool(1, "/dev/vg", {});
  const auto pools_of = [&](const std::string& link, const std::string& command = "qemu") {
    fs::remove_all(dir.path("99999991"));
    hunter.look();
    process(99999991, 'S', 1, link);
    dir.write("99999991/cmdline", command);
    EXPECT_TRUE(hunter.look());
    return 2 * hunter.count(1) + hunter.count(0);
  };
  dm_is("vg--a-disk--1");
  EXPECT_EQ(pools_of("/dev/dm-3"), 1U);
  dm_is("vg-a");  // volume a of group vg
  EXPECT_EQ(pools_of("/dev/dm-3"), 2U);
  dm_is("vg--ab-x");
  EXPECT_EQ(pools_of("/dev/dm-3"), 0U);
  EXPECT_EQ(pools_of("/dev/dm-4"), 0U);
  EXPECT_EQ(pools_of("/dev/mapper/vg--a-x"), 1U);
  EXPECT_EQ(pools_of("", words({"qemu", R"({"driver":"host_device","filename":"/dev/vg-a/x"})"})),
            1U);
  EXPECT_EQ(pools_of("", words({"qemu", "file=/dev/mapper/vg--a-x,if=none"})), 1U);
}

TEST_F(VmHunterTest, HoldsTheVmsOfAPoolAndLetsThemGoOn) {
  auto vm = victim("a/disk");
  auto other = victim("ab/disk");
  ASSERT_TRUE(eventually([&] { return count(0) == 1 && count(1) == 1; }));
  const auto state = [](const ChildProcess& process) {
    std::ifstream stat("/proc/" + std::to_string(process.pid()) + "/stat");
    std::string text;
    std::getline(stat, text);
    return text.substr(text.rfind(')') + 2, 1);
  };
  const auto hold = [&](VmHunter& by, PoolMask pools) {
    by.look();
    by.hold(pools);
  };
  EXPECT_TRUE(eventually([&] {
    hold(*hunter, 1);
    return state(vm) == "T";
  }));
  EXPECT_TRUE(hunter->holds());
  EXPECT_NE(state(other), "T");
  // The next instance goes on with it: held while the pool is bad, then free.
  VmHunter next({"qemu"});
  next.set_pool(0, dir.path("a"), {});
  next.set_pool(1, dir.path("ab"), {});
  next.adopt_held(0);
  hold(next, 1);
  EXPECT_TRUE(next.holds());
  hold(next, 3);
  hold(next, 2);
  EXPECT_TRUE(eventually([&] { return state(vm) != "T"; }));
  EXPECT_TRUE(eventually([&] {
    hold(next, 2);
    return state(other) == "T";
  }));
  next.look();
  EXPECT_EQ(next.kill(1), 1U);  // a fence ends the stopped ones
  EXPECT_EQ(other.wait(), -SIGKILL);
  // Somebody else's stopped process is not ours to continue.
  vm.send(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return state(vm) == "T"; }));
  VmHunter stranger({"qemu"});
  stranger.set_pool(0, dir.path("a"), {});
  hold(stranger, 0);
  EXPECT_FALSE(stranger.holds());
  EXPECT_EQ(state(vm), "T");
}

TEST_F(FakeProcTest, AVmThatLetsGoOfThePoolIsFree) {
  process(99999991, 'S', 2, "/mnt/p/disk");
  VmHunter hunter({"qemu"}, dir.path());
  hunter.set_pool(0, "/mnt/p", {});
  hunter.look();
  fs::remove(dir.path("99999991/fd/3"));
  fs::create_symlink("/mnt/other/disk", dir.path("99999991/fd/3"));
  hunter.look();
  EXPECT_EQ(hunter.count(0), 0U);
}

TEST_F(FakeProcTest, WhatCannotBeReadIsNoProof) {
  process(99999991, 'S', 1, "/mnt/p/disk");
  dir.write("99999991/stat", "garbage");
  VmHunter hunter({"qemu"}, dir.path());
  hunter.set_pool(0, "/mnt/p", {});
  EXPECT_FALSE(hunter.look());
}

TEST_F(FakeProcTest, AFullTableIsNoProof) {
  for (int i = 0; i < static_cast<int>(kMaxVmProcesses) + 1; ++i)
    process(90000000 + 10 * i, 'S', 0, "");
  VmHunter hunter({"qemu"}, dir.path());
  EXPECT_FALSE(hunter.look());
}

}  // namespace
}  // namespace mold::heartbeat
