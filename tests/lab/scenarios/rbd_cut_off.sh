# A host loses the way to storage and manager and lives on; its BMC is dead. What it had runs elsewhere, and
# when the way is back nothing of it writes: it stays isolated until it boots anew.
# storage: rbd
cluster_vm vm1 h1
cluster_vm vm2 h2
for vm in vm1 vm2; do soon 20 "$vm counts on its disk" vm_counts $vm; done
lab_bmc h1 down
lab_cut h1 mgr
ceph_cut h1
soon 60 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
check "the proof is the isolation" equals "$(ha_proof h1)" storage-isolated
run=$(vm_run vm1)
sleep 10
lab_restore h1 mgr
ceph_heal h1
soon 60 "h1 beats again" ha_is h1 Available
soon 30 "no QEMU of h1 is left" not pgrep_in h1 qemu-system
stays 5 "vm1 goes on where it is" vm_runs_elsewhere vm1 h1
check "it is the same run of vm1" equals "$(vm_run vm1)" "$run"
check "vm2 was left alone" equals "$(vm_generation vm2)" 1
check "h1 says that it is isolated until it boots anew" grep -q 'until the host boots anew' <<<"$(lab_hactl ha explain h1)"
check "its client stays on the blocklist" ceph_lists_some
lab_kill h1
lab_poweron h1
soon 90 "h1 has its access back" ceph_lists_none
soon 60 "h1 is Available" ha_is h1 Available
