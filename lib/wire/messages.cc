#include "lib/wire/messages.h"

#include "lib/base/text.h"

namespace mold::wire {

std::string host_common_name(std::string_view host_uuid) {
  return std::string(kHostCommonNamePrefix) + to_lower(host_uuid);
}

std::optional<std::string> host_of_common_name(std::string_view common_name) {
  if (common_name.substr(0, kHostCommonNamePrefix.size()) != kHostCommonNamePrefix) {
    return std::nullopt;
  }
  const std::string_view uuid = common_name.substr(kHostCommonNamePrefix.size());
  if (!is_uuid(uuid)) return std::nullopt;
  return to_lower(uuid);
}

}  // namespace mold::wire
