#!/bin/bash
# A real three-node Corosync + Pacemaker cluster meets the product:
#   1. it accepts fence_mold (metadata, validate-all), and every device is started;
#   2. a killed host is fenced through fence_mold, straight through its BMC, and its service comes up
#      on another host; a dead BMC fences nobody, and the service stays where it cannot run twice;
#   3. a host fenced by Pacemaker with somebody else's agent is told by PacemakerWatch as it happens,
#      and what happened before it watched is not; the driver `pacemaker` fences through the cluster.
#   FENCE_MOLD, PACEMAKER_PROBE, PACEMAKER_WATCH  the programs
#   MOLD_MANAGER                 mold-manager; without it, that part is left out
#   MOLD_LOGS                    where a failing run leaves the logs (build/logs/lab)
# Ends with 77 (skipped) without root or without the packages.
set -u
PCMK_SOURCE=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
. "$PCMK_SOURCE/cluster.sh"
skip() { echo "skipped: $*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "needs root"
for program in corosync pacemakerd stonith_admin crm_mon ipmi_sim ipmitool fence_ipmilan ip unshare nsenter; do
  command -v $program >/dev/null || skip "no $program"
done
[ -x /usr/lib/ocf/resource.d/heartbeat/Dummy ] || skip "no resource agent Dummy (package resource-agents)"

: "${FENCE_MOLD:?}" "${PACEMAKER_PROBE:?}" "${PACEMAKER_WATCH:?}"
exec 9>/run/mold-pcmk.lock
flock -n 9 || die "another one is running"
checks=0 failures=0 ended=no
logs=${MOLD_LOGS:-$PCMK_SOURCE/../../../build/logs/lab}/pacemaker
pass() { checks=$((checks + 1)); printf '  ok    %s\n' "$*"; }
miss() { checks=$((checks + 1)); failures=$((failures + 1)); printf '  FAIL  %s\n' "$*"; }
check() {  # WHAT CMD...
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then pass "$what"; else miss "$what  [$*]"; return 1; fi
}
soon() {  # SECONDS WHAT CMD...
  local seconds=$1 what=$2 began
  began=$(now_ms)
  shift 2
  if until_true "$seconds" "$@" >/dev/null 2>&1; then
    pass "$what (after $(seconds_since "$began") s)"
  else
    miss "$what  [$*]"
  fi
}
seconds_since() { awk -v ms=$(($(now_ms) - $1)) 'BEGIN { printf "%.1f", ms / 1000 }'; }
not() { ! "$@"; }

finish() {
  local host
  trap - EXIT INT TERM
  [ $ended = yes ] || miss "the test came to its end"
  if [ $failures -gt 0 ] && [ -d $PCMK ]; then
    rm -rf "$logs"
    mkdir -p "$logs"
    for host in $PCMK_HOSTS; do
      cp -r "$PCMK/$host/log" "$logs/$host"
      cp "$PCMK/$host"/{console.log,chassis.log} "$logs/$host/" 2>/dev/null
    done
    cp $PCMK/*.log "$logs/" 2>/dev/null
    echo "logs are in $logs"
  fi
  cluster_down
  printf 'pacemaker: %d checks, %d failed\n' $checks $failures
  [ $failures = 0 ]
  exit
}
trap finish EXIT
trap 'failures=$((failures + 1)); exit 1' INT TERM

# ---- what the story below is made of ---------------------------------------------------------------
# devices_started HOST AGENT
devices_started() {
  [ "$(on "$1" crm_mon -1 --output-as=xml 2>/dev/null |
    grep -c "<resource id=\"fence-.*resource_agent=\"stonith:$2\" role=\"Started\"")" = 3 ]
}
service_on_other() { local now; now=$(service_host "$1"); [ -n "$now" ] && [ "$now" != "$2" ]; }
service_on() { [ "$(service_host "$1")" = "$2" ]; }
other_than() { local h; for h in $PCMK_HOSTS; do case " $* " in *" $h "*) ;; *) echo "$h"; return ;; esac; done; }
cut_of() { grep -c 'set power 0' "$PCMK/$1/chassis.log" 2>/dev/null; }
in_history() {  # HOST: the cluster's own history says that it was fenced
  on "$(other_than "$1")" stonith_admin --history "$1" --output-as=xml 2>/dev/null |
    grep 'status="success"' | grep -q "target=\"$1\""
}

# kill_and_recover WHAT: kills the host of the service; prints how long until it runs elsewhere.
kill_and_recover() {
  local victim began watcher cuts
  victim=$(service_host h1)
  watcher=$(other_than "$victim")
  cuts=$(cut_of "$victim")
  began=$(now_ms)
  host_kill "$victim"
  if until_true 60 service_on_other "$watcher" "$victim"; then
    pass "$1: $victim killed, the service runs on $(service_host "$watcher") after $(seconds_since "$began") s"
  else
    miss "$1: $victim killed, the service did not come up elsewhere"
  fi
  check "$victim was switched off by its BMC once" [ "$(cut_of "$victim")" = $((cuts + 1)) ]
  check "Pacemaker's history shows it fenced" in_history "$victim"
  soon 60 "$victim is back in the cluster" all_online "$watcher"
}

# A cluster that cannot prove its host dead waits, and goes on as soon as it can.
dead_bmc() {
  local victim watcher began
  victim=$(service_host h1)
  watcher=$(other_than "$victim")
  bmc_stop "$victim"
  host_kill "$victim"
  soon 30 "dead BMC: $watcher sees that $victim is gone" sees_unclean "$watcher" "$victim"
  stays 8 "dead BMC: the service is started nowhere else" not service_on_other "$watcher" "$victim"
  began=$(now_ms)
  bmc_start "$victim"
  if until_true 120 service_on_other "$watcher" "$victim"; then
    pass "the BMC answers again: the service runs elsewhere after $(seconds_since "$began") s"
  else
    miss "the BMC answers again, but the service did not come up"
  fi
  soon 60 "$victim is back in the cluster" all_online "$watcher"
}
sees_unclean() { on "$1" crm_mon -1 --output-as=xml 2>/dev/null | grep -q "<node name=\"$2\".* unclean=\"true\""; }
stays() {  # SECONDS WHAT CMD...
  local end=$(($(now_ms) + $1 * 1000)) what=$2
  shift 2
  while [ "$(now_ms)" -lt $end ]; do
    "$@" >/dev/null 2>&1 || { miss "$what"; return; }
    sleep 0.5
  done
  pass "$what"
}

told() { [ "$(grep -c "^fenced $1: " $PCMK/watch.log)" = "$2" ]; }
watching_times() { [ "$(grep -c '^watching' $PCMK/watch.log)" -ge "$1" ]; }
fencer_pid() {  # HOST
  local pid
  for pid in $(ns_pids "$1"); do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = pacemaker-fence ] && { echo "$pid"; return; }
  done
}

# The same through a live manager, which reads the BMC itself and keeps a record.
through_the_manager() {
  local victim
  check "a manager that knows the hosts' BMCs" manager_up "$MOLD_MANAGER" || return
  check "fence_mold lists the hosts of the manager" lists_hosts
  check "all devices go through the manager now" use_way manager
  soon 60 "they are started" way_is_manager
  victim=$(service_host h1)
  kill_and_recover "fence_mold through the manager"
  check "the manager's ledger has the power-off" ledger_has "$victim"
}
lists_hosts() {
  [ "$(on h1 fence_mold -o list -M "http://$PCMK_MANAGER:8080/client/api" -c /etc/corosync/mold.conf | cut -d, -f1 | sort | xargs)" = "$PCMK_HOSTS" ]
}
way_is_manager() { on h1 cibadmin --query --scope resources | grep -c credentials_file | grep -qx 3 && devices_started h1 fence_mold; }
ledger_has() { manager_ledger "$1" | grep -qi 'power off'; }

# PacemakerWatch on a host that stays alive, while the cluster fences with an agent of others.
watched_fencing() {
  local victim watcher began
  victim=$(service_host h1)
  watcher=$(other_than "$victim")
  on "$watcher" "$PACEMAKER_PROBE" watch "$PACEMAKER_WATCH" >$PCMK/watch.log 2>&1 9>&- &
  soon 30 "PacemakerWatch on $watcher is connected" watching_times 1
  check "what happened before is not told" not grep -q '^fenced' $PCMK/watch.log
  began=$(now_ms)
  host_kill "$victim"
  if until_true 60 told "$victim" 1; then
    pass "$victim killed: fence_ipmilan fenced it, PacemakerWatch told it after $(seconds_since "$began") s"
  else
    miss "PacemakerWatch did not tell that $victim was fenced"
  fi
  soon 60 "the service runs elsewhere" service_on_other "$watcher" "$victim"
  soon 60 "$victim is back in the cluster" all_online "$watcher"
  check "it was told once, and nobody else was named" told "[a-z0-9]*" 1

  # The cluster's fencer dies under the watch: it must find the new one by itself.
  kill -9 "$(fencer_pid "$watcher")"
  soon 60 "the fencer died: PacemakerWatch found its successor" watching_times 2
  soon 60 "the devices work again" devices_started "$watcher" fence_ipmilan
  if on "$watcher" "$PACEMAKER_PROBE" off "$victim" >$PCMK/off.log 2>&1; then
    pass "driver pacemaker: $(tail -1 $PCMK/off.log | cut -c1-160)"
  else
    miss "driver pacemaker: $(cat $PCMK/off.log)"
  fi
  check "$victim is really off" [ "$(bmc_power "$victim" status)" = "Chassis Power is off" ]
  soon 30 "PacemakerWatch told that one too" told "$victim" 2
}

echo "== pacemaker: a real cluster fences through us, and we learn what it fenced"
began=$(now_ms)
cluster_up || die "no cluster"
until_true 90 all_online h1 || { miss "three hosts are online"; exit 1; }
pass "three hosts are online after $(seconds_since "$began") s"

# ---- 1. fence_mold is accepted ---------------------------------------------------------------------
check "stonith_admin reads the metadata" on h1 stonith_admin --metadata -a fence_mold
check "stonith_admin validates a device" on h1 stonith_admin --validate -a fence_mold \
  --option direct=1 --option "ip=$(bmc_address h2)" --option username=ADMIN \
  --option password_file=/etc/corosync/bmc.secret
check "stonith_admin is told of a device that cannot work" not on h1 stonith_admin --validate -a fence_mold \
  --option direct=1 --option driver=nonsense --option "ip=$(bmc_address h2)"
soon 60 "every fence device is started (its monitor works)" devices_started h1 fence_mold
soon 60 "the service is started" service_on_other h1 none

# ---- 2. fencing through fence_mold -----------------------------------------------------------------
kill_and_recover "fence_mold --direct"
dead_bmc
if [ -x "${MOLD_MANAGER:-}" ]; then
  through_the_manager
else
  echo "  --    through a manager: left out, no mold-manager"
fi

# ---- 3. what Pacemaker fences by other means ---------------------------------------------------------
check "all devices are fence_ipmilan now" use_way fence_ipmilan
soon 60 "they are started" devices_started h1 fence_ipmilan
watched_fencing
ended=yes
