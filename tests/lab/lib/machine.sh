# The life of a machine: switched on, running, frozen, cut off from power, dead.
#
# A machine is a systemd-nspawn container (run-machine) and everything it started, all in one process
# group. The chassis ($LAB/HOST/chassis, on|off) is what the power button was told last; it is not the
# same as being alive, and the difference is what the tests are about.

# The container's systemd as the machine outside sees it; nothing when it does not run.
machine_pid1() {
  local pid
  for pid in $(group_pids "$1"); do
    awk '/^NSpid:/ {exit !(NF == 3 && $3 == 1)}' "/proc/$pid/status" 2>/dev/null && echo "$pid" && return
  done
  return 1
}

machine_is_up() { [ -e "/proc/$(machine_pid1 "$1")/root/run/mold-lab-ready" ]; }

machine_state() {
  if group_empty "$1"; then echo dead; elif group_frozen "$1"; then echo frozen
  elif machine_is_up "$1"; then echo up; else echo booting; fi
}

chassis_is_on() { [ "$(cat "$LAB/$1/chassis")" = on ] || ! group_empty "$1"; }

# One change of power at a time: BMC, watchdog and operator may all press at once.
machine_locked() {  # NAME CMD...
  local name=$1
  shift
  (
    exec {lock}>"$LAB/$name/lock"
    flock $lock
    "$@"
  )
}

machine_start() { machine_locked "$1" machine_start_locked "$1"; }
machine_start_locked() {
  local name=$1
  machine_pid1 "$name" >/dev/null && return 0
  group_kill "$name" || return 1
  if [ "$name" != mgr ]; then
    storage_stop "$name"
    storage_start "$name"
    watchdog_power_on "$name"
    write_file "$LAB/$name/chassis" on
  fi
  network_link "$name" up
  group_spawn "$name" "$LAB/$name/console.log" "$LAB_SOURCE/run-machine" "$name"
}

# Everything of the machine ends at once. Link first, so that no FIN or RST tells the peers; storage in
# the same breath as the processes (see storage_stop); returns when the last process is gone.
machine_kill() { machine_locked "$1" machine_kill_locked "$1"; }
machine_kill_locked() {
  local name=$1 pids
  network_link "$name" down
  pids="$(group_pids "storage-$name") $(group_pids "$name")"
  # shellcheck disable=SC2086
  [ "$pids" = " " ] || kill -KILL $pids 2>/dev/null
  [ "$name" = mgr ] || storage_stop "$name"
  group_kill "$name"
}

power_off() {  # HOST: chassis off, as its BMC does it
  machine_kill "$1" && write_file "$LAB/$1/chassis" off
}

machine_press_button() {  # HOST: ACPI shutdown; the container's systemd powers off on this signal
  local pid
  pid=$(machine_pid1 "$1") && kill -s RTMIN+4 "$pid"
}

lab_kill() {  # NAME [--psu]
  local started
  need_machine "$1"
  started=$(now_ms)
  machine_kill "$1" || die "$1 still has processes: $(group_pids "$1" | tr '\n' ' ')"
  [ "${2:-}" != --psu ] || { need_host "$1"; write_file "$LAB/$1/chassis" off; }
  say "$1 lost power, all its processes were gone after $(($(now_ms) - started)) ms"
}

lab_poweron() {
  need_machine "$1"
  machine_start "$1" || die "$1 did not start"
  until_true 60000 machine_is_up "$1" ||
    { tail -n 20 "$LAB/$1/console.log" >&2; die "$1 did not come up in 60 s, see $LAB/$1/console.log"; }
}

lab_freeze() {
  need_machine "$1"
  group_freeze "$1" || warn "$1: some process does not freeze yet (it waits for its storage)"
}

lab_thaw() {
  need_machine "$1"
  group_thaw "$1"
}

# A command inside a machine; it belongs to the machine, so it dies and freezes with it.
machine_exec() {  # NAME CMD...
  local name=$1 pid
  shift
  group_frozen "$name" && die "$name is frozen"
  pid=$(machine_pid1 "$name") || die "$name is not running"
  (
    group_join "$name" || exit 1
    exec nsenter --target "$pid" --mount --uts --ipc --net --pid --cgroup --root --wd \
      env -i "TERM=${TERM:-dumb}" HOME=/root LANG=C.UTF-8 \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
  )
}

lab_shell() {
  need_machine "$1"
  [ $# -gt 1 ] && { machine_exec "$@"; return; }
  machine_exec "$1" bash -l
}
