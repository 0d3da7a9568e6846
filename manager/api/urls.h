#pragma once
// The URLs that clients write where CloudStack wants one. Pure.
#include <optional>
#include <string>
#include <string_view>

namespace mold::manager::api {

// "kvm://h1", "http://h1:22/x", "h1" -> "h1"; nothing when no host name or address is in it.
std::optional<std::string> host_of_url(std::string_view url);
// "file:///srv/pool/templates/x.img" -> "/srv/pool/templates/x.img"; nothing for other schemes.
std::optional<std::string> path_of_file_url(std::string_view url);
// "rbd:pool/image@snapshot", as it is; nothing for other forms.
std::optional<std::string> snapshot_of_url(std::string_view url);
// Absolute, normal (no "..", no "//", no trailing '/'), printable, not "/".
bool is_plain_path(std::string_view path);

}  // namespace mold::manager::api
