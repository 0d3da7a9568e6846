# Progress, logs and counting for ./dev. Sourced, never run.

LOGS=$ROOT/build/logs
STEP=0 STEPS=0
PASSED=0 FAILED=0 SKIPPED=0
STARTED=$SECONDS
CHILD= ASIDE=

die() { echo "dev: $*" >&2; exit 2; }
clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  LIVE=yes GOOD=$'\e[32m' BAD=$'\e[31m' DIM=$'\e[2m' PLAIN=$'\e[0m'
else
  LIVE=no GOOD='' BAD='' DIM='' PLAIN=''
fi

on_interrupt() {
  local pid
  for pid in $CHILD $ASIDE; do kill -TERM "$pid" 2>/dev/null; done
  echo; echo "dev: interrupted" >&2
  exit 130
}
trap on_interrupt INT TERM

# What was built with sudo stays usable without it.
give_back() {
  [ -z "${SUDO_UID:-}" ] || [ ! -d "$ROOT/build" ] ||
    chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$ROOT/build" 2>/dev/null || true
}
trap give_back EXIT

# The line that says where a running command is: ninja's and ctest's own counters, or nothing.
last_counter() { tail -n 3 "$1" 2>/dev/null | grep -aoE '^ *\[?[0-9]+/[0-9]+\]?' | tail -n 1 | tr -d ' []'; }

# step TITLE LOGNAME DEADLINE_S CMD...: runs one step with its log in build/logs, shows what goes on
# and for how long, prints the end of the log when it failed. Returns the command's exit code.
step() {
  local title=$1 log=$LOGS/$2.log deadline=$3
  shift 3
  mkdir -p "$LOGS"
  timeout -k 10 "$deadline" "$@" >"$log" 2>&1 </dev/null &
  CHILD=$!
  see_through "$title" "$log" "$deadline"
}

# aside LOGNAME DEADLINE_S CMD...: begins a step beside the next ones; it has what they leave of the
# cores. rejoin TITLE LOGNAME DEADLINE_S shows how it goes on, and ends as step does.
aside() {
  local log=$LOGS/$1.log deadline=$2
  shift 2
  mkdir -p "$LOGS"
  # The scheduler weighs sessions before it weighs their processes (sched(7), autogroup); what the
  # tests start may be in sessions of its own.
  # shellcheck disable=SC2016
  setsid -w sh -c 'echo 19 2>/dev/null >/proc/self/autogroup; exec chrt --idle 0 timeout -k 10 "$@"' \
    aside "$deadline" "$@" >"$log" 2>&1 </dev/null &
  ASIDE=$!
}
rejoin() {
  CHILD=$ASIDE ASIDE=
  see_through "$1" "$LOGS/$2.log" "$3"
}

# What step and rejoin show of $CHILD, until it ended.
see_through() {  # TITLE LOG DEADLINE_S
  local from=$SECONDS code=0 head
  STEP=$((STEP + 1))
  head=$(printf '[%d/%d] %-34s' $STEP $STEPS "$1")
  [ $LIVE = yes ] || echo "$head ..."
  watch_child "$head" "$2" "$from"
  wait "$CHILD" || code=$?
  CHILD=
  [ $LIVE = no ] || printf '\r\e[K'
  if [ $code = 0 ]; then
    echo "$head ${GOOD}ok${PLAIN}      ${DIM}$(clock $((SECONDS - from)))${PLAIN}"
  else
    [ $code != 124 ] && [ $code != 137 ] || echo "(out of time: $3 s)" >>"$2"
    echo "$head ${BAD}FAILED${PLAIN}  $(clock $((SECONDS - from)))"
    echo "----- the end of ${2#"$ROOT"/} -----"
    tail -n "${TAIL_LINES:-40}" "$2"
    echo "----- whole log: ${2#"$ROOT"/} -----"
  fi
  return $code
}

watch_child() {  # HEAD LOG FROM
  local said=0 elapsed
  while kill -0 $CHILD 2>/dev/null; do
    elapsed=$((SECONDS - $3))
    if [ $LIVE = yes ]; then
      printf '\r\e[K%s %s %s' "$1" "$(clock $elapsed)" "$(last_counter "$2")"
    elif [ $((elapsed / 30)) -gt $said ]; then
      said=$((elapsed / 30))
      echo "      still at it, $(clock $elapsed) $(last_counter "$2")"
    fi
    sleep 0.2
  done
}

# must TITLE ...: like step, but nothing makes sense after a failure.
must() {
  step "$@" || { echo "dev: stopped after $(clock $((SECONDS - STARTED))): '$1' failed" >&2; exit 1; }
}

summary() {
  [ $SKIPPED = 0 ] || echo "$SKIPPED skipped (named in build/logs)"
  echo "total time $(clock $((SECONDS - STARTED)))"
  echo "$PASSED passed, $FAILED failed"
  [ $FAILED = 0 ]
}
