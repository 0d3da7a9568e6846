#include "lib/runtime/http_client.h"
