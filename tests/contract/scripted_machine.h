#pragma once
// A machine whose power is a file, behind programs that say what a fence agent, virsh and
// Pacemaker's stonith_admin say, for the drivers that run those. One that hangs, lies or comes late
// does so on every way to it.
#include <memory>
#include <string>

#include "tests/contract/power_rig.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::contract {

class ScriptedMachine {
 public:
  ScriptedMachine();

  void set_power(bool on);
  [[nodiscard]] bool power() const;
  [[nodiscard]] int commands() const;  // power commands that reached the machine
  void act_late(Duration delay);
  // What goes wrong from now on, one word: "away" nobody answers, "ignore" says yes and does
  // nothing, "refuse" says no, "hang" every program, "hang-act" what switches, "die-act" it
  // switches and is killed before it can say so, "slow" a second for each, "html" a web page
  // instead of each reading, "huge" 4 MB before each reading.
  void mood(const std::string& word);

  // The directory with fence_test, virsh, stonith_admin and cibadmin.
  [[nodiscard]] const std::string& programs() const { return dir_.path(); }
  static constexpr const char* kUser = "admin";
  static constexpr const char* kPassword = "s3cret";

 private:
  void install(const std::string& name, const std::string& script);
  void write(const std::string& name, const std::string& text);
  [[nodiscard]] std::string read(const std::string& name) const;

  runtime::TempDir dir_;
};

// A driver that runs programs, with a scripted machine behind it.
class ScriptedRig : public PowerRig {
 public:
  ScriptedMachine& machine() { return machine_; }
  runtime::EventLoop& loop() override { return *loop_; }
  port::PowerControl& driver() override { return *driver_; }
  port::PowerTarget target() override { return target_; }
  void set_power(bool on) override { machine_.set_power(on); }
  bool power() override { return machine_.power(); }
  int commands() override { return machine_.commands(); }
  void accept_but_ignore(bool on) override { machine_.mood(on ? "ignore" : ""); }
  void act_late(Duration delay) override { machine_.act_late(delay); }
  void go_away() override { machine_.mood("away"); }

 protected:
  ScriptedMachine machine_;
  std::unique_ptr<runtime::EventLoop> loop_ = runtime::make_loop();
  std::unique_ptr<port::PowerControl> driver_;
  port::PowerTarget target_;
};

std::unique_ptr<ScriptedRig> make_fence_agent_rig();
std::unique_ptr<ScriptedRig> make_libvirt_rig();
std::unique_ptr<ScriptedRig> make_pacemaker_rig();

}  // namespace mold::contract
