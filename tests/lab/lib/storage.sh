# Shared storage: $LAB/pool is the disk array, and each host reaches it through a faultfs of its own,
# which the host sees as /srv/pool. The faultfs of a host runs outside it (group storage-HOST) and
# lives as long as the host is switched on.

storage_start() {  # HOST
  local dir=$LAB/$1
  mkdir -p "$dir/store"
  [ -e "$dir/storage" ] || write_file "$dir/storage" ok
  (
    group_join "storage-$1" || exit 1
    close_inherited_files
    exec "$LAB_BIN/faultfs" --backing $LAB_POOL --control "$dir/storage" --mount "$dir/store" \
      --name "mold-lab-$1:/pool" $(cat $LAB/faultfs.options) >>"$dir/storage.log" 2>&1
  ) || die "storage of $1 did not mount, see $dir/storage.log"
}

# Ends the host's connection to its storage: what it has not written yet is never written. Must come
# before killing the host, for two reasons: a request that hangs keeps its process in D state, which no
# signal ends; and no write of a dead host may land later.
storage_stop() {  # HOST
  local store=$LAB/$1/store device
  device=$(awk -v m="$store" '$5 == m {split($3, d, ":"); print d[2]}' /proc/self/mountinfo | tail -1)
  group_kill "storage-$1"
  # The death of faultfs ends the connection; the kernel's own switch is the second pair of braces.
  [ -n "$device" ] && [ -e "/sys/fs/fuse/connections/$device/abort" ] &&
    echo 1 >"/sys/fs/fuse/connections/$device/abort" 2>/dev/null
  umount -l "$store" 2>/dev/null
  return 0
}

lab_storage() {  # HOST ok|hang|eio|ro|slow MS
  need_host "$1"
  case $2 in
    ok | hang | eio | ro) write_file "$LAB/$1/storage" "$2" ;;
    slow) [[ ${3:-} =~ ^[0-9]+$ ]] || die "slow needs milliseconds"; write_file "$LAB/$1/storage" "slow $3" ;;
    *) die "storage is ok, hang, eio, ro or slow MS" ;;
  esac
}
