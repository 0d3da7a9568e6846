# A host with VMs on two pools cannot reach one of them: only its VMs of that pool die, verified gone, and run
# elsewhere. The host stays up, and nobody else notices.
# storage: rbd
# The disks are in two places.
both_seen() { echo $LAB/view $LAB_POOL; }
# shellcheck disable=SC2046
vm_disk() { find $(both_seen) -type f -name "*$(vm_field "$1" .id)*" | head -1; }
watch_disks() { "$LAB_BIN/diskwatch" watch --interval-ms 20 $(both_seen) >$LAB/disks.jsonl 2>$LAB/disks.err & WATCH_PID=$!; }
one_writer() { "$LAB_BIN/diskwatch" check $(both_seen) >$LAB/check.json; }

zone=$(cat $LAB/zone)
second=$(api listStoragePools | jq -r '.storagepool[0] | "podid=\(.podid) clusterid=\(.clusterid)"')
api createStoragePool name=files "zoneid=$zone" $second scope=CLUSTER tags=files \
  url=SharedMountPoint://localhost/srv/pool >/dev/null || miss "the second pool"
api registerTemplate name=nano-file displaytext=nano format=RAW hypervisor=KVM "zoneid=$zone" \
  url=file:///srv/pool/templates/nano.img ostypeid=1 >/dev/null || miss "its template"
api createServiceOffering name=nano-files displaytext=nano cpunumber=1 cpuspeed=100 memory=32 offerha=true \
  tags=files >/dev/null || miss "its offering"
file_vm() { lab_hactl vm deploy "$1" --offering nano-files --template nano-file --host "$2" >>$LAB/hactl.log 2>&1; }
held_by() { [ "$(machine_exec "$1" /usr/libexec/mold/mold-heartbeat --status | grep -ci 'lease held')" -ge 2 ]; }
for host in $(hosts); do soon 30 "$host holds its lease on both pools" held_by "$host"; done

cluster_vm ceph1 h1 && cluster_vm ceph2 h2 && file_vm file1 h1 && file_vm file2 h2
for vm in ceph1 ceph2 file1 file2; do soon 20 "$vm counts on its disk" vm_counts $vm; done
declare -A run disk id
for vm in ceph1 ceph2 file1 file2; do run[$vm]=$(vm_run $vm) disk[$vm]=$(vm_disk $vm) id[$vm]=$(vm_field $vm .id); done
check "the disks are on two pools" equals "$(dirname "${disk[ceph1]}") $(dirname "${disk[file1]}")" "$LAB/view $LAB_POOL"
watch_disks
lab_wait 10 "the disks are watched" test -s $LAB/disks.jsonl

ceph_cut h1
soon 30 "ceph1 is gone from h1" not pgrep_in h1 "${id[ceph1]}"
check "h1 killed it itself" grep -q 'killed process' <<<"$(our_words h1)"
check "file1 is still there" pgrep_in h1 "${id[file1]}"
pool_says() { lab_hactl pool show pool1 -o json | jq -e '.hosts[] | select(.hostname == "h1" and .state == "Down" and (.reason | length) > 10)'; }
soon 60 "hactl says why h1 cannot use that pool" pool_says
check "hactl status says it" grep -q 'pool pool1 cannot be used on h1: ' <<<"$(lab_hactl status)"
soon 90 "ceph1 runs elsewhere" vm_runs_elsewhere ceph1 h1
soon 20 "ceph1 counts on its disk" vm_counts ceph1
check "h1 was not reset" machine_is_up h1
check "no power was cut" no_fence_of h1
ceph_heal h1
soon 60 "h1 is Available" ha_is h1 Available
unwatch_disks
# The guest counts four times a second; all that was told of its disk is that it ran when we began to look:
# it never stood still for a second and a half.
never_stood_still() { equals "$(jq -rs --arg disk "${disk[$1]}" '[.[] | select(.disk == $disk) | .event] | join(" ")' $LAB/disks.jsonl)" run; }
for vm in ceph2 file1 file2; do
  check "$vm is the same run" equals "$(vm_run $vm)" "${run[$vm]}"
  check "$vm is in its first generation" equals "$(vm_generation $vm)" 1
  check "$vm never stood still" never_stood_still $vm
  soon 5 "$vm counts on its disk" vm_counts $vm
done
check "file1 is still on h1" vm_runs_on file1 h1
check "ceph1 is in its second generation" equals "$(vm_generation ceph1)" 2
