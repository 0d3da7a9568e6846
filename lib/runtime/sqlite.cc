#include "lib/runtime/sqlite.h"
