# A host stands still, its BMC is dead and its watchdog broken; its VM runs elsewhere. Thawed after longer than Ceph
# keeps an entry of its own accord (an hour; here one second), its old QEMU writes nothing.
# storage: rbd
cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
check "Ceph's own time is 1 s" ceph_admin config set mon mon_osd_blocklist_default_expire 1
freeze_until_isolated h1 vm1
run=$(vm_run vm1)
stays 10 "its clients are listed" ceph_lists_some
check "the old QEMU is still there" pgrep_in h1 qemu-system
lab_thaw h1
in_months() { ceph_blocklist | jq -e --arg least "$(date -d '+300 days' +%FT%T)" 'length > 0 and all(.[]; .until > $least)' >/dev/null; }
check "its clients are listed for at least 300 days" in_months
stays 10 "vm1 goes on where it is" vm_runs_elsewhere vm1 h1
check "it is the same run of vm1" equals "$(vm_run vm1)" "$run"
soon 30 "no QEMU of h1 is left" not pgrep_in h1 qemu-system
soon 10 "vm1 still counts" vm_counts vm1
