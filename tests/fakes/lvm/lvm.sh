#!/bin/sh
# Stands for lvm(8): a volume group of one directory, for machines without device-mapper. It knows
# the subcommands that agentd uses, takes them as LVM 2.03 does, and records every call.
# Usage: lvm.sh STATE SUBCOMMAND ...
#   STATE/calls          what was called, line by line
#   STATE/lv/NAME        "size|active|open|tags", as lvs tells it
#   STATE/dev/NAME       stands for the device, while the volume is active
#   STATE/fail.SUBCOMMAND  when there: its text is the error, nothing is done
#   STATE/slow.SUBCOMMAND  when there: takes longer than anybody waits
set -eu
state=$1
shift
echo "$*" >>"$state/calls"
verb=$1
shift
mkdir -p "$state/lv" "$state/dev"
[ ! -e "$state/slow.$verb" ] || sleep 60
if [ -e "$state/fail.$verb" ]; then
  cat "$state/fail.$verb" >&2
  exit 5
fi
for last; do :; done
name=${last##*/}
field() { cut -d'|' -f"$1" <"$state/lv/$name"; }
known() {
  [ -e "$state/lv/$name" ] && return
  echo "  Failed to find logical volume \"$last\"" >&2
  exit 5
}
case $verb in
lvs)
  for volume in "$state"/lv/*; do
    [ ! -e "$volume" ] || echo "  ${volume##*/}|$(cat "$volume")"
  done
  ;;
vgs) echo "  1000000|400000" ;;
lvcreate)
  while [ $# -gt 1 ]; do
    case $1 in
    --name) name=$2 ;;
    --size) size=${2%b} ;;
    --addtag) tag=$2 ;;
    esac
    shift
  done
  [ ! -e "$state/lv/$name" ] || { echo "  already exists" >&2; exit 5; }
  echo "$size|active||$tag" >"$state/lv/$name"
  truncate -s "$size" "$state/dev/$name"
  ;;
lvchange)
  known
  if [ "$2" = n ]; then
    [ "$(field 3)" != open ] || { echo "  Logical volume $last in use." >&2; exit 5; }
    echo "$(field 1)|||$(field 4)" >"$state/new.$name"
  else
    echo "$(field 1)|active|$(field 3)|$(field 4)" >"$state/new.$name"
  fi
  mv "$state/new.$name" "$state/lv/$name"
  ;;
lvrename)
  [ ! -e "$state/lv/$3" ] || { echo "  already exists" >&2; exit 5; }
  mv "$state/lv/$2" "$state/lv/$3"
  mv "$state/dev/$2" "$state/dev/$3"
  ;;
lvremove)
  known
  [ "$(field 3)" != open ] || { echo "  Logical volume $last in use." >&2; exit 5; }
  rm -f "$state/lv/$name" "$state/dev/$name"
  ;;
*) exit 3 ;;
esac
