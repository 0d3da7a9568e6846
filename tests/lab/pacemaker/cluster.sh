# A real Corosync + Pacemaker cluster of three hosts on one machine. Sourced by test.sh, chassis and
# boot. A host is a pid, mount, host name and network namespace of its own with everything in it that
# Corosync and Pacemaker keep on a machine; its BMC is an ipmi_sim beside it, so that it lives on when
# the host is killed. systemd is not needed.
#
# Everything bears the name of this lab, and only that is ever touched:
#   /run/mold-pcmk           all state
#   moldpcmk-sw, -h1 ..      network namespaces; what runs in one belongs to the lab
# So what a crashed run left is found by what it is.

PCMK=/run/mold-pcmk
PCMK_NS=moldpcmk
PCMK_SUBNET=10.78.0
PCMK_HOSTS="h1 h2 h3"
PCMK_MANAGER=$PCMK_SUBNET.2

say() { printf '  %s\n' "$*"; }
die() {
  printf 'pacemaker lab: %s\n' "$*" >&2
  exit 1
}
now_ms() {
  local up rest
  read -r up rest </proc/uptime
  echo $((${up%.*} * 1000 + 10#${up#*.} * 10))
}
# until_true SECONDS CMD...
until_true() {
  local end=$(($(now_ms) + $1 * 1000))
  shift
  until "$@"; do
    [ "$(now_ms)" -lt $end ] || return 1
    sleep 0.05
  done
}
write_file() { printf '%s\n' "$2" >"$1.new.$BASHPID" && mv -f "$1.new.$BASHPID" "$1"; }

host_address() { echo $PCMK_SUBNET.$((10 + ${1#h})); }
bmc_address() { echo $PCMK_SUBNET.$((100 + ${1#h})); }
ns_pids() { ip netns pids "$PCMK_NS-$1" 2>/dev/null; }
in_ns() {  # NS CMD...: only the network, not the file systems that "ip netns exec" changes too
  local ns=$1
  shift
  nsenter "--net=/run/netns/$PCMK_NS-$ns" "$@"
}

# ---- the machine and its power -------------------------------------------------------------------
host_running() { [ -n "$(ns_pids "$1")" ]; }

# What is started here outlives a test that is killed, and must not keep its lock (descriptor 9).
# host_boot HOST [SECONDS]: after so long in its firmware, the host runs.
host_boot() {
  local host=$1 firmware=${2:-0}
  ip -n $PCMK_NS-sw link set "$host" up
  (
    exec </dev/null >>"$PCMK/$host/console.log" 2>&1 9>&-
    exec nsenter "--net=/run/netns/$PCMK_NS-$host" setsid \
      unshare --pid --fork --kill-child --mount --uts --ipc --mount-proc "$PCMK_SOURCE/boot" "$host" "$firmware"
  ) &
  disown
}

# Power cut: the cable first, so that no last words betray it; then all processes at once.
host_kill() {
  local pids
  ip -n $PCMK_NS-sw link set "$1" down
  pids=$(ns_pids "$1")
  # shellcheck disable=SC2086
  [ -z "$pids" ] || kill -9 $pids 2>/dev/null
  until_true 10 host_gone "$1"
}
host_gone() { ! host_running "$1"; }

# on HOST CMD...: inside the host. Its first process is the child of unshare.
on() {
  local host=$1 first
  shift
  first=$(host_first_pid "$host") || return 1
  nsenter -t "$first" -m -u -i -n -p -- "$@"
}
host_first_pid() {
  local pid
  for pid in $(ns_pids "$1"); do
    [ "$(awk '/^NSpid:/ { print $NF }' "/proc/$pid/status" 2>/dev/null)" = 1 ] && { echo "$pid"; return 0; }
  done
  return 1
}

bmc_start() {
  local dir=$PCMK/$1/bmc
  (
    exec </dev/null >>"$dir/log" 2>&1 9>&-
    exec nsenter "--net=/run/netns/$PCMK_NS-sw" setsid ipmi_sim -c "$dir/lan.conf" -f "$dir/commands" -s "$dir/state" -n
  ) &
  disown
}
# Its process is known by its namespace and its own settings file.
bmc_stop() {
  local pid
  for pid in $(ns_pids sw); do
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "^ipmi_sim .*/$1/bmc/lan.conf" && kill -9 "$pid"
  done
}
bmc_power() {  # HOST VERB
  in_ns sw ipmitool -I lanplus -H "$(bmc_address "$1")" -U ADMIN -f $PCMK/bmc.secret -C 3 -N 2 -R 2 chassis power "$2"
}

# ---- building it -----------------------------------------------------------------------------------
network_up() {
  local host
  ip netns add $PCMK_NS-sw || return 1
  ip -n $PCMK_NS-sw -batch - <<EOF || return 1
link set lo up
link add br0 type bridge forward_delay 0 stp_state 0
link set br0 up
EOF
  for host in $PCMK_HOSTS; do
    ip netns add $PCMK_NS-"$host" || return 1
    ip -n $PCMK_NS-"$host" link add eth0 type veth peer name "$host" netns $PCMK_NS-sw || return 1
    ip -n $PCMK_NS-"$host" -batch - <<EOF || return 1
link set lo up
addr add $(host_address "$host")/24 dev eth0
link set eth0 up
EOF
    ip -n $PCMK_NS-sw -batch - <<EOF || return 1
link set $host master br0 up
addr add $(bmc_address "$host")/24 dev br0
EOF
  done
  ip -n $PCMK_NS-sw addr add $PCMK_MANAGER/24 dev br0
}

corosync_conf() {
  local host
  cat <<EOF
system {
  sched_rr: no
  move_to_root_cgroup: no
  allow_knet_handle_fallback: yes
}
totem {
  version: 2
  cluster_name: moldpcmk
  transport: udpu
  crypto_cipher: none
  crypto_hash: none
  token: 1000
}
quorum {
  provider: corosync_votequorum
}
logging {
  to_syslog: no
  to_logfile: yes
  logfile: /var/log/corosync/corosync.log
}
nodelist {
EOF
  for host in $PCMK_HOSTS; do
    printf '  node {\n    ring0_addr: %s\n    name: %s\n    nodeid: %s\n  }\n' \
      "$(host_address "$host")" "$host" "${host#h}"
  done
  echo '}'
}

nvpair() { printf '<nvpair id="%s-%s" name="%s" value="%s"/>' "$1" "$2" "$2" "$3"; }

# fence_device HOST WAY: the primitive that can fence it. WAY: direct and manager are both fence_mold.
fence_device() {
  local host=$1 way=$2 id=fence-$1 agent=fence_mold
  [ "$way" != fence_ipmilan ] || agent=$way
  printf '<primitive id="%s" class="stonith" type="%s"><instance_attributes id="%s-params">' "$id" $agent "$id"
  nvpair "$id" pcmk_host_list "$host"
  if [ "$way" = manager ]; then
    nvpair "$id" manager "http://$PCMK_MANAGER:8080/client/api"
    nvpair "$id" credentials_file /etc/corosync/mold.conf
  else
    nvpair "$id" ip "$(bmc_address "$host")"
    nvpair "$id" username ADMIN
    case $way in
      direct)
        nvpair "$id" direct 1
        nvpair "$id" password_file /etc/corosync/bmc.secret
        ;;
      fence_ipmilan)
        nvpair "$id" password "$(cat $PCMK/bmc.secret)"
        nvpair "$id" lanplus 1
        nvpair "$id" cipher 3
        nvpair "$id" power_wait 0
        ;;
    esac
  fi
  printf '</instance_attributes></primitive>'
}

# use_way WAY: another way to fence for every device of the running cluster.
use_way() {
  local host
  for host in $PCMK_HOSTS; do
    on h1 cibadmin --replace --scope resources --xml-text "$(fence_device "$host" "$1")" || return 1
  done
}

# The cluster's configuration, ready before it starts: else the first election alone takes 20 s.
first_cib() {
  local host
  cat <<EOF
<cib crm_feature_set="3.0.14" validate-with="pacemaker-3.7" epoch="1" num_updates="0" admin_epoch="1">
<configuration><crm_config><cluster_property_set id="options">
$(nvpair options dc-deadtime 4s)
$(nvpair options stonith-enabled true)
$(nvpair options startup-fencing false)
$(nvpair options load-threshold 1000%)
$(nvpair options node-action-limit 20)
</cluster_property_set></crm_config><nodes/><resources>
$(for host in $PCMK_HOSTS; do fence_device "$host" direct; done)
<primitive id="service" class="ocf" provider="heartbeat" type="Dummy"><operations>
<op id="service-monitor" name="monitor" interval="10s" timeout="20s"/></operations></primitive>
</resources><constraints>
$(for host in $PCMK_HOSTS; do
  echo "<rsc_location id=\"not-$host\" rsc=\"fence-$host\" node=\"$host\" score=\"-INFINITY\"/>"
done)
</constraints></configuration><status/></cib>
EOF
}

host_prepare() {
  local host=$1 dir=$PCMK/$1
  mkdir -p "$dir"/{corosync,ring,pacemaker/{cib,pengine,cores,blackbox},log/{corosync,pacemaker},bmc/state}
  corosync_conf >"$dir/corosync/corosync.conf"
  cp $PCMK/bmc.secret "$dir/corosync/bmc.secret"
  first_cib >"$dir/pacemaker/cib/cib.xml"
  chmod 600 "$dir/pacemaker/cib/cib.xml"
  chmod 750 "$dir/pacemaker" "$dir"/pacemaker/*/
  chown -R hacluster:haclient "$dir/pacemaker" "$dir/log/pacemaker"
  write_file "$dir/chassis" off
  (umask 077; cat >"$dir/bmc/lan.conf" <<EOF
name "bmc-$host"
set_working_mc 0x20
startlan 1
  addr $(bmc_address "$host") 623
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid a123456789abcdefa1234567$(printf '%08x' "${host#h}")
endlan
chassis_control "$PCMK_SOURCE/chassis $host"
startnow false
user 2 true "ADMIN" "$(cat $PCMK/bmc.secret)" admin 10 none md2 md5 straight
EOF
  )
  cat >"$dir/bmc/commands" <<EOF
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
EOF
}

cluster_up() {
  local host
  cluster_down
  mkdir -m 755 $PCMK || return 1
  mkdir $PCMK/agents && install -m 755 "$FENCE_MOLD" $PCMK/agents/fence_mold || return 1
  (umask 077; head -c 12 /dev/urandom | base64 | tr -d '/+=' | head -c 14 >$PCMK/bmc.secret)
  network_up || return 1
  for host in $PCMK_HOSTS; do
    host_prepare "$host"
    bmc_start "$host"
  done
  for host in $PCMK_HOSTS; do
    write_file "$PCMK/$host/chassis" on
    host_boot "$host" 0
  done
}

cluster_down() {
  local ns pids round
  for ((round = 0; round < 50; round++)); do
    pids=$(ip netns list | awk -v p="^$PCMK_NS-" '$1 ~ p { print $1 }' | while read -r ns; do ip netns pids "$ns"; done)
    [ -n "$pids" ] || break
    # shellcheck disable=SC2086
    kill -9 $pids 2>/dev/null
    sleep 0.1
  done
  for ns in $(ip netns list | awk -v p="^$PCMK_NS-" '$1 ~ p { print $1 }'); do ip netns del "$ns"; done
  rm -rf $PCMK
}

# ---- a manager of ours beside it -------------------------------------------------------------------
# It knows the three hosts and their BMCs; no agent runs, and HA is off: it fences when it is asked to.
admin() {  # COMMAND [NAME=VALUE...]: JSON
  local command=$1 pair args=()
  shift
  for pair in "$@"; do args+=(--data-urlencode "$pair"); done
  in_ns sw curl -s -m 30 -G http://127.0.0.1:8096/client/api -d response=json -d "command=$command" "${args[@]}"
}
manager_answers() { admin listCapabilities | grep -q listcapabilitiesresponse; }
manager_up() {  # PROGRAM
  local host zone pod cluster id
  mkdir -m 700 $PCMK/manager
  (
    exec </dev/null >>$PCMK/manager.log 2>&1 9>&-
    MOLD_LOG=stderr exec nsenter "--net=/run/netns/$PCMK_NS-sw" setsid "$1" --config=/dev/null \
      --state.dir=$PCMK/manager --api.listen="$PCMK_MANAGER:8080" --api.tls.listen "" \
      --integration.api.port=8096 --agents.listen="$PCMK_MANAGER:8250" --agents.names="$PCMK_MANAGER"
  ) &
  disown
  until_true 30 manager_answers || return 1
  zone=$(admin createZone name=z networktype=Basic | jq -r .createzoneresponse.zone.id)
  pod=$(admin createPod name=p "zoneid=$zone" gateway=$PCMK_SUBNET.1 netmask=255.255.255.0 | jq -r .createpodresponse.pod.id)
  cluster=$(admin addCluster clustername=c "zoneid=$zone" "podid=$pod" hypervisor=KVM clustertype=CloudManaged |
    jq -r '.addclusterresponse.cluster[0].id')
  for host in $PCMK_HOSTS; do
    id=$(admin addHost hypervisor=KVM "zoneid=$zone" "podid=$pod" "clusterid=$cluster" "url=kvm://$host" |
      jq -r '.addhostresponse.host[0].id')
    case $id in *-*) ;; *) return 1 ;; esac
    admin configureOutOfBandManagement "hostid=$id" driver=ipmitool "address=$(bmc_address "$host")" port=623 \
      username=ADMIN "password=$(cat $PCMK/bmc.secret)" >/dev/null
    admin enableOutOfBandManagementForHost "hostid=$id" >/dev/null
    install -m 600 $PCMK/manager/admin.conf "$PCMK/$host/corosync/mold.conf" || return 1
  done
}
manager_ledger() {  # HOST
  admin listHosts "name=$1" | jq -r '.listhostsresponse.host[0].id' |
    { read -r id; admin listHaEvidence "hostid=$id" | jq -r '.listhaevidenceresponse.haevidence[]? | .kind + " " + .text'; }
}

# ---- asking it -------------------------------------------------------------------------------------
online_count() { on "$1" crm_mon -1 --output-as=xml 2>/dev/null | grep -c '<node name=.* online="true".* unclean="false"'; }
all_online() { [ "$(online_count "$1")" = 3 ]; }
# Where the service runs, as HOST sees it; a host that is not clean does not count.
service_host() {
  on "$1" crm_mon -1 --output-as=xml 2>/dev/null |
    awk '/<resource id="service".*role="Started".*active="true"/ { inside = 1 }
         inside && /<node name=/ { sub(/.*<node name="/, ""); sub(/".*/, ""); print; exit }
         /<\/resource>/ { inside = 0 }'
}
