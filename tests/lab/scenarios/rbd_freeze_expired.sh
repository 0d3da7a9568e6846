# A host stands still, its BMC is dead and its watchdog broken; the entries that keep its QEMU from writing run out
# (the clock forced) before it is thawed. Its VM runs elsewhere, and the old QEMU still writes nothing.
# storage: rbd
cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
freeze_until_isolated h1 vm1
run=$(vm_run vm1)
# What frees the VM comes first, the rest of the host's clients are listed a moment later.
soon 20 "h1 is Fenced" ha_is h1 Fenced
check "its clients are listed" ceph_lists_some
expire_all() {
  local client
  for client in $(ceph_blocklist | jq -r '.[].addr'); do ceph_expire "$client"; done
  ceph_lists_none
}
soon 30 "all entries have run out" expire_all
check "the old QEMU is still there" pgrep_in h1 qemu-system
lab_thaw h1
stays 15 "vm1 goes on where it is" vm_runs_elsewhere vm1 h1
check "it is the same run of vm1" equals "$(vm_run vm1)" "$run"
soon 60 "no QEMU of h1 is left" not pgrep_in h1 qemu-system
soon 10 "vm1 still counts" vm_counts vm1
