#pragma once
// The tables of the manager's database, as steps that lead from an empty file to today's form. A
// released step never changes; a newer database is refused by runtime::migrate(). Every table is
// STRICT. Numbers that are ids start at 1, 0 says "none"; times are milliseconds since 1970; lists
// and maps of texts are JSON texts. Constant data.
#include <span>

#include "lib/runtime/sqlite.h"

namespace mold::manager {

std::span<const runtime::Migration> schema_steps();

}  // namespace mold::manager
