#include "lib/runtime/crypto.h"
