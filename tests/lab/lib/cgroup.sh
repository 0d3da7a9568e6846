# Process groups of the lab: mold-lab/NAME in the machine's control groups.
#
# A group is how the lab knows its processes: starting puts a process in, killing kills what is in,
# freezing freezes what is in. No pid files, so no pid is ever killed that has been reused by somebody
# else. Works on cgroup v2 and on v1/hybrid; on a machine run by systemd it is a branch of our own at
# the top, beside systemd's slices, which systemd leaves alone.

if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
  CGROUP_VERSION=2
  CGROUP_TREES=(/sys/fs/cgroup)
  CGROUP_MAIN=/sys/fs/cgroup/mold-lab
else
  CGROUP_VERSION=1
  CGROUP_TREES=()
  for tree in systemd unified freezer pids cpu,cpuacct cpu cpuacct; do
    [ -d /sys/fs/cgroup/$tree ] && [ ! -L /sys/fs/cgroup/$tree ] && CGROUP_TREES+=(/sys/fs/cgroup/$tree)
  done
  unset tree
  CGROUP_MAIN=/sys/fs/cgroup/freezer/mold-lab
fi

group_join() {  # NAME: the calling (sub)shell becomes a member
  local tree
  for tree in "${CGROUP_TREES[@]}"; do
    mkdir -p "$tree/mold-lab/$1" && echo $BASHPID >"$tree/mold-lab/$1/cgroup.procs" || return 1
  done
}

group_pids() {  # NAME: all members, also in groups that a machine made inside its own
  find "$CGROUP_MAIN/$1" -name cgroup.procs -exec cat {} + 2>/dev/null
}

group_empty() { [ -z "$(group_pids "$1")" ]; }
group_exists() { [ -d "$CGROUP_MAIN/$1" ]; }

# group_spawn NAME LOG CMD...: starts a program in the group, apart from our terminal and files.
group_spawn() {
  local name=$1 log=$2
  shift 2
  (
    group_join "$name" || exit 1
    exec </dev/null >>"$log" 2>&1
    close_inherited_files
    exec setsid "$@"
  ) &
  disown
}

# Descriptors above 2 may be somebody's socket or lock; a daemon must not keep them.
close_inherited_files() {
  local fd
  for fd in /proc/$BASHPID/fd/*; do
    fd=${fd##*/}
    [ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-" 2>/dev/null
  done
}

group_freeze() {
  if [ $CGROUP_VERSION = 2 ]; then
    echo 1 >"$CGROUP_MAIN/$1/cgroup.freeze"
  else
    echo FROZEN >"$CGROUP_MAIN/$1/freezer.state"
  fi
  until_true 2000 group_frozen "$1"
}

group_thaw() {
  if [ $CGROUP_VERSION = 2 ]; then
    echo 0 >"$CGROUP_MAIN/$1/cgroup.freeze"
  else
    echo THAWED >"$CGROUP_MAIN/$1/freezer.state"
  fi
}

group_frozen() {
  if [ $CGROUP_VERSION = 2 ]; then
    grep -qx 'frozen 1' "$CGROUP_MAIN/$1/cgroup.events" 2>/dev/null
  else
    grep -qx FROZEN "$CGROUP_MAIN/$1/freezer.state" 2>/dev/null
  fi
}

# Kills all members and returns when none is left (1: some are still there after 10 s). The kill signal
# is sent before the thaw, so a frozen member wakes up only to die: no code of it runs again.
group_kill() {
  local name=$1 pids end
  group_exists "$name" || return 0
  end=$(($(now_ms) + 10000))
  while pids=$(group_pids "$name") && [ -n "$pids" ]; do
    # shellcheck disable=SC2086
    kill -KILL $pids 2>/dev/null
    group_thaw "$name" 2>/dev/null
    [ "$(now_ms)" -lt $end ] || return 1
    sleep 0.005
  done
}

group_remove() {  # NAME, or nothing for the whole branch
  local tree
  for tree in "${CGROUP_TREES[@]}"; do
    [ -d "$tree/mold-lab/$1" ] || continue
    find "$tree/mold-lab/$1" -depth -type d -exec rmdir {} + 2>/dev/null
  done
}

group_names() { find "$CGROUP_MAIN" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null; }
