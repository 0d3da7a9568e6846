#pragma once
// Changes a user's password on the BMC: finds the user's number, sets, and logs in with the fresh
// one; what a set that was accepted, refused or lost has done is found out by trying both. A BMC
// that silently keeps only 16 bytes gets its old password back. Loop thread.
#include "fencing/drivers/ipmi_tool.h"
#include "fencing/drivers/under_way.h"

namespace mold::fencing {

// The contract of port::PowerControl::change_password.
void change_ipmi_password(runtime::EventLoop& loop, UnderWay& under_way,
                          const IpmiSettings& settings, const port::PowerTarget& target,
                          const Secret& fresh, Duration deadline, port::PowerControl::Done done);

}  // namespace mold::fencing
