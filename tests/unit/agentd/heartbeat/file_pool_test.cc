#include <sys/stat.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "tests/unit/agentd/heartbeat/pool_medium_contract.h"
#include "tests/unit/agentd/heartbeat/temp_dir.h"

namespace mold::heartbeat {
namespace {

namespace fs = std::filesystem;

PoolChildSetup setup_for(const std::string& path, const Uuid& host) {
  PoolChildSetup setup = setup_of(host);
  std::snprintf(setup.path, sizeof setup.path, "%s", path.c_str());
  return setup;
}

Uuid host_one() {
  return host_number(1);
}

BeatBytes some_block() {
  return beat_of(host_one(), 1);
}

MediumMaker file_maker() {
  auto dir = std::make_shared<std::unique_ptr<TempDir>>();
  const auto at = [dir](const std::string& name) { return (*dir)->path("pool/" + name); };
  MediumMaker maker;
  maker.make = [dir](PoolChildSetup setup, bool fresh_pool) {
    if (fresh_pool || !*dir) {
      *dir = std::make_unique<TempDir>();
      fs::create_directory((*dir)->path("pool"));
    }
    std::snprintf(setup.path, sizeof setup.path, "%s", (*dir)->path("pool").c_str());
    return make_file_pool(setup);
  };
  maker.plant = [at](const Uuid& host, std::span<const std::byte> bytes) {
    std::ofstream(at(".mold-ha/beats/" + host.text()), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  };
  maker.identity = [at] {
    std::stringstream text;
    text << std::ifstream(at(".mold-ha/pool")).rdbuf();
    return text.str();
  };
  maker.plant_identity = [at](const std::string& text) {
    fs::remove(at(".mold-ha/pool"));
    if (!text.empty()) std::ofstream(at(".mold-ha/pool")) << text;
  };
  maker.take_away = [dir] { fs::rename((*dir)->path("pool"), (*dir)->path("away")); };
  maker.bring_back = [dir] { fs::rename((*dir)->path("away"), (*dir)->path("pool")); };
  return maker;
}

INSTANTIATE_TEST_SUITE_P(File, PoolMediumContract, ::testing::Values(file_maker()));

TEST(FilePool, RecordIsOneBlockInItsPlace) {
  TempDir dir;
  const auto pool = make_file_pool(setup_for(dir.path(), host_one()));
  ASSERT_TRUE(pool->write_own(some_block()).ok());
  const auto file = dir.path(".mold-ha/beats/" + host_one().text());
  EXPECT_EQ(fs::file_size(file), kBeatBlockSize);
  EXPECT_EQ(std::string(pool->real_path()), fs::canonical(dir.path()).string());
}

TEST(FilePool, AVanishedPoolIsAnErrorAndComesBackByItself) {
  TempDir dir;
  const auto path = dir.path("pool");
  fs::create_directory(path);
  const auto pool = make_file_pool(setup_for(path, host_one()));
  ASSERT_TRUE(pool->write_own(some_block()).ok());
  fs::rename(path, dir.path("away"));
  EXPECT_FALSE(pool->write_own(some_block()).ok());
  // The empty directory below a lost mount is not the pool.
  fs::create_directory(path);
  const auto outcome = pool->write_own(some_block());
  EXPECT_EQ(outcome.fault, PoolFault::kIdentityMissing);
  EXPECT_FALSE(fs::exists(path + "/.mold-ha"));
  fs::remove(path);
  fs::rename(dir.path("away"), path);
  EXPECT_TRUE(pool->write_own(some_block()).ok());
}

TEST(FilePool, ARemovedRecordIsMadeAnew) {
  TempDir dir;
  const auto pool = make_file_pool(setup_for(dir.path(), host_one()));
  ASSERT_TRUE(pool->write_own(some_block()).ok());
  fs::remove(dir.path(".mold-ha/beats/" + host_one().text()));
  EXPECT_TRUE(pool->write_own(some_block()).ok());
  EXPECT_TRUE(fs::exists(dir.path(".mold-ha/beats/" + host_one().text())));
}

TEST(FilePool, AnotherPoolsDirectoryIsRefused) {
  TempDir dir;
  ASSERT_TRUE(make_file_pool(setup_for(dir.path(), host_one()))->write_own(some_block()).ok());
  auto other = setup_for(dir.path(), host_one());
  other.pool.bytes[0] = 0xee;
  EXPECT_EQ(make_file_pool(other)->write_own(some_block()).fault, PoolFault::kForeignPool);
  auto other_cluster = setup_for(dir.path(), host_one());
  other_cluster.cluster.bytes[0] = 0xee;
  EXPECT_EQ(make_file_pool(other_cluster)->write_own(some_block()).fault, PoolFault::kForeignPool);
}

TEST(FilePool, NotAMountPointIsRefusedWhenAskedFor) {
  TempDir dir;
  fs::create_directory(dir.path("pool"));
  auto setup = setup_for(dir.path("pool"), host_one());
  setup.must_be_mountpoint = true;
  EXPECT_EQ(make_file_pool(setup)->write_own(some_block()).fault, PoolFault::kNotMounted);
}

TEST(FilePool, MissingOrWrongDirectoryIsAnError) {
  TempDir dir;
  const auto missing = make_file_pool(setup_for(dir.path("no"), host_one()));
  EXPECT_EQ(missing->write_own(some_block()).error, ENOENT);
  dir.write("file", "x");
  const auto file = make_file_pool(setup_for(dir.path("file"), host_one()));
  EXPECT_EQ(file->write_own(some_block()).error, ENOTDIR);
}

TEST(FilePool, ATruncatedOrLinkedRecordIsNotRead) {
  TempDir dir;
  const auto pool = make_file_pool(setup_for(dir.path(), host_one()));
  ASSERT_TRUE(pool->write_own(some_block()).ok());
  Uuid other;
  other.bytes[0] = 2;
  std::array<std::byte, kBeatBlockSize> seen{};
  dir.write(".mold-ha/beats/" + other.text(), "MOLD-BEAT 1\n");
  const int n = pool->read(other, seen);
  BeatRecord record;
  EXPECT_EQ(n, 12);
  EXPECT_EQ(decode_beat(std::span<const std::byte>(seen).first(12), record),
            BeatVerdict::kTruncated);
  other.bytes[0] = 3;
  fs::create_symlink("/etc/passwd", dir.path(".mold-ha/beats/" + other.text()));
  EXPECT_EQ(pool->read(other, seen), -1);
}

}  // namespace
}  // namespace mold::heartbeat
