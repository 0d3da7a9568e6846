#pragma once
// Messages to JSON and back. Decoding is strict and total: any bytes give a message or kInvalid
// with the name of the field ("vms[3].generation: missing"), never an exception, and never more
// memory than a few times the input. Encoding never fails; bytes that are not UTF-8 are replaced.
// Pure functions, any thread. The names of enumerators on the wire stand in codec_names.cc and are
// fixed.
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/wire/messages.h"

namespace mold::wire {

std::string encode(const EnrolRequest& message);  // holds the token: do not log
std::string encode(const EnrolAnswer& message);
std::string encode(const HelloRequest& message);
std::string encode(const HelloAnswer& message);
std::string encode(const OrdersAnswer& message);
std::string encode(const ResultsRequest& message);
std::string encode(const ReportRequest& message);
std::string encode(const BeatRequest& message);
std::string encode(const BeatAnswer& message);
std::string encode(const PowerOrders& message);  // holds secrets: do not log
std::string encode(const PowerReport& message);
std::string encode(const Ack& message);
std::string encode(const ErrorAnswer& message);

Result<EnrolRequest> decode_enrol_request(std::string_view body);
Result<EnrolAnswer> decode_enrol_answer(std::string_view body);
Result<HelloRequest> decode_hello_request(std::string_view body);  // kUnsupported: other protocol
Result<HelloAnswer> decode_hello_answer(std::string_view body);
Result<OrdersAnswer> decode_orders_answer(std::string_view body);
Result<ResultsRequest> decode_results_request(std::string_view body);
Result<ReportRequest> decode_report_request(std::string_view body);
Result<BeatRequest> decode_beat_request(std::string_view body);
Result<BeatAnswer> decode_beat_answer(std::string_view body);
Result<PowerOrders> decode_power_orders(std::string_view body);
Result<PowerReport> decode_power_report(std::string_view body);
// An answer that is no ErrorAnswer (a proxy's HTML page) is kInvalid.
Result<ErrorAnswer> decode_error_answer(std::string_view body);

}  // namespace mold::wire
