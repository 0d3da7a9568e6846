// The manager's answers, and a manager on loopback that gives them.
#include "hactl/client.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "lib/runtime/http_server.h"

namespace mold::hactl {
namespace {

ErrorKind kind_of(int status, const std::string& body) {
  const auto result = open_envelope(status, body);
  return result ? ErrorKind::kInternal : result.error().kind;
}

std::string error_body(int code, const std::string& text) {
  return Json{{"xresponse", {{"errorcode", code}, {"errortext", text}}}}.dump();
}

TEST(Envelope, IsTakenOff) {
  const auto list = open_envelope(200, R"({"listhostsresponse":{"count":1,"host":[{"id":"a"}]}})");
  ASSERT_TRUE(list);
  EXPECT_EQ(array_of(*list, "host").size(), 1U);
  EXPECT_TRUE(open_envelope(200, R"({"listhostsresponse":{}})"));
}

TEST(Envelope, CodesBecomeKinds) {
  EXPECT_EQ(kind_of(401, error_body(401, "no")), ErrorKind::kDenied);
  EXPECT_EQ(kind_of(531, error_body(531, "no")), ErrorKind::kDenied);
  EXPECT_EQ(kind_of(431, error_body(431, "missing parameter id")), ErrorKind::kInvalid);
  EXPECT_EQ(kind_of(432, error_body(432, "no such command")), ErrorKind::kUnsupported);
  EXPECT_EQ(kind_of(533, error_body(533, "no room")), ErrorKind::kBusy);
  EXPECT_EQ(kind_of(530, error_body(530, "oh")), ErrorKind::kInternal);
}

TEST(Envelope, AnythingElseIsNotAManager) {
  EXPECT_EQ(kind_of(200, "<html>It works!</html>"), ErrorKind::kCorrupt);
  EXPECT_EQ(kind_of(200, ""), ErrorKind::kCorrupt);
  EXPECT_EQ(kind_of(200, "[]"), ErrorKind::kCorrupt);
  EXPECT_EQ(kind_of(502, "bad gateway"), ErrorKind::kCorrupt);
  EXPECT_EQ(kind_of(200, R"({"a":1,"b":2})"), ErrorKind::kCorrupt);
}

class ClientTest : public ::testing::Test {
 protected:
  using Answer = std::function<runtime::HttpReply(const runtime::ServerRequest&)>;

  // The manager lives on the client's own loop, which turns while the client waits.
  void serve(Answer answer) {
    loop_ = std::move(*runtime::EventLoop::create());
    runtime::HttpServerConfig config;
    config.address = "127.0.0.1";
    auto started = runtime::HttpServer::start(
        *loop_, config,
        [this, answer](const runtime::ServerRequest& request, const runtime::AsyncReplyPtr& reply) {
          ++requests_;
          reply->answer(answer(request));
        });
    ASSERT_TRUE(started) << started.error().text();
    server_ = std::move(*started);
    Settings settings;
    settings.url = "http://127.0.0.1:" + std::to_string(server_->port()) + "/client/api";
    settings.api_key = "key";
    settings.secret_key = Secret("secret");
    client_ = std::make_unique<Client>(*loop_, std::move(settings));
  }
  static runtime::HttpReply reply(const std::string& body, int status = 200) {
    runtime::HttpReply reply;
    reply.status = status;
    reply.body = body;
    return reply;
  }

  int requests_ = 0;
  std::unique_ptr<runtime::EventLoop> loop_;
  std::unique_ptr<runtime::HttpServer> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, ReadsByGetAndChangesByPost) {
  std::string seen;
  serve([&seen](const runtime::ServerRequest& request) {
    seen = request.method;
    return reply(R"({"xresponse":{"count":0}})");
  });
  EXPECT_TRUE(client_->call("listHosts"));
  EXPECT_EQ(seen, "GET");
  EXPECT_TRUE(client_->call("deleteHost", {{"id", "a"}}));
  EXPECT_EQ(seen, "POST");
}

TEST_F(ClientTest, AJobIsWaitedForUntilItEnded) {
  serve([this](const runtime::ServerRequest&) {
    return reply(requests_ < 3 ? R"({"r":{"jobstatus":0}})"
                               : R"({"r":{"jobstatus":1,"jobresult":{"success":true}}})");
  });
  const auto result = client_->wait_job("j", {});
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_TRUE(truth_of(*result, "success"));
  EXPECT_EQ(requests_, 3);
}

TEST_F(ClientTest, AFailedJobTellsItsReason) {
  serve([](const runtime::ServerRequest&) {
    return reply(R"({"r":{"jobstatus":2,"jobresult":{"errorcode":533,"errortext":"no host"}}})");
  });
  const auto result = client_->wait_job("j", {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kConflict);
  EXPECT_EQ(result.error().what, "no host");
}

TEST_F(ClientTest, PatienceEnds) {
  serve([](const runtime::ServerRequest&) { return reply(R"({"r":{"jobstatus":0}})"); });
  const auto result = client_->wait_job("j", {.limit = Duration{0}, .progress = {}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kTimeout);
}

TEST_F(ClientTest, NobodyThereIsUnreachableAndKeepsTheSignatureToItself) {
  serve([](const runtime::ServerRequest&) { return reply("{}"); });
  server_.reset();
  const auto result = client_->call("listHosts");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(result.error().what.find("signature"), std::string::npos) << result.error().what;
}

}  // namespace
}  // namespace mold::hactl
