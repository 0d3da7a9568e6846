// The contract of port::CephStorage on a real cluster: one monitor, one OSD, cephx; mold-ceph as
// built, clients in processes of their own. And what only the real thing can show.
#include <array>
#include <filesystem>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "tests/contract/ceph_cluster.h"
#include "tests/contract/ceph_storage_contract.h"

namespace mold::contract {
namespace {

INSTANTIATE_TEST_SUITE_P(Real, CephStorageContract, ::testing::Values(&make_real_ceph_rig));

class CephDisks : public ::testing::Test {
 protected:
  port::CephAnswer create(const port::DiskOrder& order) {
    port::CephAnswer answer;
    bool told = false;
    rig_.storage().create_disk(rig_.fencer(), order, Duration{60'000}, [&](port::CephAnswer got) {
      answer = std::move(got);
      told = true;
    });
    EXPECT_TRUE(rig_.loop().run_until([&] { return told; }, Duration{120'000}));
    return answer;
  }
  std::string admin(const std::string& line) { return CephCluster::get().admin(line); }
  // The first bytes of a disk.
  std::string head_of(const std::string& image) {
    return admin("rbd export vms/" + image + " - | head -c 8");
  }
  std::string folder() {
    return std::filesystem::path(CephCluster::get().env("CONF")).parent_path();
  }
  std::string templates() { return admin("rbd ls vms | grep mold-template | sort || true"); }

  RealCephRig rig_;
};

TEST_F(CephDisks, ARawFileIsImportedOnce) {
  const std::string file = folder() + "/raw.img";
  admin("truncate -s 12M " + file + " && printf original | dd of=" + file + " conv=notrunc");
  const std::string first = rig_.fresh("disk-");
  const auto answer = create({first, 20 * 1024 * 1024, file});
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(head_of(first), "original");
  EXPECT_EQ(rig_.size_of(first), 20U * 1024 * 1024);
  const std::string before = templates();
  const std::string second = rig_.fresh("disk-");
  EXPECT_EQ(create({second, 0, file}).outcome, core::Outcome::kConfirmed);
  EXPECT_EQ(templates(), before);
  // Another content is another template.
  admin("sleep 0.01; printf changed_ | dd of=" + file + " conv=notrunc");
  const std::string third = rig_.fresh("disk-");
  EXPECT_EQ(create({third, 0, file}).outcome, core::Outcome::kConfirmed);
  EXPECT_EQ(head_of(third), "changed_");
  EXPECT_EQ(head_of(second), "original");
}

TEST_F(CephDisks, AQcow2FileIsConvertedAndOneThatPointsElsewhereIsRefused) {
  const std::string raw = folder() + "/source.img";
  const std::string file = folder() + "/disk.qcow2";
  admin("truncate -s 6M " + raw + " && printf fromqcow | dd of=" + raw + " conv=notrunc");
  admin("qemu-img convert -f raw -O qcow2 " + raw + " " + file);
  const std::string disk = rig_.fresh("disk-");
  const auto answer = create({disk, 0, file});
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(head_of(disk), "fromqcow");
  EXPECT_EQ(rig_.size_of(disk), 6U * 1024 * 1024);

  const std::string bad = folder() + "/bad.qcow2";
  admin("qemu-img create -f qcow2 -b " + raw + " -F raw " + bad);
  const auto refused = create({rig_.fresh("disk-"), 0, bad});
  EXPECT_EQ(refused.outcome, core::Outcome::kFailed);
  EXPECT_EQ(refused.error, ErrorKind::kInvalid) << refused.text;
  const auto missing = create({rig_.fresh("disk-"), 0, folder() + "/none"});
  EXPECT_EQ(missing.outcome, core::Outcome::kFailed);
  EXPECT_EQ(missing.error, ErrorKind::kNotFound) << missing.text;
}

TEST_F(CephDisks, TwoImportersAtATimePublishOneTemplate) {
  const std::string file = folder() + "/both.img";
  admin("dd if=/dev/urandom of=" + file + " bs=1M count=8");
  const std::string before = templates();
  const std::array<std::string, 2> disks = {rig_.fresh("disk-"), rig_.fresh("disk-")};
  int confirmed = 0;
  int answers = 0;
  for (const std::string& disk : disks) {
    rig_.storage().create_disk(
        rig_.fencer(), {disk, 0, file}, Duration{60'000}, [&](const port::CephAnswer& answer) {
          EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
          confirmed += answer.outcome == core::Outcome::kConfirmed ? 1 : 0;
          ++answers;
        });
  }
  ASSERT_TRUE(rig_.loop().run_until([&] { return answers == 2; }, Duration{120'000}));
  EXPECT_EQ(confirmed, 2);
  const auto count = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(count(templates()), count(before) + 1) << templates();
  for (const std::string& disk : disks) admin("rbd export vms/" + disk + " - | cmp - " + file);
}

TEST_F(CephDisks, ADiskHalfMadeIsFinished) {
  const std::string from = rig_.make_template();
  const std::string disk = rig_.fresh("disk-");
  admin("rbd clone vms/" + from + " vms/" + disk);  // died before it was grown
  const auto answer = create({disk, 16 * 1024 * 1024, from});
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(rig_.size_of(disk), 16U * 1024 * 1024);
}

TEST_F(CephDisks, NoKeyIsInArgumentsOrEnvironment) {
  const std::string key = rig_.fencer().key.reveal();
  bool told = false;
  rig_.freeze_osds(true);
  rig_.storage().clients(rig_.fencer(), {"any"}, Duration{3'000},
                         [&](const port::CephClients&) { told = true; });
  const std::string seen = admin(
      "sleep 0.5; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>&1 | "
      "tr -d \"\\0\" | grep -c mold-ceph; true");
  const std::string found = admin(
      "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | "
      "tr \"\\0\" \"\\n\" | grep -cF -f " +
      CephCluster::get().env("MANAGER_KEY_FILE") + " || true");
  EXPECT_NE(trim(seen), "0");
  EXPECT_EQ(trim(found), "0");
  EXPECT_TRUE(rig_.loop().run_until([&] { return told; }, Duration{60'000}));
  rig_.freeze_osds(false);
}

}  // namespace
}  // namespace mold::contract
