#include "lib/runtime/http_server.h"
