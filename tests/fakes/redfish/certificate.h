#pragma once
// A certificate as BMCs have them: made by itself, for itself, on the spot. Any thread.
#include <memory>
#include <string>

#include "lib/runtime/tls_config.h"

namespace mold::fake {

// For 127.0.0.1, ::1 and localhost; with a `name`, for that name and nothing else.
std::shared_ptr<const runtime::TlsMaterial> make_self_signed(const std::string& name = {});

}  // namespace mold::fake
