// Whatever bytes come, a decoder gives a message or kInvalid: no crash, no exception, no hang.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "lib/base/rng.h"
#include "lib/wire/codec.h"
#include "lib/wire/limits.h"
#include "tests/unit/lib/wire/sample_messages.h"

namespace mold::wire {
namespace {

using Decoder = std::function<std::optional<ErrorKind>(std::string_view)>;

template <class T>
Decoder decoder(Result<T> (*decode)(std::string_view)) {
  return [decode](std::string_view body) -> std::optional<ErrorKind> {
    const auto decoded = decode(body);
    if (decoded) return std::nullopt;
    EXPECT_FALSE(decoded.error().what.empty());
    EXPECT_LT(decoded.error().what.size(), 400U);
    return decoded.error().kind;
  };
}

std::vector<Decoder> all_decoders() {
  return {decoder(&decode_enrol_request),  decoder(&decode_enrol_answer),
          decoder(&decode_hello_request),  decoder(&decode_hello_answer),
          decoder(&decode_orders_answer),  decoder(&decode_results_request),
          decoder(&decode_report_request), decoder(&decode_beat_request),
          decoder(&decode_beat_answer),    decoder(&decode_error_answer)};
}

std::vector<std::string> all_samples() {
  return {encode(sample_hello()),
          encode(sample_hello_answer()),
          encode(sample_orders()),
          encode(sample_results()),
          encode(sample_report()),
          encode(sample_beat()),
          encode(EnrolRequest{Secret("t"), "c", "h"}),
          encode(EnrolAnswer{kHost1, "p", "c", {}}),
          encode(BeatAnswer{1, std::vector<PoolInfo>{sample_pool()}}),
          encode(ErrorAnswer{"session", "x", Epoch{4}})};
}

void expect_all_refuse(const std::string& body) {
  for (const Decoder& decode : all_decoders()) {
    EXPECT_EQ(decode(body), ErrorKind::kInvalid) << body.substr(0, 60);
  }
}

TEST(HostileInput, GarbageIsRefused) {
  for (const char* body : {"",
                           " ",
                           "null",
                           "true",
                           "7",
                           "\"text\"",
                           "[]",
                           "{",
                           "}",
                           "{}}",
                           "{]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "nan",
                           "{\"protocol\":NaN}",
                           "<html></html>",
                           "{\"a\":\"\xff\"}",
                           "\xef\xbb\xbf",
                           "{'a':1}",
                           "{\"a\":1,}"}) {
    expect_all_refuse(body);
  }
  expect_all_refuse(std::string("{\"a\":\0}", 7));
}

TEST(HostileInput, DeepNestingIsRefusedWithoutBuildingIt) {
  const std::size_t depth = limits::kBeatBodyBytes / 2 - 10;
  expect_all_refuse(std::string(depth, '['));
  expect_all_refuse("{\"vms\":" + std::string(50, '[') + std::string(50, ']') + "}");
  std::string objects;
  for (int i = 0; i < 10'000; ++i) objects += "{\"a\":";
  expect_all_refuse(objects);
  // Brackets inside a text are no nesting.
  ErrorAnswer error{"session", std::string(500, '[') + "\\\"{{{{{{{{{{", {}};
  EXPECT_EQ(decode_error_answer(encode(error)).value(), error);
}

TEST(HostileInput, TooLongIsRefused) {
  expect_all_refuse(std::string(limits::kBodyBytes + 1, ' '));
}

TEST(HostileInput, HugeNumbersAreRefused) {
  for (const char* number :
       {"1e400", "-1e400", "99999999999999999999999999", "1e5", "-0.0", "-1"}) {
    std::string body = encode(sample_beat());
    body.replace(body.find("\"seq\":1000"), 10, std::string("\"seq\":") + number);
    EXPECT_EQ(decoder(&decode_beat_request)(body), ErrorKind::kInvalid) << number;
  }
}

TEST(HostileInput, EveryTruncationIsRefused) {
  for (const std::string& sample : all_samples()) {
    for (std::size_t length = 0; length < sample.size(); ++length) {
      for (const Decoder& decode : all_decoders()) {
        EXPECT_EQ(decode(std::string_view(sample).substr(0, length)), ErrorKind::kInvalid);
      }
    }
  }
}

TEST(HostileInput, RandomDamageNeverHurts) {
  Rng rng(20240611);
  const std::vector<std::string> samples = all_samples();
  const std::vector<Decoder> decoders = all_decoders();
  const std::string_view spice = "{}[]\",:0123456789eE+-.\\untf\x80\xff";
  for (int round = 0; round < 3'000; ++round) {
    std::string body = samples[rng.below(samples.size())];
    for (std::uint64_t hits = rng.below(6) + 1; hits > 0; --hits) {
      const std::size_t at = rng.below(body.size());
      const char byte = spice[rng.below(spice.size())];
      if (rng.chance(30)) {
        body.insert(at, 1, byte);
      } else if (rng.chance(30) && body.size() > 2) {
        body.erase(at, 1);
      } else {
        body[at] = byte;
      }
    }
    for (const Decoder& decode : decoders) {
      const auto kind = decode(body);
      EXPECT_TRUE(!kind || kind == ErrorKind::kInvalid || kind == ErrorKind::kUnsupported) << body;
    }
  }
}

}  // namespace
}  // namespace mold::wire
