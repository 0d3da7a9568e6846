#include "lib/runtime/child_process.h"
