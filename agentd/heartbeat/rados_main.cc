// mold-heartbeat-rados: the child of mold-heartbeat for one Ceph pool. See pool_program.h.
#include "agentd/heartbeat/pool_program.h"
#include "agentd/heartbeat/rados_pool.h"
#include "lib/base/core_dumps.h"

int main() {
  mold::forbid_core_dumps();
  return mold::heartbeat::run_pool_program(mold::heartbeat::make_rados_pool);
}
