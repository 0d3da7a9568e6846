#!/bin/bash
# Proves ceph-one: a cluster that can be written to, two side by side, faults, and nothing left behind,
# also by an owner that crashed. No root.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/expect.sh"
for program in ceph-mon ceph-osd ceph rados; do
  command -v $program >/dev/null || { echo "ceph_one_selftest: no $program here"; exit 77; }
done
one=$here/ceph-one
# Short: sockets have their path in it.
work=$(mktemp -d /tmp/ceph-one.XXXXXX) || exit 1

setting() { sed -n "s/^$2=//p" "$work/$1/env"; }
# As a program would with nothing but the env file: address, user, key.
as_manager() {  # CLUSTER SECONDS ARGS...
  local cluster=$1 seconds=$2
  shift 2
  timeout -k 2 "$seconds" rados -m "$(setting "$cluster" MON_HOST)" --id "$(setting "$cluster" MANAGER_USER)" \
    --keyfile "$(setting "$cluster" MANAGER_KEY_FILE)" -p "$(setting "$cluster" POOL)" "$@"
}
admin() { timeout -k 2 30 "$1" --conf "$(setting a CONF)" "${@:2}"; }
# Read by the shell: a program that searched for the name would find itself.
running() {
  local file words
  for file in /proc/[0-9]*/cmdline; do
    { mapfile -d '' -t words <"$file"; } 2>/dev/null
    [[ "${words[*]}" != *"$work/"* ]] || return 0
  done
  return 1
}
not_running() { ! running; }
all_gone() { not_running && ! [ -e "$work/$1" ]; }

expect "start prints its env file" test "$("$one" start "$work/a" --owner $$)" = "$work/a/env"
expect "the env file is its owner's alone" test "$(stat -c %a "$work/a/env")" = 600
expect "put" as_manager a 30 put object "$0"
expect "get" eval 'as_manager a 30 get object - | cmp - "$0"'
expect "the admin may" admin ceph osd blocklist add 10.0.0.9:0/1 60
expect "a second one beside it" "$one" start "$work/b" --owner $$
refuse "that knows nothing of the first" as_manager b 30 stat object
"$one" stop "$work/b"
refuse "stop takes its directory away" test -e "$work/b"
for round in 1 2 3; do
  expect "freeze" "$one" freeze "$work/a"
  refuse "nothing is written" as_manager a 2 put object "$0"
  expect "thaw" "$one" thaw "$work/a"
  expect "it serves" as_manager a 30 get object -
done
expect "start on top of it makes a new one" "$one" start "$work/a" --owner $$
refuse "without the old objects" as_manager a 30 stat object
expect "stop while frozen" eval '"$one" freeze "$work/a" && "$one" stop "$work/a"'
expect "nothing is left" all_gone a
expect "stop again is no failure" "$one" stop "$work/a"
sleep 100 &
owner=$!
expect "a cluster with an owner" "$one" start "$work/c" --owner $owner
kill -KILL $owner
wait $owner 2>/dev/null
expect "ends with it" within 60 all_gone c
expect "a cluster whose keeper is killed" "$one" start "$work/d"
kill -KILL "$(cut -d' ' -f1 "$work/d/keeper")"
expect "takes its daemons along" within 60 not_running
"$one" stop "$work/d"
expect "and stop clears the rest" all_gone d
rm -rf "$work"
echo "$checks checks, $failures failed"
[ $failures = 0 ]
