# What the benchmarks in the lab share: a cluster up, and taken away again whatever happens.
LAB_SOURCE=$(cd "$(dirname "$(readlink -f "$0")")/../lab" && pwd)
for part in common cgroup network storage ceph nfs watchdog bmc image product machine bundle cluster scenario; do
  . "$LAB_SOURCE/lib/$part.sh"
done
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
stage=${MOLD_STAGE:-$LAB_REPO/build/stage}
[ -x "$stage/usr/sbin/mold-manager" ] || die "no install tree at $stage (./dev lab up makes one)"

bench_up() {
  trap 'unwatch_disks; "$LAB_SOURCE/lab" down' EXIT
  trap 'exit 130' INT TERM
  lab_turn
  "$LAB_SOURCE/lab" up --prefix "$stage" ${LAB_STORAGE:+--storage $LAB_STORAGE} || exit 1
  LAB_BIN=$LAB/bin
  cluster_up || exit 1
}

# p50, p99 and max of numbers on stdin, one per line.
quantiles() {
  sort -n | awk '{v[NR] = $1} END {
    if (NR == 0) {print "no values"; exit}
    p50 = v[int((NR + 1) / 2)]; i = int(NR * 0.99 + 0.999); p99 = v[i > NR ? NR : i]
    printf "p50 %.2f  p99 %.2f  max %.2f  (%d trials)\n", p50, p99, v[NR], NR}'
}
