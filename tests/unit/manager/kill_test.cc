// kill -9 at any moment: whatever was told "done" is there afterwards.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <set>

#include "tests/unit/manager/fixture.h"

namespace mold::manager::test {
namespace {

// Makes zones, each with an event and a job, and tells their names down the pipe once durable.
[[noreturn]] void work_until_killed(const std::string& directory, int pipe_fd, int round) {
  auto loop = std::move(*runtime::EventLoop::create());
  auto store = Store::open(*loop, {.directory = directory});
  if (!store) _exit(3);
  Restored restored = (*store)->take_restored();
  InventoryData data = std::move(restored.inventory);
  Engine engine(*loop, **store, core::Policy{}, std::move(restored));
  Inventory inventory(
      engine, [&] { return loop->wall(); }, std::move(data));
  engine.start();
  int number = 0;
  std::function<void()> next = [&] {
    const std::string name = "zone-" + std::to_string(round) + "-" + std::to_string(number++);
    const auto zone = inventory.create(Zone{.name = name});
    const auto job = engine.open_job({.command = "createZone", .instance_uuid = zone->uuid});
    if (!zone || !job) _exit(4);
    engine.note_event({.type = "ZONE.CREATE", .description = name, .resource_uuid = zone->uuid});
    engine.finish_job(job->id, core::JobStatus::kSucceeded, {0, "{}"});
    engine.when_durable([&, line = name + " " + job->uuid + "\n"](const Status& status) {
      if (!status) _exit(5);
      if (::write(pipe_fd, line.data(), line.size()) < 0) _exit(6);
      next();
    });
  };
  for (int i = 0; i < 4; ++i) next();  // several under way at once
  loop->run();
  _exit(7);
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  return text;
}

TEST(KillNine, LosesNothingThatWasToldDone) {
  const TempDir dir;
  const std::string directory = dir.path() + "/state";
  std::mt19937 random(20'240'522);
  std::set<std::string> told_zones;
  std::set<std::string> told_jobs;
  for (int round = 0; round < 12; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) work_until_killed(directory, ends[1], round);
    ::close(ends[1]);
    // From the first sign of life on, at any moment.
    char first = 0;
    ASSERT_EQ(::read(ends[0], &first, 1), 1);
    ::usleep(std::uniform_int_distribution<unsigned>(0, 60'000)(random));
    ::kill(child, SIGKILL);
    const std::string told = std::string(1, first) + read_all(ends[0]);
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "ended by itself with " << WEXITSTATUS(status);
    for (const std::string& line : split(told.substr(0, told.rfind('\n')), '\n')) {
      const auto parts = split(line, ' ');
      ASSERT_EQ(parts.size(), 2U);
      told_zones.insert(parts[0]);
      told_jobs.insert(parts[1]);
    }
    auto loop = std::move(*runtime::EventLoop::create());
    auto store = Store::open(*loop, {.directory = directory});
    ASSERT_TRUE(store) << store.error().text();
    const Restored all = (*store)->take_restored();
    std::set<std::string> kept_zones;
    for (const Zone& zone : all.inventory.zones) kept_zones.insert(zone.name);
    std::set<std::string> kept_jobs;
    for (const JobRecord& job : all.jobs) {
      if (job.status == core::JobStatus::kSucceeded) kept_jobs.insert(job.uuid);
    }
    for (const std::string& zone : told_zones) EXPECT_TRUE(kept_zones.contains(zone)) << zone;
    for (const std::string& job : told_jobs) EXPECT_TRUE(kept_jobs.contains(job)) << job;
    EXPECT_EQ(kept_zones.size(), kept_jobs.size()) << "one request, one transaction";
  }
  EXPECT_GT(told_zones.size(), 12U);
}

}  // namespace
}  // namespace mold::manager::test
