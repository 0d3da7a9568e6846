# The BMC of a host, and where wished a switched outlet (group outletN): a second way to its power that
# does not depend on the BMC.
#
# The BMC of a host: a real IPMI 2.0 simulator (ipmi_sim, group bmcN) at its own address, whose power
# button is tests/lab/chassis. The BMC is a computer of its own: it lives on when its host dies, and it
# can die alone.

bmc_configure() {  # HOST
  local dir=$LAB/$1/bmc number=${1#h} password
  password=$(cat $LAB/bmc.secret)
  mkdir -p "$dir/state"
  write_file "$LAB/$1/chassis" off
  (umask 077; cat >"$dir/lan.conf" <<EOF
name "bmc$number"
set_working_mc 0x20
startlan 1
  addr $(address_of "bmc$number") 623
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid a123456789abcdefa1234567$(printf '%08x' "$number")
endlan
chassis_control "$LAB_SOURCE/chassis $1"
startnow false
user 1 true "" "$password" user 10 none md2 md5 straight
user 2 true "ADMIN" "$password" admin 10 none md2 md5 straight
EOF
  )
  cat >"$dir/commands" <<EOF
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
EOF
}

# nsenter and not "ip netns exec": that would hide the machine's /sys from the hosts started below.
bmc_start() {  # HOST
  local dir=$LAB/$1/bmc
  group_empty "bmc${1#h}" || return 0
  LAB_BIN=$LAB_BIN group_spawn "bmc${1#h}" "$LAB/$1/bmc.log" nsenter "--net=/run/netns/mold-labbmc${1#h}" \
    ipmi_sim -c "$dir/lan.conf" -f "$dir/commands" -s "$dir/state" -n
}

bmc_stop() { group_kill "bmc${1#h}"; }

# A device of its own, spoken to like the BMC, on the next port of the BMC's address.
outlet_start() {  # HOST
  local dir=$LAB/$1/outlet
  mkdir -p "$dir/state"
  (umask 077; sed -e 's/ 623$/ 624/' -e 's/^name .*/name "outlet"/' "$LAB/$1/bmc/lan.conf" >"$dir/lan.conf")
  group_empty "outlet${1#h}" || return 0
  LAB_BIN=$LAB_BIN group_spawn "outlet${1#h}" "$LAB/$1/outlet.log" nsenter "--net=/run/netns/mold-labbmc${1#h}" \
    ipmi_sim -c "$dir/lan.conf" -f "$LAB/$1/bmc/commands" -s "$dir/state" -n
}

lab_outlet() {  # HOST up|down
  need_host "$1"
  case $2 in
    up) outlet_start "$1" ;;
    down) group_kill "outlet${1#h}" ;;
    *) die "an outlet is up or down" ;;
  esac
}

bmc_make_secret() {
  (umask 077
    head -c 12 /dev/urandom | base64 | tr -d '/+=' | head -c 14 >$LAB/bmc.secret
    cat >$LAB/bmc.env <<EOF
LAB_BMC_USER=ADMIN
LAB_BMC_PASSWORD_FILE=$LAB/bmc.secret
LAB_BMC_PASSWORD=$(cat $LAB/bmc.secret)
LAB_BMC_PORT=623
EOF
  )
}

lab_bmc() {  # HOST up|down|slow SEC
  need_host "$1"
  case $2 in
    up) rm -f "$LAB/$1/bmc.slow"; bmc_start "$1" ;;
    down) bmc_stop "$1" ;;
    slow) [[ ${3:-} =~ ^[0-9.]+$ ]] || die "slow needs seconds"; write_file "$LAB/$1/bmc.slow" "$3" ;;
    *) die "bmc is up, down or slow SEC" ;;
  esac
}
