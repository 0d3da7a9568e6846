#pragma once
// Old events and evidence, read on demand. Runs on the reading lane with a connection of its own.
#include <vector>

#include "lib/base/result.h"
#include "lib/runtime/sqlite.h"
#include "manager/store/store.h"

namespace mold::manager {

Result<EventPage> find_events(runtime::Database& db, const EventFilter& filter);
Result<std::vector<EvidenceRecord>> find_evidence(runtime::Database& db,
                                                  const EvidenceFilter& filter);

}  // namespace mold::manager
