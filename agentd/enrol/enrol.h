#pragma once
// Enrolment: once in a host's life it proves with a one-time token that it may have a certificate.
// The token pins the manager's TLS key, so nobody can stand between on this first call. Used by
// `mold-agentd enrol`; runs the loop itself until the answer is there.
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/runtime/event_loop.h"

namespace mold::agentd {

struct EnrolOptions {
  std::string manager;  // https://HOST:8250
  Secret token;
  std::string state_dir;
  std::string hostname;
  bool force = false;  // replace an identity that is there
};

// The host's UUID. kConflict: enrolled already. kDenied: token refused, or the manager's key is not
// the one that the token names. kUnavailable, kTimeout, kUnknown: not reached; try again.
Result<std::string> enrol(runtime::EventLoop& loop, const EnrolOptions& options);

// `mold-agentd enrol ...`: arguments behind the word, exit code. The token comes from --token,
// --token-file (a path, or - for standard input), or the environment's MOLD_ENROL_TOKEN.
int enrol_main(const std::vector<std::string>& arguments);

}  // namespace mold::agentd
