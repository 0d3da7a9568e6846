# The manager is killed with -9 in the middle of a failover: it takes up where it was.
cluster_vm vm1 h1 && cluster_vm vm2 h1
for vm in vm1 vm2; do soon 20 "$vm counts on its disk" vm_counts $vm; done
lab_kill h1
for round in 1 2 3; do
  sleep 1.7  # into detection, into fencing, into restarting: wherever it hits
  machine_exec mgr systemctl kill -s KILL mold-manager.service
done
soon 60 "the manager answers" lab_hactl zone list
for vm in vm1 vm2; do
  soon 60 "$vm runs elsewhere" vm_runs_elsewhere $vm h1
  soon 20 "$vm counts on its disk" vm_counts $vm
done
check "h1 is Fenced" ha_is h1 Fenced
