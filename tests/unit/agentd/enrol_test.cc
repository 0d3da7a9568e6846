#include "agentd/enrol/enrol.h"

#include <gmock/gmock.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <ctime>
#include <optional>

#include "agentd/enrol/identity.h"
#include "agentd/enrol/renewal.h"
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

// Signs what it is asked to sign, for a year from now; by nobody in particular.
std::string sign(const std::string& csr_pem) {
  gnutls_x509_crq_t request = nullptr;
  gnutls_x509_crt_t certificate = nullptr;
  gnutls_x509_privkey_t key = nullptr;
  gnutls_x509_crq_init(&request);
  gnutls_x509_crt_init(&certificate);
  gnutls_x509_privkey_init(&key);
  std::string pem = csr_pem;
  const gnutls_datum_t text{reinterpret_cast<unsigned char*>(pem.data()),
                            static_cast<unsigned>(pem.size())};
  EXPECT_EQ(gnutls_x509_crq_import(request, &text, GNUTLS_X509_FMT_PEM), 0);
  EXPECT_EQ(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                         GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
            0);
  EXPECT_EQ(gnutls_x509_crt_set_crq(certificate, request), 0);
  const unsigned char serial = 7;
  gnutls_x509_crt_set_version(certificate, 3);
  gnutls_x509_crt_set_serial(certificate, &serial, 1);
  gnutls_x509_crt_set_activation_time(certificate, ::time(nullptr) - 60);
  gnutls_x509_crt_set_expiration_time(certificate, ::time(nullptr) + 365L * 24 * 3600);
  EXPECT_EQ(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0), 0);
  gnutls_datum_t out{nullptr, 0};
  EXPECT_EQ(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &out), 0);
  std::string signed_pem(reinterpret_cast<const char*>(out.data), out.size);
  gnutls_free(out.data);
  gnutls_x509_privkey_deinit(key);
  gnutls_x509_crt_deinit(certificate);
  gnutls_x509_crq_deinit(request);
  return signed_pem;
}

class RenewalTest : public EnrolTest {
 protected:
  RenewalTest() : manager_(*loop_, ca_), lane_(*loop_, "files", 1, 8), renewal_(*loop_, lane_) {
    manager_.renew = [this](const std::string& csr) {
      ++asked_;
      return wire::EnrolAnswer{kHost, sign(csr), ca_.pem(), {}};
    };
  }
  // An identity with that much of its life (an hour) left.
  void identity(long left_s) {
    const auto material =
        ca_.issue("host:" + std::string(kHost), TestCa::Use::kClient, left_s - 3600, left_s);
    EXPECT_OK(store_identity(
        state_, {kHost, material.key_pem, material.cert_pem, ca_.pem(), {manager_.url()}}));
    tls_.emplace(
        runtime::must(runtime::TlsConfig::load(runtime::must(load_identity(state_)).tls_files)));
  }
  void start() {
    Renewal::Options options;
    options.state_dir = state_;
    options.host_uuid = kHost;
    options.hostname = "h1";
    options.period = Duration{50};
    options.retry = Duration{20};
    renewal_.start(options, {[this] { return tls_->current(); },
                             [this] { return std::vector<std::string>{manager_.url()}; },
                             [this] {
                               ++renewed_;
                               EXPECT_TRUE(runtime::must(tls_->reload()));
                             }});
  }
  runtime::CertificateInfo stored() {
    const auto found = runtime::must(load_identity(state_));
    return runtime::must(
        runtime::read_certificate(runtime::must(runtime::load_tls(found.tls_files)).cert_pem));
  }

  std::string state_ = dir_.file("state");
  FakeManager manager_;
  runtime::WorkerLane lane_;
  std::optional<runtime::TlsConfig> tls_;
  Renewal renewal_;
  int asked_ = 0;
  int renewed_ = 0;
};

TEST_F(RenewalTest, RenewsOnceWhenLessThanAThirdIsLeft) {
  identity(600);
  const auto before = stored();
  start();
  ASSERT_TRUE(loop_->run_until([this] { return renewed_ == 1; }, runtime::kPatience));
  EXPECT_GT(stored().not_after, before.not_after);
  EXPECT_EQ(stored().common_name, before.common_name);
  EXPECT_FALSE(runtime::file_exists(state_ + "/host.key.new"));
  EXPECT_FALSE(runtime::file_exists(state_ + "/host.crt.new"));
  loop_->run_until([] { return false; }, Duration{200});
  EXPECT_EQ(asked_, 1);  // the new one is looked at from now on
}

TEST_F(RenewalTest, LeavesAFreshCertificateAlone) {
  identity(1800);
  start();
  loop_->run_until([] { return false; }, Duration{200});
  EXPECT_EQ(asked_, 0);
}

TEST_F(RenewalTest, TriesAgainAndKeepsWhatIsThereMeanwhile) {
  identity(600);
  const auto before = stored();
  manager_.standby = true;
  start();
  loop_->run_until([] { return false; }, Duration{200});
  EXPECT_EQ(stored().fingerprint, before.fingerprint);
  manager_.standby = false;
  ASSERT_TRUE(loop_->run_until([this] { return renewed_ == 1; }, runtime::kPatience));
}

TEST_F(RenewalTest, WhatDoesNotFitIsNotStored) {
  identity(600);
  const auto before = stored();
  const auto made = runtime::must(make_key_and_request("host:" + std::string(kHost)));
  const auto other = runtime::must(make_key_and_request("host:" + std::string(kHost)));
  EXPECT_FALSE(store_renewal(state_, other.key_pem, sign(made.csr_pem)));
  const auto stranger =
      runtime::must(make_key_and_request("host:22222222-2222-4222-8222-222222222222"));
  EXPECT_FALSE(store_renewal(state_, stranger.key_pem, sign(stranger.csr_pem)));
  EXPECT_EQ(stored().fingerprint, before.fingerprint);
}

TEST_F(RenewalTest, APowerCutBetweenTheRenamesCostsNothing) {
  identity(600);
  const auto made = runtime::must(make_key_and_request("host:" + std::string(kHost)));
  const std::string certificate = sign(made.csr_pem);
  EXPECT_OK(runtime::write_file_atomic(state_ + "/host.crt.new", certificate));
  EXPECT_NE(stored().fingerprint,
            runtime::must(runtime::read_certificate(certificate)).fingerprint);
  EXPECT_OK(runtime::write_file_atomic(state_ + "/host.key", made.key_pem.reveal(), 0600));
  EXPECT_EQ(stored().fingerprint,
            runtime::must(runtime::read_certificate(certificate)).fingerprint);
  EXPECT_FALSE(runtime::file_exists(state_ + "/host.crt.new"));
}

}  // namespace
}  // namespace mold::agentd
