// mold-heartbeat-nfs: the child of mold-heartbeat for one NFS export. See pool_program.h.
#include "agentd/heartbeat/nfs_pool.h"
#include "agentd/heartbeat/pool_program.h"

int main() {
  return mold::heartbeat::run_pool_program(mold::heartbeat::make_nfs_pool);
}
