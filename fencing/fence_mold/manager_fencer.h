#pragma once
// The power of a host through the manager: it knows every host's devices and passwords, and writes
// what it did into its ledger. Managers are tried in the order given; one that is away is passed
// over, one that answers is believed. One thread; blocks through the loop.
//
// "Off" is the manager's own reading during the job that was asked for, never the state it shows in
// its lists (that one may be old), and never its HA state: a host whose lease ran out has stopped
// its VMs, but a cluster that fences through us may have had more running there.
#include <functional>
#include <string>
#include <vector>

#include "fencing/fence_mold/fencer.h"
#include "fencing/fence_mold/manager_api.h"

namespace mold::fence_mold {

class ManagerFencer final : public Fencer {
 public:
  struct Options {
    std::vector<std::string> urls;
    std::string plug;  // name or id of a host; empty: none
    Duration power_timeout{30'000};
  };
  ManagerFencer(runtime::EventLoop& loop, ManagerAccess access, Options options, Say say);

  Result<core::PowerState> read() override;
  Status bring(core::PowerState wished, Duration at_most) override;
  // Hosts whose out-of-band management is enabled: the others cannot be fenced through us.
  Result<std::vector<Plug>> list() override;
  Status monitor() override;

 private:
  struct HostRow {
    std::string id;
    std::string name;
    bool enabled = false;  // its out-of-band management
    core::PowerState state = core::PowerState::kUnknown;
  };
  // Runs `work` on the first manager that is not away.
  Status on_some_manager(const std::function<Status(const std::string& url)>& work);
  Result<std::vector<HostRow>> hosts(const std::string& url, runtime::QueryParams filter);
  Result<HostRow> find(const std::string& url);
  // One power action from its order to its end; the state that the manager read in it.
  Result<core::PowerState> act(const std::string& url, const HostRow& host,
                               const std::string& action);
  Result<core::PowerState> wait_job(const std::string& url, const std::string& job);
  Status check_alone(const std::string& url, const HostRow& host);
  Status bring_through(const std::string& url, core::PowerState wished);
  void begin(Duration limit);

  runtime::EventLoop& loop_;
  ManagerApi api_;
  Options options_;
  Say say_;
  Instant deadline_;
};

}  // namespace mold::fence_mold
