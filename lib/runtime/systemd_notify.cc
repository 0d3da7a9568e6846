#include "lib/runtime/systemd_notify.h"
