# A cluster of the product in a lab that is up: zone, hosts enrolled over mutual TLS, pool, BMCs, HA,
# template and offering, all through the manager's web API as an operator would. For demo and scenarios.
#
#   cluster_up                  everything, until every host is Available and may take VMs
#   cluster_vm NAME HOST        deploys one HA guest there
#   vm_host NAME, vm_state NAME, vm_generation NAME, vm_disk NAME
#   ha_state HOST, ha_reason HOST

api() { lab_hactl api "$@" 2>>$LAB/hactl.err; }
field() { jq -er "$1"; }

CLUSTER_POOL=pool1
CLUSTER_OFFERING=nano
CLUSTER_TEMPLATE=nano

cluster_up() {
  local started zone pod cluster name
  started=$(now_ms)
  lab_wait 30 "the manager's key file" test -s $LAB/mgr/root/var/lib/mold-manager/admin.conf || return 1
  machine_exec mgr ln -sf /var/lib/mold-manager/admin.conf /etc/mold/hactl.conf
  lab_wait 30 "the manager answers" lab_hactl zone list || return 1
  zone=$(api createZone name=zone1 networktype=Basic | field '.zone.id') || return 1
  pod=$(api createPod name=pod1 "zoneid=$zone" | field '.pod.id') || return 1
  cluster=$(api addCluster clustername=cluster1 "zoneid=$zone" "podid=$pod" hypervisor=KVM \
    clustertype=CloudManaged | field '.cluster[0].id') || return 1
  write_file $LAB/zone "$zone"
  mkdir -p $LAB_POOL/templates
  cp $LAB/bin/nano.img $LAB_POOL/templates/nano.img
  api createStoragePool name=$CLUSTER_POOL "zoneid=$zone" "podid=$pod" "clusterid=$cluster" scope=CLUSTER \
    "url=$(cluster_pool_url)" >/dev/null || return 1
  api registerTemplate name=$CLUSTER_TEMPLATE displaytext=nano format=RAW hypervisor=KVM "zoneid=$zone" \
    "url=$(cluster_template_url)" ostypeid=1 >/dev/null || return 1
  api createServiceOffering name=$CLUSTER_OFFERING displaytext=nano cpunumber=1 cpuspeed=100 memory=32 \
    offerha=true >/dev/null || return 1
  for name in $(hosts); do
    cluster_enrol "$name" "$zone" "$pod" "$cluster" || return 1
  done
  for name in $(hosts); do
    lab_wait 30 "$name is Available" ha_is "$name" Available || return 1
  done
  lab_wait 30 "every host holds its lease" cluster_leases_held || return 1
  say "cluster of $(hosts | wc -l) hosts is ready after $(($(now_ms) - started)) ms"
}

# Where the VMs' disks are, as the manager is told: by what the lab was brought up with.
cluster_pool_url() {
  case $(cat $LAB/storage.kind) in
    rbd) sed -n 's/^LAB_CEPH_URL=//p' $LAB/ceph.env ;;
    nfs) if kernel_mounts_nfs; then sed -n 's/^LAB_NFS_URL=//p' $LAB/nfs.env; else echo SharedMountPoint://localhost/srv/pool; fi ;;
    *) echo SharedMountPoint://localhost/srv/pool ;;
  esac
}

# Else the hosts have what the server exports at /srv/pool, by other means.
kernel_mounts_nfs() { grep -qw nfs4 /proc/filesystems; }

# On Ceph the template is a protected snapshot, of which disks are clones.
cluster_template_url() {
  if ! ceph_is_here; then echo "file://$(cluster_pool_path)/templates/nano.img"; return; fi
  { ceph_rbd import --no-progress $LAB/bin/nano.img "$CEPH_POOL/nano" && ceph_rbd snap create "$CEPH_POOL/nano@base" &&
    ceph_rbd snap protect "$CEPH_POOL/nano@base"; } >>"$CEPH_DIR/log/make.log" 2>&1 || return 1
  echo "rbd:$CEPH_POOL/nano@base"
}

cluster_pool_path() { api listStoragePools name=$CLUSTER_POOL | field '.storagepool[0] | .details.mountpath // .path'; }

cluster_enrol() {  # NAME ZONE POD CLUSTER
  local name=$1 answer id token
  answer=$(api addHost "url=kvm://$name" hypervisor=KVM "zoneid=$2" "podid=$3" "clusterid=$4") || return 1
  id=$(field '.host[0].id' <<<"$answer") && token=$(field '.host[0].enrolmenttoken' <<<"$answer") || return 1
  write_file "$LAB/$name/id" "$id"
  # The manager may be slow on a busy machine; an enrolment that did not get through may be repeated.
  (umask 077; write_file "$LAB/$name/root/root/enrol.token" "$token")
  lab_wait 60 "$name is enrolled" cluster_try_enrol "$name" || return 1
  rm -f "$LAB/$name/root/root/enrol.token"
  machine_exec "$name" systemctl restart mold-heartbeat.service mold-agentd.service || return 1
  (umask 077; cp $LAB/bmc.secret $LAB/mgr/root/root/bmc.secret)
  api configureOutOfBandManagement "hostid=$id" driver=ipmitool "address=$(address_of "bmc${name#h}")" port=623 \
    username=ADMIN password=@/root/bmc.secret >/dev/null || return 1
  rm -f $LAB/mgr/root/root/bmc.secret
  api enableOutOfBandManagementForHost "hostid=$id" >/dev/null || return 1
  api configureHAForHost "hostid=$id" provider=kvmhaprovider >/dev/null || return 1
  api enableHAForHost "hostid=$id" >/dev/null || return 1
}

cluster_try_enrol() {
  [ -s "$LAB/$1/root/var/lib/mold/agentd/host.id" ] ||
    machine_exec "$1" mold-agentd enrol --manager "https://$(address_of mgr):8250" \
      --token-file /root/enrol.token >>"$LAB/$1/enrol.log" 2>&1
}

cluster_leases_held() {
  local name
  for name in $(hosts); do
    machine_exec "$name" /usr/libexec/mold/mold-heartbeat --status | grep -qi 'held' || return 1
  done
}

cluster_vm() {  # NAME HOST
  lab_hactl vm deploy "$1" --offering $CLUSTER_OFFERING --template $CLUSTER_TEMPLATE --host "$2" >>$LAB/hactl.log 2>&1 ||
    { warn "$1 was not deployed: $(tail -3 $LAB/hactl.log)"; return 1; }
}

vm_field() { lab_hactl vm show "$1" -o json | jq -er "$2"; }
vm_host() { vm_field "$1" '.hostname'; }
vm_state() { vm_field "$1" '.state'; }
vm_generation() { vm_field "$1" '.generation'; }
vm_runs_on() { [ "$(vm_state "$1")" = Running ] && [ "$(vm_host "$1")" = "$2" ]; }
vm_runs_elsewhere() { [ "$(vm_state "$1")" = Running ] && [ "$(vm_host "$1")" != "$2" ]; }
# Where its disk can be read from outside: in the backing directory, or as the copy that rbdview keeps.
vm_disk() {
  local id
  id=$(vm_field "$1" '.id') || return 1
  find "$(disks_seen)" -type f -name "*$id*" | head -1
}
disks_seen() { if ceph_is_here; then echo $LAB/view; else echo $LAB_POOL; fi; }
disk_of() { "$LAB_BIN/diskwatch" show "$1" 2>/dev/null; }
vm_count() { disk_of "$(vm_disk "$1")" | jq -er '.count'; }
vm_run() { disk_of "$(vm_disk "$1")" | jq -er '.run'; }
vm_counts() {  # it moves
  local before after
  before=$(vm_count "$1") || return 1
  sleep 0.6
  after=$(vm_count "$1") && [ "$after" -gt "$before" ]
}
vm_is_up() { [ "$(vm_state "$1")" = Running ]; }
fence_vm() { lab_hactl vm fence "$1" >>$LAB/hactl.log 2>&1; }
# How many runs of its guest were seen on its disk.
runs_seen() { jq -r --arg disk "$(vm_disk "$1")" 'select(.disk == $disk and .event == "run") | .run' $LAB/disks.jsonl | sort -u | wc -l; }
qemu_of() { group_pids "$1" | xargs -r ps -o pid=,args= -p | grep -- qemu-system | grep -F -- "$(vm_field "$2" '.instancename')" | awk '{print $1; exit}'; }  # HOST VM

ha_field() { lab_hactl host show "$1" -o json | jq -er "$2"; }
ha_state() { ha_field "$1" '.hostha.hastate'; }
ha_reason() { ha_field "$1" '.hastatereason'; }
ha_is() { [ "$(ha_state "$1")" = "$2" ]; }
ha_proof() { lab_hactl api explainHostHa "hostid=$(cat "$LAB/$1/id")" | jq -er '.haexplanation.proof.method'; }
not_isolated() { ! lab_hactl ha explain "$1" | grep -q '^ *isolation from'; }
# Ledger lines of a kind with what they say.
ha_ledger() {
  local page=0 rows lines
  while page=$((page + 1)); do
    rows=$(lab_hactl api listHaEvidence "hostid=$(cat "$LAB/$1/id")" pagesize=500 page=$page) || return 1
    lines=$(jq -r '.haevidence[]? | "\(.created) \(.kind) \(.text)"' <<<"$rows") || return 1
    [ -z "$lines" ] || echo "$lines"
    [ "$(jq '.haevidence | length' <<<"$rows")" -eq 500 ] || return 0
  done
}
