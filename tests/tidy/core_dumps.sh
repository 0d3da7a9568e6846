#!/bin/bash
# A program that may hold a password leaves no core. Each is stopped at its first reading of something
# secret (a pipe on which nothing comes), allowed to dump all it likes, and killed as by a bug.
#   core_dumps.sh PROGRAM...
set -u
wrong=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/pipe"
mkdir -p "$dir/cores" "$dir/mold"
ln -s "$dir/pipe" "$dir/mold/hactl.conf"
export XDG_CONFIG_HOME=$dir
cd "$dir/cores" || exit 1
ulimit -c "$(ulimit -Hc)"
export CANARY=canary-3c1f9a70

miss() { echo "$name: $*"; wrong=1; }
limits() { sed -nE 's/^Max core file size +([^ ]+) +([^ ]+).*/\1 \2/p' "/proc/$pid/limits" 2>/dev/null; }

for program; do
  name=$(basename "$program")
  rm -f "$dir/cores"/*
  case $name in
    mold-fence) arguments=(ipmitool --address 192.0.2.1 --username x --password-file "$dir/pipe" status) ;;
    hactl) arguments=(status) ;;
    fence_mold | mold-ceph) arguments=() ;;
    *) arguments=(--config "$dir/pipe") ;;
  esac
  "$program" "${arguments[@]}" <>"$dir/pipe" >"$dir/out" 2>&1 &
  pid=$!
  for ((turn = 0; turn < 400; turn++)); do
    [ "$(limits)" != "0 0" ] || break
    kill -0 $pid 2>/dev/null || break
    sleep 0.05
  done
  [ "$(limits)" = "0 0" ] || miss "its limit for core files is '$(limits)': $(cat "$dir/out")"
  kill -ABRT $pid 2>/dev/null
  wait $pid 2>"$dir/ended"
  [ $? = 134 ] || miss "was not killed while it waited: $(cat "$dir/out")"
  ! grep -q 'core dumped' "$dir/ended" || miss "dumped its core"
  ! grep -rqa "$CANARY" "$dir/cores" || miss "its core holds what it held"
done
exit $wrong
