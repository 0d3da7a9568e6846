// What goes between CephTool and mold-ceph: names, caps, requests, and answers of any bytes.
#include "fencing/ceph/ceph_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fencing/ceph/caps.h"
#include "fencing/ceph/client_name.h"
#include "lib/base/rng.h"

namespace mold::ceph {
namespace {

using core::Outcome;
using ::testing::HasSubstr;

TEST(ClientName, HasOneForm) {
  EXPECT_EQ(client_name("10.0.0.1:0/123"), "10.0.0.1:0/123");
  EXPECT_EQ(client_name("v1:10.0.0.1:0/123"), "10.0.0.1:0/123");
  EXPECT_EQ(client_name("v2:10.0.0.1:0/123"), "10.0.0.1:0/123");
  EXPECT_EQ(client_name("any:[2001:DB8:0::1]:0/4294967295"), "[2001:db8::1]:0/4294967295");
}

TEST(ClientName, IsOneHandleAndNeverAHost) {
  for (const char* const text :
       {"", "-", "10.0.0.1", "10.0.0.1:0/0", "10.0.0.1:0", "10.0.0.1/24", "10.0.0.0:0/x",
        "10.0.0.1:0/-1", "10.0.0.1:0/4294967296", "host:0/5", "2001:db8::1:0/5", "[10.0.0.1]:0/5",
        "10.0.0.1:65536/5", "10.0.0.1:0/5 ", "v3:10.0.0.1:0/5", "v1:v1:10.0.0.1:0/5", "/5", ":/5"})
    EXPECT_FALSE(client_name(text)) << text;
}

TEST(Caps, WhoFencesMayRemoveUsersOfHostsOnly) {
  const std::string mon = fencer_caps("mgr", {"vms"}, "").at("mon");
  EXPECT_THAT(mon, HasSubstr("allow command \"auth rm\" with entity prefix client.mold-host-"));
  EXPECT_EQ(mon.find("\"auth rm\" with entity=client.mgr"), std::string::npos);
}

TEST(Caps, ALineIsWholeAndKeepsThePoolsThatAre) {
  EXPECT_EQ(host_caps({"a", "b"}).at("osd"), "profile rbd pool=a, profile rbd pool=b");
  const port::CephAccess access{"m", "new", "mgr", {}};
  const std::string line = permitting_line(access, "profile rbd pool=old, allow r pool=x", "");
  EXPECT_THAT(line, HasSubstr("ceph auth caps client.mgr mon 'profile rbd, allow command"));
  EXPECT_THAT(line, HasSubstr(" osd 'profile rbd pool=old, profile rbd pool=new'"));
  EXPECT_THAT(line, HasSubstr("pool=(old|new)"));
  EXPECT_THAT(permitting_line(access, "", "kvm7"), HasSubstr("with entity=client.kvm7"));
  EXPECT_THAT(permitting_line({"m", "a.b", "mgr", {}}, "", ""), HasSubstr("pool=(a[.]b)"));
}

CephRequest request_of(CephVerb verb) {
  CephRequest request;
  request.verb = verb;
  request.access = {"[v2:10.0.0.1:3300,v1:10.0.0.1:6789],10.0.0.2", "vms", "mold-manager", {}};
  request.deadline = Duration{5'000};
  request.images = {"disk-1", "disk-2"};
  request.user = "mold-host-h1";
  request.pools = {"vms", "fast"};
  request.isolation = {"mold-host-h1", {"10.0.0.1:0/5"}, {"disk-1"}, "beat", Duration{3'600'000}};
  request.clients = {"10.0.0.1:0/5"};
  request.expiry = Duration{3'600'000};
  request.disk = {"disk-1", 1 << 20, "/srv/templates/a.qcow2"};
  return request;
}

TEST(CephRequest, TravelsWhole) {
  for (int i = 0; i < kCephVerbs; ++i) {
    const auto verb = static_cast<CephVerb>(i);
    EXPECT_EQ(parse_ceph_verb(to_string(verb)), verb);
    const CephRequest request = request_of(verb);
    const auto read = decode_request(encode_request(request));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(encode_request(*read), encode_request(request));
  }
}

TEST(CephRequest, TheKeyIsNotInIt) {
  CephRequest request = request_of(CephVerb::kProbe);
  request.access.key = Secret("AQBsecretsecretsecret==");
  EXPECT_EQ(encode_request(request).find("secret"), std::string::npos);
}

void expect_refused(CephVerb verb, const std::function<void(CephRequest&)>& spoil) {
  CephRequest request = request_of(verb);
  spoil(request);
  const Status checked = check_request(request);
  ASSERT_FALSE(checked) << encode_request(request);
  EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
}

TEST(CephRequest, WhatCouldMeanSomethingElseIsRefused) {
  for (const char* const name :
       {"", "a b", "a,b", "a'b", "a\"b", "a/b", "a@b", "-a", ".a", "a\nb"}) {
    expect_refused(CephVerb::kProbe, [&](auto& r) { r.access.pool = name; });
    expect_refused(CephVerb::kProbe, [&](auto& r) { r.access.user = name; });
    expect_refused(CephVerb::kGrant, [&](auto& r) { r.pools = {name}; });
    expect_refused(CephVerb::kGrant, [&](auto& r) { r.user = name; });
    expect_refused(CephVerb::kIsolate, [&](auto& r) { r.isolation.user = name; });
    expect_refused(CephVerb::kIsolate, [&](auto& r) { r.isolation.images = {name}; });
    expect_refused(CephVerb::kRemoveDisk, [&](auto& r) { r.disk.image = name; });
  }
  expect_refused(CephVerb::kProbe, [](auto& r) { r.access.user = "client.admin"; });
  for (const char* const user : {"admin", "mold-manager", "mold-hos", ""})
    expect_refused(CephVerb::kRemoveUser, [&](auto& r) { r.user = user; });
  expect_refused(CephVerb::kRemoveUser, [](auto& r) { r.access.user = r.user; });
  expect_refused(CephVerb::kRenew, [](auto& r) { r.user = "a b"; });
  for (const char* const mons : {"a\nkey = b", "[a\"}", "[v2:10.0.0.1:3300;]", ""})
    expect_refused(CephVerb::kProbe, [&](auto& r) { r.access.mon_host = mons; });
  for (const char* const client : {"10.0.0.1", "10.0.0.1:0/0", "v1:10.0.0.1:0/5", "10.0.0.0/24"}) {
    expect_refused(CephVerb::kIsolate, [&](auto& r) { r.isolation.clients = {client}; });
    expect_refused(CephVerb::kRenew, [&](auto& r) { r.clients = {client}; });
    expect_refused(CephVerb::kLift, [&](auto& r) { r.clients = {client}; });
  }
  for (const char* const from : {"a", "a@", "@b", "a@b@c", "../a", "/a/../b", "/a\nb"})
    expect_refused(CephVerb::kCreateDisk, [&](auto& r) { r.disk.from = from; });
  expect_refused(CephVerb::kCreateDisk, [](auto& r) { r.disk = {"disk", 0, ""}; });
  expect_refused(CephVerb::kIsolate, [](auto& r) { r.isolation.expiry = Duration{0}; });
  expect_refused(CephVerb::kProbe, [](auto& r) { r.deadline = Duration{0}; });
}

template <class Answer>
bool believes(CephVerb verb, const std::string& body, Answer* kept = nullptr) {
  Answer answer;
  const bool good = decode_answer(request_of(verb), body, answer).has_value();
  if (!good) {
    EXPECT_EQ(answer.outcome, Outcome::kUnknown) << "nothing is kept of it";
  }
  if (kept != nullptr) *kept = std::move(answer);
  return good;
}

TEST(CephAnswer, OnlyWhatAnswersTheRequestIsBelieved) {
  const std::string good = R"("outcome":"confirmed","error":"unknown","text":"done")";
  using Listed = port::IsolationAnswer;
  EXPECT_TRUE(believes<Listed>(CephVerb::kIsolate, "{" + good + R"(,"listed":["10.0.0.1:0/5"]})"));
  EXPECT_FALSE(believes<Listed>(CephVerb::kIsolate, "{" + good + R"(,"listed":[]})"));
  EXPECT_FALSE(believes<Listed>(CephVerb::kIsolate, "{" + good + "}"));
  for (const char* const list :
       {R"(["10.0.0.1:0/5","10.0.0.1:0/0"])", R"(["10.0.0.1:0/5","10.0.0.1:0/5"])",
        R"(["10.0.0.2:0/5","10.0.0.1:0/5"])", R"(["v1:10.0.0.1:0/5"])", R"([5])",
        R"("10.0.0.1:0/5")"})
    EXPECT_FALSE(believes<Listed>(CephVerb::kIsolate, "{" + good + R"(,"listed":)" + list + "}"));

  using Clients = port::CephClients;
  const auto clients = [&good](const std::string& one) {
    return "{" + good + R"(,"images":[{"image":"disk-1","exists":)" + one +
           R"(},{"image":"disk-2","problem":"","exists":false,"clients":[],"watching":[]}]})";
  };
  const std::string five = R"(["10.0.0.1:0/5"])";
  for (const std::string& watching : {five, std::string("[]")}) {
    EXPECT_TRUE(believes<Clients>(
        CephVerb::kClients,
        clients(R"(true,"problem":"","clients":)" + five + R"(,"watching":)" + watching)));
  }
  EXPECT_TRUE(believes<Clients>(CephVerb::kClients,
                                clients(R"(true,"problem":"odd","clients":[],"watching":[])")));
  for (const std::string& spoilt :
       {R"(false,"problem":"","clients":)" + five + R"(,"watching":[])",
        R"(true,"problem":"odd","clients":)" + five + R"(,"watching":[])",
        R"(true,"problem":"","clients":[],"watching":)" + five,
        R"(true,"problem":"","clients":)" + five,
        std::string(R"(true,"clients":[],"watching":[])")})
    EXPECT_FALSE(believes<Clients>(CephVerb::kClients, clients(spoilt))) << spoilt;
  EXPECT_FALSE(believes<Clients>(CephVerb::kClients, "{" + good + R"(,"images":[]})"));
  EXPECT_FALSE(believes<port::CephStorage::Key>(CephVerb::kGrant, "{" + good + R"(,"key":""})"));
  EXPECT_FALSE(believes<port::CephAnswer>(CephVerb::kLift, R"({"outcome":"confirmed"})"));
  EXPECT_FALSE(believes<port::CephAnswer>(CephVerb::kLift,
                                          R"({"outcome":"maybe","error":"unknown","text":"x"})"));
  EXPECT_FALSE(believes<port::CephPoolFacts>(
      CephVerb::kProbe, "{" + good +
                            R"(,"fsid":"5f0b3f6e-0000-4000-8000-0000fa4ece01","may_fence":true,)"
                            R"("missing":"run this","cephx":true,"total":0,"free":0})"));
}

TEST(CephAnswer, TextIsOneLine) {
  port::CephAnswer answer;
  EXPECT_TRUE(believes<port::CephAnswer>(
      CephVerb::kLift, R"({"outcome":"failed","error":"denied","text":"a\nb\u001b[31m"})",
      &answer));
  EXPECT_EQ(answer.text, "a b [31m");
}

// Whatever bytes come: an answer or kInvalid, and never one that says more than was said.
TEST(CephAnswer, DamageNeverBecomesAProof) {
  port::IsolationAnswer failed;
  failed.outcome = Outcome::kFailed;
  failed.error = ErrorKind::kDenied;
  failed.text = "no";
  failed.listed = {"10.0.0.1:0/5"};
  const std::string whole = encode_answer(failed);
  Rng rng(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string body = whole;
    for (std::uint64_t i = 0; i <= rng.below(4); ++i) {
      const std::size_t at = rng.below(body.size());
      if (rng.below(3) == 0)
        body.erase(at, 1 + rng.below(8));
      else
        body[at] = static_cast<char>(rng.below(256));
      if (body.empty()) break;
    }
    port::IsolationAnswer read;
    if (!decode_answer(request_of(CephVerb::kIsolate), body, read)) continue;
    EXPECT_NE(read.outcome, Outcome::kConfirmed) << body;
    const auto again = decode_request(body);
    EXPECT_FALSE(again);
  }
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    port::IsolationAnswer read;
    EXPECT_FALSE(decode_answer(request_of(CephVerb::kIsolate), whole.substr(0, cut), read));
  }
}

}  // namespace
}  // namespace mold::ceph
