#!/bin/bash
# fence_mold's metadata against the schema of Debian's fence-agents, and the program by hand.
#   FENCE_MOLD  the program
# Ends with 77 (skipped) where the schema is not installed.
set -u
schema=/usr/share/cluster/relaxng/metadata.rng
for need in $schema /usr/bin/xmllint; do
  [ -e $need ] || { echo "skipped: no $need (packages fence-agents, libxml2-utils)"; exit 77; }
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0
check() {  # WHAT GOT WANTED
  [ "$2" = "$3" ] || { failures=$((failures + 1)); echo "FAILED $1: got '$2', wanted '$3'"; }
}

"$FENCE_MOLD" -o metadata >"$work/metadata.xml" </dev/null
check "metadata ends well" $? 0
echo 'action=metadata' | "$FENCE_MOLD" >"$work/stdin.xml"
check "metadata on standard input ends well" $? 0
cmp "$work/metadata.xml" "$work/stdin.xml"
check "both forms say the same" $? 0
xmllint --noout --relaxng $schema "$work/metadata.xml"
check "metadata is what the schema wants" $? 0

"$FENCE_MOLD" --help >"$work/help"
check "help ends well" $? 0
"$FENCE_MOLD" --action=off 2>/dev/null
check "off without a host is bad arguments" $? 2
"$FENCE_MOLD" --action=status 2>/dev/null
check "status without a host is not off" $? 1
printf 'action=status\nplug=h1\ncredentials_file=%s/none\n' "$work" | "$FENCE_MOLD" 2>/dev/null
check "status without credentials" $? 8
printf 'action=off\ndirect=1\nip=127.0.0.1\nipport=1\nusername=u\npassword=p\n' | "$FENCE_MOLD" 2>/dev/null
check "off of a dead BMC is a lost connection" $? 4
[ $failures = 0 ] && echo "all is well"
exit $failures
