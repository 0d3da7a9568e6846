// Where a BMC may lead us, and where not; and which targets are refused before anything is sent.
#include "fencing/drivers/redfish_url.h"

#include <gtest/gtest.h>

#include "fencing/drivers/redfish_link.h"

namespace mold::fencing {
namespace {

RedfishPlace bmc(const std::string& path = "/redfish/v1/") {
  return {{true, "10.0.0.5", "443"}, path};
}

TEST(RedfishUrl, AddressesOfEveryKind) {
  EXPECT_EQ(make_redfish_origin(true, "10.0.0.5", "")->text(), "https://10.0.0.5:443");
  EXPECT_EQ(make_redfish_origin(false, "bmc-1.example", "")->text(), "http://bmc-1.example:80");
  EXPECT_EQ(make_redfish_origin(true, "2001:db8::1", "8443")->text(), "https://[2001:db8::1]:8443");
  EXPECT_EQ(make_redfish_origin(true, "[::1]", "")->text(), "https://[::1]:443");
  EXPECT_EQ(make_redfish_origin(true, "fe80::1%eth0", "")->text(), "https://[fe80::1%25eth0]:443");
  for (const char* address : {"", "a b", "host/path", "user@host", "a\nb", "::1::g", "[::1"}) {
    EXPECT_FALSE(make_redfish_origin(true, address, "").has_value()) << address;
  }
  for (const char* port : {"0", "65536", "-1", "http", "44 3"}) {
    EXPECT_FALSE(make_redfish_origin(true, "h", port).has_value()) << port;
  }
}

TEST(RedfishUrl, LinksStayOnTheBmc) {
  EXPECT_EQ(resolve_redfish(bmc(), "/redfish/v1/Systems/")->path, "/redfish/v1/Systems/");
  EXPECT_EQ(resolve_redfish(bmc(), "Systems/1")->path, "/redfish/v1/Systems/1");
  EXPECT_EQ(resolve_redfish(bmc(), "https://10.0.0.5/x?a=1#f")->path, "/x?a=1");
  EXPECT_EQ(resolve_redfish(bmc(), "https://10.0.0.5:443")->path, "/");
  EXPECT_EQ(resolve_redfish(bmc(), "//10.0.0.5/y")->path, "/y");
  for (const char* away :
       {"https://10.0.0.6/x", "http://10.0.0.5/x", "https://10.0.0.5:8443/x", "//evil/x",
        "https://10.0.0.5@evil/x", "https://evil?10.0.0.5/", "ftp://10.0.0.5/x", "", "/a b",
        "/a\r\nX: y", "https://10.0.0.5.evil/x", "/\\evil"}) {
    EXPECT_FALSE(resolve_redfish(bmc(), away).has_value()) << away;
  }
}

TEST(RedfishUrl, FromHttpToHttpsIsAStepUp) {
  const RedfishPlace plain{{false, "bmc", "80"}, "/redfish/v1/"};
  const auto place = resolve_redfish(plain, "https://BMC/redfish/v1/");
  ASSERT_TRUE(place.has_value());
  EXPECT_TRUE(place->origin.https);
  EXPECT_EQ(place->origin.port, "443");
}

TEST(RedfishUrl, SlashesAtTheEndDoNotMatter) {
  EXPECT_TRUE(same_redfish_path("/a/b", "/a/b//"));
  EXPECT_FALSE(same_redfish_path("/a/b", "/a/bc"));
}

class RedfishTarget : public testing::Test {
 protected:
  RedfishTarget() {
    target_.address = "10.0.0.5";
    target_.port = "";
    target_.username = "ADMIN";
  }
  std::string problem() {
    const auto endpoint = make_redfish_endpoint(target_, settings_);
    return endpoint ? "" : endpoint.error().what;
  }
  port::PowerTarget target_;
  RedfishSettings settings_;
};

TEST_F(RedfishTarget, OptionsAreCheckedByName) {
  target_.options = {{"system", "System.Embedded.1"},
                     {"base", "/bmc3/redfish/v1"},
                     {"tls.verify", "false"},
                     {"tls.ca", "/etc/ssl/bmc.pem"}};
  ASSERT_EQ(problem(), "");
  const auto endpoint = make_redfish_endpoint(target_, settings_);
  EXPECT_EQ(endpoint->base, "/bmc3/redfish/v1/");
  EXPECT_FALSE(endpoint->tls.verify_peer);
  EXPECT_EQ(endpoint->tls.ca_file, "/etc/ssl/bmc.pem");
  const std::pair<const char*, const char*> wrong[] = {
      {"sytem", "1"},     {"system", ""},          {"system", "a b"},   {"base", "redfish"},
      {"tls.verify", ""}, {"tls.verify", "maybe"}, {"tls.ca", "x.pem"}, {"tls.pin", "abc"}};
  for (const auto& [name, value] : wrong) {
    target_.options = {{name, value}};
    EXPECT_NE(problem().find(name), std::string::npos) << name << "=" << value << ": " << problem();
  }
}

TEST_F(RedfishTarget, FieldsAreCheckedByName) {
  target_.username = "a:b";
  EXPECT_TRUE(problem().starts_with("username"));
  target_.username = "ADMIN";
  target_.port = "0";
  EXPECT_TRUE(problem().starts_with("port"));
  target_.address = "";
  EXPECT_TRUE(problem().starts_with("address"));
}

TEST_F(RedfishTarget, CertificatesAreCheckedUnlessSomebodySaysNo) {
  EXPECT_TRUE(make_redfish_endpoint(target_, settings_)->tls.verify_peer);
  settings_.ignore_ssl = true;
  EXPECT_FALSE(make_redfish_endpoint(target_, settings_)->tls.verify_host);
  target_.options = {{"tls.verify", "true"}};
  EXPECT_TRUE(make_redfish_endpoint(target_, settings_)->tls.verify_peer);
  settings_.ignore_ssl = false;
  target_.options = {{"tls.pin", "sha256//" + std::string(43, 'A') + "="}};
  EXPECT_FALSE(make_redfish_endpoint(target_, settings_)->tls.verify_peer);
}

}  // namespace
}  // namespace mold::fencing
