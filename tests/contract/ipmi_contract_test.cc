// The power contract on the real thing: ipmitool against ipmi_sim on loopback.
#include "fencing/drivers/ipmi.h"
#include "lib/base/check.h"
#include "tests/contract/ipmi_bmc.h"
#include "tests/contract/power_control_contract.h"

namespace mold::contract {
namespace {

std::unique_ptr<runtime::EventLoop> make_loop() {
  auto made = runtime::EventLoop::create();
  MOLD_CHECK(made.has_value(), "an event loop");
  return std::move(*made);
}

class IpmiRig final : public PowerRig {
 public:
  IpmiRig() : loop_(make_loop()), driver_(fencing::make_ipmi_driver(*loop_)), bmc_(*loop_) {}

  runtime::EventLoop& loop() override { return *loop_; }
  port::PowerControl& driver() override { return *driver_; }
  port::PowerTarget target() override { return bmc_.target(); }
  void set_power(bool on) override { bmc_.set_power(on); }
  bool power() override { return bmc_.power(); }
  int commands() override { return bmc_.commands(); }
  void accept_but_ignore(bool on) override { bmc_.accept_but_ignore(on); }
  void act_late(Duration delay) override { bmc_.act_late(delay); }
  void go_away() override { bmc_.kill_now(); }

 private:
  std::unique_ptr<runtime::EventLoop> loop_;
  std::unique_ptr<port::PowerControl> driver_;
  IpmiBmc bmc_;
};

std::unique_ptr<PowerRig> make_ipmi_rig() {
  return std::make_unique<IpmiRig>();
}

INSTANTIATE_TEST_SUITE_P(Ipmitool, PowerControlContract, ::testing::Values(&make_ipmi_rig));

}  // namespace
}  // namespace mold::contract
