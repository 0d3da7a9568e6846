#include "lib/runtime/dbus.h"
