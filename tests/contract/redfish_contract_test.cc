// The power contract on the Redfish driver, against fake BMCs of several kinds, over TLS.
#include "tests/contract/power_control_contract.h"
#include "tests/contract/redfish_bench.h"

namespace mold::contract {
namespace {

class RedfishRig final : public PowerRig {
 public:
  explicit RedfishRig(std::string_view profile) : bench_(profile_named(profile)) {}
  ~RedfishRig() override {
    EXPECT_TRUE(!bench_.bmc->running() || bench_.sessions_end()) << "a session was left behind";
  }
  RedfishRig(const RedfishRig&) = delete;
  RedfishRig& operator=(const RedfishRig&) = delete;

  runtime::EventLoop& loop() override { return *bench_.loop; }
  port::PowerControl& driver() override { return bench_.power(); }
  port::PowerTarget target() override { return bench_.target; }
  void set_power(bool on) override { bench_.bmc->set_power(on); }
  bool power() override { return bench_.bmc->power(); }
  int commands() override { return bench_.bmc->counts().commands; }
  void accept_but_ignore(bool on) override { bench_.bmc->profile().ignores = on; }
  void act_late(Duration delay) override { bench_.bmc->profile().late = delay; }
  void go_away() override { bench_.bmc->stop(); }

 private:
  RedfishBench bench_;
};

template <const char* Profile>
std::unique_ptr<PowerRig> make_redfish_rig() {
  return std::make_unique<RedfishRig>(Profile);
}

constexpr char kPrompt[] = "prompt";
constexpr char kSessionOnly[] = "session-only";
constexpr char kTasks[] = "tasks";
constexpr char kHpe[] = "hpe";
constexpr char kSupermicro[] = "supermicro";
constexpr char kOpenBmc[] = "openbmc";

INSTANTIATE_TEST_SUITE_P(Redfish, PowerControlContract,
                         ::testing::Values(&make_redfish_rig<kPrompt>,
                                           &make_redfish_rig<kSessionOnly>,
                                           &make_redfish_rig<kTasks>, &make_redfish_rig<kHpe>,
                                           &make_redfish_rig<kSupermicro>,
                                           &make_redfish_rig<kOpenBmc>));

}  // namespace
}  // namespace mold::contract
