# Configure, build, stage. Sourced by ./dev.

jobs() {  # one per core, but not more than the memory bears (about 1.5 GB for the largest unit)
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo)
  [ "$memory" -ge 1 ] || memory=1
  echo $((cores < memory ? cores : memory))
}

build_tree() { echo "$ROOT/build/$1"; }

# Two steps: configure and build. Without targets all of it.
build_preset() {  # PRESET [TARGET...]
  local preset=$1
  shift
  cd "$ROOT" || exit 1
  must "configure ($preset)" "configure-$preset" 180 cmake --preset "$preset"
  must "build ($preset)" "build-$preset" 2400 cmake --build "$(build_tree "$preset")" -j "$(jobs)" ${1:+--target "$@"}
}

# One step: an install tree in build/stage, as a package would have it.
stage_preset() {  # PRESET
  rm -rf "$ROOT/build/stage"
  must "install into build/stage" stage 120 \
    env DESTDIR="$ROOT/build/stage" cmake --install "$(build_tree "$1")"
}

need_built() {  # PRESET PROGRAM: for the commands that only run something
  local tree
  tree=$(build_tree "$1")
  [ -x "$tree/$2" ] && return
  STEPS=3
  need_packages build
  build_preset "$1"
  [ -x "$tree/$2" ] || die "$2 was not built; is its folder there?"
}
