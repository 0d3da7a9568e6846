#!/bin/bash
# The main job, end to end, on real components: four VMs are deployed through the web API onto three hosts;
# the host under two of them loses power; the manager proves it dead through its BMC; the two run again
# elsewhere. Prints the timeline from its own measurements. Exit 0 only if every VM counts again on its disk
# and no disk ever had two writers.
#   demo.sh [--storage rbd|nfs|dir]   where the disks are: a real Ceph (the default), behind a real NFS server,
#                                     a shared directory
#   MOLD_STAGE  install tree of the product (./dev demo sets it)      LAB_BIN  programs of the lab
set -u
LAB_SOURCE=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
for part in common cgroup network storage ceph nfs watchdog bmc image product machine bundle cluster scenario; do
  . "$LAB_SOURCE/lib/$part.sh"
done
storage=rbd
if [ "${1:-}" = --storage ] && [ $# = 2 ]; then storage=$2
elif [ $# != 0 ]; then echo "usage: demo.sh [--storage rbd|nfs|dir]" >&2; exit 2
fi
case $storage in
  rbd) where="on Ceph" ;;
  nfs) where="behind an NFS server" ;;
  dir) where="in a shared directory" ;;
  *) die "--storage is rbd, nfs or dir" ;;
esac
stage=${MOLD_STAGE:-$LAB_REPO/build/stage}
[ -x "$stage/usr/sbin/mold-manager" ] || die "no install tree at $stage (./dev demo makes one)"
VMS="web1 web2 db1 batch1"
VICTIMS="web1 web2"

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
give_up() {
  warn "$*"
  "$LAB_SOURCE/lab" bundle "$LAB_REPO/build/logs/demo" || true
  exit 1
}
clean() { unwatch_disks; "$LAB_SOURCE/lab" down; }

wall_s() { date +%s.%N | cut -c1-14; }
# Seconds since the cut of the first ledger line of h1 that matches, "-" if there is none.
since_cut() {  # PATTERN
  grep -m1 -E "$1" $LAB/ledger.txt | awk -v t0="$T0" '
    {split($1, d, "[T+]"); split(d[2], t, ":"); day = int(t0 / 86400) * 86400
     s = day + t[1] * 3600 + t[2] * 60 + t[3]; if (s < t0 - 3600) s += 86400
     printf "%.2f", s - t0; found = 1} END {if (!found) printf "-"}'
}
line() {  # SECONDS TEXT
  [ "$1" = "-" ] || printf '  %+8.2f s   %s\n' "$1" "$2"
}
# Seconds from the cut to the first count of a new run on this VM's disk.
counting_again() {  # VM
  jq -r --arg disk "$(cat "$LAB/disk.$1")" --arg run "$(cat "$LAB/run.$1")" --argjson t0 "$T0" \
    'select(.disk == $disk and .run != $run and .event == "run") | .wall_s - $t0' $LAB/disks.jsonl | head -1
}
all_again() {
  local vm
  for vm in $VICTIMS; do [ -n "$(counting_again "$vm")" ] || return 1; done
}

lab_turn
trap clean EXIT
trap 'exit 130' INT TERM

title "A lab of three hosts and a manager, VMs' disks $where"
"$LAB_SOURCE/lab" up --prefix "$stage" --storage $storage || exit 1
LAB_BIN=$LAB/bin
cluster_up || give_up "the cluster did not come up"

title "Four VMs through the web API"
cluster_vm web1 h1 && cluster_vm web2 h1 && cluster_vm db1 h2 && cluster_vm batch1 h3 || give_up "deploying failed"
for vm in $VMS; do
  lab_wait 20 "$vm counts on its disk" vm_counts $vm || give_up "$vm does not run"
  vm_disk $vm >"$LAB/disk.$vm"
  vm_run $vm >"$LAB/run.$vm"
done
watch_disks
lab_wait 10 "the disks are watched" test -s $LAB/disks.jsonl
lab_hactl status

title "h1 loses power"
T0=$(wall_s)
lab_kill h1
lab_wait 60 "web1 and web2 count again" all_again || give_up "the VMs did not come back"
lab_wait 20 "the manager sees them running" vm_runs_elsewhere web1 h1
lab_wait 20 "the manager sees them running" vm_runs_elsewhere web2 h1
ha_ledger h1 >$LAB/ledger.txt
lab_hactl api listEvents pagesize=200 page=1 >$LAB/events.json 2>/dev/null

title "Timeline (seconds after the cut)"
{
  line 0 "power cut of h1"
  line "$(since_cut 'Action power status requested')" "suspected: network beats are late; checking: reading its power, watching its storage beat"
  line "$(since_cut 'Verdict dead')" "silent on network and storage: to be proven dead"
  line "$(since_cut 'Action power off')" "fence sent: power off through its BMC"
  line "$(since_cut 'Proof storage-isolated')" "shut out of its Ceph pool, read back: its VMs write no more"
  line "$(since_cut 'Proof power-off')" "off read back: proven dead; restarts ordered"
  for vm in $VICTIMS; do line "$(counting_again "$vm")" "$vm counts again on its disk, on $(vm_host "$vm")"; done
} | sort -n -k1,1

title "After"
lab_hactl status
title "hactl ha explain h1"
lab_hactl ha explain h1

title "Verdict"
failed=0
for vm in $VMS; do
  if vm_counts $vm; then echo "  $vm counts, on $(vm_host $vm)"; else echo "  $vm does NOT count"; failed=1; fi
done
if "$LAB_BIN/diskwatch" check "$(disks_seen)" >$LAB/check.json; then
  echo "  no disk ever had two writers"
else
  echo "  a disk had TWO WRITERS:"; cat $LAB/check.json; failed=1
fi
last=$(for vm in $VICTIMS; do counting_again "$vm"; done | sort -n | tail -1)
TARGET_S=8
if awk -v took="$last" -v target=$TARGET_S 'BEGIN { exit !(took > target) }'; then
  over=$(printf '   \033[1;33mOVER TARGET (%s s)\033[0m' $TARGET_S)
fi
printf '  power cut to the last guest counting again: %.2f s%s\n' "$last" "${over:-}"
[ $failed -eq 0 ] || give_up "the promise was not kept"
