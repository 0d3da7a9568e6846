#pragma once
// What fence_mold says about itself to a cluster: the XML of the action `metadata`, in the form of
// Debian's fence-agents package (its schema: /usr/share/cluster/relaxng/metadata.rng). Pure.
#include <string>

namespace mold::fence_mold {

std::string metadata_xml();

}  // namespace mold::fence_mold
