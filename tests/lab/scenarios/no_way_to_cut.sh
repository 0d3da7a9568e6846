# The BMC is dead and nothing stands in for it: state, reason and next try are shown, the lease proves it.
cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
lab_bmc h1 down
lab_kill h1
soon 30 "h1 is being fenced" ha_is h1 Fencing
lab_hactl ha explain h1 >$LAB/explained 2>&1
check "explain tells the BMC's answer" grep -qE 'level 1 BMC' $LAB/explained
check "and when it is tried again, or what it waits for" grep -qE 'next try in|waits for the answer' $LAB/explained
check "and what else would end it" grep -q 'its lease to run out' $LAB/explained
check "the reason stands at the host" grep -qiE 'waiting|proven|silent' <<<"$(ha_reason h1)"
soon 90 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
check "the proof is the lease" equals "$(ha_proof h1)" lease-expired
