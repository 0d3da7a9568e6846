#!/bin/bash
# What was answered is there after kill -9 at any moment: 20 rounds of several clients that create
# things and begin jobs, a kill at a random moment, a restart, and a look at all that was answered.
. "$(dirname "$0")/lib.sh"
rounds=${MOLD_API_KILL_ROUNDS:-20}
start_manager
make_place
: >"$work/created"
: >"$work/jobs"

writer() {  # writer round number: creates until the manager is gone, notes what was answered
  local i name
  for i in $(seq 1 100000); do
    name=r$1-w$2-$i
    answer=$(admin createServiceOffering "name=$name" cpunumber=1 cpuspeed=100 memory=64) || return
    case $answer in *'"serviceoffering":'*) echo "$name" >>"$work/created" ;; *) return ;; esac
    answer=$(admin configureHAForHost "hostid=$host" provider=kvmhaprovider) || return
    case $answer in
      *'"jobid":'*) printf '%s' "$answer" | jq -r .configurehaforhostresponse.jobid >>"$work/jobs" ;;
      *) return ;;
    esac
  done
}

worst=0
for round in $(seq 1 "$rounds"); do
  writers=
  for w in 1 2 3; do
    writer "$round" "$w" &
    writers="$writers $!"
  done
  sleep "0.$((RANDOM % 8 + 1))$((RANDOM % 10))"
  kill_manager
  for pid in $writers; do wait "$pid"; done
  start_manager
  [ "$start_ms" -gt "$worst" ] && worst=$start_ms
done

: >"$work/listed"
for page in $(seq 1 1000); do
  admin listServiceOfferings "page=$page" pagesize=500 |
    jq -r '.listserviceofferingsresponse.serviceoffering[]?.name' >"$work/page"
  [ -s "$work/page" ] || break
  cat "$work/page" >>"$work/listed"
done
lost=$(LC_ALL=C comm -23 <(LC_ALL=C sort "$work/created") <(LC_ALL=C sort "$work/listed"))
check "every offering that was answered is listed" "$lost" ""
check "none is there twice" "$(LC_ALL=C sort "$work/listed" | uniq -d)" ""
for page in $(seq 1 1000); do
  admin listAsyncJobs "page=$page" pagesize=500 | jq -r '.listasyncjobsresponse.asyncjobs[]?|.jobid' >"$work/page"
  [ -s "$work/page" ] || break
  cat "$work/page" >>"$work/known"
done
lost=$(LC_ALL=C comm -23 <(LC_ALL=C sort "$work/jobs") <(LC_ALL=C sort "$work/known"))
check "every job that was answered is known" "$lost" ""
check_jq "no job is left hanging" "$(admin listAsyncJobs jobstatus=0)" .listasyncjobsresponse '{}'
check "something was created in most rounds" "$([ "$(wc -l <"$work/created")" -ge "$rounds" ] && echo yes)" yes
echo "$rounds kills; $(wc -l <"$work/created") creations and $(wc -l <"$work/jobs") jobs answered; slowest restart ${worst} ms"

# Without its mark (in no backup) a store may be older than the world: its hosts may run anything.
kill_manager
rm -rf "$state-mark"
start_manager
answer=$(admin deleteHost "id=$host")
check "a host that a doubted store awaits is not deleted" "$(grep -c 'older than the world' <<<"$answer")" 1
check_jq "it is still there" "$(admin listHosts "id=$host")" .listhostsresponse.count 1
finish
