#include "lib/runtime/tls_config.h"
