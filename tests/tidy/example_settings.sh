#!/bin/bash
# An example settings file must be true: with every line taken in, its program still says "good".
#   example_settings.sh PROGRAM FILE
set -eu
whole=$(mktemp)
trap 'rm -f "$whole"' EXIT
sed 's/^#\([a-z]\)/\1/' "$2" >"$whole"
for file in "$2" "$whole"; do
  "$1" --config "$file" --check-config
done
