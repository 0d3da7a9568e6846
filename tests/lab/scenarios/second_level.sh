# The BMC is dead and the host hangs: the second level of its ladder, a switched outlet, proves it.
cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
lab_outlet h1 up
(umask 077; cp $LAB/bmc.secret $LAB/mgr/root/root/outlet.secret)
check "the outlet is the second level" api addFenceDevice "hostid=$(cat $LAB/h1/id)" driver=ipmitool level=2 \
  "address=$(address_of bmc1)" port=624 username=ADMIN password=@/root/outlet.secret name=outlet >/dev/null
rm -f $LAB/mgr/root/root/outlet.secret
lab_watchdog h1 kill
lab_bmc h1 down
cut_at=$(now_ms)
lab_freeze h1
soon 60 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
step "frozen with a dead BMC to counting elsewhere: $(($(now_ms) - cut_at)) ms"
check "the proof is its power, read back off" equals "$(ha_proof h1)" power-off
check "by the second level" grep -q 'level 2' <<<"$(ha_ledger h1)"
check "no process of h1 is left" group_empty h1
