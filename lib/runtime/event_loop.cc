#include "lib/runtime/event_loop.h"
