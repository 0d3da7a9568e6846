# One host's storage hangs: its QEMU cannot be killed, the watchdog bites, its VM runs elsewhere.
cluster_vm vm1 h1
cluster_vm vm2 h2
for vm in vm1 vm2; do soon 20 "$vm counts on its disk" vm_counts $vm; done
lab_storage h1 hang
soon 60 "the watchdog ended h1" group_empty h1
soon 90 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
check "vm2 was left alone" equals "$(vm_generation vm2)" 1
lab_storage h1 ok
