#!/bin/bash
# failover.sh [--seed N] [--out DIR] [TRIALS [CELL...]]: from the power cut of the host under a VM to the VM's
# guest counting again on its disk elsewhere, for storage x BMC x profile. A CELL is rbd|nfs|dir, alive|dead,
# default|fast with slashes between; what is left out, or *, is all of it: "rbd/dead", "*/dead/fast". 1 trial
# of every cell unless told otherwise; nfs only where the kernel has an NFS client.
# failover.sh --report FILE...: the table of the raw figures of such runs, taken together.
#
# A trial that fails says why, leaves its logs in DIR, and the cell goes on in a new lab. Raw figures (trials.tsv),
# the manager's ledger of each, seed and parameters stay in DIR (build/bench/failover/TIME).
set -u
. "$(dirname "$(readlink -f "$0")")/lab_bench.sh"

# With its BMC dead first: what a living one does afterwards cannot disturb them.
CELLS="rbd/dead/default rbd/dead/fast rbd/alive/default rbd/alive/fast nfs/dead/default nfs/dead/fast
  nfs/alive/default nfs/alive/fast dir/dead/default dir/dead/fast dir/alive/default dir/alive/fast"
MOST_FAILURES=3  # of a cell, then it is given up

usage() { sed -n '2,/^set/s/^# //p' "$(readlink -f "$0")" >&2; exit 2; }

# The table. Columns of a row: cell, trial, outcome, host, load, seconds to: again, suspected, dead, proof; proof.
report() {  # FILE...
  cat "$@" | awk -F '\t' '
    function quantile(values, share,   v, n, i, j, x) {
      n = split(values, v, " ")
      for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) {x = v[j]; v[j] = v[j - 1]; v[j - 1] = x}
      i = int(n * share + 0.999); return n == 0 ? 0 : v[i < 1 ? 1 : (i > n ? n : i)]
    }
    $1 == "cell" {next}
    !($1 in seen) {seen[$1] = 1; order[++cells] = $1; low[$1] = 1000}
    {if ($5 < low[$1]) low[$1] = $5; if ($5 > high[$1]) high[$1] = $5}
    $3 != "ok" {failed[$1]++; next}
    {n[$1]++; again[$1] = again[$1] " " $6; why[$1, $10]++; methods[$10] = 1
     suspect[$1] = suspect[$1] " " $7; dead[$1] = dead[$1] " " $8; proof[$1] = proof[$1] " " $9}
    END {
      printf "%-18s %6s %6s %6s %6s %6s   %-24s %-9s %s\n", "cell", "trials", "failed", "p50", "p99", "max", \
        "p50 suspect/dead/proof", "load", "target p99"
      for (i = 1; i <= cells; i++) {
        c = order[i]; fast = c ~ /fast$/; lease = c ~ /dead/ && c !~ /^rbd/
        target = lease ? (fast ? 8 : 15) : (fast ? 4 : 8); target50 = fast && !lease ? 2.5 : 0
        p50 = quantile(again[c], 0.5); p99 = quantile(again[c], 0.99)
        verdict = n[c] == 0 ? "nothing measured" : p99 <= target ? "met" : "MISSED"
        if (target50 && n[c]) verdict = verdict (p50 <= target50 ? ", p50 2.5 met" : ", p50 2.5 MISSED")
        text = ""
        for (m in methods) if ((c, m) in why) text = text " " m " x" why[c, m]
        printf "%-18s %6d %6d %6.2f %6.2f %6.2f   %6.2f /%6.2f /%6.2f   %4.1f-%-4.1f %d s: %s;%s\n", c, n[c], failed[c], \
          p50, p99, quantile(again[c], 1), quantile(suspect[c], 0.5), quantile(dead[c], 0.5), \
          quantile(proof[c], 0.5), low[c], high[c], target, verdict, text
      }
    }'
}

seed=$RANDOM out=
while [[ ${1:-} == --* ]]; do
  case $1 in
    --seed) seed=${2:?} ;;
    --out) out=${2:?} ;;
    --report) shift; [ $# -gt 0 ] || usage; report "$@"; exit ;;
    *) usage ;;
  esac
  shift 2
done
trials=${1:-1}
[[ $trials =~ ^[1-9][0-9]*$ ]] || usage
[ $# = 0 ] || shift
wanted=
for cell in $CELLS; do
  [ $# -gt 0 ] || wanted+=" $cell"
  for pattern in "$@"; do
    # shellcheck disable=SC2053
    if [[ $cell == $pattern || $cell == $pattern/* ]]; then wanted+=" $cell"; break; fi
  done
done
[ -n "$wanted" ] || usage
# The hosts mount NFS themselves, with the machine's kernel.
if [[ $wanted == *" nfs/"* ]] && ! modprobe -q nfs 2>/dev/null && ! grep -qw nfs4 /proc/filesystems; then
  say "this kernel has no NFS client: the cells of nfs are left out. A death is proven there as in dir"
  # shellcheck disable=SC2086
  wanted=$(printf ' %s' $wanted | sed -E 's# nfs/[a-z/]+##g')
  [ -n "$wanted" ] || exit 77
fi
out=${out:-$LAB_REPO/build/bench/failover/$(date +%Y%m%d-%H%M%S)}
mkdir -p "$out" || exit 1
raw=$out/trials.tsv
[ -s "$raw" ] || printf 'cell\ttrial\toutcome\thost\tload\tagain_s\tsuspected_s\tdead_s\tproof_s\tproof\n' >"$raw"
printf '%s seed %s, %s trials of:%s; %s, %s cores\n' "$(date -Is)" "$seed" "$trials" "$wanted" \
  "$(git -c safe.directory="$LAB_REPO" -C "$LAB_REPO" describe --always --dirty 2>/dev/null)" "$(nproc)" |
  tee -a "$out/parameters"
RANDOM=$seed

wall_s() { date +%s.%N | cut -c1-14; }
load() { cut -d ' ' -f 1 /proc/loadavg; }
setting() { lab_hactl api listConfigurations "name=$1" | jq -er '.configuration[0].value'; }
all_available() { local host; for host in $(hosts); do ha_is "$host" Available || return 1; done; }
# Every host promises what the manager has in force now, "10s" or "5500ms".
deadlines_told() {
  local host told
  told=$(setting lease.deadline | awk '/ms$/ {printf "%.1f s", $1 / 1000; next} {printf "%.1f s", $1}') || return 1
  for host in $(hosts); do
    machine_exec "$host" /usr/libexec/mold/mold-heartbeat --status | grep -q ", self-fence $told" || return 1
  done
}
settled() {
  lab_wait 60 "every host is Available" all_available && lab_wait 30 "every host holds its lease" cluster_leases_held &&
    { ! ceph_is_here || lab_wait 60 "every host has its access" ceph_lists_none; }
}

LAB_KIND= LAB_PROFILE=
have_lab() {  # STORAGE
  [ "$LAB_KIND" != "$1" ] || return 0
  unwatch_disks
  LAB_KIND= LAB_PROFILE=default
  bench_lab "$1" && cluster_vm web h1 && lab_wait 20 "web counts" vm_counts web || return 1
  watch_disks
  LAB_KIND=$1
}
have_profile() {  # NAME
  [ "$LAB_PROFILE" != "$1" ] || return 0
  LAB_PROFILE=
  mkdir -p $LAB/mgr/root/etc/mold/manager.conf.d
  echo "policy.profile=$1" >$LAB/mgr/root/etc/mold/manager.conf.d/bench.conf
  machine_exec mgr systemctl restart mold-manager.service
  lab_wait 30 "the manager answers" lab_hactl zone list && settled &&
    lab_wait 30 "the hosts promise the profile's deadline" deadlines_told && settled || return 1
  LAB_PROFILE=$1
}

# Seconds after T0 of the first ledger line that matches; nothing if there is none.
since() {  # PATTERN
  grep -m1 -E "$1" "$LAB/ledger" | awk -v t0="$T0" '{
    split($1, d, "[T+]"); split(d[2], t, ":"); s = int(t0 / 86400) * 86400 + t[1] * 3600 + t[2] * 60 + t[3]
    if (s < t0 - 3600) s += 86400
    printf "%.2f", s - t0}'
}
# A host whose power was cut just now is not cut again (policy.fence_tolerance, 20 s in both profiles): that is
# another wait than the one that is measured.
declare -A CUT_AT
may_be_cut_again() { while [ $((SECONDS - ${CUT_AT[$1]:--1000})) -le 21 ]; do sleep 0.5; done; }  # HOST
runs_seen() { grep -c '"event":"run"' $LAB/disks.jsonl; }
more_runs() { [ "$(runs_seen)" -gt "$1" ]; }

trial() {  # CELL NUMBER
  local bmc disk run before seconds busy
  IFS=/ read -r _ bmc _ <<<"$1"
  HOST=$(vm_host web) && run=$(vm_run web) && disk=$(vm_disk web) || return 1
  [ "$bmc" != alive ] || may_be_cut_again "$HOST"
  # Anywhere between two beats.
  sleep "0.$((RANDOM % 900 + 100))"
  [ "$bmc" = alive ] || lab_bmc "$HOST" down
  before=$(runs_seen)
  busy=$(load)
  T0=$(wall_s)
  lab_kill "$HOST" >/dev/null || return 1
  lab_wait 90 "web counts again" more_runs "$before" || return 1
  seconds=$(jq -r --arg disk "$disk" --arg run "$run" --argjson t0 "$T0" \
    'select(.disk == $disk and .event == "run" and .run != $run and .wall_s > $t0) | .wall_s - $t0' $LAB/disks.jsonl |
    head -1 | xargs -r printf '%.3f')
  [ -n "$seconds" ] || { warn "another disk counts, web does not"; return 1; }
  lab_wait 20 "the manager sees web running" vm_runs_elsewhere web "$HOST" || return 1
  CUT_AT[$HOST]=$SECONDS
  ha_ledger "$HOST" | sort | awk -v t0="$T0" -v day="$(date -u -d "@${T0%.*}" +%FT%T)" '$1 >= day' |
    tee "$out/${1//\//-}-$2.ledger" >$LAB/ledger
  printf '%s\t%s\tok\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$HOST" "$busy" "$seconds" \
    "$(since 'gathering evidence|Action power status requested|-> Checking')" "$(since 'Verdict dead')" \
    "$(since ' Proof ')" "$(grep -m1 ' Proof ' $LAB/ledger | sed -E 's/.* Proof ([a-z-]+).*/\1/')" >>"$raw"
  tail -1 "$raw" | awk -F '\t' '{printf "  %s trial %d: %s s (suspected %s, dead %s, proof %s)\n", $1, $2, $6, $7, $8, $9}'
  # The dead BMC stays so until its host is back: it must not be cut again while it boots. In a shell of its
  # own, for it ends that when the host does not come up, and then the logs are wanted.
  (lab_poweron "$HOST") && lab_wait 90 "$HOST is Available" ha_is "$HOST" Available || return 1
  lab_bmc "$HOST" up
  settled && vm_counts web
}

give_up_trial() {  # CELL NUMBER
  local logs=$out/${1//\//-}-$2
  printf '%s\t%s\tfailed\t%s\t%s\t\t\t\t\t\n' "$1" "$2" "${HOST:--}" "$(load)" >>"$raw"
  lab_is_up && "$LAB_SOURCE/lab" bundle "$logs"
  lab_hactl status >"$logs/status.txt" 2>&1
  [ -n "${HOST:-}" ] && lab_hactl ha explain "$HOST" >"$logs/explain.txt" 2>&1
  warn "$1 trial $2 failed; its logs are in $logs"
}

# A writer too many is the one thing that no figure makes good.
two_writers=0 failed=0
judge_disks() {  # CELL
  [ -n "$LAB_KIND" ] || return 0
  one_writer && return
  cp $LAB/check.json $LAB/disks.jsonl "$out/" 2>/dev/null
  warn "$1: A DISK HAD TWO WRITERS, see $out/check.json"
  two_writers=1
}

run_cell() {  # CELL
  local storage profile number failures=0
  IFS=/ read -r storage _ profile <<<"$1"
  for number in $(seq "$trials"); do
    HOST=
    if have_lab "$storage" && have_profile "$profile" && trial "$1" "$number"; then continue; fi
    give_up_trial "$1" "$number"
    judge_disks "$1"
    LAB_KIND=
    failures=$((failures + 1)) failed=$((failed + 1))
    [ $failures -lt $MOST_FAILURES ] || { warn "$1: given up after $failures failures"; break; }
  done
  judge_disks "$1"
}

bench_begin
for cell in $wanted; do run_cell "$cell"; done
report "$raw" | tee "$out/report"
[ $two_writers = 0 ] && echo "no disk had two writers"
[ $two_writers = 0 ] && [ $failed = 0 ]
