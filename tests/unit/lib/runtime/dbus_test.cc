// Against a private dbus-daemon of the test.
#include "lib/runtime/dbus.h"

#include <unistd.h>

#include <optional>

#include "lib/runtime/child_process.h"
#include "lib/runtime/journal_log.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::runtime {
namespace {

constexpr auto kConfig =
    R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=@DIR@/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow own="*"/>
<allow receive_sender="*"/></policy></busconfig>)";

class Dbus : public testing::Test {
 protected:
  void SetUp() override {
    if (!file_exists("/usr/bin/dbus-daemon")) GTEST_SKIP() << "no dbus-daemon here";
    std::string config = kConfig;
    config.replace(config.find("@DIR@"), 5, dir_.path());
    EXPECT_OK(write_file_atomic(dir_.file("bus.conf"), config));
    ChildSpec spec;
    spec.program = "/usr/bin/dbus-daemon";
    spec.args = {"--config-file=" + dir_.file("bus.conf"), "--nofork", "--nopidfile"};
    spec.deadline = kPatience * 4;
    daemon_ = run_child(*loop_, spec, [](auto) {});
    Timer tick(*loop_);
    tick.start_periodic(5ms, [] {});
    // The socket has its name a moment before anybody listens on it.
    const auto serves = [&] { return Bus::open_address(*loop_, address()).has_value(); };
    ASSERT_TRUE(loop_->run_until(serves, kPatience));
    server_ = must(Bus::open_address(*loop_, address()));
    client_ = must(Bus::open_address(*loop_, address()));
  }
  [[nodiscard]] std::string address() const { return "unix:path=" + dir_.file("bus"); }
  Result<DbusValues> call(const std::string& method, std::string_view signature,
                          const DbusValues& args, Duration timeout = kPatience) {
    std::optional<Result<DbusValues>> got;
    client_->call_async("org.moldha.Test", "/org/moldha/Test", "org.moldha.Test1", method,
                        signature, args, timeout, [&](auto r) { got = std::move(r); });
    EXPECT_FALSE(got);
    EXPECT_TRUE(loop_->run_until([&] { return got.has_value(); }, kPatience));
    return *got;
  }
  void publish() {
    EXPECT_OK(server_->add_object(
        "/org/moldha/Test", "org.moldha.Test1",
        {{"Echo", "bixtdsas", "bixtdsas", [](auto c) { c->reply(c->args()); }},
         {"WhoAmI", "", "u", [](auto c) { c->reply({std::uint32_t{c->uid()}}); }},
         {"Refuse", "s", "",
          [](auto c) {
            c->reply_error({ErrorKind::kConflict, "not " + std::string(c->text(0))});
          }},
         {"Forget", "", "", [](auto) {}},
         {"Park", "", "", [this](auto c) { parked_ = c; }}},
        {{"Changed", "su"}}));
    EXPECT_OK(server_->request_name("org.moldha.Test"));
  }

  TempDir dir_;
  std::unique_ptr<EventLoop> loop_ = make_loop();
  ChildHandle daemon_;
  std::shared_ptr<DbusCall> parked_;
  std::unique_ptr<Bus> server_;
  std::unique_ptr<Bus> client_;
};

TEST_F(Dbus, CarriesEveryTypeBothWays) {
  publish();
  const DbusValues values{true,
                          std::int32_t{-1},
                          std::int64_t{-2},
                          std::uint64_t{3},
                          0.5,
                          std::string("text"),
                          std::vector<std::string>{"a", "", "b"}};
  EXPECT_EQ(must(call("Echo", "bixtdsas", values)), values);
}

TEST_F(Dbus, KnowsTheCaller) {
  publish();
  EXPECT_EQ(must(call("WhoAmI", "", {})), DbusValues{std::uint32_t{::getuid()}});
}

TEST_F(Dbus, CarriesErrorsWithTheirKind) {
  publish();
  const auto refused = call("Refuse", "s", {std::string("now")});
  EXPECT_EQ(refused.error(), (Error{ErrorKind::kConflict, "not now"}));
  EXPECT_EQ(call("Forget", "", {}).error().kind, ErrorKind::kInternal);
  EXPECT_EQ(call("Nothing", "", {}).error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(call("Refuse", "i", {std::int32_t{1}}).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(call("Refuse", "s", {std::int32_t{1}}).error().kind, ErrorKind::kInternal);
}

TEST_F(Dbus, AnOverdueCallIsUnknownAndANobodyUnavailable) {
  EXPECT_EQ(call("Echo", "", {}).error().kind, ErrorKind::kUnavailable);
  publish();
  EXPECT_EQ(call("Park", "", {}, 50ms).error().kind, ErrorKind::kUnknown);
  ASSERT_TRUE(parked_);
  parked_->reply({});
  parked_.reset();
}

TEST_F(Dbus, SignalsArrive) {
  publish();
  std::optional<DbusValues> got;
  EXPECT_OK(client_->watch_signal("", "/org/moldha/Test", "org.moldha.Test1", "Changed",
                                  [&](const DbusValues& v) { got = v; }));
  EXPECT_OK(call("WhoAmI", "", {}));  // by its answer the bus knows about the watch
  const DbusValues values{std::string("x"), std::uint32_t{7}};
  EXPECT_OK(server_->emit("/org/moldha/Test", "org.moldha.Test1", "Changed", "su", values));
  ASSERT_TRUE(loop_->run_until([&] { return got.has_value(); }, kPatience));
  EXPECT_EQ(*got, values);
}

TEST_F(Dbus, ATakenNameIsAConflictAndALostBusIsTold) {
  publish();
  EXPECT_EQ(client_->request_name("org.moldha.Test").error().kind, ErrorKind::kConflict);
  bool lost = false;
  server_->on_disconnected([&] { lost = true; });
  set_log_capture([](auto) {});
  daemon_.cancel();
  EXPECT_TRUE(loop_->run_until([&] { return lost; }, kPatience));
  set_log_capture(nullptr);
}

TEST_F(Dbus, AnAbsentBusIsUnavailable) {
  EXPECT_EQ(Bus::open_address(*loop_, "unix:path=/no/such/bus").error().kind,
            ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace mold::runtime
