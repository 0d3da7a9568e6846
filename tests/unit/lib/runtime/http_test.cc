// Server and client against each other on one loop, as in production.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <optional>
#include <thread>

#include "lib/runtime/http_client.h"
#include "lib/runtime/http_server.h"
#include "lib/runtime/journal_log.h"
#include "tests/fakes/loopback.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::runtime {
namespace {

using Answer = Result<HttpResponse>;

class Http : public testing::Test {
 protected:
  Http() {
    set_log_capture([this](std::string_view line) { log_ += std::string(line) + "\n"; });
    config_.address = "127.0.0.1";
  }
  ~Http() override { set_log_capture(nullptr); }

  void serve(HttpServer::Handler handler) {
    server_ = must(HttpServer::start(*loop_, config_, std::move(handler)));
    base_ = std::string(config_.tls ? "https" : "http") +
            "://127.0.0.1:" + std::to_string(server_->port());
  }
  HttpRequest get(const std::string& path) {
    HttpRequest request;
    request.url = base_ + path;
    request.timeout = kPatience;
    request.connect_timeout = kPatience;
    request.tls = tls_;
    return request;
  }
  HttpRequest post(const std::string& path, std::string body) {
    HttpRequest request = get(path);
    request.method = "POST";
    request.body = std::move(body);
    return request;
  }
  Answer ask(HttpRequest request) {
    std::optional<Answer> answer;
    const auto handle = client_->send(std::move(request), [&](Answer a) { answer = std::move(a); });
    EXPECT_FALSE(answer);
    EXPECT_TRUE(loop_->run_until([&] { return answer.has_value(); }, kPatience * 2));
    return *answer;
  }
  // A client that is not curl.
  UniqueFd connect_raw() const {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static void send_raw(const UniqueFd& fd, std::string_view text) {
    EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::string read_until_close(const UniqueFd& fd) {
    std::string text;
    bool closed = false;
    const IoSource source(*loop_, fd.get(), EPOLLIN, [&](auto) {
      char buffer[4096];
      const ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
      if (n == 0 || (n < 0 && errno != EAGAIN)) closed = true;
    });
    EXPECT_TRUE(loop_->run_until([&] { return closed; }, kPatience));
    return text;
  }
  void use_mutual_tls() {
    config_.tls = std::make_shared<TlsMaterial>(ca_.issue("manager", TestCa::Use::kServer));
    config_.require_client_cert = true;
    tls_.material = std::make_shared<TlsMaterial>(ca_.issue("host-1", TestCa::Use::kClient));
  }

  std::unique_ptr<EventLoop> loop_ = make_loop();
  TestCa ca_{"mold test CA"};
  HttpServerConfig config_;
  HttpTls tls_;
  std::string log_;
  std::string base_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<HttpClient> client_ = std::make_unique<HttpClient>(*loop_);
};

void echo(const ServerRequest& request, const AsyncReplyPtr& reply) {
  std::string text = request.method + " " + request.path + "\n";
  for (const auto& q : request.query) {
    text += q.name + "=" + q.value + " (" + q.raw_name + "=" + q.raw_value + ")\n";
  }
  text += request.body;
  if (request.peer_certificate) text += "peer " + request.peer_certificate->common_name;
  reply->answer({200, text, "text/plain", {{"X-Peer", request.peer_address}}, false});
}

TEST_F(Http, AnswersWithPathQueryHeadersAndBody) {
  serve(echo);
  const auto answer = must(ask(get("/a%20b/c?z=1&a=x%26y+z&z=2&flag")));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "GET /a b/c\nz=1 (z=1)\na=x&y z (a=x%26y+z)\nz=2 (z=2)\nflag= (flag=)\n");
  EXPECT_EQ(find_header(answer.headers, "x-peer"), "127.0.0.1");
  EXPECT_EQ(answer.peer_address, "127.0.0.1");
  EXPECT_EQ(must(ask(post("/p", "{\"a\":1}"))).body, "POST /p\n{\"a\":1}");
  EXPECT_EQ(must(ask(post("/p", ""))).body, "POST /p\n");
  auto put = post("/p", "x");
  put.method = "PUT";
  EXPECT_EQ(must(ask(put)).body, "PUT /p\nx");
  auto head = get("/h");
  head.method = "HEAD";
  const auto headed = must(ask(head));
  EXPECT_EQ(headed.body, "");
  EXPECT_EQ(find_header(headed.headers, "content-length"), "8");
}

TEST_F(Http, KeepsConnectionsUnlessToldNotTo) {
  serve(echo);
  EXPECT_FALSE(must(ask(get("/"))).reused_connection);
  EXPECT_TRUE(must(ask(get("/"))).reused_connection);
  EXPECT_TRUE(must(ask(post("/", "x"))).reused_connection);
  auto fresh = get("/");
  fresh.fresh_connection = true;
  EXPECT_FALSE(must(ask(fresh)).reused_connection);
  EXPECT_EQ(server_->stats().requests, 4U);
}

TEST_F(Http, ServesIpv6AndMapsIpv4OnTheSamePort) {
  config_.address = "::";
  serve(echo);
  const auto v4 = must(ask(get("/")));
  EXPECT_EQ(find_header(v4.headers, "x-peer"), "127.0.0.1");
  const UniqueFd probe(::socket(AF_INET6, SOCK_STREAM, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  if (::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    GTEST_SKIP() << "no IPv6 here";
  }
  auto request = get("/");
  request.url = "http://[::1]:" + std::to_string(server_->port()) + "/";
  EXPECT_EQ(find_header(must(ask(request)).headers, "x-peer"), "::1");
}

TEST_F(Http, SendsBasicAuthAndOwnHeaders) {
  serve([](const ServerRequest& request, const AsyncReplyPtr& reply) {
    reply->answer({200,
                   std::string(request.header("authorization")) + "|" +
                       std::string(request.header("x-token")),
                   "",
                   {},
                   false});
  });
  auto request = get("/");
  request.auth = BasicAuth{"admin", Secret("pw")};
  request.headers = {{"X-Token", "t"}};
  EXPECT_EQ(must(ask(request)).body, "Basic YWRtaW46cHc=|t");
  request.headers = {{"X-Token", "a\r\nEvil: 1"}};
  EXPECT_EQ(ask(request).error().kind, ErrorKind::kInvalid);
}

TEST_F(Http, MutualTlsTellsWhoIsThere) {
  use_mutual_tls();
  serve(echo);
  EXPECT_EQ(must(ask(get("/"))).body, "GET /\npeer host-1");
}

TEST_F(Http, RefusesClientsWithoutOrWithBadCertificates) {
  use_mutual_tls();
  serve(echo);
  const TestCa foreign("mold test CA");  // same name, other key
  const auto refused = [&](const std::string& what, TlsMaterial material) {
    material.ca_pem = ca_.pem();
    tls_.material = std::make_shared<TlsMaterial>(std::move(material));
    const auto answer = ask(get("/"));
    ASSERT_TRUE(answer) << what << ": " << answer.error().text();
    EXPECT_EQ(answer->status, 403) << what;
    EXPECT_NE(answer->body.find("client certificate refused"), std::string::npos) << answer->body;
  };
  refused("none", {});
  refused("foreign", foreign.issue("host-1", TestCa::Use::kClient));
  refused("expired", ca_.issue("host-1", TestCa::Use::kClient, -3600, -60));
  refused("not yet valid", ca_.issue("host-1", TestCa::Use::kClient, 60, 3600));
  refused("server purpose", ca_.issue("host-1", TestCa::Use::kServer));
  EXPECT_EQ(server_->stats().refused_certificates, 5U);
  EXPECT_NE(log_.find("was refused"), std::string::npos);
}

TEST_F(Http, TheClientRefusesForeignServers) {
  config_.tls = std::make_shared<TlsMaterial>(ca_.issue("manager", TestCa::Use::kServer));
  serve(echo);
  auto other = std::make_shared<TlsMaterial>();
  other->ca_pem = TestCa("other").pem();
  tls_.material = other;
  EXPECT_EQ(ask(get("/")).error().kind, ErrorKind::kDenied);
  tls_.verify_peer = false;
  tls_.verify_host = false;
  EXPECT_OK(ask(get("/")));
  tls_.pinned_public_key = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  EXPECT_EQ(ask(get("/")).error().kind, ErrorKind::kDenied);
}

TEST_F(Http, NewCertificatesServeNewConnections) {
  use_mutual_tls();
  serve(echo);
  EXPECT_OK(ask(get("/")));
  const TestCa next("next CA");
  EXPECT_FALSE(server_->set_tls(std::make_shared<TlsMaterial>()));
  EXPECT_OK(
      server_->set_tls(std::make_shared<TlsMaterial>(next.issue("manager", TestCa::Use::kServer))));
  EXPECT_TRUE(must(ask(get("/"))).reused_connection) << "the old connection goes on";
  tls_.material = std::make_shared<TlsMaterial>(next.issue("host-2", TestCa::Use::kClient));
  EXPECT_EQ(must(ask(get("/"))).body, "GET /\npeer host-2");
}

TEST_F(Http, ParksFiveHundredLongPollsAndWakesThemByTimer) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 8192);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  use_mutual_tls();
  constexpr std::size_t kPolls = 500;
  std::vector<AsyncReplyPtr> parked;
  serve([&](const ServerRequest&, AsyncReplyPtr reply) { parked.push_back(std::move(reply)); });
  // The clients are elsewhere, as in production: what is measured is the server's loop.
  std::atomic<std::size_t> good = 0;
  std::thread hosts([&, request = get("/poll")] {
    const auto loop = make_loop();
    HttpClientLimits limits;
    limits.connections_per_origin = kPolls;
    limits.total_connections = kPolls;
    HttpClient client(*loop, limits);
    std::vector<HttpHandle> handles;
    std::size_t answered = 0;
    for (std::size_t i = 0; i < kPolls; ++i) {
      handles.push_back(client.send(request, [&](Answer a) {
        ++answered;
        if (a && a->status == 200 && a->body == "wake") ++good;
      }));
    }
    loop->run_until([&] { return answered == kPolls; }, kPatience * 3);
  });
  EXPECT_TRUE(loop_->run_until([&] { return parked.size() == kPolls; }, kPatience * 3));
  EXPECT_EQ(server_->stats().parked, kPolls);
  RecordProperty("worst_dispatch_us", std::to_string(loop_->lag().worst_us));
  // Parked means parked: no turns of the loop are spent on them.
  const auto before = loop_->lag().dispatches;
  EXPECT_FALSE(loop_->run_until([] { return false; }, 200ms));
  EXPECT_LT(loop_->lag().dispatches - before, 60U);
  Timer timer(*loop_);
  timer.start_after(1ms, [&] {
    for (const auto& reply : parked) {
      EXPECT_TRUE(reply->answer({200, "wake", "text/plain", {}, false}));
    }
  });
  EXPECT_TRUE(loop_->run_until([&] { return good == kPolls; }, kPatience * 3));
  hosts.join();
  EXPECT_EQ(server_->stats().parked, 0U);
}

TEST_F(Http, TellsWhenAParkedClientGoesAway) {
  AsyncReplyPtr parked;
  int closed = 0;
  serve([&](const ServerRequest&, AsyncReplyPtr reply) {
    parked = std::move(reply);
    parked->on_closed([&] { ++closed; });
  });
  auto handle = client_->send(get("/poll"), [](auto) { FAIL() << "it was cancelled"; });
  ASSERT_TRUE(loop_->run_until([&] { return parked != nullptr; }, kPatience));
  EXPECT_TRUE(parked->open());
  handle.cancel();
  ASSERT_TRUE(loop_->run_until([&] { return closed == 1; }, kPatience));
  EXPECT_FALSE(parked->open());
  EXPECT_FALSE(parked->answer({}));
  EXPECT_TRUE(loop_->run_until([&] { return server_->stats().connections == 0; }, kPatience));
}

TEST_F(Http, AnswersOnceEvenWhenTheHandlerForgetsOrRepeats) {
  bool second = true;
  serve([&](const ServerRequest& request, const AsyncReplyPtr& reply) {
    if (request.path == "/forget") return;
    if (request.path == "/throw") throw std::runtime_error("boo");
    reply->answer({201, "one", "text/plain", {}, false});
    second = reply->answer({202, "two", "text/plain", {}, false});
  });
  EXPECT_EQ(must(ask(get("/forget"))).status, 500);
  EXPECT_EQ(must(ask(get("/throw"))).status, 500);
  EXPECT_EQ(must(ask(get("/twice"))).status, 201);
  EXPECT_FALSE(second);
  EXPECT_NE(log_.find("answered twice"), std::string::npos);
}

TEST_F(Http, StoppingTellsParkedRequestsAndRepliesMayOutliveIt) {
  AsyncReplyPtr parked;
  bool closed = false;
  serve([&](const ServerRequest&, AsyncReplyPtr reply) {
    parked = std::move(reply);
    parked->on_closed([&] { closed = true; });
  });
  std::optional<Answer> answer;
  const auto handle = client_->send(post("/poll", "x"), [&](Answer a) { answer = std::move(a); });
  ASSERT_TRUE(loop_->run_until([&] { return parked != nullptr; }, kPatience));
  server_.reset();
  EXPECT_TRUE(closed);
  ASSERT_TRUE(loop_->run_until([&] { return answer.has_value(); }, kPatience));
  EXPECT_EQ(answer->error().kind, ErrorKind::kUnknown) << answer->error().text();
  EXPECT_FALSE(parked->answer({}));
}

TEST_F(Http, RefusesLongBodiesAnnouncedOrNot) {
  config_.max_body_bytes = 100'000;
  int handled = 0;
  serve([&](const ServerRequest& request, const AsyncReplyPtr& reply) {
    ++handled;
    echo(request, reply);
  });
  EXPECT_EQ(must(ask(post("/", std::string(100'000, 'x')))).status, 200);
  EXPECT_EQ(must(ask(post("/", std::string(100'001, 'x')))).status, 413);
  EXPECT_EQ(must(ask(post("/", std::string(5'000'000, 'x')))).status, 413);
  auto chunked = post("/", std::string(200'000, 'x'));
  chunked.headers = {{"Transfer-Encoding", "chunked"}};
  EXPECT_EQ(must(ask(chunked)).status, 413);
  EXPECT_EQ(handled, 1);
}

TEST_F(Http, AnswersAMegabyteOfUrlCleanly) {
  serve(echo);
  const auto just = must(ask(get("/?" + std::string(config_.max_url_bytes - 2, 'x'))));
  EXPECT_EQ(just.status, 200);
  const auto over = must(ask(get("/?" + std::string(config_.max_url_bytes, 'x'))));
  EXPECT_EQ(over.status, 414);
  for (int i = 0; i < 5; ++i) {
    const auto huge = ask(get("/?" + std::string(1000 * 1000, 'x')));
    ASSERT_TRUE(huge) << huge.error().text();
    EXPECT_TRUE(huge->status == 414 || huge->status == 431) << huge->status;
  }
  EXPECT_EQ(must(ask(get("/ok"))).status, 200);
}

TEST_F(Http, RefusesLongHeaders) {
  serve(echo);
  auto request = get("/");
  request.headers = {{"X-Long", std::string(200'000, 'x')}};
  const auto answer = must(ask(request));
  EXPECT_TRUE(answer.status == 431 || answer.status == 413) << answer.status;
}

TEST_F(Http, ASlowClientIsServedAndAnIdleOneDropped) {
  config_.idle_timeout = 1s;
  serve(echo);
  const UniqueFd slow = connect_raw();
  const std::string text =
      "POST /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
  std::size_t at = 0;
  Timer drip(*loop_);
  drip.start_periodic(5ms, [&] {
    if (at < text.size()) send_raw(slow, text.substr(at++, 1));
  });
  const std::string answer = read_until_close(slow);
  EXPECT_EQ(answer.find("HTTP/1.1 200 OK"), 0U) << answer;
  EXPECT_NE(answer.find("POST /slow\nhello"), std::string::npos) << answer;
  const UniqueFd idle = connect_raw();
  send_raw(idle, "GET / HT");
  read_until_close(idle);
}

TEST_F(Http, ADrippingClientIsCutAtTheDeadline) {
  config_.request_timeout = 400ms;
  serve(echo);
  for (const std::string text :
       {"GET /drip HTTP/1.1\r\nHost: x\r\nX-Long: ",
        "POST /drip HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"}) {
    const UniqueFd fd = connect_raw();
    send_raw(fd, text);
    Timer drip(*loop_);
    drip.start_periodic(50ms, [&] { ::send(fd.get(), "x", 1, MSG_NOSIGNAL); });
    EXPECT_EQ(read_until_close(fd), "");
  }
  EXPECT_EQ(server_->stats().too_slow, 2U);
}

TEST_F(Http, ParkedAndKeptConnectionsAreNotLate) {
  config_.request_timeout = 100ms;
  AsyncReplyPtr parked;
  serve([&](const ServerRequest& request, const AsyncReplyPtr& reply) {
    if (request.path == "/park")
      parked = reply;
    else
      echo(request, reply);
  });
  EXPECT_OK(ask(get("/")));
  EXPECT_FALSE(loop_->run_until([] { return false; }, 250ms));
  EXPECT_TRUE(must(ask(get("/"))).reused_connection);
  std::optional<Answer> answer;
  const auto handle = client_->send(get("/park"), [&](Answer a) { answer = std::move(a); });
  EXPECT_FALSE(loop_->run_until([&] { return answer.has_value(); }, 300ms));
  ASSERT_TRUE(parked && parked->answer({200, "late", "text/plain", {}, false}));
  ASSERT_TRUE(loop_->run_until([&] { return answer.has_value(); }, kPatience));
  EXPECT_EQ(must(*answer).body, "late");
  EXPECT_EQ(server_->stats().too_slow, 0U);
}

TEST_F(Http, StrangersMaySendLessThanWhoWeKnow) {
  use_mutual_tls();
  config_.require_client_cert = false;
  config_.max_body_bytes = 100'000;
  config_.max_body_bytes_stranger = 1'000;
  serve(echo);
  EXPECT_EQ(must(ask(post("/", std::string(100'000, 'x')))).status, 200);
  auto nobody = std::make_shared<TlsMaterial>();
  nobody->ca_pem = ca_.pem();
  tls_.material = nobody;
  EXPECT_EQ(must(ask(post("/", std::string(1'000, 'x')))).status, 200);
  EXPECT_EQ(must(ask(post("/", std::string(1'001, 'x')))).status, 413);
  auto chunked = post("/", std::string(50'000, 'x'));
  chunked.headers = {{"Transfer-Encoding", "chunked"}};
  EXPECT_EQ(must(ask(chunked)).status, 413);
}

TEST_F(Http, SurvivesGarbage) {
  config_.idle_timeout = 1s;
  serve(echo);
  for (const auto* text :
       {"\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02", "GET / HTTP/9.9\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET /%00%zz%f HTTP/1.1\r\nHost: x\r\n\r\n"}) {
    const UniqueFd fd = connect_raw();
    send_raw(fd, text);
    ::shutdown(fd.get(), SHUT_WR);
    read_until_close(fd);
  }
  EXPECT_EQ(must(ask(get("/ok"))).status, 200);
}

TEST_F(Http, LimitsConnectionsPerAddress) {
  config_.max_connections_per_ip = 2;
  serve(echo);
  const UniqueFd one = connect_raw();
  const UniqueFd two = connect_raw();
  const UniqueFd three = connect_raw();
  read_until_close(three);
  EXPECT_LE(server_->stats().connections, 2U);
}

TEST_F(Http, BeyondTheLimitConnectionsWaitForTheirTurn) {
  config_.max_connections = 2;
  config_.max_connections_per_ip = 0;
  serve(echo);
  UniqueFd one = connect_raw();
  const UniqueFd two = connect_raw();
  ASSERT_TRUE(loop_->run_until([&] { return server_->stats().connections == 2; }, kPatience));
  std::optional<Answer> answer;
  const auto handle = client_->send(get("/third"), [&](Answer a) { answer = std::move(a); });
  EXPECT_FALSE(loop_->run_until([&] { return answer.has_value(); }, 50ms));
  one.reset();
  ASSERT_TRUE(loop_->run_until([&] { return answer.has_value(); }, kPatience));
  EXPECT_EQ(must(*answer).status, 200);
}

TEST_F(Http, StartErrorsAreTold) {
  serve(echo);
  HttpServerConfig config;
  config.address = "127.0.0.1";
  config.port = server_->port();
  EXPECT_EQ(HttpServer::start(*loop_, config, echo).error().kind, ErrorKind::kConflict);
  config.address = "nonsense";
  EXPECT_EQ(HttpServer::start(*loop_, config, echo).error().kind, ErrorKind::kInvalid);
  config.address = "127.0.0.1";
  config.port = 0;
  config.require_client_cert = true;
  EXPECT_EQ(HttpServer::start(*loop_, config, echo).error().kind, ErrorKind::kInvalid);
}

TEST_F(Http, ClientErrorsSayWhatIsKnown) {
  serve([](const ServerRequest& request, const AsyncReplyPtr& reply) {
    static AsyncReplyPtr parked;
    if (request.path == "/park") parked = reply;
    if (request.path == "/free") parked.reset();
    if (request.path != "/park") {
      reply->answer({200, std::string(5000, 'x'), "text/plain", {}, false});
    }
  });
  auto request = get("/park");
  request.timeout = 100ms;
  EXPECT_EQ(ask(request).error().kind, ErrorKind::kUnknown) << "sent, no answer";
  EXPECT_OK(ask(get("/free")));
  request = get("/");
  request.max_response_bytes = 4999;
  EXPECT_EQ(ask(request).error().kind, ErrorKind::kCorrupt);
  request.method = "POST";
  EXPECT_EQ(ask(request).error().kind, ErrorKind::kUnknown);
  request = get("/");
  request.url = "http://127.0.0.1:1/";
  EXPECT_EQ(ask(request).error().kind, ErrorKind::kUnavailable);
  request.url = "http://no-such-host.invalid/";
  EXPECT_EQ(ask(request).error().kind, ErrorKind::kUnavailable);
  request.url = "ftp://127.0.0.1/";
  EXPECT_EQ(ask(request).error().kind, ErrorKind::kInvalid);
  request.url = "http://[bad";
  EXPECT_EQ(ask(request).error().kind, ErrorKind::kInvalid);
}

TEST_F(Http, ATimeoutBeforeSendingIsATimeout) {
  // A listener that never accepts TLS: the TCP connection stands, the handshake does not.
  const auto listener = fakes::bind_loopback(SOCK_STREAM);
  ASSERT_EQ(::listen(listener.fd.get(), 5), 0);
  auto request = get("/");
  request.url = "https://127.0.0.1:" + std::to_string(listener.port) + "/";
  request.timeout = 100ms;
  EXPECT_EQ(ask(request).error().kind, ErrorKind::kTimeout);
}

TEST_F(Http, DestroyingTheClientCancelsEverything) {
  AsyncReplyPtr parked;
  serve([&](const ServerRequest&, AsyncReplyPtr reply) { parked = std::move(reply); });
  auto handle = client_->send(get("/"), [](auto) { FAIL() << "it was cancelled"; });
  ASSERT_TRUE(loop_->run_until([&] { return parked != nullptr; }, kPatience));
  EXPECT_TRUE(handle.running());
  client_.reset();
  EXPECT_FALSE(handle.running());
  EXPECT_TRUE(loop_->run_until([&] { return !parked->open(); }, kPatience));
}

TEST_F(Http, TheClientMayBeDestroyedFromItsOwnAnswer) {
  serve(echo);
  bool done = false;
  const auto handle = client_->send(get("/"), [&](Answer) {
    client_.reset();
    done = true;
  });
  EXPECT_TRUE(loop_->run_until([&] { return done; }, kPatience));
}

TEST(HttpQuery, ParsesWhatIsThere) {
  EXPECT_TRUE(parse_query("").empty());
  EXPECT_EQ(parse_query("&&a&=b&").size(), 2U);
  EXPECT_EQ(parse_query("a=%4").front().value, "%4");
  EXPECT_EQ(parse_query("a==&b=1").front().value, "=");
  EXPECT_EQ(parse_query(std::string(10'000, '&') + "a", 5).size(), 1U);
  EXPECT_EQ(parse_query("a&b&c&d", 2).size(), 2U);
  EXPECT_EQ(percent_decode("a+b%2B", false), "a+b+");
}

}  // namespace
}  // namespace mold::runtime
