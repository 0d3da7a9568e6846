# What the lab's own tests say: a check is one line, and a failed one goes on to the next.
checks=0 failures=0

pass() { checks=$((checks + 1)); printf '  ok    %s\n' "$1"; }
fail() { checks=$((checks + 1)); failures=$((failures + 1)); printf '  FAIL  %s\n' "$1"; }
expect() {  # WHAT CMD...
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then pass "$what"; else fail "$what"; fi
}
refuse() {  # WHAT CMD...: the command must fail
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then fail "$what"; else pass "$what"; fi
}
within() {  # SECONDS CMD...
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}
nothing_left() {
  ! { ip netns list | grep '^mold-lab'; grep mold-lab /proc/mounts; ls -d /run/mold-lab /sys/fs/cgroup/mold-lab \
    /sys/fs/cgroup/*/mold-lab; } 2>/dev/null | grep -q .
}
