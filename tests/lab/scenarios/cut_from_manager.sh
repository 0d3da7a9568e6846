# Only the link between host and manager is cut; the storage beat goes on: nobody is fenced.
cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
run=$(vm_run vm1)
lab_cut h1 mgr
soon 30 "h1 is shown as Degraded" ha_is h1 Degraded
check "with the reason" grep -q 'cut off' <<<"$(ha_reason h1)"
stays 20 "h1 stays Degraded" ha_is h1 Degraded
check "no power was cut" no_fence_of h1
soon 10 "vm1 still counts" vm_counts vm1
check "it is the same run of vm1" equals "$(vm_run vm1)" "$run"
lab_restore h1 mgr
soon 30 "h1 heals by itself" ha_is h1 Available
check "vm1 is in its first generation" equals "$(vm_generation vm1)" 1
check "it is the same run of vm1" equals "$(vm_run vm1)" "$run"
