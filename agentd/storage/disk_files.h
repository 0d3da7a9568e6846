#pragma once
// Disk files on a pool: the blocking steps, for lane threads. A disk appears under its name only
// when it is complete and synced (temporary name, fsync, publish without overwriting), so a file
// that is there is a whole disk and is never written over.
//
// What is there already: a regular file that is at least as large as asked for (virtual size for
// qcow2) is taken for the work of an earlier delivery of the same order, and confirmed. Anything
// else under that name is a conflict.
#include <cstdint>
#include <string>

#include "core/model/vm.h"
#include "lib/base/result.h"

namespace mold::agentd {

// "qcow2" for names ending in .qcow2, else "raw". Never by looking inside: what a guest or a user
// wrote into a raw image must not decide how it is read.
std::string format_of_template(const std::string& path);

// Virtual size of an image of that format. kNotFound, kCorrupt (not a qcow2), kDenied ...
Result<std::uint64_t> virtual_size(const std::string& path, const std::string& format);

// `path` + ".partial-" + tag: of this host alone, so that a leftover can be removed without asking.
std::string partial_path(const std::string& path, const std::string& tag);

struct DiskPlan {
  bool there = false;            // nothing to do
  std::uint64_t size_bytes = 0;  // virtual size to be
  bool needs_tool = false;       // qemu-img has to fill the partial file first
};
// Looks at what is there, removes a leftover partial file.
Result<DiskPlan> plan_disk(const core::Disk& disk, const std::string& partial);
// Grows a raw file, syncs it and publishes it under its name. kConflict: something unfit came
// first.
Status publish_disk(const core::Disk& disk, const std::string& partial, std::uint64_t size_bytes);
// A missing file is fine.
Status remove_disk(const std::string& path);

}  // namespace mold::agentd
