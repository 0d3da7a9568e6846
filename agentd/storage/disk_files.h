#pragma once
// Disk files on a pool: the blocking steps, for lane threads. A disk appears under its name only
// when it is complete and synced (temporary name, fsync, publish without overwriting), so a file
// that is there is a whole disk and is never written over. Every attempt has a partial file of its
// own, so one that comes back late can only publish its own work.
//
// What is there already: a regular file that is at least as large as asked for (virtual size for
// qcow2) is taken for the work of an earlier delivery of the same order, and confirmed. Anything
// else under that name is a conflict.
#include <cstdint>
#include <set>
#include <string>

#include "core/model/vm.h"
#include "lib/base/result.h"

namespace mold::agentd {

// "qcow2" for names ending in .qcow2, else "raw". Never by looking inside: what a guest or a user
// wrote into a raw image must not decide how it is read.
std::string format_of_template(const std::string& path);

// Virtual size of an image of that format. kNotFound, kCorrupt (not a qcow2), kDenied ...
Result<std::uint64_t> virtual_size(const std::string& path, const std::string& format);

// Virtual size of a template. kInvalid: a symbolic link (it could lead anywhere), or no file.
Result<std::uint64_t> template_size(const std::string& path);

// `path` + ".partial-" + tag + "-": of this host alone, so that a leftover can be removed without
// asking. What follows is one attempt's.
std::string partial_prefix(const std::string& path, const std::string& tag);

struct DiskPlan {
  bool there = false;            // nothing to do
  std::uint64_t size_bytes = 0;  // virtual size to be
  bool needs_tool = false;       // qemu-img has to fill the partial file first
};
// Looks at what is there, removes leftovers of this disk's earlier attempts: files that begin with
// `prefix` and are not `in_use`. kInvalid: the template is a symbolic link.
Result<DiskPlan> plan_disk(const core::Disk& disk, const std::string& prefix,
                           const std::set<std::string>& in_use);
// Grows a raw file, syncs it and publishes it under its name. The partial file is made here unless
// the plan needed the tool. kConflict: something unfit came first, or `partial` is not the file any
// more that was synced.
Status publish_disk(const core::Disk& disk, const std::string& partial, const DiskPlan& plan);
// A missing file is fine.
Status remove_disk(const std::string& path);

}  // namespace mold::agentd
