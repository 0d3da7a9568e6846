# Disks on Ceph, host and BMC die together: the host is isolated from the storage, which proves that its VMs
# write no more, and they run again without waiting for any lease. Booted anew it gets its access back.
# storage: rbd
cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
lab_bmc h1 down
lab_kill h1
soon 60 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
check "the proof is the isolation" equals "$(ha_proof h1)" storage-isolated
check "its client is on the blocklist" ceph_lists_some
soon 60 "h1 is Fenced: nobody tries to cut its power any more" ha_is h1 Fenced
lab_bmc h1 up
lab_poweron h1
soon 90 "h1 is back" ha_is h1 Available
soon 30 "nothing of ours is left on the blocklist" ceph_lists_none
