# What the benchmarks in the lab share: a cluster up, and taken away again whatever happens.
LAB_SOURCE=$(cd "$(dirname "$(readlink -f "$0")")/../lab" && pwd)
for part in common cgroup network storage ceph nfs watchdog bmc image product machine bundle cluster scenario; do
  . "$LAB_SOURCE/lib/$part.sh"
done
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
stage=${MOLD_STAGE:-$LAB_REPO/build/stage}
[ -x "$stage/usr/sbin/mold-manager" ] || die "no install tree at $stage (./dev lab up makes one)"
BENCH_PROGRAMS=${LAB_BIN:-}  # of the build; those of a lab go with it

# Before the first lab of a script: waits for the turn, and leaves nothing behind.
bench_begin() {
  trap 'unwatch_disks; "$LAB_SOURCE/lab" down' EXIT
  trap 'exit 130' INT TERM
  lab_turn
}

bench_lab() {  # STORAGE: in place of the lab before
  LAB_BIN=$BENCH_PROGRAMS "$LAB_SOURCE/lab" up --prefix "$stage" --storage "$1" || return 1
  LAB_BIN=$LAB/bin
  cluster_up
}

bench_up() {
  bench_begin
  bench_lab "${LAB_STORAGE:-dir}" || exit 1
}

# p50, p99 and max of numbers on stdin, one per line.
quantiles() {
  sort -n | awk '{v[NR] = $1} END {
    if (NR == 0) {print "no values"; exit}
    p50 = v[int((NR + 1) / 2)]; i = int(NR * 0.99 + 0.999); p99 = v[i > NR ? NR : i]
    printf "p50 %.2f  p99 %.2f  max %.2f  (%d trials)\n", p50, p99, v[NR], NR}'
}
