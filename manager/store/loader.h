#pragma once
// Reads everything that is kept in memory, once, at start. kCorrupt names the table, the row and
// the column that could not be understood.
#include "lib/base/result.h"
#include "lib/runtime/sqlite.h"
#include "manager/store/store.h"

namespace mold::manager {

Result<Restored> load_all(runtime::Database& db);
Result<OpId> load_next_op(runtime::Database& db);
Result<bool> knows_hosts(runtime::Database& db);
// Of a store that may be older than the world: further than it can have forgotten.
Status skip_numbers(runtime::Database& db);

}  // namespace mold::manager
