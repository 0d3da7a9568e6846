// Whoever the system trusts is nobody to us: with a CA of ours, the client believes that one and no
// other. In a mount namespace of the test's own the system's store is replaced by a CA that the
// test holds the key of, so that its certificates are the system's word.
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "lib/runtime/http_client.h"
#include "lib/runtime/http_server.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::runtime {
namespace {

// Where libcurl was told to look when it was built (Debian: GnuTLS reads the folder, OpenSSL the
// file in it or what c_rehash names).
constexpr const char* kStore = "/etc/ssl/certs";

void write_line(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

// This process alone sees another store. Once; before any thread.
bool enter_namespace() {
  if (::unshare(CLONE_NEWNS) != 0) {
    const auto uid = std::to_string(::getuid());
    const auto gid = std::to_string(::getgid());
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    write_line("/proc/self/setgroups", "deny");
    write_line("/proc/self/uid_map", "0 " + uid + " 1");
    write_line("/proc/self/gid_map", "0 " + gid + " 1");
  }
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", kStore, "tmpfs", 0, nullptr) == 0;
}

class SystemCa : public testing::Test {
 protected:
  void SetUp() override {
    static const bool entered = enter_namespace();
    if (!entered) GTEST_SKIP() << "no mount namespace to be had here";
    write_line(std::string(kStore) + "/system.pem", system_.pem());
    write_line(std::string(kStore) + "/ca-certificates.crt", system_.pem());
    loop_ = make_loop();
  }
  // A server whose certificate that CA has signed is asked; the client is new each time.
  Result<HttpResponse> ask(const TestCa& signer, const HttpTls& tls) {
    HttpServerConfig config;
    config.address = "127.0.0.1";
    config.tls = std::make_shared<TlsMaterial>(signer.issue("server", TestCa::Use::kServer));
    const auto server = must(
        HttpServer::start(*loop_, config, [](const ServerRequest&, const AsyncReplyPtr& reply) {
          reply->answer({200, "let in", "text/plain", {}, false});
        }));
    HttpRequest request;
    request.url = "https://127.0.0.1:" + std::to_string(server->port()) + "/";
    request.timeout = request.connect_timeout = kPatience;
    request.tls = tls;
    HttpClient client(*loop_);
    std::optional<Result<HttpResponse>> answer;
    const auto handle = client.send(std::move(request), [&](auto a) { answer = std::move(a); });
    EXPECT_TRUE(loop_->run_until([&] { return answer.has_value(); }, kPatience * 2));
    return *answer;
  }
  void expect_refused(const HttpTls& tls, const std::string& what) {
    const auto answer = ask(system_, tls);
    ASSERT_FALSE(answer) << what << ": a server that only the system vouches for was believed";
    EXPECT_EQ(answer.error().kind, ErrorKind::kDenied) << what << ": " << answer.error().text();
  }

  TestCa system_{"a CA of the system"};
  TestCa ours_{"our CA"};
  TempDir dir_;
  std::unique_ptr<EventLoop> loop_;
};

TEST_F(SystemCa, IsNotTrustedBesideOurs) {
  // First that the store is what it is taken for: who names no CA (hactl, for one) trusts it.
  const auto control = ask(system_, {});
  ASSERT_TRUE(control) << "the store of this system is elsewhere: " << control.error().text();
  EXPECT_FALSE(ask(ours_, {})) << "nor is everybody trusted";

  HttpTls by_material;
  by_material.material = std::make_shared<TlsMaterial>(ours_.issue("us", TestCa::Use::kClient));
  EXPECT_OK(ask(ours_, by_material));
  expect_refused(by_material, "CA in the material");

  HttpTls by_file;
  by_file.ca_file = dir_.file("ca.pem");
  write_line(by_file.ca_file, ours_.pem());
  EXPECT_OK(ask(ours_, by_file));
  expect_refused(by_file, "CA in a file");
}

// A host's certificate without its CA (a file that was lost, say) is not a reason to trust the
// world.
TEST_F(SystemCa, DoesNotStepInForAnAbsentOne) {
  HttpTls tls;
  auto material = std::make_shared<TlsMaterial>(ours_.issue("us", TestCa::Use::kClient));
  material->ca_pem.clear();
  tls.material = material;
  expect_refused(tls, "no CA in the material");
}

}  // namespace
}  // namespace mold::runtime
