#include "manager/engine/job_result.h"

#include <nlohmann/json.hpp>

namespace mold::manager {
namespace {

std::string dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string error_json(int code, const std::string& text) {
  return dump({{"errorcode", code}, {"errortext", text}});
}

RenderedJob plain_result(const core::Job& end) {
  if (end.status == core::JobStatus::kFailed) {
    const int code = end.error_code == 0 ? kManagerRestarted : end.error_code;
    return {code, error_json(code, end.error_text)};
  }
  nlohmann::json result{{"success", true}};
  if (!end.detail.empty()) result["displaytext"] = end.detail;
  return {0, dump(result)};
}

}  // namespace mold::manager
