#!/bin/bash
# failover.sh [TRIALS=5] [alive|dead] [dir|rbd]: power cut of the host under a VM to the VM's guest counting
# again on its disk elsewhere; with its BMC alive (default) or dead as well; its disk in a shared directory
# (default) or on Ceph. Default settings of the product.
set -u
. "$(dirname "$(readlink -f "$0")")/lab_bench.sh"
trials=${1:-5}
bmc=${2:-alive}
LAB_STORAGE=${3:-dir}
bench_up
cluster_vm web h1 || exit 1
lab_wait 20 "web counts" vm_counts web || exit 1
watch_disks
disk=$(vm_disk web)
for trial in $(seq "$trials"); do
  host=$(vm_host web)
  run=$(vm_run web)
  [ "$bmc" = alive ] || lab_bmc "$host" down
  t0=$(date +%s.%N | cut -c1-14)
  lab_kill "$host" >/dev/null
  again() { jq -r --arg disk "$disk" --arg run "$run" --argjson t0 "$t0" \
    'select(.disk == $disk and .event == "run" and .run != $run and .wall_s > $t0) | .wall_s - $t0' $LAB/disks.jsonl | grep -m1 .; }
  lab_wait 90 "web counts again (trial $trial)" again || exit 1
  again | tee -a $LAB/failover.txt | sed "s/^/trial $trial, s: /"
  lab_bmc "$host" up
  lab_poweron "$host"
  lab_wait 60 "$host is Available" ha_is "$host" Available || exit 1
  lab_wait 30 "every host holds its lease" cluster_leases_held || exit 1
  ! ceph_is_here || lab_wait 60 "$host has its access back" ceph_lists_none || exit 1
done
printf 'power cut to guest counting elsewhere, disks on %s, BMC %s, s: ' "$LAB_STORAGE" "$bmc"
quantiles <$LAB/failover.txt
"$LAB_BIN/diskwatch" check "$(disks_seen)" >/dev/null && echo "no disk had two writers" || { echo "A DISK HAD TWO WRITERS"; exit 1; }
