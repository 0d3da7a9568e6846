# The lab's network: one switch (a bridge in a namespace of its own), one namespace per machine and per
# BMC, a cable between each and the switch. The port on the switch bears the name of what is behind it,
# so cutting is a matter of names: "frames that come in at h1 and go out at mgr are dropped".
#
# $LAB/cuts lists what is cut, one "FROM TO" a line ("net" = everybody); the rules are always rebuilt
# from it as a whole. $LAB/loss is the share of frames, in percent, that the switch loses by chance.

network_up() {
  ip netns add $LAB_SWITCH
  ip -n $LAB_SWITCH -batch - <<EOF || die "cannot set up the switch"
link set lo up
link add br0 type bridge forward_delay 0 stp_state 0
link set br0 up
EOF
  : >$LAB/cuts
  echo 0 >$LAB/loss
  network_apply_cuts || die "nftables has no bridge filter here"
}

network_attach() {  # NAME
  local name=$1 ns=mold-lab$1
  ip netns add "$ns"
  ip -n "$ns" link add eth0 type veth peer name "$name" netns $LAB_SWITCH || die "cannot attach $name"
  ip -n "$ns" -batch - <<EOF
link set lo up
addr add $(address_of "$name")/24 dev eth0
link set eth0 up
EOF
  ip -n $LAB_SWITCH link set "$name" master br0 up
}

network_link() { ip -n $LAB_SWITCH link set "$1" "$2"; }  # NAME up|down

network_link_is_up() { ip -n $LAB_SWITCH -o link show "$1" 2>/dev/null | grep -q '[<,]UP[,>]'; }

# "net" stands for everything on the other side.
network_apply_cuts() {
  local from to loss rules=""
  read -r loss <$LAB/loss
  [ "$loss" = 0 ] || rules="numgen random mod 100 < $loss drop"$'\n'
  while read -r from to; do
    case $from,$to in
      net,*) rules+="oifname \"$to\" drop"$'\n' ;;
      *,net) rules+="iifname \"$from\" drop"$'\n' ;;
      *) rules+="iifname \"$from\" oifname \"$to\" drop"$'\n' ;;
    esac
  done <$LAB/cuts
  nsenter --net=/run/netns/$LAB_SWITCH nft -f - <<EOF
add table bridge lab
delete table bridge lab
table bridge lab {
  chain forward {
    type filter hook forward priority 0;
$rules
  }
}
EOF
}

need_port() {
  [ "$1" = net ] || ip -n $LAB_SWITCH link show "$1" >/dev/null 2>&1 ||
    die "no '$1' on the switch (h1 .., mgr, bmc1 .., net)"
}

lab_cut() {  # A B [--one-way]: A and B do not reach each other; one way: nothing from A reaches B
  local from=$1 to=$2
  need_port "$from" && need_port "$to"
  [ "$from" != "$to" ] || die "cut needs two different ends"
  echo "$from $to" >>$LAB/cuts
  [ "${3:-}" = --one-way ] || echo "$to $from" >>$LAB/cuts
  network_apply_cuts
}

lab_restore() {  # [A B]: without names everything
  if [ $# -eq 0 ]; then
    : >$LAB/cuts
  else
    grep -vxF -e "$1 $2" -e "$2 $1" $LAB/cuts >$LAB/cuts.new
    mv $LAB/cuts.new $LAB/cuts
  fi
  network_apply_cuts
}

lab_loss() {  # PERCENT
  [[ $1 =~ ^[0-9]{1,2}$ ]] || die "loss is a share in percent, 0 to 99"
  echo "$1" >$LAB/loss
  network_apply_cuts
}

network_down() {
  local ns
  for ns in $(ip netns list | awk '{print $1}' | grep '^mold-lab'); do ip netns del "$ns"; done
}
