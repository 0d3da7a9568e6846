#pragma once
// Inside of lib/wire: the names of enumerators on the wire. Fixed for ever: an older agent reads
// them. Independent of the names in logs.
#include <optional>
#include <string_view>

#include "core/engine/order.h"
#include "core/model/proof.h"
#include "lib/base/error.h"
#include "lib/wire/messages.h"

namespace mold::wire {

std::string_view wire_name(core::OrderKind kind);
std::string_view wire_name(core::DomainPower power);
std::string_view wire_name(core::GoneReason reason);
std::string_view wire_name(core::Outcome outcome);
std::string_view wire_name(ErrorKind kind);
std::string_view wire_name(core::PowerVerb verb);
std::string_view wire_name(core::PowerState state);
std::string_view wire_name(PowerTask task);

std::optional<core::OrderKind> parse_order_kind(std::string_view text);
std::optional<core::DomainPower> parse_domain_power(std::string_view text);
std::optional<core::GoneReason> parse_gone_reason(std::string_view text);
std::optional<core::Outcome> parse_outcome(std::string_view text);
std::optional<ErrorKind> parse_error_kind(std::string_view text);
std::optional<core::PowerVerb> parse_power_verb(std::string_view text);
std::optional<core::PowerState> parse_power_state(std::string_view text);
std::optional<PowerTask> parse_power_task(std::string_view text);

}  // namespace mold::wire
