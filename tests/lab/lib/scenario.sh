# What every scenario shares: a lab of its own with a cluster in it, checks that say what they saw, audits
# at the end, and a bundle of logs when something was not as promised. Sourced by tests/lab/scenario.

SCENARIO_FAILED=0
SCENARIO_CHECKS=0

step() { printf '  %s\n' "$*"; }
pass() { SCENARIO_CHECKS=$((SCENARIO_CHECKS + 1)); printf '  ok    %s\n' "$*"; }
miss() { SCENARIO_CHECKS=$((SCENARIO_CHECKS + 1)); SCENARIO_FAILED=$((SCENARIO_FAILED + 1)); printf '  FAIL  %s\n' "$*"; }
# check WHAT CMD...
check() {
  local what=$1
  shift
  if "$@"; then pass "$what"; else miss "$what  [$*]"; fi
}
# soon SECONDS WHAT CMD...: a condition with a generous deadline; tells how long it took.
soon() {
  local seconds=$1 what=$2 started
  shift 2
  started=$(now_ms)
  if lab_wait "$seconds" "$what" "$@"; then pass "$what (after $((($(now_ms) - started) / 100)) x 0.1 s)"; else miss "$what"; return 1; fi
}
# stays SECONDS WHAT CMD...: holds all the time.
stays() {
  local seconds=$1 what=$2 end
  shift 2
  end=$(($(now_ms) + seconds * 1000))
  while [ "$(now_ms)" -lt $end ]; do
    "$@" >/dev/null 2>&1 || { miss "$what"; return 1; }
    sleep 0.3
  done
  pass "$what (for $seconds s)"
}
not() { ! "$@"; }
equals() { [ "$1" = "$2" ]; }
pgrep_in() { group_pids "$1" | xargs -r ps -o args= -p | grep -q -- "$2"; }
no_fence_of() { ! ha_ledger "$1" | grep -qE ' Action power off'; }

watch_disks() { "$LAB_BIN/diskwatch" watch --interval-ms 20 "$(disks_seen)" >$LAB/disks.jsonl 2>$LAB/disks.err & WATCH_PID=$!; }
unwatch_disks() { [ -z "${WATCH_PID:-}" ] || { kill "$WATCH_PID" 2>/dev/null; wait "$WATCH_PID" 2>/dev/null; WATCH_PID=; }; }

one_writer() { "$LAB_BIN/diskwatch" check "$(disks_seen)" >$LAB/check.json; }
our_words() { journalctl -D "$LAB/$1/root/var/log/journal" -u 'mold-*' -o cat --no-pager 2>/dev/null; }
crashed() { our_words "$1" | grep -qaE 'CHECK failed|Assertion|AddressSanitizer|core-dump'; }
audit() {
  local name
  check "no disk ever had two writers" one_writer
  for name in $(machines); do
    check "$name: nothing of ours crashed" not crashed "$name"
  done
}

# freeze_until_isolated HOST VM: the host stands still, its BMC is dead and its watchdog broken; its VM runs
# elsewhere, by nothing but the isolation.
freeze_until_isolated() {
  lab_bmc "$1" down
  lab_watchdog "$1" none
  lab_freeze "$1"
  soon 60 "$2 runs elsewhere" vm_runs_elsewhere "$2" "$1"
  soon 20 "$2 counts on its disk" vm_counts "$2"
  check "the proof is the isolation" equals "$(ha_proof "$1")" storage-isolated
}
