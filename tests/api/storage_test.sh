#!/bin/bash
# Storage pools of every kind against a live manager whose Ceph is one in memory (live_manager.cc): rows,
# bad input, keys that never come out, maintenance, deletion.
export MOLD_LOG=stderr
. "$(dirname "$0")/lib.sh"
start_manager
make_place
none=00000000-0000-4000-8000-00000000dead
said=$work/said
: >"$said"
ask() { admin "$@" | tee -a "$said"; }
# As the fake has them; the second form is what CloudStack's pages write.
ceph_key='a2FuYXJpLUNlcGgtTW9sZD8/Pz8/Pj4+Pj4='
ceph_key_url='a2FuYXJpLUNlcGgtTW9sZD8_Pz8_Pj4-Pj4='
weak='a2FuYXJpLUNlcGgtV2VhazAwMDAwMDAwMDA='
wrong='a2FuYXJpLXdyb25nLWtleS0wMDAwMDAwMDA='
escaped() { printf '%s' "$1" | sed 's:/:%2F:g; s:+:%2B:g; s:=:%3D:g'; }
create() { ask createStoragePool "name=$1" "url=$2" "zoneid=$zone" "clusterid=$cluster" "${@:3}"; }
made() { jq -r '.createstoragepoolresponse|.storagepool.id // .errortext'; }
row() { admin listStoragePools "id=$1" | jq -c .liststoragepoolsresponse.storagepool[0]; }
code() { jq -rc '.[]|[.errorcode,.cserrorcode]'; }

# ---- what makes no sense ----
check "no name" "$(ask createStoragePool url=nfs://a/b "zoneid=$zone" "clusterid=$cluster" | code)" '[431,9999]'
check "no url" "$(ask createStoragePool name=x "zoneid=$zone" "clusterid=$cluster" | code)" '[431,9999]'
check "no zone" "$(ask createStoragePool name=x url=nfs://a/b "clusterid=$cluster" | code)" '[431,9999]'
check "no cluster" "$(ask createStoragePool name=x url=nfs://a/b "zoneid=$zone" | code)" '[431,9999]'
check "unknown cluster" "$(ask createStoragePool name=x url=nfs://a/b "zoneid=$zone" "clusterid=$none" | code)" '[431,9999]'
check "unknown pod" "$(create x nfs://a/b "podid=$none" | code)" '[431,9999]'
for url in iscsi://a/b nfs://a nfs:///e SharedMountPoint://localhost clvm://localhost/a/b Filesystem:///x \
  Filesystem://h7/x rbd://mon rbd://mold@mon/vms "rbd://mold:%zz@mon/vms" /srv/x; do
  check "url $url" "$(create x "$url" | code)" '[431,9999]'
done
check "scope of a shared one" "$(create x nfs://a/b scope=ZONE | code)" '[431,9999]'
check "scope of a local one" "$(create x Filesystem://h1/srv/l scope=CLUSTER | code)" '[431,9999]'
check "policy" "$(create x nfs://a/b policy=shrug | code)" '[431,9999]'
check "other details" "$(create x nfs://a/b 'details[0].nfsmountopts=vers=3' | code)" '[431,9999]'
check "managed" "$(create x nfs://a/b managed=true | code)" '[431,9999]'
check "tag rule" "$(create x nfs://a/b istagarule=true | code)" '[431,9999]'
check "negative size" "$(create x nfs://a/b capacitybytes=-1 | code)" '[431,9999]'
check "nothing was made" "$(admin listStoragePools)" '{"liststoragepoolsresponse":{}}'

# ---- the kinds ----
nfs=$(create nfs1 nfs://filer:2049/export/vms tags=ssd,gold policy=pause provider=DefaultPrimary | made)
check_jq "NFS" "$(row "$nfs")" '[.type,.scope,.state,.ipaddress,.path,.tags,.policy,.provider,.hypervisor,.managed]' \
  '["NetworkFilesystem","CLUSTER","Up","filer:2049","/export/vms","ssd,gold","pause","DefaultPrimary","KVM",false]'
check_jq "where it is mounted" "$(row "$nfs")" .details.mountpath "/mnt/$nfs"
check_jq "its hosts" "$(row "$nfs")" '.hosts|map([.hostname,.state,.reason])' '[["h1","Unknown","its agent is silent"]]'
smp=$(create smp1 SharedMountPoint://localhost/srv/pool 'details[0].policy=reset-host' | made)
check_jq "directory" "$(row "$smp")" '[.type,.path,.ipaddress,.policy,.details.policy]' '["SharedMountPoint","/srv/pool","localhost","reset-host","reset-host"]'
clvm=$(create clvm1 clvm://localhost/vg0 | made)
check_jq "CLVM" "$(row "$clvm")" '[.type,.path,.policy]' '["CLVM","/vg0","kill-vms"]'
local_pool=$(create local1 Filesystem://h1/srv/local tags=local | made)
check_jq "local" "$(row "$local_pool")" '[.type,.scope,.path,.ipaddress,.details.heartbeat]' '["Filesystem","HOST","/srv/local","h1","false"]'
check "path taken" "$(create x SharedMountPoint://localhost/srv/pool | code)" '[536,4375]'
check "export taken" "$(create x nfs://filer:2049/export/vms | code)" '[536,4375]'
check "name taken" "$(create nfs1 nfs://filer/other | code)" '[536,4375]'
check "host with a local pool" "$(status_of "$inner?command=deleteHost&id=$host&forced=true")" 536
check_jq "by status" "$(admin listStoragePools status=up)" .liststoragepoolsresponse.count 4
check_jq "by address" "$(admin listStoragePools ipaddress=filer:2049)" .liststoragepoolsresponse.storagepool[0].name nfs1
check_jq "by path" "$(admin listStoragePools path=/export/vms)" .liststoragepoolsresponse.storagepool[0].name nfs1
check_jq "by scope" "$(admin listStoragePools scope=host)" .liststoragepoolsresponse.storagepool[0].name local1
check_jq "by host" "$(admin listStoragePools "hostid=$host" keyword=LOCAL)" .liststoragepoolsresponse.count 1
check "XML" "$(curl -s "$inner?command=listStoragePools&name=clvm1" | grep -c '<policy>kill-vms</policy>')" 1

# ---- RBD ----
answer=$(create rbd1 "rbd://weak:$(escaped "$weak")@fake/vms")
check "may not fence" "$(printf '%s' "$answer" | code)" '[531,4365]'
check "what to do about it" "$(printf '%s' "$answer" | grep -c 'ceph auth caps client.weak')" 1
check "wrong key" "$(create rbd1 "rbd://mold:$wrong@fake/vms" | jq -r '.[].errorcode' | grep -c '^53')" 1
check "no such pool" "$(create rbd1 "rbd://mold:$ceph_key@fake/none" | jq -r '.[].errorcode' | grep -c '^[45]3')" 1
rbd=$(create rbd1 "rbd://mold:$(escaped "$ceph_key")@fake/vms" | made)
check_jq "RBD" "$(row "$rbd")" '[.type,.state,.ipaddress,.path,.details.user,.details.cephx,(.details.fsid|length>0),(.disksizetotal>0)]' \
  '["RBD","Up","fake","vms","mold","true",true,true]'
for _ in $(seq 1 50); do
  [ "$(row "$rbd" | jq .hosts[0].haskey)" = true ] && break
  sleep 0.1
done
check_jq "the host has its key" "$(row "$rbd")" .hosts[0].haskey true
check "same pool again" "$(create x "rbd://mold:$ceph_key_url@fake/vms" | code)" '[536,4375]'
more=$(create rbd2 "rbd://mold:$ceph_key_url@fake/more" | made)
check_jq "key in the form for URLs" "$(row "$more")" .path more
rm_code=$(admin deleteStoragePool "id=$more" | jq .deletestoragepoolresponse.success)
check "deleted" "$rm_code" true
check "malformed, with a key" "$(create x "rbd://mold:$ceph_key/vms" | code)" '[431,9999]'
check "signed" "$(signed createStoragePool name=x "url=rbd://mold:$wrong@fake/vms" "zoneid=$zone" "clusterid=$cluster" | tee -a "$said" | jq -r '.[].errorcode' | grep -c '^53')" 1

# ---- changes ----
change() { ask updateStoragePool "$@"; }
check_jq "updated" "$(change "id=$nfs" name=nfs2 tags=gold policy=log-only)" \
  '.updatestoragepoolresponse.storagepool|[.name,.tags,.policy,.state]' '["nfs2","gold","log-only","Up"]'
check_jq "disabled" "$(change "id=$nfs" enabled=false)" .updatestoragepoolresponse.storagepool.state Disabled
check_jq "enabled" "$(change "id=$nfs" enabled=true)" .updatestoragepoolresponse.storagepool.state Up
check "unknown pool" "$(change "id=$none" name=x | code)" '[431,9999]'
check "policy" "$(change "id=$nfs" policy=shrug | code)" '[431,9999]'
check "name taken" "$(change "id=$nfs" name=smp1 | code)" '[536,4375]'
check "its place stays" "$(change "id=$nfs" url=nfs://filer/other | code)" '[431,9999]'
check "another Ceph pool" "$(change "id=$rbd" "url=rbd://mold:$ceph_key@fake/more" | code)" '[431,9999]'
check "a user that may not fence" "$(change "id=$rbd" "url=rbd://weak:$weak@fake/vms" | code)" '[531,4365]'
check_jq "other monitors" "$(change "id=$rbd" "url=rbd://mold:$ceph_key@fake,fake2:3300/vms")" .updatestoragepoolresponse.storagepool.ipaddress "fake,fake2:3300"

# ---- where a VM goes ----
template=$(admin registerTemplate name=nano url=file:///srv/pool/t/nano.img format=RAW hypervisor=KVM | jq -r '.registertemplateresponse.template[0].id')
snapshot=$(admin registerTemplate name=gold url=rbd:vms/nano@gold format=RAW hypervisor=KVM | jq -r '.registertemplateresponse.template[0].id')
check "snapshot" "${#snapshot}" 36
check "snapshot, QCOW2" "$(status_of "$inner?command=registerTemplate&name=x&url=rbd:vms/nano@gold&format=QCOW2&hypervisor=KVM")" 431
check "snapshot, malformed" "$(status_of "$inner?command=registerTemplate&name=x&url=rbd:vms/na%2Fno@gold&format=RAW&hypervisor=KVM")" 431
offering() { admin createServiceOffering "name=$1" cpunumber=1 cpuspeed=500 memory=64 "tags=$2" | jq -r .createserviceofferingresponse.serviceoffering.id; }
gold=$(offering gold gold)
odd=$(offering odd nowhere)
plain=$(offering plain '')
on_disk=$(offering on_disk local)
deploy() { ask deployVirtualMachine "zoneid=$zone" startvm=false "name=$1" "serviceofferingid=$2" "templateid=$3"; }
pool_type() { admin listVirtualMachines "id=$1" | jq -r .listvirtualmachinesresponse.virtualmachine[0].pooltype; }
check "no pool with these tags" "$(deploy v0 "$odd" "$template" | code)" '[533,4325]'
vm=$(deploy v1 "$gold" "$template" | jq -r .deployvirtualmachineresponse.id)
check "by its tags" "$(pool_type "$vm")" NetworkFilesystem
clone=$(deploy v2 "$plain" "$snapshot" | jq -r .deployvirtualmachineresponse.id)
check "where its snapshot is" "$(pool_type "$clone")" RBD
check "to the host's own disk" "$(pool_type "$(deploy v3 "$on_disk" "$template" | jq -r .deployvirtualmachineresponse.id)")" Filesystem
change "id=$nfs" enabled=false >/dev/null
check "a disabled pool takes none" "$(deploy v4 "$gold" "$template" | code)" '[533,4325]'
change "id=$nfs" enabled=true >/dev/null

# ---- maintenance ----
maintain() { ask "$1" "id=$2" | jq -r '.[].jobid // .[].errorcode'; }
check "unknown" "$(maintain enableStorageMaintenance "$none")" 431
check "not in it" "$(maintain cancelStorageMaintenance "$smp")" 536
check_jq "names of the answers" "$(admin enableStorageMaintenance "id=$smp")" 'keys[0]' prepareprimarystorageformaintenanceresponse
for _ in $(seq 1 50); do
  [ "$(row "$smp" | jq -r .state)" = Maintenance ] && break
  sleep 0.1
done
check_jq "in maintenance" "$(row "$smp")" '[.state,.hosts[0].state]' '["Maintenance","Disconnected"]'
check "twice" "$(maintain enableStorageMaintenance "$smp")" 536
check "no change of state meanwhile" "$(change "id=$smp" enabled=true | code)" '[536,4375]'
answer=$(admin cancelStorageMaintenance "id=$smp")
check_jq "names of the answers" "$answer" 'keys[0]' cancelprimarystoragemaintenanceresponse
job=$(wait_job "$(printf '%s' "$answer" | jq -r '.[].jobid')")
check_jq "back" "$job" '.queryasyncjobresultresponse|[.jobstatus,.jobinstancetype,.jobresult.storagepool.state]' '[1,"StoragePool","Up"]'
check_jq "its events" "$(admin listEvents type=MAINT.PREPARE.PS)" '.listeventsresponse.event[0]|[.state,.resourcetype]' '["Completed","StoragePool"]'

# ---- the end ----
check "in use" "$(ask deleteStoragePool "id=$rbd" | code)" '[536,4375]'
check "in use, by force" "$(ask deleteStoragePool "id=$rbd" forced=true | code)" '[536,4375]'
check "unknown" "$(ask deleteStoragePool "id=$none" | code)" '[431,9999]'
# Their disks were never made: no host is up. They end as destroyed ones.
wait_job "$(admin destroyVirtualMachine "id=$clone" | jq -r .destroyvirtualmachineresponse.jobid)" >/dev/null
check_jq "destroyed" "$(admin listVirtualMachines "id=$clone")" .listvirtualmachinesresponse.virtualmachine[0].state Destroyed
users() { admin listCephUsers | jq -rc '[.listcephusersresponse.cephuser//[]|.[]|[.hostname,.state,.pools]]'; }
check "the host's user in Ceph" "$(users)" '[["h1","Granted","vms"]]'
check "it is in use" "$(ask forgetCephUser "user=$(admin listCephUsers | jq -r .listcephusersresponse.cephuser[0].user)" fsid=x | code)" '[431,4350]'
check "destroyed VMs hold it" "$(ask deleteStoragePool "id=$rbd" | code)" '[536,4375]'
check_jq "unless by force" "$(ask deleteStoragePool "id=$rbd" forced=true)" .deletestoragepoolresponse.success true
for _ in $(seq 1 50); do
  [ "$(users)" = '[]' ] && break
  sleep 0.1
done
check "and the user is removed from Ceph" "$(users)" '[]'
check_jq "which forgets them" "$(admin listVirtualMachines name=v2)" .listvirtualmachinesresponse '{}'

# ---- no key comes out ----
rbd=$(create rbd3 "rbd://mold:$(escaped "$ceph_key")@fake/vms" | made)
for command in listStoragePools listEvents listAsyncJobs listHosts listCapacity listConfigurations; do ask "$command" >/dev/null; done
curl -s "$inner?command=listStoragePools" >>"$said"
look() {
  local canary plain hex
  for canary in "$ceph_key" "$ceph_key_url" "$weak" "$wrong"; do
    plain=$(printf '%s' "$canary" | tr -- '-_' '+/' | base64 -d | head -c 12)
    hex=$(printf '%s' "$plain" | od -An -tx1 | tr -d ' \n')
    check "$1: ${canary:0:20}" "$(grep -raF -e "${canary:0:20}" "$state" "$work/log" "$said" | wc -l)" 0
    check "$1: decoded" "$(grep -raF -e "$plain" -e "$hex" "$state" "$work/log" "$said" | wc -l)" 0
  done
}
look "alive"
kill_manager
look "after a crash"
start_manager
check_jq "it is there" "$(row "$rbd")" '[.name,.hosts[0].haskey]' '["rbd3",true]'
check_jq "and its URL can be changed" "$(ask updateStoragePool "id=$rbd" "url=rbd://mold:$ceph_key@fake/vms")" .updatestoragepoolresponse.storagepool.name rbd3
look "after a restart"
printf 'x%sx' "$ceph_key" >"$state/planted"
check "a planted one is found" "$(grep -raF -e "${ceph_key:0:20}" "$state" | wc -l)" 1
finish
