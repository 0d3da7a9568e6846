#pragma once
// Small file jobs done right. They block: for small local files at start-up, on a lane otherwise.
// Any thread. Errors come from errno (kNotFound, kDenied, kBusy for a full disk, ...).
#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/result.h"

namespace mold::runtime {

// The whole file; longer than `limit` bytes is kInvalid. Works for /proc and /sys.
Result<std::string> read_file(const std::string& path, std::size_t limit = 1024 * 1024);
// Readers see the old or the new content, also after a power cut: temporary file in the same
// directory, fsync, rename, fsync of the directory.
Status write_file_atomic(const std::string& path, std::string_view content, mode_t mode = 0644);
Status make_dir(const std::string& path, mode_t mode = 0755);   // there already: fine
Status make_dirs(const std::string& path, mode_t mode = 0755);  // with parents
Status remove_file(const std::string& path);                    // not there: fine
Status sync_dir(const std::string& path);
// Names (not paths) in a directory, sorted, without "." and "..".
Result<std::vector<std::string>> list_dir(const std::string& path);
[[nodiscard]] bool file_exists(const std::string& path);

Result<BootId> read_boot_id();
// From the kernel; CHECK-fails when the kernel has none to give.
std::string random_bytes(std::size_t count);
std::string new_uuid();  // random (version 4), lower case

}  // namespace mold::runtime
