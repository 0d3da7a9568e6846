#include "lib/base/core_dumps.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace mold {

void forbid_core_dumps() {
  // A limit of 0 stops files, not pipes (core(5)); that a process is not dumpable stops both, but
  // ends with the next exec.
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace mold
