#include "agentd/enrol/enrol.h"

#include <gmock/gmock.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "agentd/enrol/identity.h"
#include "lib/wire/enrol_token.h"
#include "tests/unit/agentd/fake_manager.h"

namespace mold::agentd {
namespace {

using runtime::TempDir;
using runtime::TestCa;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kHost = "11111111-1111-4111-8111-111111111111";

TEST(Identity, KeyAndRequestBelongTogether) {
  const KeyAndRequest made = runtime::must(make_key_and_request("host:" + std::string(kHost)));
  gnutls_x509_crq_t request = nullptr;
  gnutls_x509_crq_init(&request);
  std::string pem = made.csr_pem;
  const gnutls_datum_t text{reinterpret_cast<unsigned char*>(pem.data()),
                            static_cast<unsigned>(pem.size())};
  EXPECT_EQ(gnutls_x509_crq_import(request, &text, GNUTLS_X509_FMT_PEM), 0);
  EXPECT_EQ(gnutls_x509_crq_verify(request, 0), 0);
  char name[128] = {};
  std::size_t size = sizeof name;
  EXPECT_EQ(gnutls_x509_crq_get_dn_by_oid(request, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size),
            0);
  EXPECT_EQ(std::string(name, size), "host:" + std::string(kHost));
  gnutls_x509_crq_deinit(request);
  EXPECT_THAT(made.key_pem.reveal(), HasSubstr("PRIVATE KEY"));
}

class EnrolTest : public ::testing::Test {
 protected:
  EnrolTest() : loop_(runtime::make_loop()), ca_("test ca") {}

  EnrolOptions options(const FakeManager& manager, std::string pin = std::string(32, 'p')) {
    EnrolOptions out;
    out.manager = manager.url();
    out.token = wire::format_token({kHost, Secret(std::string(32, 's')), std::move(pin)});
    out.state_dir = dir_.file("state");
    out.hostname = "h1";
    return out;
  }

  TempDir dir_;
  std::unique_ptr<runtime::EventLoop> loop_;
  TestCa ca_;
};

TEST_F(EnrolTest, AManagerWithAnotherKeyGetsNoToken) {
  FakeManager manager(*loop_, ca_, 0, false);
  const auto host = enrol(*loop_, options(manager));
  ASSERT_FALSE(host);
  EXPECT_EQ(host.error().kind, ErrorKind::kDenied) << host.error().what;
  EXPECT_FALSE(manager.enrol_csr);
  EXPECT_FALSE(has_identity(dir_.file("state")));
}

TEST_F(EnrolTest, AnIdentityIsNotOverwritten) {
  FakeManager manager(*loop_, ca_, 0, false);
  EXPECT_OK(runtime::make_dirs(dir_.file("state")));
  EXPECT_OK(runtime::write_file_atomic(dir_.file("state/host.id"), kHost));
  const auto host = enrol(*loop_, options(manager));
  ASSERT_FALSE(host);
  EXPECT_EQ(host.error().kind, ErrorKind::kConflict);
}

TEST_F(EnrolTest, ABadTokenIsNamedAndNotShown) {
  FakeManager manager(*loop_, ca_, 0, false);
  EnrolOptions bad = options(manager);
  bad.token = Secret("MOLD1.secretsecret");
  const auto host = enrol(*loop_, bad);
  ASSERT_FALSE(host);
  EXPECT_THAT(host.error().what, Not(HasSubstr("secretsecret")));
}

TEST_F(EnrolTest, StoredIdentityIsFoundAgain) {
  const runtime::TlsMaterial material =
      ca_.issue("host:" + std::string(kHost), TestCa::Use::kClient);
  NewIdentity fresh;
  fresh.host_uuid = kHost;
  fresh.key_pem = material.key_pem;
  fresh.certificate_pem = material.cert_pem;
  fresh.ca_pem = ca_.pem();
  fresh.managers = {"https://127.0.0.1:8250"};
  const std::string dir = dir_.file("state");
  EXPECT_OK(store_identity(dir, fresh));
  const Identity found = runtime::must(load_identity(dir));
  EXPECT_EQ(found.host_uuid, kHost);
  EXPECT_EQ(found.managers, fresh.managers);
  struct stat info {};
  ASSERT_EQ(::stat((dir + "/host.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);

  // A certificate of another host, a key that does not fit: no identity.
  const auto other = ca_.issue("host:22222222-2222-4222-8222-222222222222", TestCa::Use::kClient);
  NewIdentity wrong = fresh;
  wrong.certificate_pem = other.cert_pem;
  EXPECT_FALSE(store_identity(dir, wrong));
  EXPECT_FALSE(has_identity(dir));
  EXPECT_EQ(load_identity(dir).error().kind, ErrorKind::kNotFound);
  wrong.key_pem = other.key_pem;
  EXPECT_OK(store_identity(dir, wrong));
  EXPECT_EQ(load_identity(dir).error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace mold::agentd
