# The manager does not reach the BMCs, the hosts do: an agent carries the fence out.
cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
lab_watchdog h1 kill
lab_cut mgr bmc1
cut_at=$(now_ms)
lab_freeze h1
soon 60 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
step "frozen behind a BMC that only hosts reach, to counting elsewhere: $(($(now_ms) - cut_at)) ms"
check "the proof is its power, read back off" equals "$(ha_proof h1)" power-off
check "an agent did it" grep -qE 'power off by ipmitool' <<<"$(our_words h2; our_words h3)"
check "no process of h1 is left" group_empty h1
