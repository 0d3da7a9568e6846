#!/bin/bash
# Passwords of BMCs and fence devices go in and never come out: not in answers, events, jobs, the log,
# or any file of the state directory, in plain, base64 or hex.
export MOLD_LOG=stderr
. "$(dirname "$0")/lib.sh"
start_manager
make_place
said=$work/said
: >"$said"
ask() { admin "$@" | tee -a "$said"; }
job_of() { jq -r '.[].jobid'; }
ended() { wait_job "$1" | tee -a "$said"; }

one=kanari-One-7531
two=kanari-Two-8642
feed=kanari-Feed-9753
wrong=wrong-kanari-1357
long=kanari-$(printf 'x%.0s' $(seq 1 300))
canaries=("$one" "$two" "$feed" "$wrong" "$long")

bmc() { ask configureOutOfBandManagement "hostid=$host" driver=ipmitool address=127.0.0.1 port=9001 username=admin "password=$1" "${@:2}"; }
act() { ended "$(ask issueOutOfBandManagementPowerAction "hostid=$host" "action=$1" | job_of)"; }
change() { ended "$(ask changeOutOfBandManagementPassword "hostid=$host" "$@" | job_of)"; }

check_jq "configured" "$(bmc "$one")" .configureoutofbandmanagementresponse.outofbandmanagement.status true
check_jq "enabled" "$(ended "$(ask enableOutOfBandManagementForHost "hostid=$host" | job_of)")" .queryasyncjobresultresponse.jobstatus 1
check_jq "action" "$(act STATUS)" .queryasyncjobresultresponse.jobstatus 1
check_jq "device" "$(ask addFenceDevice "hostid=$host" driver=ipmitool address=127.0.0.1 name=feed "password=$feed")" .addfencedeviceresponse.fencedevice.level 2
check_jq "drill" "$(ended "$(ask runFenceDrill "hostid=$host" | job_of)")" '.queryasyncjobresultresponse|[.jobstatus,.jobresult.count]' '[1,2]'
check_jq "changed" "$(change "password=$two")" '.queryasyncjobresultresponse|[.jobstatus,.jobresult.outofbandmanagement.hostid,.jobresult.outofbandmanagement.status]' "[1,\"$host\",true]"
check_jq "made up" "$(change)" .queryasyncjobresultresponse.jobstatus 1
check_jq "wrong one" "$(bmc "$wrong")" .configureoutofbandmanagementresponse.outofbandmanagement.status true
check_jq "failed action" "$(act OFF)" .queryasyncjobresultresponse.jobresultcode 530
check_jq "failed change" "$(change "password=$one")" .queryasyncjobresultresponse.jobresultcode 530
check_jq "failed drill" "$(ended "$(ask runFenceDrill "hostid=$host" | job_of)")" .queryasyncjobresultresponse.jobstatus 1
check_jq "too long" "$(bmc "$long")" .configureoutofbandmanagementresponse.errorcode 431
check_jq "too long to change" "$(ask changeOutOfBandManagementPassword "hostid=$host" "password=$long")" .changeoutofbandmanagementpasswordresponse.errorcode 431
check_jq "malformed with it" "$(bmc "$one" port=none)" .configureoutofbandmanagementresponse.errorcode 431
signed configureOutOfBandManagement "hostid=$host" driver=telepathy address=x port=1 username=u "password=$one" >>"$said"
for command in listHosts listFenceDevices listFenceDrills listAsyncJobs listEvents listConfigurations; do
  ask "$command" >/dev/null
done
ask listHaEvidence "hostid=$host" >/dev/null
curl -s "$inner?command=listHosts" >>"$said"
curl -s "http://127.0.0.1:$integration_port/metrics" >>"$said"
check "metrics are there" "$(grep -c '^mold_fence_drill_score{' "$said")" 2
check "events are there" "$(grep -c HOST.OOBM.CHANGE_PASSWORD "$said")" 1

hits() { grep -raF -e "$1" "$state" "$work/log" "$said" 2>/dev/null | wc -l; }
look() {
  local canary encoded
  for canary in "${canaries[@]}"; do
    check "$1: ${canary:0:12} in plain" "$(hits "$canary")" 0
    encoded=$(printf '%s' "$canary" | base64 -w0)
    check "$1: ${canary:0:12} in base64" "$(hits "${encoded:0:16}")" 0
    check "$1: ${canary:0:12} in hex" "$(hits "$(printf '%s' "$canary" | od -An -tx1 | tr -d ' \n')")" 0
  done
  check "$1: any part" "$(grep -raF kanari "$state" "$work/log" "$said" 2>/dev/null | wc -l)" 0
}
look "alive"
kill_manager
look "after a crash"
start_manager
check_jq "the feed is there" "$(ask listFenceDevices "hostid=$host")" '.listfencedevicesresponse.fencedevice[0]|[.name,.password]' '["feed",null]'
look "after a restart"
# The search finds what is there.
printf 'x%sx' "$one" >"$state/planted"
check "a planted one is found" "$(hits "$one")" 1
rm "$state/planted"
finish
