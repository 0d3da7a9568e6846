#!/bin/bash
# What the host's programs cost: resident memory of agentd and mold-heartbeat with 10 VMs, time from start
# to ready. Targets: agentd at most 25 MB and 0.5 s.
set -u
. "$(dirname "$(readlink -f "$0")")/lab_bench.sh"
bench_up
for i in $(seq 10); do cluster_vm "load$i" h1 || exit 1; done

rss_kib() {  # UNIT: of its main process
  local pid
  pid=$(machine_exec h1 systemctl show -p MainPID --value "$1")
  machine_exec h1 awk '/^VmRSS/ {print $2}' "/proc/$pid/status"
}
ready_ms() {  # from the fork of the main process to READY=1
  machine_exec h1 systemctl show -p ExecMainStartTimestampMonotonic -p ActiveEnterTimestampMonotonic mold-agentd.service |
    awk -F= '/Exec/ {s = $2} /Active/ {a = $2} END {printf "%.1f\n", (a - s) / 1000}'
}
printf 'agentd resident with 10 VMs: %.1f MB\n' "$(rss_kib mold-agentd.service | awk '{print $1 / 1024}')"
printf 'mold-heartbeat supervisor resident: %.1f MB\n' "$(rss_kib mold-heartbeat.service | awk '{print $1 / 1024}')"
for _ in $(seq 10); do
  machine_exec h1 systemctl restart mold-agentd.service && ready_ms
done >$LAB/ready.txt
printf 'agentd start to ready, ms: '
quantiles <$LAB/ready.txt
sleep 3
printf 'agentd resident after ten restarts with 10 VMs: %.1f MB\n' "$(rss_kib mold-agentd.service | awk '{print $1 / 1024}')"
printf 'mold-manager resident: %.1f MB\n' "$(machine_exec mgr sh -c 'awk "/^VmRSS/ {print \$2/1024}" /proc/$(systemctl show -p MainPID --value mold-manager.service)/status')"
machine_exec mgr systemctl restart mold-manager.service
printf 'mold-manager start to serving, ms: '
machine_exec mgr systemctl show -p ExecMainStartTimestampMonotonic -p ActiveEnterTimestampMonotonic mold-manager.service |
  awk -F= '/Exec/ {s = $2} /Active/ {a = $2} END {printf "%.1f\n", (a - s) / 1000}'
