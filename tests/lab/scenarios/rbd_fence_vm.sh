# A QEMU hangs on a host that lives: an operator fences this VM alone. It runs elsewhere, the hanging one is ended
# without having written again, and its neighbour does not notice.
# storage: rbd
cluster_vm vm1 h1
cluster_vm vm2 h1
for vm in vm1 vm2; do soon 20 "$vm counts on its disk" vm_counts $vm; done
hung=$(qemu_of h1 vm1)
check "the QEMU of vm1 is found" [ -n "$hung" ]
kill -STOP "$hung"
soon 30 "vm1 is fenced" fence_vm vm1
soon 30 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
soon 30 "the QEMU that hung is ended" not kill -0 "$hung"
check "h1 was left alone" no_fence_of h1
check "h1 was not isolated" not_isolated h1
check "vm2 was left alone" equals "$(vm_generation vm2)" 1
soon 20 "vm2 counts on its disk" vm_counts vm2
soon 60 "nothing of ours is left on the blocklist" ceph_lists_none
