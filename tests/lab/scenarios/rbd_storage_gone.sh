# All storage stands still for everybody for a minute: nobody is fenced, no VM is started twice, and both run
# when it is back. (Their hosts end them meanwhile, as the pool's policy says.)
# storage: rbd
cluster_vm vm1 h1
cluster_vm vm2 h2
for vm in vm1 vm2; do soon 20 "$vm counts on its disk" vm_counts $vm; done
watch_disks
sleep 1
ceph_freeze
sleep 60
ceph_thaw
for vm in vm1 vm2; do
  soon 90 "$vm runs" vm_is_up $vm
  soon 30 "$vm counts on its disk" vm_counts $vm
  check "$vm ran twice at most" [ "$(runs_seen $vm)" -le 2 ]
  check "$vm was seen" [ "$(runs_seen $vm)" -ge 1 ]
done
for host in h1 h2 h3; do
  check "$host was left alone" no_fence_of $host
  check "$host was not isolated" not_isolated $host
  soon 30 "$host is Available" ha_is $host Available
done
