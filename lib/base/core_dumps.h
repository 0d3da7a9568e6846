#pragma once
// For the mains of programs that hold passwords or keys: a core file, or what takes a core by a
// pipe, would hold them too.

namespace mold {

// This process leaves no core from now on, and no other process of its user can look into its
// memory (Linux: not dumpable). Its children leave no core file either; nor can they, without
// CAP_SYS_PTRACE, open its descriptors by /proc/PID/fd. First line of main().
void forbid_core_dumps();

}  // namespace mold
