#include "lib/runtime/worker_lane.h"
