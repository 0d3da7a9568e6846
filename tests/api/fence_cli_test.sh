#!/bin/bash
# hactl against a live manager: fence devices, drills and a new BMC password, as an operator types them.
. "$(dirname "$0")/lib.sh"
start_manager
make_place
export NO_COLOR=1
printf 'url=%s\napikey=%s\nsecretkey=%s\n' "$api" "$key" "$secret" >"$work/hactl.conf"
hactl() { "$MOLD_HACTL" --config="$work/hactl.conf" "$@" </dev/null 2>>"$work/err"; }
printf 'first-one\n' >"$work/pw"
printf 'second-one\n' >"$work/pw2"

check "power configured" "$(hactl host configure-power h1 --address 127.0.0.1 --password-file "$work/pw" cipher=17)" \
  "h1: power is controlled through 127.0.0.1"
check_jq "with the driver's options" "$(hactl host show h1 -o json)" '.outofbandmanagement|[.port,.details.cipher]' '["623","17"]'
check "device added" "$(hactl fence device add h1 --driver ipmitool --level 1 --name feed-b --address 127.0.0.2 \
  --user apc --password-file "$work/pw" cipher=3 | cut -d';' -f1)" "h1: feed-b may cut its power too, level 1"
check "listed" "$(hactl fence device list h1 | awk 'NR == 2 { print $1, $2, $3, $4, $5, $6 }')" "h1 1 feed-b ipmitool 127.0.0.2 on"
check_jq "listed as JSON" "$(hactl fence device list -o json)" '.[0]|[.name,.details.cipher,.password]' '["feed-b","3",null]'
check "no level 0" "$(hactl fence device add h1 --driver ipmitool --level 0; echo $?)" 2
check_jq "drill" "$(hactl fence drill h1 --run -o json)" 'map([.devicename,.state])' '[["BMC","good"],["feed-b","good"]]'
check "drill of all" "$(hactl fence drill --run | awk 'NR > 1 { print $1, $3, $4 $5, $6 }' | paste -sd' ')" \
  "h1 BMC manager* good h1 feed-b manager* good"
check "looked at" "$(hactl fence drill | wc -l)" 3
check "in the host's facts" "$(hactl host show h1 | grep -c '^fence drill  *good: works')" 1
check "new password" "$(hactl host power change-password h1 --password-file "$work/pw2")" "the BMC of h1 took the new password"
check "made up" "$(hactl host power change-password h1)" "the BMC of h1 took the new password"
check "power after it" "$(hactl host power h1 status)" "h1: On"
check "unknown host" "$(hactl fence drill nobody >/dev/null; echo $?)" 3
check "removed" "$(hactl fence device remove feed-b)" "feed-b of h1 is forgotten"
check "it is gone" "$(hactl fence device remove feed-b >/dev/null; echo $?)" 3
check "no secret in errors" "$(grep -c 'first-one\|second-one' "$work/err")" 0
finish
