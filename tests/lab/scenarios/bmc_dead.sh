# Host and BMC die together: the VMs wait for the lease proof, then run again.
cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
lab_bmc h1 down
lab_kill h1
soon 90 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
check "the proof is the lease" equals "$(ha_proof h1)" lease-expired
check "explain says which proof it was" grep -q lease-expired <<<"$(lab_hactl ha explain h1)"
