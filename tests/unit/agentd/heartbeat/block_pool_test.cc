// A plain file opened for direct I/O stands for the LUN: the same calls, the same sectors.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "agentd/heartbeat/block_layout.h"
#include "lib/base/unique_fd.h"
#include "tests/unit/agentd/heartbeat/pool_medium_contract.h"
#include "tests/unit/agentd/heartbeat/temp_dir.h"

namespace mold::heartbeat {
namespace {

namespace fs = std::filesystem;

// On a file system with direct I/O: /tmp may be memory.
class Lun {
 public:
  Lun() { std::ofstream(path(), std::ios::binary) << std::string(kBlockAreaSize, '\0'); }
  [[nodiscard]] std::string path() const { return dir_.path("lun"); }
  [[nodiscard]] std::string sector(std::uint32_t number) const {
    std::string text(kBeatBlockSize, '\0');
    std::ifstream in(path(), std::ios::binary);
    in.seekg(static_cast<std::streamoff>(number * kBeatBlockSize));
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    return text;
  }
  void put(std::uint32_t number, std::string text) const {
    text.resize(kBeatBlockSize, '\0');
    std::fstream out(path(), std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(number * kBeatBlockSize));
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.flush();
  }
  // The sectors that hold a record of this host, in the cluster and pool of these tests.
  [[nodiscard]] std::vector<std::uint32_t> sectors_of(const Uuid& host) const {
    std::vector<std::uint32_t> out;
    for (std::uint32_t n = 1; n <= kBeatSectors; ++n) {
      BeatRecord record;
      const auto text = sector(n);
      const bool good = decode_beat(std::as_bytes(std::span(text)), record) == BeatVerdict::kOk;
      const bool ours = record.cluster.bytes[0] == 0xcc && record.pool.bytes[0] == 0xdd;
      if (good && ours && record.host == host) out.push_back(n);
    }
    return out;
  }
  void take_away() const { fs::rename(path(), dir_.path("away")); }
  void bring_back() const { fs::rename(dir_.path("away"), path()); }

 private:
  TempDir dir_;
};

PoolChildSetup on(const Lun& lun, PoolChildSetup setup) {
  setup.type = PoolType::kBlock;
  std::snprintf(setup.source, sizeof setup.source, "%s", lun.path().c_str());
  return setup;
}

MediumMaker block_maker() {
  auto lun = std::make_shared<std::unique_ptr<Lun>>();
  MediumMaker maker;
  maker.make = [lun](const PoolChildSetup& setup, bool fresh_pool) {
    if (fresh_pool || !*lun) *lun = std::make_unique<Lun>();
    return make_block_pool(on(**lun, setup));
  };
  maker.plant = [lun](const Uuid& host, std::span<const std::byte> bytes) {
    const auto held = (*lun)->sectors_of(host);
    (*lun)->put(held.at(0), {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  };
  maker.identity = [lun] { return (*lun)->sector(0); };
  maker.plant_identity = [lun](const std::string& text) { (*lun)->put(0, text); };
  // An open device stays open when its name goes: what is lost is what lies on it.
  maker.take_away = [lun] {
    fs::copy_file((*lun)->path(), (*lun)->path() + ".copy");
    fs::resize_file((*lun)->path(), 0);
  };
  maker.bring_back = [lun] {
    fs::copy_file((*lun)->path() + ".copy", (*lun)->path(), fs::copy_options::overwrite_existing);
    fs::remove((*lun)->path() + ".copy");
  };
  return maker;
}

INSTANTIATE_TEST_SUITE_P(Block, PoolMediumContract, ::testing::Values(block_maker()));

TEST(BlockLayout, EveryHostVisitsEverySectorOnce) {
  for (std::uint8_t n = 0; n < 20; ++n) {
    Uuid host;
    host.bytes[3] = n;
    std::array<int, kBeatSectors + 1> visits{};
    for (std::uint32_t i = 0; i < kBeatSectors; ++i) ++visits.at(beat_sector(host, i));
    EXPECT_EQ(visits[0], 0);
    EXPECT_EQ(std::count(visits.begin() + 1, visits.end(), 1), kBeatSectors);
  }
}

class BlockPoolTest : public ::testing::Test {
 protected:
  static Uuid host(std::uint8_t n) { return host_number(n); }
  [[nodiscard]] PoolChildSetup setup(const Uuid& host) const { return on(lun, setup_of(host)); }
  static BeatBytes block(const Uuid& host, std::uint64_t counter) { return beat_of(host, counter); }
  static std::string text(const Uuid& host, std::uint64_t counter) {
    const auto bytes = block(host, counter);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  Lun lun;
};

TEST_F(BlockPoolTest, OthersDataIsNeverOverwritten) {
  for (const std::uint32_t sector : {0U, 17U, kBeatSectors}) {
    lun.put(sector, "somebody's file system");
    EXPECT_EQ(make_block_pool(setup(host(1)))->write_own(block(host(1), 1)).fault,
              PoolFault::kForeignPool);
    EXPECT_EQ(lun.sector(sector).substr(0, 22), "somebody's file system");
    lun.put(sector, "");
  }
  fs::resize_file(lun.path(), kBlockAreaSize - 1);
  EXPECT_EQ(make_block_pool(setup(host(1)))->write_own(block(host(1), 1)).fault,
            PoolFault::kTooSmall);
}

TEST_F(BlockPoolTest, WhoFindsAnothersRecordInItsSectorTakesTheNext) {
  auto one = make_block_pool(setup(host(1)));
  ASSERT_TRUE(one->write_own(block(host(1), 1)).ok());
  const auto first = lun.sectors_of(host(1)).at(0);
  EXPECT_EQ(first, beat_sector(host(1), 0));
  lun.put(first, text(host(2), 1));  // the other one claimed it in the same moment, and wrote last
  ASSERT_TRUE(one->write_own(block(host(1), 2)).ok());
  EXPECT_EQ(lun.sectors_of(host(2)), std::vector{first});
  EXPECT_EQ(lun.sectors_of(host(1)), std::vector{beat_sector(host(1), 1)});
  // And the other one is read where it is, though it is not where it looks first.
  auto reader = make_block_pool(setup(host(3)));
  ASSERT_TRUE(reader->write_own(block(host(3), 1)).ok());
  std::array<Uuid, 8> hosts;
  EXPECT_EQ(reader->list(hosts), 2);
  BeatBytes seen{};
  ASSERT_EQ(reader->read(host(2), seen), static_cast<int>(kBeatBlockSize));
  EXPECT_EQ(seen, block(host(2), 1));
}

// An old record that stands still beside the living one must never be read as a dead host.
TEST_F(BlockPoolTest, TwoRecordsOfOneHostAreUnknownUntilItEmptiesOne) {
  ASSERT_TRUE(make_block_pool(setup(host(1)))->write_own(block(host(1), 1)).ok());
  lun.put(beat_sector(host(1), 3), text(host(1), 9));
  auto reader = make_block_pool(setup(host(3)));
  ASSERT_TRUE(reader->write_own(block(host(3), 1)).ok());
  BeatBytes seen{};
  EXPECT_EQ(reader->read(host(1), seen), -1);
  ASSERT_TRUE(make_block_pool(setup(host(1)))->write_own(block(host(1), 10)).ok());
  EXPECT_EQ(lun.sectors_of(host(1)), std::vector{beat_sector(host(1), 0)});
  std::array<Uuid, 8> hosts;
  for (int i = 0; i < 6; ++i) (void)reader->list(hosts);
  ASSERT_EQ(reader->read(host(1), seen), static_cast<int>(kBeatBlockSize));
  EXPECT_EQ(seen, block(host(1), 10));
}

TEST_F(BlockPoolTest, AFullDeviceIsAnErrorAndAReaderIsNotLost) {
  auto first = make_block_pool(setup(host(1)));
  ASSERT_TRUE(first->write_own(block(host(1), 1)).ok());
  for (std::uint32_t n = 1; n <= kBeatSectors; ++n) {
    Uuid other;
    other.bytes[15] = static_cast<std::uint8_t>(n);
    if (lun.sector(n)[0] == '\0') lun.put(n, text(other, 1));
  }
  EXPECT_TRUE(first->write_own(block(host(1), 2)).ok());
  auto late = make_block_pool(setup(host(2)));
  EXPECT_EQ(late->write_own(block(host(2), 1)).fault, PoolFault::kNoRoom);
  BeatBytes seen{};
  EXPECT_EQ(late->read(host(9), seen), -1);
  EXPECT_EQ(late->read(host(1), seen), static_cast<int>(kBeatBlockSize));
}

TEST_F(BlockPoolTest, MissingDeviceAndWrongKindAreErrors) {
  lun.take_away();
  auto one = make_block_pool(setup(host(1)));
  EXPECT_EQ(one->write_own(block(host(1), 1)).fault, PoolFault::kNoDevice);
  lun.bring_back();
  EXPECT_TRUE(one->write_own(block(host(1), 2)).ok());
  auto tty = setup(host(1));
  std::snprintf(tty.source, sizeof tty.source, "/dev/null");
  EXPECT_FALSE(make_block_pool(tty)->write_own(block(host(1), 1)).ok());
}

}  // namespace
}  // namespace mold::heartbeat
