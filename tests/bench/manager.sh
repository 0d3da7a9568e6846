#!/bin/bash
# How long the manager is away after kill -9: from its start to its first answer, with an empty store and
# with a full one. Target: 2 s.
#   MOLD_STAGE  install tree of the product      MOLD_BENCH_VMS  VMs in the full store (1000)
set -u
here=$(dirname "$(readlink -f "$0")")
vms=${MOLD_BENCH_VMS:-1000}
MOLD_API_MANAGER=${MOLD_STAGE:-$here/../../build/stage}/usr/sbin/mold-manager
[ -x "$MOLD_API_MANAGER" ] || { echo "skipped: no $MOLD_API_MANAGER"; exit 77; }
. "$here/../api/lib.sh"

restarts_ms() {
  local trial
  for trial in $(seq 10); do
    kill_manager
    start_manager
    echo "$start_ms"
  done >"$work/restarts"  # no pipe: what starts the manager must be this shell
  sort -n "$work/restarts" |
    awk '{v[NR] = $1} END {printf "p50 %d  max %d  (%d trials)\n", v[int((NR + 1) / 2)], v[NR], NR}'
}
rows() {  # rows of all tables together
  local table
  for table in $(sqlite3 "$state/manager.db" .tables 2>/dev/null); do
    sqlite3 "$state/manager.db" "select count(*) from $table"
  done | awk '{sum += $1} END {print sum + 0}'
}

start_manager
printf 'manager, empty store: kill -9 to its first answer, ms: '
restarts_ms
make_place
admin createStoragePool name=p "url=SharedMountPoint://localhost/srv/pool" "zoneid=$zone" "podid=$pod" \
  "clusterid=$cluster" scope=CLUSTER >/dev/null
offering=$(admin createServiceOffering name=small cpunumber=1 cpuspeed=500 memory=64 offerha=true |
  jq -r .createserviceofferingresponse.serviceoffering.id)
template=$(admin registerTemplate name=nano url=file:///srv/pool/nano.img format=RAW hypervisor=KVM |
  jq -r '.registertemplateresponse.template[0].id')
for i in $(seq "$vms"); do
  echo "url = \"$inner?response=json&command=deployVirtualMachine&zoneid=$zone&startvm=false&name=v$i&serviceofferingid=$offering&templateid=$template\""
  echo "output = /dev/null"
done >"$work/deploys"
curl -s -K "$work/deploys"
made=$(admin listVirtualMachines pagesize=1 page=1 | jq -r .listvirtualmachinesresponse.count)
printf 'manager, %s VMs in %s rows: kill -9 to its first answer, ms: ' "$made" "$(rows)"
restarts_ms
