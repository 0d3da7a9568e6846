#pragma once
// A LibvirtHypervisor on a loop, and what it told.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agentd/libvirt/event_bridge.h"
#include "agentd/libvirt/libvirt_hypervisor.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::agentd {

class HypervisorRig {
 public:
  HypervisorRig() : loop_(runtime::make_loop()) { EXPECT_OK(EventBridge::install(*loop_)); }
  ~HypervisorRig() {
    hypervisor_.reset();
    EventBridge::detach();
  }

  void start(LibvirtHypervisor::Options options) {
    hypervisor_ = std::make_unique<LibvirtHypervisor>(*loop_, std::move(options));
    hypervisor_->start({[this](const core::VmReport& report) { seen_.push_back(report); },
                        [this](const port::DomainList& list) { lists_.push_back(list); }});
  }
  bool until(const std::function<bool()>& holds) {
    return loop_->run_until(holds, runtime::kPatience);
  }
  port::HypervisorResult wait(const std::function<void(port::Hypervisor::Done)>& call) {
    std::optional<port::HypervisorResult> result;
    call([&result](port::HypervisorResult r) { result = std::move(r); });
    EXPECT_FALSE(result) << "answered inside the call";
    EXPECT_TRUE(loop_->run_until([&result] { return result.has_value(); }, Duration{90'000}));
    return result.value_or(port::HypervisorResult{});
  }
  // Waits until a domain of ours was seen in that state.
  bool sees(Generation generation, core::DomainPower power,
            std::optional<core::GoneReason> reason = std::nullopt) {
    return until([this, generation, power, reason] {
      return std::any_of(seen_.begin(), seen_.end(), [&](const core::VmReport& report) {
        return report.generation == generation && report.power == power &&
               (!reason || report.gone_reason == *reason);
      });
    });
  }
  // For messages of failed expectations.
  [[nodiscard]] std::string seen() const {
    std::string text = "seen:";
    for (const core::VmReport& report : seen_) {
      text += " " + std::to_string(report.generation.value) + "/" +
              std::string(to_string(report.power)) + "/" +
              std::string(to_string(report.gone_reason));
    }
    return text;
  }

  std::unique_ptr<runtime::EventLoop> loop_;
  std::vector<core::VmReport> seen_;
  std::vector<port::DomainList> lists_;
  std::unique_ptr<LibvirtHypervisor> hypervisor_;
};

class HypervisorFixture : public ::testing::Test, protected HypervisorRig {};

}  // namespace mold::agentd
