#pragma once
// What the Pacemaker cluster on this machine fences, told as it happens, so that a node that the
// cluster fenced is proof for us at once and is not cut off a second time. Only fencings that
// succeeded, only off and reboot, only what happens while we watch: never history, for nobody could
// say whether the node came back since. Only while every fence device of the cluster cuts power
// (drivers/cluster_devices.h): a node cut off from storage or network runs on. A person's word to
// the cluster (stonith_admin --confirm) is not told: who says so to the cluster says so to us too.
//
// The watching is done by a small process (pacemaker_watch_main.cc), because the library of the
// cluster may hang when its daemon dies; it is started again, with patience, whenever it ends or
// falls silent, so that a cluster which is started later or restarted is found by itself. News that
// has waited longer than `oldest` (we stood still) is not told.
//
// The receiver must still hold it against what it knows: a host that beats again is not dead.
// Loop thread; destroying it ends the process. One per program.
#include <functional>
#include <string>
#include <string_view>

#include "fencing/drivers/cluster_devices.h"
#include "fencing/drivers/under_way.h"
#include "lib/port/fence_witness.h"
#include "lib/runtime/child_process.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

struct PacemakerWatchSettings {
  std::string program = "/usr/libexec/mold/mold-pacemaker-watch";
  Duration silence = 15s;     // the process says "alive" each second
  Duration first_pause = 1s;  // before it is started again; doubles up to
  Duration longest_pause = 1min;
  Duration oldest = 5s;
  ClusterDevicesSettings devices;
};

class PacemakerWatch final : public port::FenceWitness {
 public:
  explicit PacemakerWatch(runtime::EventLoop& loop, PacemakerWatchSettings settings = {});
  PacemakerWatch(const PacemakerWatch&) = delete;
  PacemakerWatch& operator=(const PacemakerWatch&) = delete;

  // Once. Does nothing where the program is not installed.
  void start(OnFenced on_fenced) override;
  // Connected to a cluster's fencer at this moment.
  [[nodiscard]] bool watching() const { return watching_; }

 private:
  void launch();
  void on_output(std::string_view piece);
  void on_line(std::string_view line);
  void on_fenced_line(std::string_view line);
  void check_devices(std::function<void(const Status&)> then);
  void judge(const std::string& node, const std::string& text, Instant at, const Status& power);
  void expect_more();
  void again(const std::string& why);

  runtime::EventLoop& loop_;
  PacemakerWatchSettings settings_;
  PowerAgents agents_;
  UnderWay checks_;
  OnFenced on_fenced_;
  std::string rest_;  // of a line that is not whole yet
  Duration pause_{0};
  bool watching_ = false;
  runtime::Timer retry_;
  runtime::Timer silence_;
  runtime::ChildHandle child_;
};

}  // namespace mold::fencing
