#pragma once
// Directory listing without opendir(3), which allocates: getdents64 into a buffer on the stack. For
// /proc and for small directories. Any thread.
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "lib/base/unique_fd.h"

namespace mold::heartbeat {

// Calls visit(const char* name) for each entry but . and .. ; 0 or an errno.
template <class Visit>
int for_each_entry(const char* directory, Visit&& visit) {
  const UniqueFd fd(::open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno;
  alignas(dirent64) char buffer[4096];
  while (true) {
    const long got = ::syscall(SYS_getdents64, fd.get(), buffer, sizeof buffer);
    if (got < 0) return errno;
    if (got == 0) return 0;
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      const char* name = entry->d_name;
      const bool dots = name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
      if (!dots) visit(name);
      at += entry->d_reclen;
    }
  }
}

}  // namespace mold::heartbeat
