# One host's storage answers with errors: its VMs are killed and run elsewhere, the host stays up.
cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
lab_storage h1 eio
soon 60 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
check "h1 was not reset" machine_is_up h1
check "no power was cut" no_fence_of h1
lab_storage h1 ok
soon 60 "h1 is Available" ha_is h1 Available
