// fence_mold through the manager's API: what of a manager's answers counts as off, and which
// manager is asked when one is away. The managers live on the fencer's own loop.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fencing/fence_mold/manager_fencer.h"
#include "lib/runtime/http_server.h"

namespace mold::fence_mold {
namespace {

using core::PowerState;

constexpr const char* kHostId = "1111aaaa-0000-4000-8000-000000000001";

// A manager as far as fencing goes: two hosts, jobs that end at the second look.
class PlayedManager {
 public:
  explicit PlayedManager(runtime::EventLoop& loop) {
    runtime::HttpServerConfig config;
    config.address = "127.0.0.1";
    auto started = runtime::HttpServer::start(
        loop, config, [this](const runtime::ServerRequest& request, const auto& reply) {
          reply->answer(answer(request));
        });
    if (!started) std::abort();
    server_ = std::move(*started);
    url_ = "http://127.0.0.1:" + std::to_string(server_->port()) + "/client/api";
  }

  [[nodiscard]] const std::string& url() const { return url_; }
  void go_away() { server_.reset(); }

  int device_level = 2;                        // of the host's one other device
  std::map<std::string, std::string> read_by;  // action -> power state in the job's result
  std::map<std::string, std::string> fails;    // action -> text of the failed job
  bool enabled = true;
  bool filters = true;  // false: gives all hosts, whatever it is asked for
  int refuse_with = 0;  // an error code for everything
  std::string seen;     // the actions it was asked for

 private:
  static runtime::HttpReply reply(const std::string& body, int status = 200) {
    runtime::HttpReply reply;
    reply.status = status;
    reply.body = body;
    return reply;
  }

  std::string host(const std::string& name, const std::string& id) const {
    return R"({"id":")" + id + R"(","name":")" + name +
           R"(","hastate":"Fenced","outofbandmanagement":{"enabled":)" +
           (enabled ? "true" : "false") + R"(,"powerstate":"Off"}})";
  }

  runtime::HttpReply answer(const runtime::ServerRequest& request) {
    std::map<std::string, std::string> params;
    for (const auto& pair : runtime::parse_query(request.body)) params[pair.name] = pair.value;
    if (refuse_with != 0) {
      const std::string code = std::to_string(refuse_with);
      return reply(R"({"xresponse":{"errorcode":)" + code + R"(,"errortext":"not so"}})",
                   refuse_with);
    }
    if (params["command"] == "listHosts") return list(params);
    if (params["command"] == "listFenceDevices")
      return reply(
          R"({"xresponse":{"count":1,"fencedevice":[{"name":"pdu","enabled":true,"level":)" +
          std::to_string(device_level) + "}]}}");
    if (params["command"] == "issueOutOfBandManagementPowerAction") {
      seen += (seen.empty() ? "" : " ") + params["action"] + "@" + params["hostid"].substr(0, 4);
      action_ = params["action"];
      looks_ = 0;
      return reply(R"({"xresponse":{"jobid":"j1"}})");
    }
    return job();
  }

  runtime::HttpReply list(std::map<std::string, std::string>& params) const {
    const std::string near = host("h1", kHostId);
    const std::string other = host("h11", "2222aaaa-0000-4000-8000-000000000002");
    const bool all = !filters || (params["name"].empty() && params["id"].empty());
    if (all) return reply(R"({"xresponse":{"count":2,"host":[)" + other + "," + near + "]}}");
    if (params["name"] == "h1" || params["id"] == kHostId)
      return reply(R"({"xresponse":{"count":1,"host":[)" + near + "]}}");
    return reply(R"({"xresponse":{}})");
  }

  runtime::HttpReply job() {
    if (++looks_ == 1) return reply(R"({"xresponse":{"jobstatus":0}})");
    if (fails.contains(action_))
      return reply(R"({"xresponse":{"jobstatus":2,"jobresult":{"errorcode":530,"errortext":")" +
                   fails[action_] + R"("}}})");
    return reply(R"({"xresponse":{"jobstatus":1,"jobresult":{"outofbandmanagement":)"
                 R"({"powerstate":")" +
                 read_by[action_] + R"("}}}})");
  }

  std::unique_ptr<runtime::HttpServer> server_;
  std::string url_;
  std::string action_;
  int looks_ = 0;
};

class FenceMoldManager : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = std::move(*runtime::EventLoop::create());
    one_ = std::make_unique<PlayedManager>(*loop_);
    two_ = std::make_unique<PlayedManager>(*loop_);
  }
  ManagerFencer fencer(const std::string& plug, Duration timeout = 20s) {
    ManagerAccess access;
    access.credentials = {"key", Secret("canary")};
    return {*loop_,
            access,
            {{one_->url(), two_->url()}, plug, timeout},
            [this](const std::string& step) { steps_ += step + "\n"; }};
  }

  std::unique_ptr<runtime::EventLoop> loop_;
  std::unique_ptr<PlayedManager> one_;
  std::unique_ptr<PlayedManager> two_;
  std::string steps_;
};

TEST_F(FenceMoldManager, OffIsTheStateOfTheJobThatWasAskedFor) {
  one_->read_by["OFF"] = "Off";
  for (const std::string plug : {"h1", kHostId}) {
    const Status off = fencer(plug).bring(PowerState::kOff, 30s);
    EXPECT_TRUE(off) << off.error().text();
  }
  EXPECT_EQ(one_->seen, "OFF@1111 OFF@1111");
  EXPECT_EQ(two_->seen, "");
  EXPECT_EQ(steps_.find("canary"), std::string::npos);
}

TEST_F(FenceMoldManager, ABmcBesideAnotherFeedProvesNothingAlone) {
  one_->read_by["OFF"] = "Off";
  one_->read_by["STATUS"] = "Off";
  one_->device_level = 1;
  EXPECT_EQ(fencer("h1").bring(PowerState::kOff, 30s).error().kind, ErrorKind::kUnsupported);
  EXPECT_FALSE(fencer("h1").read());
  EXPECT_EQ(one_->seen, "") << "nothing is half cut";
}

// The list says Off and Fenced all the time here: neither is what was read back.
TEST_F(FenceMoldManager, WhatTheListsShowIsNoProof) {
  for (const char* state : {"On", "Unknown", "Disabled", ""}) {
    one_->read_by["OFF"] = state;
    one_->read_by["STATUS"] = state;
    const Status off = fencer("h1").bring(PowerState::kOff, 30s);
    ASSERT_FALSE(off) << state;
    EXPECT_EQ(off.error().kind, ErrorKind::kConflict);
  }
}

TEST_F(FenceMoldManager, AFailedOffThatIsReadAsOffIsOff) {
  one_->fails["OFF"] = "answer lost";
  one_->read_by["STATUS"] = "Off";
  EXPECT_TRUE(fencer("h1").bring(PowerState::kOff, 30s));
  EXPECT_EQ(one_->seen, "OFF@1111 STATUS@1111");
  one_->read_by["STATUS"] = "On";
  const Status off = fencer("h1").bring(PowerState::kOff, 30s);
  ASSERT_FALSE(off);
  EXPECT_NE(off.error().what.find("answer lost"), std::string::npos);
}

TEST_F(FenceMoldManager, StatusIsReadNow) {
  one_->read_by["STATUS"] = "On";
  EXPECT_EQ(fencer("h1").read().value_or(PowerState::kUnknown), PowerState::kOn);
  one_->read_by["STATUS"] = "Unknown";
  EXPECT_FALSE(fencer("h1").read());
  one_->fails["STATUS"] = "no answer";
  EXPECT_FALSE(fencer("h1").read());
}

TEST_F(FenceMoldManager, ANeighbourIsNeverFenced) {
  one_->filters = false;
  one_->read_by["OFF"] = "Off";
  EXPECT_TRUE(fencer("h1").bring(PowerState::kOff, 30s));
  EXPECT_EQ(one_->seen, "OFF@1111");
  const Status unknown = fencer("h").bring(PowerState::kOff, 30s);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(one_->seen, "OFF@1111");
}

TEST_F(FenceMoldManager, AManagerThatIsAwayIsPassedOver) {
  two_->read_by["OFF"] = "Off";
  one_->refuse_with = 503;
  EXPECT_TRUE(fencer("h1").bring(PowerState::kOff, 30s));
  one_->go_away();
  EXPECT_TRUE(fencer("h1").bring(PowerState::kOff, 30s));
  EXPECT_EQ(two_->seen, "OFF@1111 OFF@1111");
  two_->go_away();
  const Status nobody = fencer("h1").bring(PowerState::kOff, 30s);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().kind, ErrorKind::kUnavailable);
  EXPECT_FALSE(fencer("h1").monitor());
}

TEST_F(FenceMoldManager, AManagerThatSaysNoIsBelieved) {
  one_->refuse_with = 401;
  two_->read_by["OFF"] = "Off";
  const Status off = fencer("h1").bring(PowerState::kOff, 30s);
  ASSERT_FALSE(off);
  EXPECT_EQ(off.error().kind, ErrorKind::kDenied);
  EXPECT_EQ(two_->seen, "");
}

TEST_F(FenceMoldManager, OnlyHostsThatCanBeFencedAreListed) {
  const auto plugs = fencer("").list();
  ASSERT_TRUE(plugs);
  ASSERT_EQ(plugs->size(), 2U);
  EXPECT_EQ(plugs->at(1).name, "h1");
  EXPECT_EQ(plugs->at(1).alias, kHostId);
  EXPECT_TRUE(fencer("").monitor());
  EXPECT_TRUE(fencer("h1").monitor());
  one_->enabled = false;
  EXPECT_TRUE(fencer("").list()->empty());
  EXPECT_EQ(fencer("h1").monitor().error().kind, ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace mold::fence_mold
