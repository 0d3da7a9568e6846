# Agent killed with -9, libvirtd restarted, heartbeat killed: VMs go on, no HA action.
cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
run=$(vm_run vm1)
machine_exec h1 systemctl kill -s KILL mold-agentd.service
soon 30 "the agent is back" machine_exec h1 systemctl is-active mold-agentd.service
stays 5 "h1 is not fenced" not ha_is h1 Fenced
soon 30 "h1 is Available" ha_is h1 Available
machine_exec h1 systemctl restart libvirtd.service
stays 5 "vm1 runs on h1" vm_runs_on vm1 h1
machine_exec h1 systemctl kill -s KILL mold-heartbeat.service
soon 30 "the heartbeat is back" machine_exec h1 systemctl is-active mold-heartbeat.service
soon 30 "h1 is Available" ha_is h1 Available
stays 5 "vm1 runs on h1" vm_runs_on vm1 h1
soon 10 "vm1 still counts" vm_counts vm1
check "it is the same run of vm1" equals "$(vm_run vm1)" "$run"
check "vm1 is in its first generation" equals "$(vm_generation vm1)" 1
check "no power was cut" no_fence_of h1
soon 30 "a stop is still obeyed" lab_hactl vm stop vm1 --force
soon 30 "and a start" lab_hactl vm start vm1
soon 20 "vm1 counts on its disk" vm_counts vm1
