#pragma once
// What stonith_admin says, as values. Its XML is versioned and described by a schema of
// Pacemaker's; its exit codes are those of crm_exit_t. Pure.
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace mold::fencing {

// The fencing that was asked for with `--tag TAG`, in the output of `stonith_admin --history NODE
// --verbose`: there, the client's name is "PROGRAM.TAG.PID".
enum class FencingSeen {
  kSuccess,   // off (not reboot, not on) of this node was completed
  kFailed,    // completed without success
  kPending,   // under way
  kNotThere,  // or the text is none of stonith_admin's
};
FencingSeen find_fencing(std::string_view xml, std::string_view node, std::string_view tag);

// Why stonith_admin did not fence. `nothing_done`: certainly nothing was asked of any device.
struct FenceRefusal {
  bool nothing_done = false;
  ErrorKind error = ErrorKind::kUnknown;
  std::string advice;
};
FenceRefusal read_refusal(int exit_code, std::string_view xml);

}  // namespace mold::fencing
