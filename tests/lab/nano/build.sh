#!/bin/bash
# Builds the bootable raw disk image of the nano guest: build.sh OUTPUT.img
# Plain gcc and ld are enough (no multilib: nothing is linked from a library).
set -euo pipefail
source_dir=$(cd "$(dirname "$0")" && pwd)
output=${1:?usage: build.sh OUTPUT.img}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-m16 -march=i586 -Os -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none
  -fno-asynchronous-unwind-tables -mregparm=0 -Wall -Wextra -Werror --param=min-pagesize=0)
"${CC:-gcc}" "${flags[@]}" -c "$source_dir/boot.S" -o "$work/boot.o"
"${CC:-gcc}" "${flags[@]}" -std=c11 -c "$source_dir/kernel.c" -o "$work/kernel.o"
ld -m elf_i386 --build-id=none -z noexecstack --no-warn-rwx-segments -T "$source_dir/nano.ld" "$work/boot.o" "$work/kernel.o" -o "$work/nano.elf"
objcopy -O binary "$work/nano.elf" "$work/nano.img"
truncate -s 1M "$work/nano.img"
mv "$work/nano.img" "$output"
