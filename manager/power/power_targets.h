#pragma once
// What is stored about BMCs and other fence devices, and the way from there to a port::PowerTarget:
// the only place where their passwords are sealed and opened. Each setting is checked by its driver
// before it is kept. Loop thread only; lives as long as the inventory.
//
// Changing a BMC's password must survive a crash at any moment: the new one is stored beside the
// old one before the BMC hears of it, and both stay until a login tells which one holds.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/port/power_control.h"
#include "manager/inventory/inventory.h"
#include "manager/inventory/secret_box.h"
#include "manager/power/feed.h"

namespace mold::manager {

class PowerTargets {
 public:
  struct Options {
    std::vector<std::string> drivers{"ipmitool"};  // what a host or device may name
    // A password change that was cut off may still land this much later: until then a login with
    // the old password does not settle it.
    Duration late_change{60'000};
  };
  PowerTargets(Inventory& inventory, const SecretBox& box, const port::PowerControl& driver,
               Options options);

  struct Opened {
    port::PowerTarget target;
    std::optional<Secret> other;  // the other password of a change that is not settled
    std::string change;           // names that change
  };
  // kNotFound; kUnsupported: switched off or not configured; kCorrupt: the password cannot be
  // opened.
  [[nodiscard]] Result<Opened> open(Feed feed) const;

  // For configureOutOfBandManagement: checks, seals, puts the record. kInvalid, kNotFound,
  // kUnavailable. `enabled` stays as it is; a change of the password that was not settled is moot.
  // False: all that the device is reached by was set like that before.
  Result<bool> configure(HostId host, const OobmSettings& settings, const Secret& password);
  Result<FenceDevice> add(FenceDevice device, const Secret& password);
  Result<bool> update(FenceDevice device, const std::optional<Secret>& password);

  // What begin_change() would say.
  [[nodiscard]] Status check_change(HostId host, const Secret& fresh) const;
  // Stores the new password beside the old one; returns the name of the change. kConflict: an
  // earlier one is not settled. kInvalid: the driver cannot use it.
  Result<std::string> begin_change(HostId host, const Secret& fresh);
  // The change was tried: confirmed: the new one; failed: the old one; unknown: both stay.
  void end_change(HostId host, const std::string& change, core::Outcome outcome);
  // A login worked: with the password from before the change, or with the new one.
  void on_login(HostId host, const std::string& change, bool with_new);

 private:
  [[nodiscard]] Status check(const port::PowerTarget& target) const;
  [[nodiscard]] Result<Opened> open_bmc(const HostRecord& host) const;
  [[nodiscard]] Result<Opened> open_device(HostId host, DeviceId device) const;
  void settle(HostId host, const std::string& change, bool with_new);

  Inventory& inventory_;
  const SecretBox& box_;
  const port::PowerControl& driver_;
  Options options_;
  Instant doubt_until_;                // for changes that an earlier life of the manager began
  std::map<HostId, Instant> changes_;  // old logins do not settle before; far away: under way
};

// 16 characters with upper and lower case and digits: as many as any BMC takes.
Secret make_bmc_password();

}  // namespace mold::manager
