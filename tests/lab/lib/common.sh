# Names, places and small helpers that every part of the lab uses.
#
# Everything the lab makes on the machine carries its name, and only that is ever touched:
#   /run/mold-lab            a tmpfs of its own with all state (private mount propagation)
#   cgroup mold-lab/*        every process of the lab, one group per machine or service
#   mold-lab*                network namespaces
# So a leftover of a crashed run is recognised by what it is, not by a list that may have been lost.

LAB=/run/mold-lab
LAB_LOCK=/run/mold-lab.lock
LAB_SWITCH=mold-labsw
LAB_SUBNET=10.77.0
LAB_POOL=$LAB/pool               # backing directory of the shared storage; safe to read at any time
LAB_REPO=$(cd "$LAB_SOURCE/../.." && pwd)

say() { printf 'lab: %s\n' "$*"; }
warn() { printf 'lab: %s\n' "$*" >&2; }
die() {
  warn "$*"
  exit 1
}

lab_is_up() { [ -e $LAB/machines ]; }
need_lab() { lab_is_up || die "the lab is not up (lab up)"; }

# The machines of this lab: h1 h2 ... mgr.
machines() { cat $LAB/machines 2>/dev/null; }
hosts() { machines | grep -v '^mgr$'; }
need_machine() { machines | grep -qx -- "$1" || die "no machine '$1' (there are: $(machines | tr '\n' ' '))"; }
need_host() {
  need_machine "$1"
  [ "$1" != mgr ] || die "mgr has no BMC, storage or watchdog"
}

# Address of a machine, a storage server or a BMC by its name.
address_of() {
  case $1 in
    mgr) echo $LAB_SUBNET.2 ;;
    ceph) echo $LAB_SUBNET.3 ;;
    nfs) echo $LAB_SUBNET.4 ;;
    h*) echo $LAB_SUBNET.$((10 + ${1#h})) ;;
    bmc*) echo $LAB_SUBNET.$((100 + ${1#bmc})) ;;
    *) return 1 ;;
  esac
}

# Our built programs: $LAB_BIN, or the newest build tree of this checkout that has them.
find_programs() {
  [ -z "${LAB_BIN:-}" ] || { [ -x "$LAB_BIN/faultfs" ] || die "LAB_BIN=$LAB_BIN has no faultfs"; return; }
  local found
  found=$(ls -td "$LAB_REPO"/build/tests/lab "$LAB_REPO"/build/*/tests/lab 2>/dev/null |
    while read -r dir; do [ -x "$dir/faultfs" ] && [ -e "$dir/nano.img" ] && echo "$dir"; done | head -1)
  [ -n "$found" ] || die "build first: no faultfs and nano.img under $LAB_REPO/build/*/tests/lab (or set LAB_BIN)"
  LAB_BIN=$found
}

# There is one lab on a machine, and "up" takes an earlier one away. Tests call this first, so that two of
# them, from two build trees, take turns; it is held until the calling script ends.
lab_turn() {
  exec {lab_turn_file}>$LAB_LOCK.turn
  flock -n "$lab_turn_file" && return
  say "another test has the lab; waiting"
  flock -w 1800 "$lab_turn_file" || die "another test has the lab for half an hour now"
}

# Milliseconds of the machine's monotonic clock.
now_ms() {
  local up rest
  read -r up rest </proc/uptime
  echo $((${up%.*} * 1000 + 10#${up#*.} * 10))
}

# write_file FILE TEXT: in one step, so that a reader never sees half of it.
write_file() {
  printf '%s\n' "$2" >"$1.new.$BASHPID" && mv -f "$1.new.$BASHPID" "$1"
}

# until_true MILLISECONDS CMD...: polls every 20 ms.
until_true() {
  local end=$(($(now_ms) + $1))
  shift
  until "$@"; do
    [ "$(now_ms)" -lt $end ] || return 1
    sleep 0.02
  done
}
