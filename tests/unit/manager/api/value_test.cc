#include "manager/api/value.h"

#include <gtest/gtest.h>

#include "manager/api/utf8.h"

namespace mold::manager::api {
namespace {

TEST(Value, NullIsLeftOutAndOrderIsKept) {
  Object row;
  row.set("z", Value(1)).set("none", Value()).set("a", Value(true)).set_text("empty", "");
  EXPECT_EQ(to_json(Value(row)), "{\"z\":1,\"a\":true}");
  EXPECT_EQ(to_xml("r", Value(row)), "<r><z>1</z><a>true</a></r>");
}

TEST(Value, StrangersCannotBreakOut) {
  Object row;
  row.set("text", Value("</text><x a=\"1\">&\"\\\x01\xFF"));
  EXPECT_EQ(to_xml("r", Value(row)),
            "<r><text>&lt;/text&gt;&lt;x a=\"1\"&gt;&amp;\"\\\xEF\xBF\xBD\xEF\xBF\xBD</text></r>");
  EXPECT_EQ(to_json(Value(row)),
            "{\"text\":\"</text><x a=\\\"1\\\">&\\\"\\\\\\u0001\xEF\xBF\xBD\"}");
}

TEST(Value, NamesThatXmlCannotHave) {
  Object row;
  row.set("1 a<b", Value("x"));
  EXPECT_EQ(to_xml("r", Value(row)), "<r><__a_b>x</__a_b></r>");
}

TEST(Value, ListsRepeatTheirElement) {
  Object row;
  row.set("host", Value(Array{Value("a"), Value("b")})).set("none", Value(Array{}));
  EXPECT_EQ(to_xml("r", Value(row)), "<r><host>a</host><host>b</host></r>");
  EXPECT_EQ(to_json(Value(row)), "{\"host\":[\"a\",\"b\"],\"none\":[]}");
}

TEST(Value, RoundTrip) {
  const std::string text =
      R"({"b":[1,-2,{"x":null}],"a":{"t":true,"s":"\"한\""},"n":18014398509481984})";
  const std::string kept = R"({"b":[1,-2,{}],"a":{"t":true,"s":"\"한\""},"n":18014398509481984})";
  EXPECT_EQ(to_json(from_json(text)), kept);
  EXPECT_TRUE(from_json("{broken").is_null());
  EXPECT_TRUE(from_json("").is_null());
}

TEST(Utf8, Strict) {
  EXPECT_TRUE(is_utf8("plain \xC3\xA9 \xED\x95\x9C \xF0\x9F\x98\x80"));
  for (const char* bad : {"\x80", "\xC1\x81", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                          "\xF5\x80\x80\x80", "\xE2\x82", "a\xC3"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
    EXPECT_TRUE(is_utf8(repaired_utf8(bad))) << bad;
  }
}

}  // namespace
}  // namespace mold::manager::api
