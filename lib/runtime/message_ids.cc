#include "lib/runtime/message_ids.h"
