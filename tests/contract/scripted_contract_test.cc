// The power contract on the drivers that run other people's programs, against programs that say
// what those say. The same against real ones: fence_ipmilan in power_matrix_ipmi_test, a Pacemaker
// cluster in tests/lab/pacemaker. The driver `manual` has no machine to talk to: it reads nothing
// and switches nothing, so there is no contract but that it never confirms (tests/unit/fencing).
#include "tests/contract/power_control_contract.h"
#include "tests/contract/scripted_machine.h"

namespace mold::contract {
namespace {

template <std::unique_ptr<ScriptedRig> (*Make)()>
std::unique_ptr<PowerRig> make() {
  return Make();
}

INSTANTIATE_TEST_SUITE_P(FenceAgent, PowerControlContract,
                         ::testing::Values(&make<make_fence_agent_rig>));
INSTANTIATE_TEST_SUITE_P(Libvirt, PowerControlContract, ::testing::Values(&make<make_libvirt_rig>));
INSTANTIATE_TEST_SUITE_P(Pacemaker, PowerControlContract,
                         ::testing::Values(&make<make_pacemaker_rig>));

}  // namespace
}  // namespace mold::contract
