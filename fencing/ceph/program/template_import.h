#pragma once
// Files as templates in a pool: imported once into an image that is named by the file's path, size
// and time of change, with the protected snapshot "base". An image of that name is complete: it is
// written under another name, and gets its own when nothing is missing. Two importers at a time do
// the work twice and publish it once. Blocking.
#include <rbd/librbd.hpp>
#include <string>

#include "fencing/ceph/program/cluster.h"
#include "fencing/ceph/program/guard.h"

namespace mold::ceph {

inline constexpr const char* kTemplateSnapshot = "base";

// The image's name.
Result<std::string> import_template(Cluster& cluster, librados::IoCtx& io, const std::string& path,
                                    Guard& guard);

}  // namespace mold::ceph
