# Installs the Debian packages that are missing, and nothing else. Sourced by ./dev.

POLICY=/usr/sbin/policy-rc.d
POLICY_MARK='made by the dev script of Mold HA'

wanted_packages() {  # GROUP...
  local package group reason
  while read -r package group reason; do
    case $package in '' | '#'*) continue ;; esac
    case " $* " in *" $group "*) echo "$package" ;; esac
  done <"$ROOT/packaging/debian-packages.txt"
}

missing_packages() {  # GROUP...
  local package status
  for package in $(wanted_packages "$@"); do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)
    [ "$status" = installed ] || echo "$package"
  done
}

# A package that brings a daemon must not start it on the user's machine just because we build here.
# policy-rc.d is Debian's own way to say so; a policy of the user's own is left as it is.
forbid_daemons() {
  grep -qs "$POLICY_MARK" $POLICY && rm -f $POLICY
  [ ! -e $POLICY ] || return 0
  printf '#!/bin/sh\n# %s\nexit 101\n' "$POLICY_MARK" >$POLICY
  chmod 755 $POLICY
}
allow_daemons() { ! grep -qs "$POLICY_MARK" $POLICY || rm -f $POLICY; }

# Debian enables a daemon with its package. A cluster stack or file server that came along for our tests
# must not join or offer anything at the machine's next boot.
quiet_daemons() {  # PACKAGE...
  local package
  for package; do
    case $package in
      corosync | pacemaker) systemctl disable "$package.service" || true ;;
      ceph-mon | ceph-osd) systemctl disable "$package.target" || true ;;
      nfs-ganesha) systemctl disable nfs-ganesha.service || true ;;
      rpcbind) systemctl disable rpcbind.socket rpcbind.service || true ;;
    esac
  done
}

apt_install() {  # PACKAGE...
  export DEBIAN_FRONTEND=noninteractive
  forbid_daemons
  trap allow_daemons EXIT
  apt-get -o DPkg::Lock::Timeout=120 update &&
    apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@" &&
    quiet_daemons "$@"
}

need_packages() {  # GROUP...
  local missing
  grep -qs '^ID=debian' /etc/os-release || grep -qs '^ID_LIKE=.*debian' /etc/os-release ||
    die "this needs Debian 12 (packaging/debian-packages.txt lists what to install elsewhere)"
  missing=$(missing_packages "$@" | tr '\n' ' ')
  if [ -z "$missing" ]; then
    STEP=$((STEP + 1))
    printf '[%d/%d] %-34s %s\n' $STEP $STEPS "Debian packages" "all there"
    return
  fi
  [ "$(id -u)" = 0 ] ||
    die "packages are missing; run with sudo, or: sudo apt-get install --no-install-recommends $missing"
  echo "to install: $missing"
  export -f apt_install forbid_daemons allow_daemons quiet_daemons
  export POLICY POLICY_MARK
  # shellcheck disable=SC2086,SC2016
  must "Debian packages" packages 1200 bash -c 'apt_install "$@"' apt_install $missing
}
