# What a machine of the lab boots from: the running system's own root, overlaid.
#
#   lower   /                      the machine's root file system, never written
#           $LAB/base/up           what all lab machines share: clean services, libvirt settings, product
#   upper   $LAB/NAME/up           what one machine writes; survives its power cuts, ends with the lab
#
# No image to build or download, and the lab runs exactly the packages of the machine. /usr and /etc must
# be on the root file system.

# Masked: what makes no sense in a container or costs boot time.
LAB_MASKED="getty.target console-getty.service getty@.service systemd-timesyncd.service apparmor.service
  systemd-networkd.service systemd-resolved.service systemd-udevd.service systemd-udev-trigger.service
  dev-hugepages.mount e2scrub_reap.service nvmf-autoconnect.service systemd-logind.service
  systemd-update-utmp.service systemd-user-sessions.service ldconfig.service tmp.mount
  systemd-remount-fs.service modprobe@.service"

overlay_mount() {  # UPPER-PARENT LOWER
  mkdir -p "$1/up" "$1/work" "$1/root"
  mount -t overlay mold-lab -o "lowerdir=$2,upperdir=$1/up,workdir=$1/work" "$1/root" ||
    die "cannot overlay $2"
}

base_build() {  # [PREFIX]
  local root=$LAB/base/root unit
  overlay_mount $LAB/base /
  rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/*.requires "$root"/etc/rc?.d/* \
    "$root"/var/log/journal "$root"/var/log/libvirt/qemu "$root"/etc/libvirt/hooks \
    "$root"/etc/libvirt/qemu "$root"/etc/libvirt/storage "$root"/var/lib/libvirt/qemu "$root"/var/lib/mold* \
    "$root"/etc/fstab "$root"/var/lib/dbus/machine-id "$root"/etc/machine-id "$root"/srv
  mkdir -p "$root"/etc/systemd/system/{multi-user,sockets}.target.wants "$root"/var/log/journal \
    "$root"/var/log/libvirt/qemu "$root"/etc/libvirt/{hooks,qemu/networks,storage} "$root"/var/lib/libvirt/qemu \
    "$root"/srv/pool "$root"/etc/systemd/system/libvirtd.service.d "$root"/etc/systemd/journald.conf.d
  ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
  for unit in $LAB_MASKED; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
  printf '[Journal]\nStorage=persistent\nSystemMaxUse=64M\nRateLimitIntervalSec=0\n' \
    >"$root/etc/systemd/journald.conf.d/lab.conf"
  base_boot_id "$root"
  base_libvirt "$root"
  [ -z "${1:-}" ] || product_copy "$1" "$root"
  umount "$root" || die "the base image is busy"
}

# A machine has a boot id of its own, laid over the kernel's. A unit that protects /proc/sys sees the one
# below, which is the same for all machines and all their boots: ours get it laid over again.
base_boot_id() {  # ROOT
  local unit
  mkdir -p "$1/etc/tmpfiles.d"
  echo 'C /run/boot-id 0444 root root - /proc/sys/kernel/random/boot_id' >"$1/etc/tmpfiles.d/lab-boot-id.conf"
  for unit in mold-agentd mold-heartbeat; do
    mkdir -p "$1/etc/systemd/system/$unit.service.d"
    printf '[Service]\nBindReadOnlyPaths=-/run/boot-id:/proc/sys/kernel/random/boot_id\n' \
      >"$1/etc/systemd/system/$unit.service.d/lab.conf"
  done
}

base_libvirt() {  # ROOT
  cat >"$1/etc/libvirt/libvirtd.conf" <<'EOF'
auth_unix_rw = "none"
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
EOF
  # No control groups or namespaces of QEMU's own: the host is a container already. No locks in extended
  # attributes, which a shared pool would not carry.
  cat >"$1/etc/libvirt/qemu.conf" <<'EOF'
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
max_core = 0
EOF
  # Debian's unit waits for networks and disks that a container has none of, and ends after idling.
  cat >"$1/etc/systemd/system/libvirtd.service.d/lab.conf" <<'EOF'
[Unit]
Wants=
After=
After=dbus.service virtlogd.socket
Requires=virtlogd.socket
[Service]
ExecStart=
ExecStart=/usr/sbin/libvirtd
EOF
}

machine_prepare() {  # NAME
  local name=$1 root=$LAB/$1/root id unit other
  overlay_mount "$LAB/$name" "$LAB/base/up:/"
  id=$(printf 'mold-lab %s' "$name" | md5sum | cut -c1-32)
  echo "$id" >"$root/etc/machine-id"
  echo "$name" >"$root/etc/hostname"
  {
    echo "127.0.0.1 localhost"
    for other in $(machines); do
      echo "$(address_of "$other") $other"
      [ "$other" = mgr ] || echo "$(address_of "bmc${other#h}") bmc${other#h}"
    done
    for other in ceph nfs; do echo "$(address_of $other) $other"; done
  } >"$root/etc/hosts"
  if [ "$name" != mgr ]; then
    echo "host_uuid = \"${id:0:8}-${id:8:4}-${id:12:4}-${id:16:4}-${id:20:12}\"" >>"$root/etc/libvirt/libvirtd.conf"
    for unit in virtlogd.socket libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd-tcp.socket; do
      ln -s "/lib/systemd/system/$unit" "$root/etc/systemd/system/sockets.target.wants/"
    done
    ln -s /lib/systemd/system/libvirtd.service "$root/etc/systemd/system/multi-user.target.wants/"
  fi
  machine_ready_unit "$name" "$root"
  product_enable "$name" "$root"
}

# A unit that says from inside "up and usable"; the lab waits for its mark.
machine_ready_unit() {
  local check=/bin/true
  [ "$1" = mgr ] || check='/usr/bin/virsh -q -c qemu:///system list --name'
  cat >"$2/etc/systemd/system/mold-lab-ready.service" <<EOF
[Unit]
Description=The lab's mark that this machine is up
After=dbus.service libvirtd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$check
ExecStart=/bin/touch /run/mold-lab-ready
[Install]
WantedBy=multi-user.target
EOF
  ln -s ../mold-lab-ready.service "$2/etc/systemd/system/multi-user.target.wants/"
}
