#!/bin/sh
# A libvirtd of its own for a test: everything it writes lies under DIR, in a mount namespace of its
# own, so that it shares nothing with one that may run on this machine. Runs in the foreground; a
# second call with the same DIR after it ended finds its guests again. Needs root.
# Usage: private_libvirtd.sh DIR      (connect with qemu+unix:///system?socket=DIR/sock/libvirt-sock)
set -eu
dir=$1
mkdir -p "$dir/run" "$dir/lib" "$dir/log" "$dir/etc" "$dir/cache" "$dir/sock"
cat >"$dir/etc/libvirtd.conf" <<CONF
unix_sock_dir = "$dir/sock"
unix_sock_rw_perms = "0700"
auth_unix_rw = "none"
auth_unix_ro = "none"
listen_tls = 0
CONF
cat >"$dir/etc/qemu.conf" <<CONF
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
CONF
export dir
exec unshare --mount --propagation private sh -c '
  for part in run lib log cache; do
    case $part in run) to=/run/libvirt ;; *) to=/var/$part/libvirt ;; esac
    mkdir -p "$to"
    mount --bind "$dir/$part" "$to"
  done
  mount --bind "$dir/etc" /etc/libvirt
  exec libvirtd --config "$dir/etc/libvirtd.conf" --pid-file "$dir/libvirtd.pid"'
