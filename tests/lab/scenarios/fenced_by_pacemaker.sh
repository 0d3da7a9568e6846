# Pacemaker on the hosts fences one with fence_ipmilan: its word is our proof, nobody cuts a second time.
PCMK_AGENT=fence_ipmilan
nvpair() { printf '<nvpair id="%s-%s" name="%s" value="%s"/>' "$1" "$2" "$2" "$3"; }

corosync_conf() {
  local host
  printf 'system {\n  sched_rr: no\n  move_to_root_cgroup: no\n  allow_knet_handle_fallback: yes\n}\n'
  printf 'totem {\n  version: 2\n  cluster_name: moldlab\n  transport: udpu\n  crypto_cipher: none\n  crypto_hash: none\n  token: 1000\n}\n'
  printf 'quorum {\n  provider: corosync_votequorum\n}\nlogging {\n  to_syslog: yes\n}\nnodelist {\n'
  for host in $(hosts); do
    printf '  node {\n    ring0_addr: %s\n    name: %s\n    nodeid: %s\n  }\n' "$(address_of "$host")" "$host" "${host#h}"
  done
  echo '}'
}

cib() {
  local host id
  echo '<cib crm_feature_set="3.0.14" validate-with="pacemaker-3.7" epoch="1" num_updates="0" admin_epoch="1">'
  echo '<configuration><crm_config><cluster_property_set id="options">'
  nvpair options dc-deadtime 4s
  nvpair options startup-fencing false
  nvpair options stonith-action off
  nvpair options load-threshold 1000%
  nvpair options node-action-limit 20
  echo '</cluster_property_set></crm_config><nodes/><resources>'
  for host in $(hosts); do
    id=fence-$host
    printf '<primitive id="%s" class="stonith" type="%s"><instance_attributes id="%s-params">' "$id" $PCMK_AGENT "$id"
    nvpair "$id" pcmk_host_list "$host"
    nvpair "$id" ip "$(address_of "bmc${host#h}")"
    nvpair "$id" username ADMIN
    nvpair "$id" password "$(cat $LAB/bmc.secret)"
    nvpair "$id" lanplus 1
    nvpair "$id" cipher 3
    nvpair "$id" power_wait 0
    echo '</instance_attributes></primitive>'
  done
  echo '</resources><constraints>'
  for host in $(hosts); do
    echo "<rsc_location id=\"not-$host\" rsc=\"fence-$host\" node=\"$host\" score=\"-INFINITY\"/>"
  done
  echo '</constraints></configuration><status/></cib>'
}

pacemaker_start() {  # HOST
  local root=$LAB/$1/root
  mkdir -p "$root/etc/corosync" "$root/var/lib/pacemaker/cib" "$root/var/lib/corosync"
  corosync_conf >"$root/etc/corosync/corosync.conf"
  (umask 077; rm -f "$root"/var/lib/pacemaker/cib/*; cib >"$root/var/lib/pacemaker/cib/cib.xml")
  chown -R hacluster:haclient "$root/var/lib/pacemaker/cib"
  machine_exec "$1" systemctl start --no-block corosync.service pacemaker.service
}

cluster_of_three() {
  [ "$(machine_exec h2 crm_mon --output-as=xml 2>/dev/null | grep -c '<node name=.*online="true"')" = 3 ] &&
    [ "$(machine_exec h2 crm_mon --output-as=xml 2>/dev/null | grep -c "resource_agent=\"stonith:$PCMK_AGENT\" role=\"Started\"")" = 3 ]
}
watched() { our_words h2 | grep -q 'watching what the Pacemaker cluster fences' || our_words h3 | grep -q 'watching what the Pacemaker cluster fences'; }
cuts_of() { grep -c 'set power 0$' "$LAB/$1/chassis.log" 2>/dev/null; }

cluster_vm vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
# Only Pacemaker can cut h1: whatever proves it dead did not come from our own power request.
api disableOutOfBandManagementForHost "hostid=$(cat $LAB/h1/id)" >/dev/null
for name in $(hosts); do pacemaker_start "$name"; done
soon 120 "Corosync and Pacemaker run on three hosts" cluster_of_three
soon 60 "an agent listens to Pacemaker" watched
lab_watchdog h1 kill
cut_at=$(now_ms)
lab_freeze h1
soon 60 "vm1 runs elsewhere" vm_runs_elsewhere vm1 h1
soon 20 "vm1 counts on its disk" vm_counts vm1
step "frozen to counting elsewhere, fenced by Pacemaker: $(($(now_ms) - cut_at)) ms"
check "the proof is Pacemaker's word" equals "$(ha_proof h1)" fenced-elsewhere
check "the ledger says who fenced it" grep -q 'pacemaker says that it fenced' <<<"$(ha_ledger h1)"
check "its power was cut once" equals "$(cuts_of h1)" 1
check "no process of h1 is left" group_empty h1
