// The kernel's side of the watchdog, answered by the test; the device is a file, so that what was
// written last is seen: the letter V stops a real one.
#include "agentd/heartbeat/watchdog.h"

#include <gtest/gtest.h>
#include <linux/watchdog.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sstream>

#include "tests/unit/agentd/heartbeat/temp_dir.h"

namespace mold::heartbeat {
namespace {

struct Device {
  const char* identity = "test watchdog";
  int timeout = 0;  // what it says, not what it is told; 0: takes what it is told
  bool tells_left = true;
  bool counts = true;
  bool feeds = true;
  int feedings = 0;
  std::int64_t now_ms = 1'000'000;
  std::int64_t fed_at = 1'000'000;
};

class TestedWatchdog final : public KernelWatchdog {
 public:
  TestedWatchdog(Device& device, const std::string& path, unsigned timeout, bool software = false)
      : KernelWatchdog(path, timeout, software), device_(device) {}

 private:
  static int answer(void* to, int value) {
    std::memcpy(to, &value, sizeof value);
    return 0;
  }
  static int refuse(int error) {
    errno = error;
    return -1;
  }
  int control(int, unsigned long request, void* argument) override {
    switch (request) {
      case WDIOC_GETSUPPORT: {
        watchdog_info info{};
        std::snprintf(reinterpret_cast<char*>(info.identity), sizeof info.identity, "%s",
                      device_.identity);
        info.options = WDIOF_MAGICCLOSE | WDIOF_PRETIMEOUT;
        std::memcpy(argument, &info, sizeof info);
        return 0;
      }
      case WDIOC_SETTIMEOUT:
        if (device_.timeout == 0) std::memcpy(&device_.timeout, argument, sizeof(int));
        return 0;
      case WDIOC_GETTIMEOUT:
        return answer(argument, device_.timeout);
      case WDIOC_GETPRETIMEOUT:
        return answer(argument, 1);
      case WDIOC_GETBOOTSTATUS:
        return answer(argument, WDIOF_CARDRESET);
      case WDIOC_KEEPALIVE:
        ++device_.feedings;
        device_.fed_at = device_.now_ms;
        return device_.feeds ? 0 : refuse(EIO);
      case WDIOC_GETTIMELEFT: {
        if (!device_.tells_left) return refuse(EOPNOTSUPP);
        const auto gone = device_.counts ? device_.now_ms - device_.fed_at : 0;
        return answer(argument, static_cast<int>((device_.timeout * 1000 - gone) / 1000));
      }
      default:
        return refuse(ENOTTY);
    }
  }
  [[nodiscard]] Instant now() const override { return Instant{device_.now_ms}; }

  Device& device_;
};

class WatchdogTest : public ::testing::Test {
 protected:
  WatchdogTest() { dir.write("device", ""); }
  [[nodiscard]] std::string path() const { return dir.path("device"); }
  [[nodiscard]] std::string written() const {
    std::stringstream text;
    text << std::ifstream(path()).rdbuf();
    return text.str();
  }
  // Opens it as the supervisor does: again and again, with a second between.
  bool opens(Watchdog& watchdog) {
    for (int i = 0; i < 10; ++i) {
      if (watchdog.open()) return true;
      if (!watchdog.proving()) return false;
      EXPECT_FALSE(watchdog.armed());
      device.now_ms += 1000;
    }
    return false;
  }
  TempDir dir;
  Device device;
};

TEST_F(WatchdogTest, ArmedOnlyOnceItWasSeenCountingDown) {
  TestedWatchdog watchdog(device, path(), 4);
  EXPECT_FALSE(watchdog.open());
  EXPECT_TRUE(watchdog.proving());
  EXPECT_FALSE(watchdog.open());  // no time has passed
  const int fed = device.feedings;
  EXPECT_TRUE(opens(watchdog));
  EXPECT_EQ(device.feedings, fed + 1);  // not fed while it was watched
  EXPECT_TRUE(watchdog.feed());
  EXPECT_EQ(watchdog.timeout_ms(), 4000U);
  watchdog.disarm();
  EXPECT_EQ(written(), "V");
}

TEST_F(WatchdogTest, OneThatStandsStillIsGivenBackBeforeItCouldBite) {
  device.counts = false;
  TestedWatchdog watchdog(device, path(), 4);
  const auto began = device.now_ms;
  EXPECT_FALSE(opens(watchdog));
  EXPECT_LE(device.now_ms - began, 3000);
  EXPECT_NE(std::string(watchdog.note()).find("counting down"), std::string::npos);
  EXPECT_EQ(written(), "V");
  device.counts = true;  // a better driver was loaded
  EXPECT_TRUE(opens(watchdog));
}

TEST_F(WatchdogTest, WhatCannotBeSeenIsNotAskedFor) {
  device.tells_left = false;
  TestedWatchdog silent(device, path(), 4);
  EXPECT_TRUE(silent.open());
  device = Device{};
  TestedWatchdog brief(device, path(), 2);
  EXPECT_TRUE(brief.open());
}

TEST_F(WatchdogTest, TheTimeoutIsTheDevicesOwn) {
  device.timeout = 30;
  TestedWatchdog watchdog(device, path(), 4);
  EXPECT_TRUE(opens(watchdog));
  EXPECT_EQ(watchdog.timeout_ms(), 30000U);
  device.timeout = 0;
  Device wild;
  wild.timeout = 100000;
  TestedWatchdog refused(wild, path(), 4);
  EXPECT_FALSE(refused.open());
  EXPECT_FALSE(refused.proving());
}

TEST_F(WatchdogTest, ItCanBeMadeToBiteSoonerAndLaterWhileItRuns) {
  TestedWatchdog watchdog(device, path(), 4);
  watchdog.set_timeout(3);
  EXPECT_EQ(watchdog.timeout_ms(), 4000U) << "not armed yet";
  ASSERT_TRUE(opens(watchdog));
  device.timeout = 0;
  const int fed = device.feedings;
  watchdog.set_timeout(3);
  EXPECT_EQ(watchdog.timeout_ms(), 3000U);
  EXPECT_EQ(device.feedings, fed + 1);
  watchdog.set_timeout(2);  // the device stays at what it says
  EXPECT_EQ(watchdog.timeout_ms(), 3000U);
  device.timeout = 0;
  watchdog.set_timeout(4);  // and later again
  EXPECT_EQ(watchdog.timeout_ms(), 4000U);
  EXPECT_TRUE(watchdog.armed());
}

TEST_F(WatchdogTest, ItBeginsAsTheLastInstanceLeftIt) {
  TestedWatchdog watchdog(device, path(), 4);
  watchdog.begin_with(0);  // there was none
  watchdog.begin_with(9);
  EXPECT_EQ(watchdog.timeout_ms(), 4000U);
  watchdog.begin_with(2);
  EXPECT_EQ(watchdog.timeout_ms(), 2000U);
  ASSERT_TRUE(opens(watchdog));
  EXPECT_EQ(watchdog.timeout_ms(), 2000U);
  watchdog.begin_with(1);  // too late to say so
  EXPECT_EQ(watchdog.timeout_ms(), 2000U);
}

TEST_F(WatchdogTest, TheKernelsOwnIsNoneUnlessAllowed) {
  device.identity = "Software Watchdog";
  TestedWatchdog watchdog(device, path(), 4);
  EXPECT_FALSE(watchdog.open());
  EXPECT_FALSE(watchdog.proving());
  EXPECT_NE(std::string(watchdog.note()).find("software"), std::string::npos);
  EXPECT_EQ(written(), "V");
  TestedWatchdog allowed(device, path(), 4, true);
  EXPECT_TRUE(opens(allowed));
}

TEST_F(WatchdogTest, NoDeviceAndNoFeedingMeanNotArmed) {
  TestedWatchdog none(device, "", 4);
  EXPECT_FALSE(none.open());
  TestedWatchdog missing(device, dir.path("missing"), 4);
  EXPECT_FALSE(missing.open());
  EXPECT_NE(std::string(missing.note()).find("No such file"), std::string::npos);
  TestedWatchdog watchdog(device, path(), 4);
  ASSERT_TRUE(opens(watchdog));
  device.feeds = false;
  EXPECT_FALSE(watchdog.feed());
  EXPECT_FALSE(watchdog.armed());
  EXPECT_FALSE(watchdog.open());
  device.feeds = true;
  EXPECT_TRUE(opens(watchdog));
}

}  // namespace
}  // namespace mold::heartbeat
