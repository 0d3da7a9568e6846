#pragma once
// Why a host is in its HA state: the evidence ledger, what the brain waits for now, and the
// operator's word. Our own commands; shapes in docs/API.md. Loop thread only.
#include "manager/api/command.h"

namespace mold::manager::api {

void add_evidence_commands(CommandTable& table);

}  // namespace mold::manager::api
