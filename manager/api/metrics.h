#pragma once
// Numbers for a monitoring system, in Prometheus' text format: GET /metrics on the integration port
// (loopback, no authentication), made at the moment of asking. Loop thread.
#include <string>

#include "manager/api/services.h"

namespace mold::manager::api {

inline constexpr const char* kMetricsPath = "/metrics";
inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

std::string metrics_text(const Services& services);

}  // namespace mold::manager::api
