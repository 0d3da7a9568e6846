#include "lib/runtime/journal_log.h"
