#pragma once
// What hactl's exit code means. The table is also in hactl.1 and docs/OPERATIONS.md; a number, once
// released, never changes its meaning. Values only.
#include "lib/base/error.h"

namespace mold::hactl {

enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,        // the manager could not do it, or said no for a reason of its own
  kUsage = 2,         // command line, settings or a parameter are wrong
  kNotFound = 3,      // no host, VM, job ... of that name or id
  kUnreachable = 4,   // manager (or, for `host local`, the agent) gave no usable answer
  kDenied = 5,        // keys wrong, missing or not allowed to do this; certificate not trusted
  kJobFailed = 6,     // the job was started and ended in failure
  kStillRunning = 7,  // gave up waiting; the job goes on
};

// kUnknown (sent, effect not known) is kUnreachable: look before doing it again.
ExitCode exit_code(ErrorKind kind);

}  // namespace mold::hactl
