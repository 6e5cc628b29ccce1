#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Partition tables other than the usual ones, made by foreign tools where there are such, with mmls and
# fdisk to compare with: Sun and Apple tables, BSD labels, on the disk and within a partition,
# containers within containers, GPT over 128 entries, hybrid media, tables that say more than there is.
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need_tools mke2fs sfdisk parted mmls xorriso python3
mnt=$WORK/mnt

mkdir "$WORK/tree"
volume() { # NAME: $WORK/NAME.part, an ext2 file system with a file that says NAME
	echo "$1" >"$WORK/tree/name"
	truncate -s 200K "$WORK/$1.part"
	mke2fs -q -t ext2 -N 16 -d "$WORK/tree" "$WORK/$1.part"
}
put() { # IMAGE SECTOR NAME
	volume "$3"
	dd if="$WORK/$3.part" of="$1" bs=512 seek="$2" conv=notrunc status=none
}
show() { # IMAGE: mounts it; $at is its folder
	at=$mnt/$(basename "${1%.*}")
	ok "$(basename "$1"): mounted" mount_image --no-hash "$1" "$mnt"
}
done_with() {
	ok "$1: unmounted" unmount_image "$mnt"
}
has() { # VOLUME NAME: what is in that volume, and where it lies as mmls has it
	is "$(cat "$at/$1/name")" "$2" "$1 is $2"
}
offset_of() { # VOLUME: in sectors
	echo $(($(python3 -c 'import os, sys
print(os.getxattr(sys.argv[1], "user.evidencefs.volume_offset").decode())' "$at/$1") / 512))
}
starts() { # IMAGE WORDS: the sectors where mmls has partitions of that description
	mmls "$1" | awk -v words="$2" 'index($0, words) {print $3 + 0}' | tr '\n' ' '
}

sun=$WORK/sun.img
truncate -s 40M "$sun"
printf '%s\n' 'label: sun' '1: start=16065,size=16065,type=83' '2: start=32130,size=16065,type=83' \
	'3: start=0,size=80325,type=5' | sfdisk -q "$sun"
put "$sun" 16065 sun-first
put "$sun" 32130 sun-second
show "$sun"
has p1-ext2 sun-first
has p2-ext2 sun-second
is "$(offset_of p1-ext2) $(offset_of p2-ext2) " "$(starts "$sun" 0x0083)" "Sun: as mmls has them"
done_with "Sun"
head -c 12M "$sun" >"$WORK/sun-cut.img"
show "$WORK/sun-cut.img"
has p1-ext2 sun-first
like "$(cat "$at/EVIDENCE.txt")" 'partition 2 lies past the end of the media' "Sun, cut off: what is missing is told"
done_with "Sun, cut off"

mac=$WORK/mac.img
truncate -s 10M "$mac"
parted -s "$mac" mklabel mac mkpart first ext2 1MiB 3MiB mkpart second ext2 3MiB 5MiB >"$WORK/parted.log" 2>&1
put "$mac" 2048 mac-first
put "$mac" 6144 mac-second
show "$mac"
has p2-ext2 mac-first
has p3-ext2 mac-second
is "$(offset_of p2-ext2) $(offset_of p3-ext2) " "$(starts "$mac" Apple_UNIX)" "Apple: as mmls has them"
done_with "Apple"

# a label of slices: letter, start, size, type of each
label() { # IMAGE SECTOR SLICE...
	python3 - "$@" <<-'PYTHON'
		import struct, sys
		slices = {s.split(",")[0]: [int(n) for n in s.split(",")[1:]] for s in sys.argv[3:]}
		b = bytearray(512)
		struct.pack_into("<I", b, 0, 0x82564557)
		struct.pack_into("<IIIIII", b, 40, 512, 63, 255, 10, 63 * 255, 40960)
		struct.pack_into("<IH", b, 132, 0x82564557, 0)
		struct.pack_into("<HII", b, 138, 8, 8192, 8192)
		for letter, (start, size, kind) in slices.items():
		    struct.pack_into("<IIIBBH", b, 148 + 16 * (ord(letter) - ord("a")), size, start, 0, kind, 8, 0)
		total = 0
		for i in range(0, 148 + 16 * 8, 2):
		    total ^= struct.unpack_from("<H", b, i)[0]
		struct.pack_into("<H", b, 136, total)
		f = open(sys.argv[1], "r+b")
		f.seek(int(sys.argv[2]) * 512)
		f.write(b)
	PYTHON
}
bsd=$WORK/bsd.img
truncate -s 20M "$bsd"
label "$bsd" 1 a,64,2000,7 c,0,40960,0 d,4096,2000,7
put "$bsd" 64 bsd-a
put "$bsd" 4096 bsd-d
show "$bsd"
has p1-ext2 bsd-a
has p4-ext2 bsd-d
is "$(offset_of p1-ext2) $(offset_of p4-ext2) " "$(starts "$bsd" 4.2BSD)" "BSD: as mmls has them"
is "$(find "$at" -maxdepth 1 -name 'p*.raw' | wc -l)" 2 "BSD: the disk as a slice of itself is none"
done_with "BSD"

within=$WORK/bsd-within.img
truncate -s 20M "$within"
printf '%s\n' 'label: dos' '1: start=2048,size=20000,type=a5' '2: start=24576,size=8000,type=5' \
	'5: start=26624,size=2000,type=83' | sfdisk -q "$within"
label "$within" 2049 a,16,2000,7 c,0,20000,0 e,8192,2000,7
put "$within" $((2048 + 16)) within-a
put "$within" $((2048 + 8192)) within-e
put "$within" 26624 logical
show "$within"
has p5-ext2 logical
has p6-ext2 within-a
has p7-ext2 within-e
ok "BSD within a partition: which is there too" test -f "$at/p1-unknown.raw"
done_with "BSD within a partition"

chain=$WORK/chain.img
truncate -s 20M "$chain"
{
	printf '%s\n' 'label: dos' '1: start=2048,size=400,type=83' '4: start=4096,size=30000,type=f'
	for n in 5 6 7 8; do
		echo "$n: start=$((n * 4096 - 14336)),size=400,type=83"
	done
} | sfdisk -q "$chain"
for n in 5 6 7 8; do
	put "$chain" $((n * 4096 - 14336)) "logical-$n"
done
show "$chain"
for n in 5 6 7 8; do
	has "p$n-ext2" "logical-$n"
done
ok "a chain: sfdisk and mmls agree on it" test "$(mmls "$chain" | grep -c 'Linux (0x83)')" = 5
done_with "a chain"

gpt=$WORK/gpt.img
truncate -s 60M "$gpt"
{
	printf '%s\n' 'label: gpt' 'table-length: 300'
	for ((n = 1; n <= 300; n++)); do
		echo "$n: start=$((2048 + n * 400)),size=400"
	done
} | sfdisk -q "$gpt"
for n in 1 128 129 300; do
	put "$gpt" $((2048 + n * 400)) "gpt-$n"
done
show "$gpt"
for n in 1 128 129 300; do
	has "p$n-ext2" "gpt-$n"
done
is "$(find "$at" -maxdepth 1 -name 'p*.raw' | wc -l)" "$(sfdisk -d "$gpt" | grep -c start=)" \
	"GPT: as many as sfdisk has"
done_with "GPT"

# sectors of 4 KiB, in which the table counts: only a device can say so to sfdisk
if [[ $(id -u) == 0 ]] && device=$(losetup --find 2>/dev/null); then
	large=$WORK/large.img
	truncate -s 64M "$large"
	device=$(losetup --find --show --sector-size 4096 "$large")
	printf '%s\n' 'label: gpt' '1: start=256,size=400' '2: start=5000,size=400' |
		sfdisk -q "$device" >"$WORK/sfdisk.log" 2>&1
	losetup --detach "$device"
	put "$large" $((256 * 8)) large-first
	put "$large" $((5000 * 8)) large-second
	show "$large"
	has p1-ext2 large-first
	has p2-ext2 large-second
	is "$(($(offset_of p1-ext2) / 8)) $(($(offset_of p2-ext2) / 8)) " \
		"$(mmls "$large" | awk '$2 ~ /^0/ {print $3 + 0}' | tr '\n' ' ')" "sectors of 4 KiB: as mmls has them"
	done_with "sectors of 4 KiB"
else
	skip "needs a loop device" "sectors of 4 KiB"
fi

hybrid=$WORK/hybrid.iso
volume efi
echo hybrid >"$WORK/tree/name"
xorriso -as mkisofs -r -V HYBRID -append_partition 2 0xef "$WORK/efi.part" -appended_part_as_gpt -o "$hybrid" \
	"$WORK/tree" >"$WORK/xorriso.log" 2>&1
show "$hybrid"
has p2-ext2 efi
has p0-iso9660 hybrid
is "$(offset_of p0-iso9660)" 0 "hybrid: the medium begins at its begin"
done_with "hybrid"
done_testing
