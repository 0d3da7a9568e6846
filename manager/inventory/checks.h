#pragma once
// Checks of single fields, each with a text that names the field. Pure.
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mold::manager {

// 1 to 255 bytes, no control characters.
Status check_name(std::string_view field, std::string_view value);
// At most `most` bytes, no control characters but (with `lines`) newline and tab.
Status check_text(std::string_view field, std::string_view value, std::size_t most = 4096,
                  bool lines = false);
// Absolute, no "..", no doubled or trailing slash, at most 1024 bytes.
Status check_path(std::string_view field, std::string_view value);
// Of a Ceph pool, an image, a snapshot or a volume group: letters, digits, '.', '_', '-', '+', not
// first a '-' or '.'. At most 128 bytes.
Status check_storage_name(std::string_view field, std::string_view value);
// A disk's origin: an absolute path, or "rbd:<pool>/<image>@<snapshot>".
Status check_image(std::string_view field, std::string_view value);
// Letters, digits, '.', '-', ':' : a name or an address on the network. Empty is allowed.
Status check_net_address(std::string_view field, std::string_view value);
// Where a power device is: the same, or a URI ("..://.."), of which only its length and that it can
// be shown are looked at here; which URIs are good is for its driver to say, with its reasons.
Status check_address(std::string_view field, std::string_view value);
Status check_range(std::string_view field, std::uint64_t value, std::uint64_t least,
                   std::uint64_t most);

}  // namespace mold::manager
