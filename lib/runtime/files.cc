#include "lib/runtime/files.h"
