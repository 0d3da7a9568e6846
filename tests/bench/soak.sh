#!/bin/bash
# soak.sh [--seed N] [--out DIR] [--storage rbd|dir] [MINUTES]: hosts that live on bad ground and are not to be
# fenced. For so long (60 minutes) the machine has eight busy processes a core beside the cluster, its switch
# loses one frame of ten, and again and again one host's link, or the storage, stands still for one to three
# seconds, at default settings. A host that is suspected is no harm; a fence, an isolation, a VM that was
# started again or a disk with two writers is, and ends the run with its logs.
#
# DIR (build/bench/soak/TIME) keeps the seed, each stall (stalls.tsv) and what was seen every minute.
set -u
. "$(dirname "$(readlink -f "$0")")/lab_bench.sh"

usage() { sed -n '2,/^set/s/^# //p' "$(readlink -f "$0")" >&2; exit 2; }

BUSY_PER_CORE=8 LOSS=10
seed=$RANDOM storage=rbd out=
while [[ ${1:-} == --* ]]; do
  case $1 in
    --seed) seed=${2:?} ;;
    --out) out=${2:?} ;;
    --storage) storage=${2:?} ;;
    *) usage ;;
  esac
  shift 2
done
minutes=${1:-60}
[[ $minutes =~ ^[1-9][0-9]*$ && $storage =~ ^(rbd|dir)$ ]] || usage
out=${out:-$LAB_REPO/build/bench/soak/$(date +%Y%m%d-%H%M%S)}
mkdir -p "$out" || exit 1
printf '%s seed %s, %s minutes on %s; %s, %s cores\n' "$(date -Is)" "$seed" "$minutes" "$storage" \
  "$(git -c safe.directory="$LAB_REPO" -C "$LAB_REPO" describe --always --dirty 2>/dev/null)" "$(nproc)" |
  tee "$out/parameters"
RANDOM=$seed

# As on a host of its own: mold-heartbeat has its real-time priority, which groups of the control group "cpu" are
# not given by themselves, and the lab weighs what its machines would, not what one process does. (cgroup v1, with
# RT_GROUP_SCHED; without the one or the other there is nothing to give.)
give_cpu() {
  local top=/sys/fs/cgroup/cpu/mold-lab host
  [ ! -e $top/cpu.shares ] || echo 8192 >$top/cpu.shares
  [ -e $top/cpu.rt_runtime_us ] || return 0
  echo 600000 >$top/cpu.rt_runtime_us || return 1
  for host in $(hosts); do
    echo 150000 >"$top/$host/cpu.rt_runtime_us" && machine_exec "$host" systemctl restart mold-heartbeat.service || return 1
  done
  lab_wait 30 "every host holds its lease" cluster_leases_held
}

# Each in a session of its own, for the scheduler weighs sessions first (sched(7), autogroup); each ends by
# itself, should nobody be left to end it.
BUSY=()
begin_noise() {

  for _ in $(seq $((BUSY_PER_CORE * $(nproc)))); do
    setsid timeout $((minutes * 60 + 300)) sh -c 'while :; do :; done' &
    BUSY+=($!)
  done
  lab_loss $LOSS
}
end_noise() {
  [ ${#BUSY[@]} = 0 ] || kill "${BUSY[@]}" 2>/dev/null
  BUSY=()
  ! lab_is_up || lab_loss 0
}

tenths() { printf '%d.%d' $(($1 / 10)) $(($1 % 10)); }
stall() {
  local tenths=$((10 + RANDOM % 21)) host=h$((1 + RANDOM % 3))
  if [ $((RANDOM % 2)) = 0 ]; then
    stall_of link "$host" $tenths network_link "$host" down -- network_link "$host" up
  elif [ "$storage" = rbd ]; then
    stall_of storage all $tenths ceph_freeze -- osds_go_on
  else
    stall_of storage "$host" $tenths lab_storage "$host" hang -- lab_storage "$host" ok
  fi
}
# Not ceph_thaw: what that does so that a long freeze ends for sure, a stall of its own, takes seconds.
osds_go_on() { local group; for group in $(ceph_osd_groups); do group_thaw "$group" || return 1; done; }
stall_of() {  # WHAT WHOSE TENTHS BEGIN... -- END...
  local what=$1 whose=$2 tenths=$3 begin=()
  shift 3
  while [ "$1" != -- ]; do begin+=("$1"); shift; done
  shift
  printf '%s\t%s\t%s\t%s\n' "$(date +%T.%3N)" "$what" "$whose" "$(tenths "$tenths")" >>"$out/stalls.tsv"
  "${begin[@]}" || return 1
  sleep "$(tenths "$tenths")"
  "$@"
}

# What must not be there; says so, and fails, when it is.
harm() {
  local host vm
  for host in $(hosts); do
    (set -o pipefail && ha_ledger "$host" >"$out/ledger-$host") ||
      { echo "the ledger of $host cannot be read"; return 0; }
    if grep -E ' (Proof|Verdict (dead|to be isolated)|Action power (off|cycle|reset))' "$out/ledger-$host"; then return 0; fi
  done
  for vm in $VMS; do
    [ "$(runs_seen "$vm")" -le 1 ] || { echo "$vm was started again"; return 0; }
  done
  one_writer || { echo "a disk had two writers"; return 0; }
  return 1
}
suspected() { cat "$out"/ledger-* 2>/dev/null | grep -c 'power status requested: host is silent'; }
stalls() { grep -c "$1" "$out/stalls.tsv" 2>/dev/null; }

finish() {
  end_noise
  unwatch_disks
  "$LAB_SOURCE/lab" down
}

lab_turn
trap finish EXIT
trap 'exit 130' INT TERM
bench_lab "$storage" || exit 1
give_cpu || exit 1
VMS=
for host in $(hosts); do
  cluster_vm "on-$host" "$host" && VMS+=" on-$host" || exit 1
done
for vm in $VMS; do lab_wait 30 "$vm counts" vm_counts "$vm" || exit 1; done
watch_disks
begin_noise
end=$((SECONDS + minutes * 60)) told=$SECONDS bad=
while [ $SECONDS -lt $end ] && [ -z "$bad" ]; do
  sleep "$(tenths $((50 + RANDOM % 200)))"
  stall || { bad="the lab did not do as told"; break; }
  [ $((SECONDS - told)) -ge 60 ] || continue
  told=$SECONDS
  bad=$(harm) || bad=
  printf '%s  load %s, stalls: %s of links, %s of storage; hosts: %s\n' "$(date +%T)" "$(cut -d ' ' -f 1 /proc/loadavg)" \
    "$(stalls link)" "$(stalls storage)" "$(for h in $(hosts); do ha_state "$h"; done | tr '\n' ' ')" | tee -a "$out/minutes"
done
lasted=$(((SECONDS - end) / 60 + minutes))
end_noise
if [ -z "$bad" ]; then
  for host in $(hosts); do lab_wait 60 "$host is Available" ha_is "$host" Available || bad="$host is not Available"; done
  for vm in $VMS; do lab_wait 30 "$vm counts" vm_counts "$vm" || bad="$vm does not count"; done
  harmed=$(harm) && bad=$harmed
fi
if [ -n "$bad" ]; then
  "$LAB_SOURCE/lab" bundle "$out/logs"
  cp $LAB/disks.jsonl $LAB/check.json "$out/" 2>/dev/null
fi
{
  echo "soak, seed $seed: $lasted minutes, $(stalls link) stalls of links, $(stalls storage) of storage, $LOSS % loss,"
  echo "$BUSY_PER_CORE busy processes a core; hosts suspected: $(suspected) times; false fences: ${bad:-0}"
} | tee "$out/report"
[ -z "$bad" ]
