# A small real Ceph in one directory: a monitor and some OSDs that keep their objects in memory, with
# cephx. How it is laid out, made and spoken to; who starts and ends its processes is up to the caller:
# lib/ceph.sh (in the lab's network, in its process groups) and ceph-one (on loopback, for one test).
#
#   CEPH_DIR        where it lives; CEPH_ADDRESS: the one address of all its daemons
#   CEPH_PATIENCE   seconds after which a command is given up (30)
#   CEPH_RUN        words before a program that leads it into the cluster's network (none)
#
# Keys are made before the monitor is, and go into its first store: no round trip for each user, and no
# moment at which the cluster is up but its users are not there.
#
# No mgr: RBD, locks, watches and the blocklist do without, and it would cost 300 MB and seconds. What
# needs one (sizes, placement group figures) says nothing here, or hangs: hence a timeout on every command.

CEPH_POOL=vms
CEPH_MANAGER=mold-manager
# Users of hosts begin with this; the manager may make and change these and no others.
CEPH_HOST_PREFIX=mold-host-
# OSD caps of a user that has been shut out: the name of a pool that is not there.
CEPH_NO_ACCESS='allow r pool=none'

# A caller's own settings must not lead a command to another cluster.
unset CEPH_ARGS CEPH_CONF CEPH_KEYRING

CEPH_RUN=()
ceph_patience() { timeout -k 2 "${CEPH_PATIENCE:-30}" "${CEPH_RUN[@]}" "$@"; }
ceph_admin() { ceph_patience ceph --conf "$CEPH_DIR/ceph.conf" --connect-timeout 10 "$@"; }
ceph_rados() { ceph_patience rados --conf "$CEPH_DIR/ceph.conf" "$@"; }
ceph_rbd() { ceph_patience rbd --conf "$CEPH_DIR/ceph.conf" "$@"; }

ceph_write_conf() {  # OSDS
  local size=1
  [ "$1" -lt 3 ] || size=3
  cat >"$CEPH_DIR/ceph.conf" <<END
[global]
fsid = $(cat "$CEPH_DIR/fsid")
mon_host = $(ceph_mon_addresses)
public_addr = $CEPH_ADDRESS
cluster_addr = $CEPH_ADDRESS
ms_bind_ipv6 = false
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = $CEPH_DIR/admin.keyring
run_dir = $CEPH_DIR/run
log_file = $CEPH_DIR/log/\$name.log
admin_socket = $CEPH_DIR/run/\$name.\$pid.asok
osd_pool_default_size = $size
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
# The manager must be refused because its user may not, not because nobody may.
mon_allow_pool_delete = true
auth_allow_insecure_global_id_reclaim = false
[mon]
keyring = $CEPH_DIR/mon.keyring
mon_data = $CEPH_DIR/mon
# The monitor collects changes for a second before it decides on them. Nobody shares this one, and
# making the cluster is half a dozen decisions; ceph_stock_pace brings the usual pace back.
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
mon_data_avail_warn = 1
mon_data_avail_crit = 1
[osd]
keyring = $CEPH_DIR/osd\$id/keyring
osd_data = $CEPH_DIR/osd\$id
osd_objectstore = memstore
memstore_device_bytes = 1073741824
# An OSD learns that it counts as down from the monitor's answer to its beacon, if no other OSD tells it.
osd_beacon_report_interval = 1
# And it ends itself when it was told so often; a test that thaws it many times would be the sixth.
osd_max_markdown_count = 1000000
osd_class_load_list = *
osd_class_default_list = *
[client]
# Clients run as anybody; what they would write there is not needed.
log_file =
admin_socket =
END
}

ceph_mon_addresses() { echo "[v2:$CEPH_ADDRESS:3300,v1:$CEPH_ADDRESS:6789]"; }

# What the manager may do to the monitors: what RBD needs; take entries of single clients from the blocklist
# (adding them is in "profile rbd"); and for users of hosts, by name, either access to our pools or none.
# Not: a whole address on or off the blocklist, other users, more rights for a host than these.
ceph_manager_mon_caps() {
  local caps user="entity prefix client.$CEPH_HOST_PREFIX"
  caps="caps_mon regex \"^(profile rbd|allow r)\$\" caps_osd regex \"^($CEPH_NO_ACCESS|profile rbd pool=$CEPH_POOL)\$\""
  echo "profile rbd, allow command \"osd blocklist\" with blocklistop=rm addr regex \"^[^/]+/[0-9]+\$\"," \
    "allow command \"auth get-or-create\" with $user $caps, allow command \"auth caps\" with $user $caps," \
    "allow command \"auth get\" with $user, allow command \"auth rm\" with $user"
}
ceph_manager_osd_caps() { echo "profile rbd pool=$CEPH_POOL"; }

ceph_make_manager() {
  ceph-authtool -C manager.keyring --gen-key -n "client.$CEPH_MANAGER" --cap mon "$(ceph_manager_mon_caps)" \
    --cap osd "$(ceph_manager_osd_caps)" || return 1
  awk '$1 == "key" {print $3}' manager.keyring >manager.key
}
# As it stands in a url, where a slash would end a host's name. (Keys begin with the time of their making: for
# minutes on end every one of them has a slash or a plus sign.)
ceph_manager_key_in_url() { sed 's,/,%2F,g; s,+,%2B,g; s,=,%3D,g' "$CEPH_DIR/manager.key"; }

# All keys and first stores. OSDS is 1 or more.
ceph_make() {  # OSDS
  local number
  mkdir -p "$CEPH_DIR"/{mon,run,log} && chmod 700 "$CEPH_DIR"/{mon,log} || return 1
  uuidgen >"$CEPH_DIR/fsid"
  ceph_write_conf "$1" || return 1
  (
    umask 077
    cd "$CEPH_DIR" || exit 1
    ceph-authtool -C mon.keyring --gen-key -n mon. --cap mon 'allow *' &&
      ceph-authtool -C admin.keyring --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' &&
      ceph_make_manager || exit 1
    for number in $(seq 0 $(($1 - 1))); do
      mkdir -p "osd$number" && uuidgen >"osd$number.uuid" &&
        ceph-authtool -C "osd$number/keyring" --gen-key -n "osd.$number" --cap mon 'allow profile osd' --cap osd 'allow *' || exit 1
    done
    cat mon.keyring admin.keyring manager.keyring osd*/keyring >first.keyring
    monmaptool --create --fsid "$(cat fsid)" --addv a "$(ceph_mon_addresses)" monmap &&
      ceph_patience ceph-mon --conf ceph.conf --mkfs -i a --monmap monmap --keyring first.keyring || exit 1
    rm -f first.keyring
    awk '$1 == "key" {print $3}' admin.keyring >admin.key
  ) >>"$CEPH_DIR/log/make.log" 2>&1
}

# The words of the two kinds of daemons; "-f": in the foreground, so that whoever starts it knows its pid.
ceph_mon_command() { echo ceph-mon --conf "$CEPH_DIR/ceph.conf" -f -i a; }
ceph_osd_command() { echo ceph-osd --conf "$CEPH_DIR/ceph.conf" -f -i "$1"; }

# The store of an OSD, when the monitor answers.
ceph_make_osd() {  # NUMBER
  ceph_admin osd new "$(cat "$CEPH_DIR/osd$1.uuid")" "$1" &&
    ceph_patience ceph-osd --conf "$CEPH_DIR/ceph.conf" -i "$1" --mkfs --osd-uuid "$(cat "$CEPH_DIR/osd$1.uuid")"
}

# When all daemons have been started: the pool, and an image in it has been there and gone.
ceph_make_pool() {
  ceph_admin osd pool create $CEPH_POOL 8 8 && ceph_rbd pool init $CEPH_POOL
}

# A real cluster's pace, where time is what is measured: a blocklist entry then takes up to a second more.
ceph_stock_pace() { ceph_admin tell mon.a injectargs --paxos_propose_interval=1 --paxos_min_wait=0.05; }

# A lone OSD that stood still with a request in hand for longer than its read lease (16 s) never serves
# again by itself: it waits for a lease that only a new map brings. Told that it is down, it comes up
# anew within a second. With three, the others give it the map.
ceph_osds_assert() {  # OSDS: returns when a client is served
  { [ "$1" -gt 1 ] || ceph_admin osd down 0; } && ceph_rados -p $CEPH_POOL stat rbd_info
}

# What a script sources or a test reads, PREFIXKEY=VALUE a line. Keys are in files of mode 0600 besides.
ceph_write_env() {  # FILE [PREFIX]
  (
    umask 077
    sed "s/^/${2:-}/" >"$1.new" <<END
CONF=$CEPH_DIR/ceph.conf
KEYRING=$CEPH_DIR/admin.keyring
MON_HOST=$CEPH_ADDRESS
FSID=$(cat "$CEPH_DIR/fsid")
POOL=$CEPH_POOL
ADMIN_KEY=$(cat "$CEPH_DIR/admin.key")
ADMIN_KEY_FILE=$CEPH_DIR/admin.key
MANAGER_USER=$CEPH_MANAGER
MANAGER_KEY=$(cat "$CEPH_DIR/manager.key")
MANAGER_KEY_FILE=$CEPH_DIR/manager.key
MANAGER_KEYRING=$CEPH_DIR/manager.keyring
HOST_USER_PREFIX=$CEPH_HOST_PREFIX
URL=rbd://$CEPH_MANAGER:$(ceph_manager_key_in_url)@$CEPH_ADDRESS/$CEPH_POOL
END
    mv "$1.new" "$1"
  )
}
