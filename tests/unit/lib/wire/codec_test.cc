// What is encoded is decoded to the same; what breaks a rule is refused with the field's name.
#include "lib/wire/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/wire/convert.h"
#include "lib/wire/limits.h"
#include "tests/unit/lib/wire/sample_messages.h"

namespace mold::wire {
namespace {

using ::testing::HasSubstr;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " in " << text;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

TEST(Codec, EveryMessageComesBackAsItWas) {
  EXPECT_EQ(decode_hello_request(encode(sample_hello())).value(), sample_hello());
  EXPECT_EQ(decode_hello_answer(encode(sample_hello_answer())).value(), sample_hello_answer());
  EXPECT_EQ(decode_orders_answer(encode(sample_orders())).value(), sample_orders());
  EXPECT_EQ(decode_results_request(encode(sample_results())).value(), sample_results());
  EXPECT_EQ(decode_report_request(encode(sample_report())).value(), sample_report());
  EXPECT_EQ(decode_beat_request(encode(sample_beat())).value(), sample_beat());
  const EnrolAnswer enrolled{kHost1, "PEM", "CA", {"https://m:8250"}};
  EXPECT_EQ(decode_enrol_answer(encode(enrolled)).value(), enrolled);
  const EnrolRequest request{Secret("tok"), "CSR", "h1"};
  const auto back = decode_enrol_request(encode(request)).value();
  EXPECT_TRUE(back.token == request.token);
  EXPECT_EQ(back.csr_pem, "CSR");
  const ErrorAnswer error{"session", "unknown epoch", Epoch{4}};
  EXPECT_EQ(decode_error_answer(encode(error)).value(), error);
}

TEST(Codec, BeatAnswerCarriesPoolsOnlyWhenGiven) {
  const BeatAnswer without{5, std::nullopt};
  EXPECT_EQ(decode_beat_answer(encode(without)).value(), without);
  const BeatAnswer with{6, std::vector<PoolInfo>{sample_pool()}};
  EXPECT_EQ(decode_beat_answer(encode(with)).value(), with);
  const BeatAnswer none{7, std::vector<PoolInfo>{}};
  EXPECT_EQ(decode_beat_answer(encode(none)).value(), none);
}

TEST(Codec, PowerOrdersAndReportsComeBackAsTheyWere) {
  PowerOrder order;
  order.ticket = 9;
  order.op = OpId{41};
  order.task = PowerTask::kIdentify;
  order.verb = core::PowerVerb::kOff;
  order.deadline_ms = 20'000;
  order.not_after_ms = 123'456;
  order.target.driver = "redfish";
  order.target.address = "fd00::9";
  order.target.port = "443";
  order.target.username = "ha";
  order.target.password = Secret("canary");
  order.target.options = {{"system", "1"}};
  const auto back = decode_power_orders(encode(PowerOrders{{order}})).value();
  ASSERT_EQ(back.orders.size(), 1U);
  EXPECT_TRUE(back.orders.front() == order);  // not printed: it holds a secret

  PowerOutcome outcome{9,
                       core::Outcome::kConfirmed,
                       core::PowerState::kOff,
                       ErrorKind::kTimeout,
                       "said so",
                       "uuid",
                       "serial",
                       "model"};
  const PowerReport report{Epoch{4}, {outcome}, {{"n1", "pacemaker", "off by n2", 77}}};
  EXPECT_EQ(decode_power_report(encode(report)).value(), report);
}

TEST(Codec, ABrokenPowerOrderIsRefusedWithoutItsSecret) {
  PowerOrder order;
  order.target.driver = "ipmitool";
  order.target.password = Secret("canary");
  const auto refused =
      decode_power_orders(replaced(encode(PowerOrders{{order}}), "\"status\"", "\"blow-up\""));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("orders[0].verb"));
  EXPECT_EQ(refused.error().what.find("canary"), std::string::npos);
}

TEST(Codec, EveryEnumeratorHasANameOfItsOwn) {
  for (int i = 0; i <= static_cast<int>(core::OrderKind::kDeleteDisk); ++i) {
    OrdersAnswer answer = sample_orders();
    answer.orders[0].kind = static_cast<core::OrderKind>(i);
    EXPECT_EQ(decode_orders_answer(encode(answer)).value(), answer);
  }
  for (int i = 0; i <= static_cast<int>(ErrorKind::kUnknown); ++i) {
    ResultsRequest request = sample_results();
    request.results[0].error = static_cast<ErrorKind>(i);
    EXPECT_EQ(decode_results_request(encode(request)).value(), request);
  }
}

TEST(Codec, UnknownFieldsAreIgnored) {
  const std::string body = replaced(encode(sample_beat()), "{", R"({"new":{"a":[1,2]},)");
  EXPECT_EQ(decode_beat_request(body).value(), sample_beat());
}

TEST(Codec, OtherProtocolIsUnsupportedWhateverElseIsInIt) {
  const auto decoded = decode_hello_request(R"({"protocol":2,"everything":"else"})");
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().kind, ErrorKind::kUnsupported);
}

TEST(Codec, AProblemNamesItsField) {
  const std::string hello = encode(sample_hello());
  struct Case {
    std::string from, to, says;
  };
  const std::vector<Case> cases = {
      {R"("protocol":1)", R"("protocol":-1)", "protocol: not a whole number"},
      {R"("protocol":1)", R"("protocol":1.5)", "protocol: not a whole number"},
      {R"("protocol":1)", R"("protocol":"1")", "protocol: not a whole number"},
      {R"("protocol":1)", R"("protocol":4294967297)", "protocol: too great"},
      {R"("incarnation":2)", R"("incarnation":18446744073709551616)", "incarnation: not a whole"},
      {R"("incarnation":2)", R"("incarnation":null)", "incarnation: missing"},
      {R"("generation":3)", R"("generation":true)", "vms[0].generation: not a whole"},
      {R"("power":"gone")", R"("power":"dead")", "vms[0].power: not a known name"},
      {R"("vm":7)", R"("vm":0)", "vms[0].vm: must not be 0"},
      {R"("cpus":8)", R"("cpu":8)", "capacity.cpus: missing"},
      {R"("kernel":"6.1.0")", R"("kernel":61)", "facts.kernel: not a text"},
      {R"("hostname":"h1")", R"("hostname":"")", "hostname: empty"},
      {R"("hostname":"h1")", R"("hostname":"h\u0000")", "hostname: holds a zero byte"},
      {R"("host_uuid":"1111)", R"("host_uuid":"x111)", "host_uuid: not a UUID"},
      {R"("vms":[)", R"("vms":[7,)", "vms[0]: not an object"},
  };
  for (const Case& one : cases) {
    const auto decoded = decode_hello_request(replaced(hello, one.from, one.to));
    ASSERT_FALSE(decoded) << one.to;
    EXPECT_EQ(decoded.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(decoded.error().what, HasSubstr(one.says));
  }
}

TEST(Codec, OrdersRefusePathsThatLeadElsewhere) {
  const std::string body = encode(sample_orders());
  for (const char* path : {"relative", "", "/mnt/../etc/shadow", "/mnt/..", "/a\\nb"}) {
    const auto decoded = decode_orders_answer(replaced(body, "/mnt/primary/7.qcow2", path));
    ASSERT_FALSE(decoded) << path;
    EXPECT_THAT(decoded.error().what, HasSubstr("orders[0].disks[0].path"));
  }
  EXPECT_TRUE(decode_orders_answer(replaced(body, "/mnt/primary/t.raw", "")));
  EXPECT_FALSE(decode_orders_answer(replaced(body, "\"qcow2\"", "\"vmdk\"")));
  // A snapshot is what an image is made of, and no file.
  EXPECT_FALSE(decode_orders_answer(replaced(body, "/mnt/primary/t.raw", "debian12@base")));
  EXPECT_FALSE(decode_orders_answer(replaced(body, "rbd:vms/7", "rbx:vms/7")));
}

TEST(Codec, AnOlderAgentSaysNothingAboutItsConnection) {
  const auto decoded =
      decode_report_request(replaced(encode(sample_report()), "\"text\"", "\"later\""));
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_TRUE(decoded->pools[0].text.empty());
}

TEST(Codec, UuidsAreLowerCaseAfterDecoding) {
  const std::string body = replaced(encode(sample_beat()), "aaaaaaaa-aaaa", "AAAAAAAA-AAAA");
  EXPECT_EQ(decode_beat_request(body).value(), sample_beat());
}

TEST(Codec, TextsThatCouldBeRefusedAreClippedByTheEncoder) {
  ResultsRequest request = sample_results();
  request.results[0].text = std::string(limits::kText - 1, 'x') + "ä and more";
  const auto back = decode_results_request(encode(request));
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(back->results[0].text, std::string(limits::kText - 1, 'x'));
  request.results[0].text = "broken \xff\xfe utf-8";
  EXPECT_TRUE(decode_results_request(encode(request)));
}

TEST(Codec, CountsAreLimited) {
  HelloRequest hello = sample_hello();
  hello.vms.assign(limits::kVms + 1, sample_vm());
  const auto decoded = decode_hello_request(encode(hello));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().what, "vms: too many");
}

TEST(Convert, OrderKeepsEverythingButPoolNumbers) {
  const Order wire = sample_orders().orders[0];
  const core::Order order = to_core(wire, [](std::string_view uuid) -> std::optional<PoolId> {
    if (uuid == kPool) return PoolId{4};
    return std::nullopt;
  });
  EXPECT_EQ(order.spec.disks[0].pool, PoolId{4});
  EXPECT_EQ(to_wire(order, [](PoolId) { return std::string(kPool); }), wire);
  const core::Order lost = to_core(wire, [](std::string_view) { return std::nullopt; });
  EXPECT_FALSE(lost.spec.disks[0].pool);
}

TEST(CommonName, OnlyHostsAreHosts) {
  EXPECT_EQ(host_of_common_name(host_common_name(kHost1)), kHost1);
  EXPECT_EQ(host_of_common_name("host:x"), std::nullopt);
  EXPECT_EQ(host_of_common_name(kHost1), std::nullopt);
  EXPECT_EQ(host_of_common_name(""), std::nullopt);
}

}  // namespace
}  // namespace mold::wire
