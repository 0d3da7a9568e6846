# ./dev test: everything that CI runs, counted. Sourced by ./dev.

TREE=$ROOT/build/dev

# Adds what a ctest log says to the counters. GoogleTest programs are counted by their cases (they
# leave an XML each in $1.cases/); a program that crashed or ran out of time is one failure more.
count_ctest() {  # LOGNAME
  local cases=$LOGS/$1.cases name verdict
  while read -r name verdict; do
    case $verdict in
      Passed) if ! count_cases "$cases/$name.xml"; then PASSED=$((PASSED + 1)); fi ;;
      Skipped | Disabled) SKIPPED=$((SKIPPED + 1)) ;;
      *)
        local before=$FAILED
        count_cases "$cases/$name.xml" || true
        [ "$FAILED" -gt "$before" ] || FAILED=$((FAILED + 1))
        ;;
    esac
  done < <(sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) [. ]*(\*\*\*)?([A-Za-z]+).*/\1 \3/p' "$LOGS/$1.log")
}

count_cases() {  # XML; fails when there is none
  local line tests failures errors skipped
  [ -s "$1" ] || return 1
  line=$(grep -m1 -a '<testsuites ' "$1") || return 1
  tests=$(attribute tests "$line") failures=$(attribute failures "$line")
  errors=$(attribute errors "$line")
  skipped=$(grep -ac '<skipped' "$1")
  skipped=$((skipped + $(attribute disabled "$line")))
  PASSED=$((PASSED + tests - failures - errors - skipped))
  FAILED=$((FAILED + failures + errors))
  SKIPPED=$((SKIPPED + skipped))
}
attribute() { sed -nE "s/.* $1=\"([0-9]+)\".*/\1/p" <<<"$2" | grep . || echo 0; }

# ctest_step TITLE NAME DEADLINE_S ARGS...: one ctest call as a step, counted.
ctest_step() {
  local title=$1 name=$2 deadline=$3
  shift 3
  ctest_words "$name" "$@"
  step "$title" "$name" "$deadline" "${WORDS[@]}"
  count_step "$name" $?
}

ctest_words() {  # NAME ARGS...: into WORDS; its list of cases begins anew
  local name=$1
  shift
  rm -rf "$LOGS/$name.cases"
  mkdir -p "$LOGS/$name.cases"
  WORDS=(env GTEST_OUTPUT="xml:$LOGS/$name.cases/" GTEST_COLOR=no
    ctest --test-dir "$TREE" --output-on-failure --no-tests=error "$@")
}

count_step() {  # NAME CODE
  local before=$FAILED
  count_ctest "$1"
  # Out of time, or not one test of that kind: that is a failure too, and has to be in the count.
  [ "$2" = 0 ] || [ "$FAILED" -gt "$before" ] || FAILED=$((FAILED + 1))
}

# The source rules (each public header compiled alone, most of it) need the cores and no quiet: they
# run beside the tests, and have what those leave. Called in their own folder, for two ctests do not
# share one.
rules_aside() {
  TREE=$TREE/tests/tidy ctest_words tidy -L '^tidy$' -j "$(nproc)"
  aside tidy 2400 "${WORDS[@]}"
}
rules_step() {
  rejoin "source rules" tidy 2400
  count_step tidy $?
}

sim_step() {  # SEEDS
  if step "simulator, $1 seeds" sim 600 "$TREE/tests/sim/mold-sim" --seeds "$1" --from 1; then
    PASSED=$((PASSED + $1))
  else
    FAILED=$((FAILED + 1))
  fi
}

lab_step() {
  if [ "$LAB" = no ]; then
    STEP=$((STEP + 1))
    echo "[$STEP/$STEPS] lab scenarios                      left out (--no-lab)"
  elif [ "$(id -u)" != 0 ]; then
    STEP=$((STEP + 1))
    echo "[$STEP/$STEPS] lab scenarios                      ${BAD}NOT RUN${PLAIN}: they need root (sudo ./dev test)"
    FAILED=$((FAILED + 1))
  else
    MOLD_STAGE=$ROOT/build/stage MOLD_BUILD=$TREE TAIL_LINES=120 \
      ctest_step "lab scenarios" lab 1800 -L '^lab$' -j 1
  fi
}

dev_test() {
  LAB=yes
  local seeds=2000
  while [ $# -gt 0 ]; do
    case $1 in
      --no-lab) LAB=no ;;
      --seeds) seeds=${2:?--seeds N}; shift ;;
      *) die "test does not know '$1'" ;;
    esac
    shift
  done
  STEPS=11
  need_packages build test "$([ $LAB = no ] || echo lab)"
  build_preset dev
  stage_preset dev
  rules_aside
  ctest_step "unit and golden tests" fast 300 -L '^fast$' -j "$(nproc)"
  sim_step "$seeds"
  ctest_step "simulator: planted bugs caught" mutation 600 -L '^(sim|mutations?)$'
  ctest_step "API, live manager" api 300 -L '^api$'
  # They wait for clocks and for each other's programs, hardly for a core.
  ctest_step "everything else" other 900 --no-tests=ignore -j 4 \
    -LE '^(fast|tidy|sim|mutations?|api|lab|slow|bench)$'
  lab_step
  rules_step
  summary
}
