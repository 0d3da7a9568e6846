# Shared by the tests of the live API. Starts a manager on loopback in a directory of its own, ends it
# by its pid, counts checks. MOLD_API_MANAGER is the program: mold-manager, or api-test-manager
# (live_manager.cc), whose BMC always obeys.
set -u
umask 077

work=$(mktemp -d "${TMPDIR:-/tmp}/mold-api-test.XXXXXX")
state=$work/state
manager_pid=
api_port=0
integration_port=0
agents_port=0
checks=0
failures=0
key=test-key
secret=test-secret

cleanup() {
  [ -n "$manager_pid" ] && kill -9 "$manager_pid" 2>/dev/null && wait "$manager_pid" 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

free_port() {
  local port
  while :; do
    port=$((RANDOM % 20000 + 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# The program with its ports and directory; the real one and the one of the tests take them differently.
run_manager() {
  case ${MOLD_API_MANAGER##*/} in
    mold-manager)
      MOLD_LOG=stderr "$MOLD_API_MANAGER" --config=/dev/null --state.dir="$state" \
        --api.listen="127.0.0.1:$api_port" --api.tls.listen "" \
        --integration.api.port="$integration_port" \
        --agents.listen="127.0.0.1:$agents_port" --agents.names=127.0.0.1 >>"$work/log" 2>&1 &
      ;;
    *) "$MOLD_API_MANAGER" "$state" "$api_port" "$integration_port" >>"$work/log" 2>&1 & ;;
  esac
  manager_pid=$!
}

# Starts the manager and waits until it answers; start_ms is what that took, by this script's clock.
start_manager() {
  local begun
  if [ "$api_port" = 0 ]; then
    api_port=$(free_port)
    integration_port=$(free_port)
    agents_port=$(free_port)
    api=http://127.0.0.1:$api_port/client/api
    inner=http://127.0.0.1:$integration_port/client/api
  fi
  begun=$(date +%s%N)
  run_manager
  until [ "$(status_of "$inner?command=listCapabilities")" = 200 ]; do
    if ! kill -0 "$manager_pid" 2>/dev/null || [ $(($(date +%s%N) - begun)) -gt 30000000000 ]; then
      echo "the manager did not start:"
      tail -5 "$work/log"
      exit 1
    fi
    sleep 0.01
  done
  start_ms=$((($(date +%s%N) - begun) / 1000000))
  if [ -r "$state/admin.conf" ]; then
    key=$(sed -n 's/^apikey=//p' "$state/admin.conf")
    secret=$(sed -n 's/^secretkey=//p' "$state/admin.conf")
  fi
}

kill_manager() {
  kill -9 "$manager_pid" 2>/dev/null
  wait "$manager_pid" 2>/dev/null
  manager_pid=
}

encode() { jq -rn --arg v "$1" '$v|@uri'; }

# admin command [name=value...]: JSON of an unsigned call on the integration port.
admin() {
  local command=$1 args=() pair
  shift
  for pair in "$@"; do args+=(--data-urlencode "$pair"); done
  curl -s -m 70 -G "$inner" -d response=json -d "command=$command" "${args[@]}"
}

# signed_query command [name=value...]: the query with its HMAC-SHA256 (or $hash) signature.
signed_query() {
  local command=$1 pair sorted text query signature
  shift
  sorted=$(printf '%s\n' "apikey=$key" "command=$command" "response=json" "$@" | LC_ALL=C sort)
  query=
  while IFS= read -r pair; do
    query="$query&${pair%%=*}=$(encode "${pair#*=}")"
  done <<<"$sorted"
  query=${query#&}
  text=$(printf '%s' "$query" | tr 'A-Z' 'a-z')
  signature=$(printf '%s' "$text" | openssl dgst "-${hash:-sha256}" -hmac "$secret" -binary | base64)
  printf '%s&signature=%s' "$query" "$(encode "$signature")"
}
signed() { curl -s -m 70 "$api?$(signed_query "$@")"; }
status_of() { curl -s -m 70 -o /dev/null -w '%{http_code}' "$@"; }

# wait_job id: the finished job, 10 s at most.
wait_job() { admin queryAsyncJobResult "jobid=$1" wait=10; }

check() {  # check "what" actual expected
  checks=$((checks + 1))
  if [ "$2" != "$3" ]; then
    failures=$((failures + 1))
    printf 'FAILED %s\n  got      %s\n  expected %s\n' "$1" "$(printf '%s' "$2" | head -c 600)" "$3"
  fi
}
check_jq() {  # check_jq "what" json filter expected
  check "$1" "$(printf '%s' "$2" | jq -rc "$3" 2>&1)" "$4"
}
finish() {
  echo "$checks checks, $failures failed"
  [ "$failures" = 0 ]
}

# Zone, pod, cluster and host h1; sets zone pod cluster host.
make_place() {
  zone=$(admin createZone name=z1 networktype=Basic | jq -r .createzoneresponse.zone.id)
  pod=$(admin createPod name=p1 "zoneid=$zone" gateway=10.0.0.1 netmask=255.255.255.0 |
    jq -r .createpodresponse.pod.id)
  cluster=$(admin addCluster clustername=c1 "zoneid=$zone" "podid=$pod" hypervisor=KVM \
    clustertype=CloudManaged | jq -r '.addclusterresponse.cluster[0].id')
  host=$(admin addHost hypervisor=KVM "zoneid=$zone" "podid=$pod" "clusterid=$cluster" \
    url=kvm://h1 | jq -r '.addhostresponse.host[0].id')
}
