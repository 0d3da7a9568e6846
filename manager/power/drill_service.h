#pragma once
// Runs the fence drills: for each host, each device that can cut its power, and each executor that
// would be asked to, reads the power state and asks the device which machine it belongs to.
// Harmless by construction: nothing but status and identify is ever sent. What is learned decides
// who carries out real requests (choose()), is shown in listHosts and listFenceDrills, and is told
// as an event when a device stops being good and when it is good again. That a device is not
// trusted outlives a restart: it is put into the store in the dispatch that finds it out, so it is
// durable before anything that follows from it, and is there before the brain resumes. Loop thread
// only; lives as long as the power service; outlived by executor and inventory.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/fencing/drill.h"
#include "lib/runtime/event_loop.h"
#include "manager/engine/engine.h"
#include "manager/inventory/inventory.h"
#include "manager/power/power_service.h"

namespace mold::manager {

class DrillService {
 public:
  struct Options {
    PowerExecutor* executor = nullptr;  // none: the manager is the only one
    // When a host's agent was heard last; none: nothing is known.
    std::function<std::optional<Instant>(HostId)> last_heard;
    // An "off" of a host that was heard a moment ago: it may just have died. Looked at again then.
    Duration second_look{6'000};
    // What the store kept. Holds from the first moment: before anything can be asked of a device.
    std::vector<DeviceDoubt> doubts;
  };
  DrillService(runtime::EventLoop& loop, Engine& engine, Inventory& inventory, PowerService& power,
               Options options);
  ~DrillService();
  DrillService(const DrillService&) = delete;
  DrillService& operator=(const DrillService&) = delete;

  // Once there are other hosts to ask; see Options.
  void set_executor(PowerExecutor* executor) { options_.executor = executor; }
  void start();  // and goes on by itself
  // kNotFound: the host has no path.
  Status check_run(HostId host);
  // All paths of the host now, also those under way are waited for. kNotFound; kBusy: none of them
  // can be asked now.
  Status run_now(HostId host, std::function<void()> done);
  // The same once all that was changed up to here is durable, such as the job that `done` ends:
  // before that no device is asked. kUnavailable: it could not be stored, none was asked.
  void run_when_durable(HostId host, std::function<void(const Status&)> done);

  // Who should carry out a request to this device; none: the manager.
  [[nodiscard]] HostId choose(const Feed& feed) const;
  // For PowerService::set_used().
  void note_use(const Feed& feed, HostId executor, bool reached);
  // Why requests to this device must be refused; empty: they need not. See core::DrillBook.
  [[nodiscard]] std::string veto(const Feed& feed) const;
  [[nodiscard]] const core::DrillBook& book() const { return book_; }
  [[nodiscard]] std::uint64_t drills() const { return drills_; }

  // Takes the devices as they are, and begins what is due. For tests; start() does it in a raster.
  void turn();

 private:
  struct Wish {
    std::set<core::DrillPath> open;
    std::function<void()> done;
  };
  // Read off while the host was heard; whether it is heard later decides who lies.
  struct Suspicion {
    core::DrillPath path;
    core::DrillResult result;
    Instant read_at;
  };
  [[nodiscard]] bool stands_alone(const core::DrillPath& path) const;
  void sync();
  void look_again();
  void ask_identity(const core::DrillPath& path, const core::DrillResult& result);
  [[nodiscard]] bool heard_since(HostId host, Instant since) const;
  // Its settings were changed, or it went: what was learned about it is void.
  void forget(const Feed& feed);
  // Told by a device as it was set up before: neither scored nor distrusted, but tried again.
  bool drop_outdated(const core::DrillPath& path);
  void begin(const core::DrillPath& path);
  void on_state(const core::DrillPath& path, Instant began, const port::PowerResult& result);
  void on_identity(const core::DrillPath& path, core::DrillResult result,
                   const port::IdentityResult& identity);
  void finish(const core::DrillPath& path, core::DrillResult result);
  void keep_doubts();
  void forget_gone();
  void tell_changes(const core::DrillPath& path);
  void answer_wishes(const core::DrillPath& path);
  using Candidates = std::map<ClusterId, std::vector<HostId>>;  // by id
  [[nodiscard]] std::vector<HostId> executors_for(const HostRecord& host, Candidates& known) const;
  [[nodiscard]] std::string device_name(const core::DrillPath& path) const;

  runtime::EventLoop& loop_;
  Engine& engine_;
  Inventory& inventory_;
  PowerService& power_;
  Options options_;
  core::DrillBook book_;
  core::DrillBook::Doubts kept_;  // as the store has them, or will have with the open batch
  runtime::Timer timer_;
  std::map<core::DrillPath, std::uint64_t> under_way_;  // revision of the device when it began
  std::map<Feed, core::DrillState> told_;               // devices that an event called not good
  std::vector<Wish> wishes_;
  std::vector<Suspicion> suspicions_;
  std::uint64_t drills_ = 0;
  std::shared_ptr<bool> alive_;
};

// What the agent of a host said about its machine.
core::MachineFacts machine_facts(const HostRecord& host);

}  // namespace mold::manager
