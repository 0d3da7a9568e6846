#!/bin/bash
# Proves the lab's storage servers, without the product. usage: sudo tests/lab/storage_selftest.sh ceph|nfs
#   ceph  a guest of a host runs on an image of its own user; the manager's user may fence it and may do
#         nothing else; each fault does what it says; nothing is left behind
#   nfs   one directory through the server and through the hosts' mounts; its faults
set -u
[ "$(id -u)" = 0 ] || { echo "storage_selftest: needs root"; exit 77; }
LAB_SOURCE=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
for part in common cgroup network storage ceph nfs watchdog bmc image product machine expect; do
  . "$LAB_SOURCE/lib/$part.sh"
done
lab=$LAB_SOURCE/lab
bundle=/tmp/mold-lab-storage-bundle

on() { timeout 30 "$lab" shell "$@"; }
virsh_on() { local host=$1; shift; on "$host" virsh -q -c qemu:///system "$@"; }
reaches() { on "$1" timeout 2 bash -c "exec 3<>/dev/tcp/$2/$3"; }
equals() { [ "$1" = "$2" ]; }

# ---- Ceph --------------------------------------------------------------------------------------------
SECRET_UUID=3f0c1a9e-5f6d-4f5e-9b0e-0c1d2e3f4a5b

as_manager() { ceph_as $CEPH_MANAGER "$CEPH_DIR/manager.keyring" "$@"; }
as_host() { local host=$1; shift; ceph_as "$(ceph_user_of "$host")" "$CEPH_DIR/$(ceph_user_of "$host").keyring" "$@"; }
user() { echo "client.$(ceph_user_of "$1")"; }
give_access() { as_manager ceph auth caps "$(user "$1")" mon 'profile rbd' osd "profile rbd pool=$CEPH_POOL"; }
take_access() { as_manager ceph auth caps "$(user "$1")" mon 'allow r' osd "$CEPH_NO_ACCESS"; }

put_and_get() {
  head -c 100000 /dev/urandom >$LAB/put && ceph_rados -p $CEPH_POOL put object $LAB/put &&
    ceph_rados -p $CEPH_POOL get object $LAB/got && cmp $LAB/put $LAB/got
}
guest_xml() {  # HOST NAME
  cat <<END
<domain type='qemu'><name>$2</name><memory unit='MiB'>4</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<controller type='usb' model='none'/><memballoon model='none'/>
<disk type='network' device='disk'><driver name='qemu' type='raw' cache='none'/>
<auth username='$(ceph_user_of "$1")'><secret type='ceph' uuid='$SECRET_UUID'/></auth>
<source protocol='rbd' name='$CEPH_POOL/$2'><host name='$CEPH_ADDRESS' port='3300'/></source>
<target dev='vda' bus='virtio'/></disk>
<serial type='file'><source path='/var/log/$2.serial' append='on'/></serial></devices></domain>
END
}
# The host gets its key as an admin would give it to libvirt.
give_key() {  # HOST
  local key
  key=$(ceph_host_user "$1") || return 1
  echo "<secret ephemeral='no' private='yes'><uuid>$SECRET_UUID</uuid><usage type='ceph'><name>lab</name></usage></secret>" \
    >"$LAB/$1/root/root/secret.xml"
  virsh_on "$1" secret-define /root/secret.xml && virsh_on "$1" secret-set-value $SECRET_UUID --base64 "$key"
}
start_guest() {  # HOST NAME
  guest_xml "$1" "$2" >"$LAB/$1/root/root/$2.xml"
  virsh_on "$1" create "/root/$2.xml"
}
serial() { echo "$LAB/$1/root/var/log/$2.serial"; }
count_of() {
  ceph_rbd export "$CEPH_POOL/$1" "$LAB/export.img.new" --no-progress && mv "$LAB/export.img.new" $LAB/export.img &&
    "$LAB/bin/diskwatch" show $LAB/export.img | jq -er .count
} 2>/dev/null
counts() { local before; before=$(count_of "$1") && within 30 moved "$1" "$before"; }
moved() { local now; now=$(count_of "$1") && [ "$now" != "$2" ]; }
opened_by() { ceph_clients "$1" | grep -q "^$2:0/"; }
not_open() { [ -z "$(ceph_clients "$1")" ]; }
entry_until() { ceph_blocklist | jq -er --arg addr "$1" '.[] | select(.addr == $addr).until'; }

test_up() {
  expect "put and get" put_and_get
  expect "the file with keys is root's alone" equals "$(stat -c %a $LAB/ceph.env)" 600
  expect "it can be sourced" bash -uc ". $LAB/ceph.env && [[ \"\$LAB_CEPH_URL\" =~ ^rbd://mold-manager:[^/+=]+@\$LAB_CEPH_MON_HOST/vms\$ ]]"
  expect "hosts and the manager reach it" eval 'reaches h1 ceph 3300 && reaches h2 ceph 6789 && reaches mgr ceph 3300'
}

test_manager_may() {
  local client=10.77.0.99:0/4711
  expect "manager: makes an image" as_manager rbd import $LAB/bin/nano.img $CEPH_POOL/g1 --no-progress
  expect "manager: makes the users of hosts" eval 'ceph_host_user h1 && ceph_host_user h2'
  expect "manager: and is given the same key again" equals "$(ceph_host_user h1)" "$(as_manager ceph auth get "$(user h1)" 2>/dev/null | awk '$1 == "key" {print $3}')"
  expect "manager: takes a host's access away" take_access h1
  expect "manager: gives it back" give_access h1
  expect "manager: lists a client" as_manager ceph osd blocklist add $client 3600
  expect "manager: reads the list" eval 'as_manager ceph osd blocklist ls | grep -q "^10.77.0.99:0/4711 "'
  expect "manager: takes the client off" as_manager ceph osd blocklist rm $client
  expect "and it is off" ceph_is_not_listed $client
  expect "manager: where an object lies" as_manager ceph osd map $CEPH_POOL object
  expect "manager: metadata, watchers, locks of an image" eval 'as_manager rbd image-meta set vms/g1 a b &&
    as_manager rbd status vms/g1 && as_manager rbd lock add vms/g1 id && as_manager rbd lock ls vms/g1 &&
    as_manager rbd lock rm vms/g1 id "$(as_manager rbd lock ls vms/g1 --format json | jq -r ".[0].locker")"'
}

test_manager_may_not() {
  local rights
  refuse "manager: no pool deleted" as_manager ceph osd pool rm $CEPH_POOL $CEPH_POOL --yes-i-really-really-mean-it
  refuse "manager: no pool made" as_manager ceph osd pool create other 8 8
  refuse "manager: no OSD taken down" as_manager ceph osd down 0
  refuse "manager: no settings" as_manager ceph config set global debug_ms 0
  refuse "manager: the list is not cleared" as_manager ceph osd blocklist clear
  refuse "manager: no whole address is listed" as_manager ceph osd blocklist add 10.77.0.99 60
  refuse "manager: no other user is made" as_manager ceph auth get-or-create client.other mon 'profile rbd' osd "profile rbd pool=$CEPH_POOL"
  refuse "manager: no other user's key is read" as_manager ceph auth get client.admin
  refuse "manager: nor all of them" as_manager ceph auth ls
  refuse "manager: it cannot raise itself" as_manager ceph auth caps client.$CEPH_MANAGER mon 'allow *' osd 'allow *'
  for rights in 'allow *' "profile rbd pool=$CEPH_POOL, allow *" 'profile rbd' "profile rbd pool=other"; do
    refuse "manager: a host never gets '$rights'" as_manager ceph auth caps "$(user h1)" mon 'profile rbd' osd "$rights"
  done
  refuse "manager: nor rights of the monitors" as_manager ceph auth caps "$(user h1)" mon 'allow *' osd "profile rbd pool=$CEPH_POOL"
  # What was refused above was there to be done: nothing but the user stood in the way.
  expect "the admin makes a pool" ceph_admin osd pool create other 8 8
  refuse "manager: does not write to it" as_manager rados -p other put object $LAB/put
  refuse "host: neither" as_host h1 rados -p other put object $LAB/put
  refuse "host: makes no user" as_host h1 ceph auth get-or-create "$(user h3)" mon 'profile rbd' osd "profile rbd pool=$CEPH_POOL"
  refuse "host: takes nobody off the list" as_host h1 ceph osd blocklist rm 10.77.0.99:0/1
  expect "the admin deletes the pool" ceph_admin osd pool rm other other --yes-i-really-really-mean-it
}

test_guest() {
  expect "libvirt on h1 and h2 has the host's key" eval 'give_key h1 && give_key h2'
  expect "a guest of h1 opens its image" start_guest h1 g1
  expect "it counts there" counts g1
  expect "the image is open at h1's address" within 30 opened_by g1 10.77.0.11
}

test_faults() {
  "$lab" ceph cut h1
  refuse "cut: h1 does not reach Ceph" reaches h1 ceph 3300
  expect "cut: h1 reaches h2" reaches h1 h2 16509
  expect "cut: h2 reaches Ceph" reaches h2 ceph 3300
  "$lab" ceph heal h1
  expect "heal: the guest counts again" counts g1
  "$lab" ceph freeze
  expect "freeze: status says so" eval '"$lab" status | grep -q "^ceph: mon up osd0 frozen"'
  refuse "freeze: a write gets no answer" env CEPH_PATIENCE=3 bash -c "timeout 3 nsenter --net=/run/netns/mold-labceph rados --conf $CEPH_DIR/ceph.conf -p $CEPH_POOL put object $LAB/put"
  expect "thaw" "$lab" ceph thaw
  expect "thaw: put and get" put_and_get
  expect "thaw: the guest counts again" counts g1
  "$lab" ceph freeze mon
  expect "freeze mon: the guest goes on" counts_on_serial h1 g1
  expect "thaw" "$lab" ceph thaw
  expect "thaw: the monitor answers" ceph_admin osd stat
}
# While the monitor stands still, nobody new gets in to look at the image; the guest says it itself.
counts_on_serial() { local before; before=$(grep -c ' ok' "$(serial "$1" "$2")"); within 30 more_beats "$1" "$2" "$before"; }
more_beats() { [ "$(grep -c ' ok' "$(serial "$1" "$2")")" -gt "$3" ]; }

test_fence() {
  local client before
  client=$("$lab" ceph clients g1)
  expect "fence: one client has the image" equals "$(wc -l <<<"$client")" 1
  expect "fence: its host's access is taken away" take_access h1
  expect "fence: and it is listed, by address and nonce" as_manager ceph osd blocklist add "$client" 3600
  expect "fence: the guest has no disk any more" within 60 grep -q 'ERROR' "$(serial h1 g1)"
  expect "fence: the image is open to nobody" within 60 not_open g1
  refuse "fence: h1 opens no other" as_host h1 rados -p $CEPH_POOL put object $LAB/put
  expect "fence: a guest of h2 runs on the image" eval 'start_guest h2 g1 && counts g1 && opened_by g1 10.77.0.12'
  before=$(entry_until "$client")
  as_manager ceph osd blocklist add "$client" 7200 2>/dev/null
  # Whoever renews an entry by listing it again renews nothing: it must be listed for long from the start.
  expect "an entry keeps the time it was listed with" equals "$(entry_until "$client")" "$before"
  expect "an entry runs out" "$lab" ceph expire "$client"
  expect "and is off the list" ceph_is_not_listed "$client"
  expect "h1's user gets its access back" give_access h1
  expect "and writes" as_host h1 rados -p $CEPH_POOL put object $LAB/put
}

test_bundle() {
  expect "bundle" "$lab" bundle $bundle
  expect "with Ceph's own words" grep -q 'pool' $bundle/ceph/state.txt
  refuse "and no key" grep -rqF -e "$(cat "$CEPH_DIR/admin.key")" -e "$(cat "$CEPH_DIR/manager.key")" $bundle
  [ $failures != 0 ] || rm -rf $bundle
}

round_ceph() {
  local part
  "$lab" up --hosts 2 --storage rbd || { fail "up"; return; }
  for part in up manager_may manager_may_not guest faults fence bundle; do
    echo "$part"
    "test_$part"
  done
  "$lab" down
  expect "nothing is left" nothing_left
  echo "three OSDs"
  "$lab" up --hosts 1 --storage rbd --osds 3 || { fail "up"; return; }
  expect "put and get" put_and_get
  "$lab" ceph freeze
  expect "thaw after a freeze" "$lab" ceph thaw
  expect "put and get" put_and_get
  "$lab" ceph freeze
  expect "down while frozen" "$lab" down
  expect "nothing is left" nothing_left
  echo "crash"
  "$lab" up --hosts 1 --storage rbd >/dev/null 2>&1 &
  within 30 test -e "$CEPH_DIR/log/osd.0.log"
  kill -KILL $!
  wait $! 2>/dev/null
  expect "down after a crashed up" "$lab" down
  expect "nothing is left" nothing_left
}

# ---- NFS ---------------------------------------------------------------------------------------------
nfs_on() { local host=$1 program=$2 path=$3; shift 3; on "$host" timeout 5 "$program" "$@" "nfs://nfs/pool$path?version=4"; }

round_nfs() {
  "$lab" up --hosts 2 --storage nfs || { fail "up"; return; }
  expect "h1 writes to its mount" on h1 sh -c 'echo one >/srv/pool/file'
  expect "h2 reads it from the server" equals "$(nfs_on h2 nfs-cat /file)" one
  expect "the manager's machine, too" equals "$(nfs_on mgr nfs-cat /file)" one
  expect "h2 writes through the server" eval 'echo two | on h2 tee /root/two && nfs_on h2 nfs-cp /two /root/two'
  expect "h1 reads that from its mount" equals "$(on h1 cat /srv/pool/two)" two
  expect "the file to source" bash -uc ". $LAB/nfs.env && [ \$LAB_NFS_URL = nfs://10.77.0.4/pool ]"
  "$lab" nfs freeze
  refuse "freeze: no answer" nfs_on h1 nfs-ls ""
  expect "freeze: the mounts hang" eval '"$lab" status | grep -Eq "^h2 .* hang "'
  "$lab" nfs thaw
  expect "thaw: it answers" within 30 nfs_on h1 nfs-ls ""
  expect "thaw: the mounts go on" on h2 cat /srv/pool/two
  "$lab" nfs cut h1
  refuse "cut: h1 has no answer" nfs_on h1 nfs-ls ""
  expect "cut: h2 has" within 30 nfs_on h2 nfs-ls ""
  "$lab" nfs heal h1
  expect "heal: h1 has an answer" within 30 nfs_on h1 nfs-ls ""
  "$lab" nfs freeze
  expect "down while frozen" "$lab" down
  expect "nothing is left" nothing_left
}

case ${1:-} in ceph | nfs) ;; *) sed -n 's/^# //; 2,5p' "$0" >&2; exit 2 ;; esac
for program in $(if [ "$1" = ceph ]; then echo ceph-mon ceph-osd rbd; else echo ganesha.nfsd nfs-ls; fi); do
  command -v "$program" >/dev/null || { echo "storage_selftest: no $program here"; exit 77; }
done
lab_turn
trap '"$lab" down' EXIT
started=$SECONDS
"round_$1"
echo "$checks checks, $failures failed, $((SECONDS - started)) s"
[ $failures = 0 ]
