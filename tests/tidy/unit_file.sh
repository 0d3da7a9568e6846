#!/bin/bash
# A unit must suit its program: systemd understands it, and starts the program again after every end
# but the one that says "wrong usage or settings", which no start mends.
#   unit_file.sh PROGRAM UNIT
set -u
program=$1 unit=$2 wrong=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

check() {  # WHAT IS WANTED
  [ "$2" = "$3" ] && return
  echo "$(basename "$unit"): $1: is '$2', must be '$3'"
  wrong=1
}
ends_with() { timeout 20 "$@" >"$dir/out" 2>&1; echo $?; }
setting() { sed -n "s/^$1=//p" "$unit"; }

check "Restart" "$(setting Restart)" always
check "RestartPreventExitStatus" "$(setting RestartPreventExitStatus)" 2
check "an unknown option" "$(ends_with "$program" --no-such-option)" 2
echo 'this is no setting' >"$dir/bad.conf"
check "wrong settings" "$(ends_with "$program" --config "$dir/bad.conf")" 2
# Reading it fails with EIO: a disk that is back in a moment must not keep the service down.
check "settings that cannot be read just now" "$(ends_with "$program" --config /proc/self/mem)" 1

if command -v systemd-analyze >/dev/null; then
  # Where the program stands in this build; where it will be installed there may be none.
  sed "s|^ExecStart=[^ ]*|ExecStart=$program|" "$unit" >"$dir/$(basename "$unit")"
  check "systemd-analyze verify" "$(systemd-analyze verify --man=no "$dir/$(basename "$unit")" 2>&1 |
    grep -F "$(basename "$unit")")" ""
fi
exit $wrong
