# The lab's Ceph (lab up --storage rbd): a machine "ceph" on the switch with a monitor and one OSD (or
# three), made by lib/ceph_daemons.sh. Groups ceph-mon, ceph-osd0 ...; all state in $LAB/ceph.
#
#   ceph_cut HOST, ceph_heal HOST   the host loses, gets back its way to Ceph, and only that
#   ceph_freeze [mon], ceph_thaw    all OSDs (or the monitor) stand still; all go on, and serve again
#   ceph_blocklist                  [{"addr": ..., "until": ...}, ...]
#   ceph_expire CLIENT              an entry runs out now, hours before its time
#   ceph_clients IMAGE              who has an image open, "address:0/nonce" a line
#   ceph_host_user NAME             makes the user of a host as the manager may; prints its key
#   ceph_as USER KEYRING PROGRAM .. ceph, rados or rbd as that user; ceph_admin, ceph_rbd, ceph_rados as
#                                   the admin, who is on no cut cable
#
# $LAB/ceph.env (0600) has LAB_CEPH_CONF, _MON_HOST, _POOL, _URL and the rest that ceph_write_env writes.

. "$LAB_SOURCE/lib/ceph_daemons.sh"
CEPH_DIR=$LAB/ceph
CEPH_ADDRESS=$(address_of ceph)
CEPH_RUN=("nsenter" "--net=/run/netns/mold-labceph")

ceph_is_here() { [ -e $LAB/ceph.env ]; }
need_ceph() { ceph_is_here || die "this lab has no Ceph (lab up --storage rbd)"; }

# What a host with the name NAME is as a user of Ceph.
ceph_user_of() { echo "$CEPH_HOST_PREFIX$1"; }

ceph_up() {  # OSDS
  local number log=$CEPH_DIR/log/make.log
  network_attach ceph
  ceph_make "$1" || { ceph_last_words; return 1; }
  # shellcheck disable=SC2046
  group_spawn ceph-mon "$CEPH_DIR/log/daemons.log" "${CEPH_RUN[@]}" $(ceph_mon_command)
  for number in $(seq 0 $(($1 - 1))); do
    ceph_make_osd "$number" >>"$log" 2>&1 || { ceph_last_words; return 1; }
    # shellcheck disable=SC2046
    group_spawn "ceph-osd$number" "$CEPH_DIR/log/daemons.log" "${CEPH_RUN[@]}" $(ceph_osd_command "$number")
  done
  { ceph_make_pool && ceph_stock_pace; } >>"$log" 2>&1 || { ceph_last_words; return 1; }
  ceph_write_env $LAB/ceph.env LAB_CEPH_
  # What diskwatch reads: a copy of the beginning of every image, kept by the admin, who is on no cut cable.
  mkdir -p $LAB/view
  group_spawn rbdview "$CEPH_DIR/log/rbdview.log" "${CEPH_RUN[@]}" "$LAB_BIN/rbdview" --conf "$CEPH_DIR/ceph.conf" \
    --user admin --pool "$CEPH_POOL" $LAB/view
}
ceph_last_words() { tail -n 20 "$CEPH_DIR/log/make.log" "$CEPH_DIR/log/daemons.log" >&2; }

ceph_osd_groups() { group_names | grep '^ceph-osd' | sort; }

ceph_cut() { need_ceph; need_host "$1"; lab_cut "$1" ceph; }
ceph_heal() { need_ceph; need_host "$1"; lab_restore "$1" ceph; }

ceph_freeze() {
  local group
  need_ceph
  for group in $(if [ "${1:-}" = mon ]; then echo ceph-mon; else ceph_osd_groups; fi); do
    group_freeze "$group" || die "$group does not freeze"
  done
}
ceph_thaw() {
  local group frozen=no
  need_ceph
  ! group_frozen ceph-mon || group_thaw ceph-mon
  for group in $(ceph_osd_groups); do
    group_frozen "$group" || continue
    group_thaw "$group"
    frozen=yes
  done
  [ $frozen = no ] || ceph_osds_assert "$(ceph_osd_groups | wc -l)" >>"$CEPH_DIR/log/make.log" 2>&1 ||
    die "the OSD does not come back"
}

# The command prints two lists, one after the other: clients, then address ranges (a later Ceph's).
ceph_blocklist() { need_ceph; ceph_admin osd blocklist ls --format json 2>/dev/null | jq -ces '.[0]'; }
ceph_is_listed() { ceph_blocklist | jq -e --arg addr "$1" 'any(.[]; .addr == $addr)' >/dev/null; }
ceph_is_not_listed() { ceph_blocklist | jq -e --arg addr "$1" 'all(.[]; .addr != $addr)' >/dev/null; }
ceph_lists_some() { [ "$(ceph_blocklist | jq length)" -gt 0 ]; }
ceph_lists_none() { [ "$(ceph_blocklist | jq length)" -eq 0 ]; }
# When an entry's time comes, the monitor takes it out of the map; so does the admin here, and nobody can tell
# the difference. (Listing it anew with a shorter time is no way: an entry keeps the time it was listed with.)
ceph_expire() {  # CLIENT
  need_ceph
  ceph_is_listed "$1" || die "$1 is not on the blocklist"
  ceph_admin osd blocklist rm "$1" >>"$CEPH_DIR/log/make.log" 2>&1 && ceph_is_not_listed "$1" ||
    die "$1 is still on the blocklist"
}

ceph_clients() { need_ceph; ceph_rbd status "$CEPH_POOL/$1" --format json | jq -r '.watchers[].address'; }

ceph_as() {  # USER KEYRING PROGRAM ARGS...
  local user=$1 keyring=$2 program=$3
  shift 3
  ceph_patience "$program" --conf "$CEPH_DIR/ceph.conf" --id "$user" --keyring "$keyring" "$@"
}

ceph_host_user() {  # NAME
  local user
  need_ceph
  user=$(ceph_user_of "$1")
  (umask 077; ceph_as $CEPH_MANAGER "$CEPH_DIR/manager.keyring" ceph auth get-or-create "client.$user" \
    mon 'profile rbd' osd "profile rbd pool=$CEPH_POOL" >"$CEPH_DIR/$user.keyring" 2>>"$CEPH_DIR/log/make.log") || return 1
  awk '$1 == "key" {print $3}' "$CEPH_DIR/$user.keyring"
}

lab_ceph() {  # VERB [ARG]
  case $1 in
    cut | heal | expire | clients) need_words $# 2; "ceph_$1" "$2" ;;
    freeze | thaw) "ceph_$1" "${2:-}" ;;
    blocklist) ceph_blocklist ;;
    *) die "ceph is cut HOST, heal HOST, freeze [mon], thaw, blocklist, expire CLIENT or clients IMAGE" ;;
  esac
}

ceph_status() {
  local group words=""
  ceph_is_here || return 0
  for group in ceph-mon $(ceph_osd_groups); do
    words+=" ${group#ceph-} $(group_word "$group")"
  done
  printf 'ceph:%s  %s pool %s\n' "$words" "$CEPH_ADDRESS" "$CEPH_POOL"
}
group_word() { if group_empty "$1"; then echo dead; elif group_frozen "$1"; then echo frozen; else echo up; fi; }

ceph_bundle() {  # DIR
  ceph_is_here || return 0
  mkdir -p "$1/ceph"
  cp "$CEPH_DIR"/log/*.log "$1/ceph/" 2>/dev/null
  # A monitor that stands still answers nobody; the logs are there all the same.
  { CEPH_PATIENCE=5 ceph_admin -s && CEPH_PATIENCE=5 ceph_admin osd dump; } >"$1/ceph/state.txt" 2>&1
  return 0
}
