# Everything worth reading after a scenario failed, in one directory. Works on dead machines too: logs
# are read from outside, and nothing here touches a mount that may hang.

lab_bundle() {  # DIR
  local out=$1 name root
  mkdir -p "$out" || die "cannot make $out"
  lab_status >"$out/status.txt" 2>&1
  cp $LAB/cuts "$out/cuts.txt" 2>/dev/null
  "$LAB_BIN/diskwatch" show $LAB_POOL >"$out/disks.json" 2>/dev/null
  ceph_bundle "$out"
  nfs_bundle "$out"
  for name in $(machines); do
    root=$LAB/$name/root
    mkdir -p "$out/$name"
    journalctl -D "$root/var/log/journal" -o short-precise --no-pager >"$out/$name/journal.txt" 2>/dev/null
    journalctl -D "$root/var/log/journal" -o json --no-pager -u 'mold-*' >"$out/$name/mold.json" 2>/dev/null
    cp "$LAB/$name"/*.log "$out/$name/" 2>/dev/null
    cp -r "$root/var/log/libvirt" "$out/$name/libvirt" 2>/dev/null
    mkdir -p "$out/$name/var-lib"
    cp -r "$root"/var/lib/mold* "$out/$name/var-lib/" 2>/dev/null
    [ -d "$root/etc/mold" ] && cp -r "$root/etc/mold" "$out/$name/etc-mold"
    # A bundle is shown around; private keys stay here.
    find "$out/$name" \( -name '*key*' -o -name '*secret*' \) -type f -delete
    group_pids "$name" | xargs -r ps -o pid,stat,wchan:24,etimes,args -p >"$out/$name/processes.txt" 2>/dev/null
  done
  say "logs of every machine are in $out"
}
