#include "hactl/exit_code.h"

#include "lib/base/check.h"

namespace mold::hactl {

ExitCode exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return ExitCode::kUsage;
    case ErrorKind::kNotFound:
      return ExitCode::kNotFound;
    case ErrorKind::kConflict:
      return ExitCode::kJobFailed;
    case ErrorKind::kDenied:
      return ExitCode::kDenied;
    case ErrorKind::kTimeout:
      return ExitCode::kStillRunning;
    case ErrorKind::kUnavailable:
      return ExitCode::kUnreachable;
    case ErrorKind::kCorrupt:
      return ExitCode::kUnreachable;
    case ErrorKind::kUnknown:
      return ExitCode::kUnreachable;
    case ErrorKind::kUnsupported:
      return ExitCode::kFailed;
    case ErrorKind::kBusy:
      return ExitCode::kFailed;
    case ErrorKind::kCancelled:
      return ExitCode::kFailed;
    case ErrorKind::kInternal:
      return ExitCode::kFailed;
  }
  MOLD_UNREACHABLE();
}

}  // namespace mold::hactl
