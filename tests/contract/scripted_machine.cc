#include "tests/contract/scripted_machine.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "fencing/drivers/fence_agent.h"
#include "fencing/drivers/libvirt_host.h"
#include "fencing/drivers/pacemaker.h"

namespace mold::contract {
namespace {

// What each program begins with. `page` stands before a reading; `settle` lets a late command take
// effect; `switch_to on|off` is the machine's power button.
constexpr const char* kMachine = R"sh(
mood=$(cat mood)
now() { read -r up rest </proc/uptime; echo $((${up%.*} * 1000 + 10#${up#*.} * 10)); }
settle() {
  [ -s due ] || return 0
  read -r at state <due
  [ "$(now)" -lt "$at" ] || { echo "$state" >power; : >due; }
}
switch_to() {
  echo x >>commands
  [ "$mood" != hang-act ] || exec sleep 600
  [ "$mood" != ignore ] || return 0
  if [ -s late ]; then echo "$(($(now) + $(cat late))) $1" >due; else echo "$1" >power; fi
  [ "$mood" != die-act ] || kill -9 $$
}
page() {
  [ "$mood" != html ] || { echo '<html><body>It works: off</body></html>'; exit 0; }
  [ "$mood" != huge ] || head -c 4000000 /dev/zero | tr '\0' x
}
[ "$mood" != hang ] || exec sleep 600
[ "$mood" != slow ] || sleep 1
settle
)sh";

constexpr const char* kFenceAgent = R"sh(
while IFS== read -r k v; do declare "$k=$v"; done
if [ "$action" = metadata ]; then
  echo '<resource-agent><actions><action name="on"/><action name="off"/><action name="reboot"/>'
  echo '<action name="status"/></actions></resource-agent>'
  exit 0
fi
[ "$mood" != away ] || { echo "Unable to connect/login to fencing device" >&2; exit 1; }
[ "$username:$password" = admin:s3cret ] || exit 3
case $action in
  status)
    page
    if [ "$(cat power)" = on ]; then echo "Status: ON"; exit 0; fi
    echo "Status: OFF"
    exit 2 ;;
  *) [ "$mood" != refuse ] || exit 11
esac
case $action in
  off) switch_to off ;;
  on | reboot) switch_to on ;;
esac
)sh";

constexpr const char* kVirsh = R"sh(
[ "$1 $2 $3 $5 $6" = "--quiet -c qemu:///system --domain node1" ] || exit 9
[ "$mood" != away ] || { echo "error: failed to connect to the hypervisor" >&2; exit 1; }
if [ "$4" = domstate ]; then
  page
  if [ "$(cat power)" = on ]; then echo "running (booted)"; else echo "shut off (destroyed)"; fi
  exit 0
fi
[ "$mood" != refuse ] || { echo "error: access denied" >&2; exit 1; }
case $4 in
  destroy) switch_to off ;;
  start | reset) switch_to on ;;
esac
)sh";

// As a cluster goes about it: its fencer waits until the device says so, and writes it down.
constexpr const char* kStonithAdmin = R"sh(
if [ "$1" = --history ]; then
  page
  printf '<pacemaker-result><list><fence_event action="%s" target="%s" client="x.%s.9" ' \
    "$(cat did)" "$2" "$(cat tag)"
  printf 'status="%s" completed="now"/></list></pacemaker-result>\n' "$(cat result)"
  exit 0
fi
[ "$mood" != refuse ] || exit 4
echo "$4" >tag
echo failed >result
state=off
[ "$1" = --fence ] || state=on
echo $state >did
switch_to $state
[ "$mood" != ignore ] || exit 0  # its device said yes
until settle; [ "$(cat power)" = $state ]; do sleep 0.05; done
echo success >result
)sh";

constexpr const char* kCibAdmin = R"sh(
[ "$mood" != away ] || exit 102
echo '<configuration><resources><primitive id="f" class="stonith" type="fence_test"/></resources>'
echo '</configuration>'
)sh";

}  // namespace

ScriptedMachine::ScriptedMachine() {
  mood("");
  write("commands", "");
  write("late", "");
  set_power(true);
  install("fence_test", kFenceAgent);
  install("virsh", kVirsh);
  install("stonith_admin", kStonithAdmin);
  install("cibadmin", kCibAdmin);
}

void ScriptedMachine::install(const std::string& name, const std::string& script) {
  write(name, "#!/bin/bash\ncd " + dir_.path() + kMachine + script);
  std::filesystem::permissions(dir_.file(name), std::filesystem::perms::owner_all);
}

void ScriptedMachine::write(const std::string& name, const std::string& text) {
  std::ofstream(dir_.file(name)) << text;
}

std::string ScriptedMachine::read(const std::string& name) const {
  std::ifstream file(dir_.file(name));
  return {std::istreambuf_iterator<char>(file), {}};
}

void ScriptedMachine::set_power(bool on) {
  write("due", "");
  write("power", on ? "on\n" : "off\n");
}

bool ScriptedMachine::power() const {
  return read("power") == "on\n";
}

int ScriptedMachine::commands() const {
  const std::string lines = read("commands");
  return static_cast<int>(std::count(lines.begin(), lines.end(), '\n'));
}

void ScriptedMachine::act_late(Duration delay) {
  write("late", std::to_string(delay.count()));
}

void ScriptedMachine::mood(const std::string& word) {
  write("mood", word);
}

namespace {

class FenceAgentRig final : public ScriptedRig {
 public:
  FenceAgentRig() {
    fencing::FenceAgentSettings settings;
    settings.directory = machine_.programs();
    settings.poll = Duration{50};
    driver_ = fencing::make_fence_agent_driver(*loop_, settings);
    target_.driver = "fence_agent";
    target_.address = "pdu.example";
    target_.username = ScriptedMachine::kUser;
    target_.password = Secret(ScriptedMachine::kPassword);
    target_.options = {{"agent", "fence_test"}, {"plug", "7"}};
  }
};

class LibvirtRig final : public ScriptedRig {
 public:
  LibvirtRig() {
    fencing::LibvirtHostSettings settings;
    settings.program = machine_.programs() + "/virsh";
    settings.poll = Duration{50};
    driver_ = fencing::make_libvirt_host_driver(*loop_, settings);
    target_.driver = "libvirt";
    target_.address = "qemu:///system";
    target_.options["domain"] = "node1";
  }
  bool logs_in() override { return false; }  // ssh keys and certificates are outside of it
};

class PacemakerRig final : public ScriptedRig {
 public:
  PacemakerRig() {
    fencing::PacemakerSettings settings;
    settings.program = machine_.programs() + "/stonith_admin";
    settings.devices = {machine_.programs() + "/cibadmin", machine_.programs()};
    driver_ = fencing::make_pacemaker_driver(*loop_, settings);
    target_.driver = "pacemaker";
    target_.address = "h3";
  }
  bool logs_in() override { return false; }      // root on a member of the cluster
  bool reads_state() override { return false; }  // a cluster only knows what it did
};

}  // namespace

std::unique_ptr<ScriptedRig> make_fence_agent_rig() {
  return std::make_unique<FenceAgentRig>();
}

std::unique_ptr<ScriptedRig> make_libvirt_rig() {
  return std::make_unique<LibvirtRig>();
}

std::unique_ptr<ScriptedRig> make_pacemaker_rig() {
  return std::make_unique<PacemakerRig>();
}

}  // namespace mold::contract
