#pragma once
// Templates: images on a path that every host sees, from which root disks are made. Rows of the
// command table. Loop thread only.
#include "manager/api/command.h"

namespace mold::manager::api {

void add_template_commands(CommandTable& table);

}  // namespace mold::manager::api
