#pragma once
// A disk image file on this machine, readable as raw bytes: a raw one as it is, a qcow2 one through
// qemu-img into a file without a name. Blocking.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/base/unique_fd.h"

namespace mold::ceph {

// Which file it is, and as of when.
struct FileMark {
  std::string path;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;

  friend bool operator==(const FileMark&, const FileMark&) = default;
};

Result<FileMark> mark_of(const std::string& path);

struct RawFile {
  UniqueFd fd;
  std::uint64_t size = 0;  // of the disk
};

// A qcow2 with a file behind it is refused (kInvalid): whoever made it would have us read that.
Result<RawFile> open_raw(const std::string& path, Duration limit);

// Calls `write` with every part of it that is not only zeros.
Status each_part(const RawFile& file,
                 const std::function<Status(std::uint64_t offset, std::string_view part)>& write);

}  // namespace mold::ceph
