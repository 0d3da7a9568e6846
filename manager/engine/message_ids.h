#pragma once
// Messages of the manager that a person may have to act on.
#include "lib/runtime/message_ids.h"

namespace mold::manager::messages {

inline constexpr runtime::MessageId kStoreCannotWrite{
    "STORE_CANNOT_WRITE", "5b1f6c0f0c2e4f3e9a1d7c54e2b81a01",
    "A decision could not be written down, so it is not carried out: no VM is started, no host is "
    "fenced, no request is answered with \"done\" until the store can be written again. Make room "
    "on the disk of state.dir or repair it; the manager tries again by itself."};
inline constexpr runtime::MessageId kStoreWritesAgain{
    "STORE_WRITES_AGAIN", "5b1f6c0f0c2e4f3e9a1d7c54e2b81a02",
    "The store can be written again; everything that waited was written and is carried out now."};
inline constexpr runtime::MessageId kStoreBroken{
    "STORE_BROKEN", "5b1f6c0f0c2e4f3e9a1d7c54e2b81a03",
    "The store refused a write for a reason that trying again cannot mend. The manager ends and "
    "starts anew from what is written. If it comes back, keep a copy of manager.db and report it."};
inline constexpr runtime::MessageId kAgentRefused{
    "AGENT_REFUSED", "5b1f6c0f0c2e4f3e9a1d7c54e2b81a04",
    "Somebody spoke to the agents' port with a certificate that is unknown, revoked, or of a host "
    "that was removed. A host that was removed on purpose: stop its agent. Otherwise an intruder."};
inline constexpr runtime::MessageId kAlarm{
    "HA_ALARM", "5b1f6c0f0c2e4f3e9a1d7c54e2b81a05",
    "The HA brain saw something that must not be, such as a BMC that says off for a host that "
    "lives. TEXT says what; `hactl ha explain HOST` shows what led to it."};

}  // namespace mold::manager::messages
