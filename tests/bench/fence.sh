#!/bin/bash
# fence.sh [TRIALS=15]: from "off" to "off is proven", our drivers beside fence_ipmilan and fence_redfish on
# the same simulated BMCs; and one round of power states over 100 hosts. Targets: at least 3 times as fast
# beyond what the BMC itself takes.
set -u
for program in /usr/sbin/fence_ipmilan /usr/sbin/fence_redfish /usr/bin/ipmi_sim /usr/bin/ipmitool; do
  [ -x $program ] || { echo "needs $program (packages fence-agents, openipmi, ipmitool)"; exit 77; }
done
exec "$FENCE_BENCH" "${1:-15}" "$REDFISH_FAKE"
