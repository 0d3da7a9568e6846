# The watchdog of a host: a watchdogfs outside it (group dog-HOST), bind-mounted over its /dev/watchdog.
# On expiry it calls `lab _bite HOST`, which kills the host as a hardware reset would. What comes then
# is a matter of $LAB/HOST/watchdog.action: kill (stays dead, its chassis on: a machine that does not
# come up again), reset (boots again, as most real ones do), or none (it is broken, and nothing happens).

watchdog_start() {  # HOST: once per lab
  local dir=$LAB/$1
  mkdir -p "$dir/dog"
  write_file "$dir/watchdog.action" kill
  (
    group_join "dog-$1" || exit 1
    close_inherited_files
    exec "$LAB_BIN/watchdogfs" --mount "$dir/dog" --name "mold-lab-$1:/watchdog" -- "$LAB_SOURCE/lab" _bite "$1"
  ) || die "watchdog of $1 did not mount"
}

watchdog_power_on() { echo power-on >"$LAB/$1/dog/control"; }

watchdog_state() { sed 's/.*"state":"\([a-z]*\)".*/\1/' "$LAB/$1/dog/control" 2>/dev/null; }

lab_watchdog() {  # HOST kill|reset|none
  need_host "$1"
  case $2 in
    kill | reset | none) write_file "$LAB/$1/watchdog.action" "$2" ;;
    *) die "watchdog is kill, reset or none" ;;
  esac
}

lab_bite() {  # HOST: called by watchdogfs
  [ "$(cat "$LAB/$1/watchdog.action")" != none ] || return 0
  exec </dev/null >>"$LAB/$1/watchdog.log" 2>&1
  machine_locked "$1" bite_locked "$1" || return 0
  [ "$(cat "$LAB/$1/watchdog.action")" != reset ] || machine_start "$1"
}
# It also runs out in a machine that lost its power, and that machine may have been switched on again while
# we waited for our turn.
bite_locked() {
  [ "$(watchdog_state "$1")" = expired ] || return 1
  echo "$(date +%FT%T.%N) the watchdog of $1 bites"
  machine_kill_locked "$1"
  echo "$(date +%FT%T.%N) all processes of $1 are gone"
}
