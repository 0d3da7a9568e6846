#pragma once
// Enumerators as they stand in the database, fixed for ever, and small texts for lists and maps.
// Parsing an unknown text gives nothing: the caller reports kCorrupt. Pure.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/action.h"
#include "core/model/job.h"
#include "core/model/pool.h"
#include "core/model/proof.h"
#include "core/model/vm.h"
#include "manager/store/records.h"
#include "manager/store/rows.h"

namespace mold::manager {

std::string_view stored_name(core::JobKind kind);
bool parse_stored(std::string_view text, core::JobKind& out);
std::string_view stored_name(core::HaState state);
bool parse_stored(std::string_view text, core::HaState& out);
std::string_view stored_name(core::VmState state);
bool parse_stored(std::string_view text, core::VmState& out);
std::string_view stored_name(core::Desired desired);
bool parse_stored(std::string_view text, core::Desired& out);
std::string_view stored_name(core::ProofMethod method);
bool parse_stored(std::string_view text, core::ProofMethod& out);
std::string_view stored_name(core::PoolKind kind);
bool parse_stored(std::string_view text, core::PoolKind& out);
std::string_view stored_name(core::PoolPolicy policy);
bool parse_stored(std::string_view text, core::PoolPolicy& out);
std::string_view stored_name(PoolState state);
bool parse_stored(std::string_view text, PoolState& out);
std::string_view stored_name(core::EvidenceKind kind);
bool parse_stored(std::string_view text, core::EvidenceKind& out);
std::string_view stored_name(EventLevel level);
bool parse_stored(std::string_view text, EventLevel& out);

std::string list_text(const std::vector<std::string>& list);  // a JSON array
bool parse_list(std::string_view text, std::vector<std::string>& out);
std::string details_text(const Details& details);  // a JSON object
bool parse_details(std::string_view text, Details& out);
std::string ids_text(const std::vector<PoolId>& ids);  // "1,2,3"
bool parse_ids(std::string_view text, std::vector<PoolId>& out);

}  // namespace mold::manager
