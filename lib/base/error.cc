#include "lib/base/error.h"

#include <cerrno>
#include <system_error>

#include "lib/base/check.h"

namespace mold {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return "invalid";
    case ErrorKind::kNotFound:
      return "not-found";
    case ErrorKind::kConflict:
      return "conflict";
    case ErrorKind::kDenied:
      return "denied";
    case ErrorKind::kUnsupported:
      return "unsupported";
    case ErrorKind::kBusy:
      return "busy";
    case ErrorKind::kTimeout:
      return "timeout";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kCorrupt:
      return "corrupt";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kInternal:
      return "internal";
    case ErrorKind::kUnknown:
      return "unknown";
  }
  MOLD_UNREACHABLE();
}

Error Error::context(std::string_view doing) const {
  return Error{kind, std::string(doing) + ": " + what};
}

std::string Error::text() const {
  return std::string(to_string(kind)) + ": " + what;
}

Error errno_error(int err, std::string_view doing) {
  ErrorKind kind = ErrorKind::kInternal;
  switch (err) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      kind = ErrorKind::kNotFound;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      kind = ErrorKind::kDenied;
      break;
    case EEXIST:
    case ENOTEMPTY:
      kind = ErrorKind::kConflict;
      break;
    case EBUSY:
    case EAGAIN:
    case ENOMEM:
    case ENOSPC:
    case EMFILE:
    case ENFILE:
      kind = ErrorKind::kBusy;
      break;
    case ETIMEDOUT:
      kind = ErrorKind::kTimeout;
      break;
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPIPE:
    case EIO:
      kind = ErrorKind::kUnavailable;
      break;
    case EINVAL:
    case ENAMETOOLONG:
      kind = ErrorKind::kInvalid;
      break;
    case ENOSYS:
    case EOPNOTSUPP:
      kind = ErrorKind::kUnsupported;
      break;
    default:
      break;
  }
  return Error{kind, std::string(doing) + ": " + std::generic_category().message(err)};
}

}  // namespace mold
