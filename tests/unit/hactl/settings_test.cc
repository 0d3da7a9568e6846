// Where hactl's settings come from, and which files it does not trust.
#include "hactl/settings.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

namespace mold::hactl {
namespace {

class SettingsTest : public ::testing::Test {
 protected:
  SettingsTest() {
    for (const char* name : {"MOLD_URL", "MOLD_APIKEY", "MOLD_SECRETKEY"}) ::unsetenv(name);
  }
  std::string write(const std::string& text, mode_t mode) {
    const std::string path = ::testing::TempDir() + "hactl_settings_" +
                             ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
};

TEST_F(SettingsTest, WithoutAnyFileTheLocalManagerIsMeant) {
  const auto settings = load_settings({});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->url, "http://127.0.0.1:8080/client/api");
  EXPECT_TRUE(settings->api_key.empty());
  EXPECT_FALSE(settings->insecure);
}

TEST_F(SettingsTest, TheEnvironmentWinsOverTheFile) {
  const auto file =
      write("url=https://m:8443/client/api\napikey=a\nsecretkey=b\ninsecure=yes\n", 0600);
  ::setenv("MOLD_APIKEY", "c", 1);
  const auto settings = load_settings({.explicit_file = file, .files = {}});
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->url, "https://m:8443/client/api");
  EXPECT_EQ(settings->api_key, "c");
  EXPECT_EQ(settings->secret_key.reveal(), "b");
  EXPECT_TRUE(settings->insecure);
  EXPECT_TRUE(settings->warnings.empty());
}

TEST_F(SettingsTest, ASecretThatAnybodyMayReadIsAWarning) {
  const auto settings = load_settings({.explicit_file = write("secretkey=b\n", 0644), .files = {}});
  ASSERT_TRUE(settings);
  ASSERT_EQ(settings->warnings.size(), 1U);
  EXPECT_NE(settings->warnings[0].find("chmod 600"), std::string::npos);
}

TEST_F(SettingsTest, AFileThatAnybodyMayWriteIsRefused) {
  const auto settings = load_settings({.explicit_file = write("apikey=a\n", 0666), .files = {}});
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().kind, ErrorKind::kDenied);
}

TEST_F(SettingsTest, WrongValuesNameTheirPlace) {
  const auto unknown = load_settings({.explicit_file = write("apikye=a\n", 0600), .files = {}});
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().what.find("apikye"), std::string::npos);
  const auto url = load_settings({.explicit_file = write("url=manager\n", 0600), .files = {}});
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace mold::hactl
