# The product in the lab: how it gets into the machines, and three words for tests to speak with.
#
#   lab_install PREFIX              a DESTDIR tree into every machine; running ones restart our units
#   lab_hactl ARGS...               hactl on the manager's machine
#   lab_wait SECONDS WHAT CMD...    until CMD succeeds; a clear failure otherwise

PRODUCT_HOST_UNITS="mold-heartbeat.service mold-agentd.service"
PRODUCT_MANAGER_UNITS="mold-manager.service"

product_units() { if [ "$1" = mgr ]; then echo "$PRODUCT_MANAGER_UNITS"; else echo "$PRODUCT_HOST_UNITS"; fi; }

product_copy() {  # PREFIX ROOT
  [ -d "$1/usr" ] || die "$1 is not an install tree (make one: DESTDIR=$1 cmake --install build)"
  tar -C "$1" --owner=0 --group=0 -c . | tar -C "$2" -x --keep-directory-symlink --no-overwrite-dir ||
    die "cannot copy $1"
  compgen -G "$2/usr/lib/sysusers.d/mold*.conf" >/dev/null || return 0
  systemd-sysusers --root="$2" $(cd "$2/usr/lib/sysusers.d" && ls mold*.conf) || die "sysusers failed"
}

product_enable() {  # NAME ROOT
  local unit
  for unit in $(product_units "$1"); do
    [ -e "$2/usr/lib/systemd/system/$unit" ] || continue
    ln -sf "/usr/lib/systemd/system/$unit" "$2/etc/systemd/system/multi-user.target.wants/$unit"
  done
}

lab_install() {  # PREFIX
  local name units
  for name in $(machines); do
    product_copy "$1" "$LAB/$name/root"
    product_enable "$name" "$LAB/$name/root"
    machine_is_up "$name" || continue
    units=$(product_units "$name")
    # shellcheck disable=SC2086
    machine_exec "$name" sh -c "systemd-tmpfiles --create; systemctl daemon-reload; systemctl reload dbus
      systemctl restart $units" || die "$name: our units do not restart"
  done
}

lab_hactl() { machine_exec mgr hactl "$@"; }

lab_wait() {  # SECONDS WHAT CMD...
  local seconds=$1 what=$2 end
  shift 2
  end=$(($(now_ms) + seconds * 1000))
  until "$@" >/dev/null 2>&1; do
    if [ "$(now_ms)" -ge $end ]; then
      warn "waited $seconds s in vain for: $what"
      warn "  condition: $*"
      return 1
    fi
    sleep 0.1
  done
}
