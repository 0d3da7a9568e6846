# A host loses power, its BMC lives: proven dead by power read back, its VMs run again elsewhere.
cluster_vm vm1 h1 && cluster_vm vm2 h1 && cluster_vm vm3 h2
for vm in vm1 vm2 vm3; do soon 20 "$vm counts on its disk" vm_counts $vm; done
lab_kill h1
soon 60 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
soon 60 "vm2 runs elsewhere" vm_runs_elsewhere vm2 h1
for vm in vm1 vm2 vm3; do soon 20 "$vm counts on its disk" vm_counts $vm; done
check "h1 is Fenced" ha_is h1 Fenced
check "the proof is its power, read back off" equals "$(ha_proof h1)" power-off
check "vm3 was left alone" equals "$(vm_generation vm3)" 1
check "vm1 is in its second generation" equals "$(vm_generation vm1)" 2
lab_poweron h1
soon 60 "h1 comes back as Available" ha_is h1 Available
stays 5 "vm1 stays where it is" vm_runs_elsewhere vm1 h1
