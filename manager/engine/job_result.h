#pragma once
// The `jobresult` of jobs for which nobody made a better one. Pure.
#include <string>

#include "core/model/job.h"
#include "manager/engine/engine.h"

namespace mold::manager {

inline constexpr int kManagerRestarted = 530;

std::string error_json(int code, const std::string& text);
// {"success":true,"displaytext":...} or {"errorcode":...,"errortext":...}
RenderedJob plain_result(const core::Job& end);

}  // namespace mold::manager
