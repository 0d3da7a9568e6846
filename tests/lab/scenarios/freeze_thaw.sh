# A host stands still, its VMs run elsewhere, it thaws after 60 s: the old QEMU never writes again.
cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
lab_bmc h1 down  # no power proof: the lease and the watchdog alone must do
lab_freeze h1
frozen=$(now_ms)
soon 90 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
run=$(vm_run vm1)
while [ $(($(now_ms) - frozen)) -lt 60000 ]; do sleep 0.5; done
lab_thaw h1
stays 5 "vm1 goes on where it is" vm_runs_elsewhere vm1 h1
check "it is the same run of vm1" equals "$(vm_run vm1)" "$run"
check "no QEMU of h1 is left" not pgrep_in h1 qemu-system
soon 10 "vm1 still counts" vm_counts vm1
