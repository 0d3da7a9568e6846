#include "lib/runtime/config_file.h"
