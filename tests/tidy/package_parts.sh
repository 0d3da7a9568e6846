#!/bin/bash
# Pacemaker's libraries are needed by the package mold-ha-pacemaker and by no other: it has the one
# program that links to them.
#   package_parts.sh CMAKE BUILD_DIR PROGRAM...
set -u
cmake=$1 build=$2 wrong=0
shift 2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

complain() { echo "$1"; wrong=1; }
# Libraries of the sources pacemaker, libqb and corosync.
links() { readelf -d "$1" | grep NEEDED | grep -E 'lib(stonithd|crm|pe_|pacemaker|lrmd|qb|cfg|corosync)'; }

DESTDIR=$dir "$cmake" --install "$build" --component pacemaker >"$dir.log" 2>&1 || complain "$(cat "$dir.log")"
rm -f "$dir.log"
watch=$(find "$dir" -type f)
case $watch in
  */libexec/mold/mold-pacemaker-watch) ;;
  *) complain "the part pacemaker has: '$watch'" ;;
esac
links "$watch" >/dev/null || complain "$watch does not link to Pacemaker: is the list of libraries right?"
for program in "$@"; do
  links "$program" && complain "$program links to Pacemaker, and would bring it to every host"
done
# A package per part, and the maintainer's scripts in ours.
for line in 'CPACK_COMPONENTS_ALL "mold;pacemaker"' 'CPACK_DEB_COMPONENT_INSTALL "ON"' \
  'CPACK_DEBIAN_MOLD_PACKAGE_NAME "mold-ha"' 'CPACK_DEBIAN_PACEMAKER_PACKAGE_NAME "mold-ha-pacemaker"'; do
  grep -qF "set($line)" "$build/CPackConfig.cmake" || complain "CPackConfig.cmake has no $line"
done
exit $wrong
