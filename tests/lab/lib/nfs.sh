# The lab's NFS server (lab up --storage nfs): a machine "nfs" on the switch with NFS-Ganesha, which is all
# user space; group nfs, state in $LAB/nfs. It exports the backing directory of the shared storage as /pool,
# version 4, so a client in user space (libnfs) and the disks of VMs in /srv/pool see one directory.
#
# The kernel of a lab need not have an NFS client, so /srv/pool stays the faultfs of each host. Where a fault
# of the server or of the way to it would hang a kernel mount, the faultfs is told to hang as well.
#
#   nfs_freeze, nfs_thaw         the server stands still, with it every host's mount; both go on
#   nfs_cut HOST, nfs_heal HOST  this host's way to it; its mount hangs, goes on
#
# $LAB/nfs.env: LAB_NFS_SERVER, _PORT, _EXPORT, _URL (nfs://...), _LIBNFS_URL (with the version as libnfs
# wants it).

NFS_ADDRESS=$(address_of nfs)
NFS_EXPORT=/pool
NFS_RUN=("nsenter" "--net=/run/netns/mold-labnfs")
NFS_LIBNFS_URL="nfs://$NFS_ADDRESS$NFS_EXPORT?version=4"

nfs_is_here() { [ -e $LAB/nfs.env ]; }
need_nfs() { nfs_is_here || die "this lab has no NFS server (lab up --storage nfs)"; }

nfs_up() {
  network_attach nfs
  mkdir -p $LAB/nfs/recovery
  cat >$LAB/nfs/ganesha.conf <<END
NFS_CORE_PARAM {
  NFS_Port = 2049;
  Protocols = 4;
  Enable_NLM = false;
  Enable_RQUOTA = false;
  Bind_addr = $NFS_ADDRESS;
}
# No grace period: nobody of a former life has anything to reclaim here.
NFSV4 { Graceless = true; RecoveryBackend = fs; RecoveryRoot = $LAB/nfs/recovery; Only_Numeric_Owners = true; }
# Not used, but the server makes this directory all the same: rather here than in /run.
NFS_KRB5 { Active_krb5 = false; CCacheDir = $LAB/nfs/ccache; }
EXPORT {
  Export_Id = 1;
  Path = $LAB_POOL;
  Pseudo = $NFS_EXPORT;
  Protocols = 4;
  Access_Type = RW;
  Squash = No_Root_Squash;
  SecType = sys;
  FSAL { Name = VFS; }
}
END
  group_spawn nfs $LAB/nfs/out.log "${NFS_RUN[@]}" ganesha.nfsd -F -f $LAB/nfs/ganesha.conf -L $LAB/nfs/ganesha.log \
    -p $LAB/nfs/pid
  until_true 20000 nfs_answers || { tail -n 20 $LAB/nfs/*.log >&2; return 1; }
  cat >$LAB/nfs.env.new <<END
LAB_NFS_SERVER=$NFS_ADDRESS
LAB_NFS_PORT=2049
LAB_NFS_EXPORT=$NFS_EXPORT
LAB_NFS_URL=nfs://$NFS_ADDRESS$NFS_EXPORT
LAB_NFS_LIBNFS_URL='$NFS_LIBNFS_URL'
END
  mv $LAB/nfs.env.new $LAB/nfs.env
}
nfs_answers() { timeout 5 "${NFS_RUN[@]}" nfs-ls "$NFS_LIBNFS_URL" >/dev/null 2>&1; }

nfs_mounts() {  # ok|hang
  local name
  for name in $(hosts); do lab_storage "$name" "$1"; done
}
nfs_freeze() {
  need_nfs
  group_freeze nfs || die "the NFS server does not freeze"
  nfs_mounts hang
}
nfs_thaw() {
  need_nfs
  group_thaw nfs
  nfs_mounts ok
}
nfs_cut() { need_nfs; need_host "$1"; lab_cut "$1" nfs; lab_storage "$1" hang; }
nfs_heal() { need_nfs; need_host "$1"; lab_restore "$1" nfs; lab_storage "$1" ok; }

lab_nfs() {  # VERB [HOST]
  case $1 in
    freeze | thaw) "nfs_$1" ;;
    cut | heal) need_words $# 2; "nfs_$1" "$2" ;;
    *) die "nfs is freeze, thaw, cut HOST or heal HOST" ;;
  esac
}

nfs_status() {
  ! nfs_is_here || printf 'nfs: %s  %s%s\n' "$(group_word nfs)" "$NFS_ADDRESS" $NFS_EXPORT
}
nfs_bundle() {  # DIR
  nfs_is_here || return 0
  mkdir -p "$1/nfs"
  cp $LAB/nfs/*.log "$1/nfs/" 2>/dev/null
  return 0
}
