# A frozen host whose BMC lives is cut before its VMs run elsewhere.
cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
lab_watchdog h1 kill
lab_freeze h1
soon 60 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
check "the proof is its power, read back off" equals "$(ha_proof h1)" power-off
check "no process of h1 is left" group_empty h1
lab_thaw h1
soon 20 "vm1 counts on its disk" vm_counts vm1
stays 5 "vm1 goes on where it is" vm_runs_elsewhere vm1 h1
