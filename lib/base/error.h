#pragma once
// Why something did not work, as a value. The kind drives policy (retry, escalate, give up), the
// text only informs a person. Errors travel by value through Result<T>; no exception crosses a
// room's edge. Any thread; no shared state.
#include <cstdint>
#include <string>
#include <string_view>

namespace mold {

enum class ErrorKind : std::uint8_t {
  kInvalid,      // the request itself is wrong; repeating it cannot help
  kNotFound,     // the thing named does not exist
  kConflict,     // the thing exists but is in a state that forbids this (old epoch, old generation)
  kDenied,       // not allowed: wrong password, foreign certificate
  kUnsupported,  // this build, driver or device cannot do it
  kBusy,         // a limit is reached; later may work
  kTimeout,      // no answer in time and certainly not carried out
  kUnavailable,  // the other side cannot be reached; nothing was sent
  kCorrupt,      // data that cannot be trusted
  kCancelled,    // given up on purpose
  kInternal,     // our own fault
  kUnknown,      // sent, effect not known. Never to be read as success or as failure
};

std::string_view to_string(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string what;  // one line for a person; never a secret

  // "loading /etc/x: no such file": puts what was being attempted in front.
  [[nodiscard]] Error context(std::string_view doing) const;
  // "not-found: no such file"
  [[nodiscard]] std::string text() const;

  friend bool operator==(const Error&, const Error&) = default;
};

// Maps an errno to the kind that policy should see; `doing` names the attempt.
Error errno_error(int err, std::string_view doing);

}  // namespace mold
