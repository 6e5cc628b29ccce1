#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# FAT12, FAT16, FAT32 and exFAT with a tree of real files and deleted ones; partitions numbered and
# placed as fdisk says, in MBR with logical ones and in GPT; what is not recognised is shown as bytes.
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need_tools mkfs.vfat mcopy mmd mdel mkfs.exfat sfdisk fdisk getfattr python3
tree_py=$TOP/tests/helpers/tree.py
mnt=$WORK/mnt

attribute() {
	getfattr --absolute-names -h -n "$1" --only-values "$2" 2>/dev/null
}

# ---- file systems ---------------------------------------------------------------------

tree=$WORK/tree
mkdir "$tree"
python3 "$tree_py" fill "$tree" 3000 12000000 /usr/lib/python3* /usr/include >"$WORK/count"
diag "$(cat "$WORK/count") real files"
find "$tree" -type l -delete # FAT has neither links nor
find "$tree" -name '*.again' -delete
mkdir -p "$tree/names/many"
python3 "$tree_py" names "$tree/names/many" 1000
: >"$tree/empty"
for name in 'UPPER.TXT' 'lower.txt' 'Mixed Case.Text' 'Grüße aus Köln' '日本語 文書.txt' 'two.dots.in.it' \
	'a+b=c,;[d]' "$(printf 'long %.0s' {1..47})end" "$(printf 'x%.0s' {1..255})"; do
	printf 'named %s\n' "$name" >"$tree/names/$name"
done
head -c 1500000 /dev/urandom >"$tree/names/large.bin"
# even seconds are all that FAT keeps
find "$tree" -exec touch -d '2024-03-05 08:31:10' {} +
mkdir "$WORK/gone"
seq 1 20000 >"$WORK/gone/gone for good.txt"
python3 "$tree_py" describe "$tree" | sed 's/ d [0-9]*$/ d/' >"$WORK/want"
diag "$(wc -l <"$WORK/want") names"

make_fat() { # BITS MIB OPTION...
	truncate -s "${2}M" "$WORK/fat$1.dd"
	mkfs.vfat -F "$1" -n WORKSHOP "${@:3}" "$WORK/fat$1.dd" >/dev/null
	mcopy -i "$WORK/fat$1.dd" -s -m -Q "$tree"/* :: </dev/null
	mmd -i "$WORK/fat$1.dd" ::/gone
	mcopy -i "$WORK/fat$1.dd" -m "$WORK/gone/gone for good.txt" ::/gone/
	mdel -i "$WORK/fat$1.dd" '::/gone/gone for good.txt'
}

# through exfat-fuse, which as root takes only devices
make_exfat() {
	local device
	truncate -s 64M "$WORK/exfat.dd"
	mkfs.exfat -L WORKSHOP "$WORK/exfat.dd" >/dev/null
	mkdir "$WORK/fill"
	track_mount "$WORK/fill"
	device=$(losetup --find --show "$WORK/exfat.dd") || return 1
	mount.exfat-fuse "$device" "$WORK/fill" &&
		cp -r --preserve=timestamps "$tree/." "$WORK/fill/" &&
		mkdir "$WORK/fill/gone" &&
		cp "$WORK/gone/gone for good.txt" "$WORK/fill/gone/" &&
		umount "$WORK/fill" && wait_for not_mounted "$WORK/fill" &&
		mount.exfat-fuse "$device" "$WORK/fill" &&
		rm "$WORK/fill/gone/gone for good.txt" &&
		umount "$WORK/fill" && wait_for not_mounted "$WORK/fill"
	local status=$?
	losetup --detach "$device"
	return "$status"
}

same_volume() { # NAME
	local v=$mnt/$1/p0-$1
	ok "$1: mount" mount_image --no-hash "$WORK/$1.dd" "$mnt"
	python3 "$tree_py" describe "$v" --shown --skip '$*' --skip gone \
		--skip '*(Volume Label Entry)' 2>"$WORK/got.err" |
		sed 's/ d [0-9]*$/ d/' >"$WORK/got" || diag "$(tail -5 "$WORK/got.err")"
	diff "$WORK/want" "$WORK/got" >"$WORK/diff" || true
	is "$(grep -c '^[<>]' "$WORK/diff")" 0 "$1: every name, size, time and SHA-256"
	head -c 3000 "$WORK/diff" | cut -c 1-400 | head -n 20 | sed 's/^/# /'
	is "$(attribute user.evidencefs.volume_offset "$v")" 0 "$1: its place"
	is "$(attribute user.evidencefs.volume_label "$v")" WORKSHOP "$1: its label"
	ok "$1: the deleted file is not among the others" test ! -e "$v/gone/gone for good.txt"
	same_file "$WORK/gone/gone for good.txt" "$v.deleted/gone/gone for good.txt" "$1: a deleted file, where it was"
	same_file "$WORK/$1.dd" "$v.raw" "$1: the volume's bytes"
	ok "$1: unmount" unmount_image "$mnt"
}

make_fat 12 28 -s 16
same_volume fat12
make_fat 16 64
same_volume fat16
make_fat 32 64 -s 1
same_volume fat32
if [[ $(id -u) == 0 && -n $(type -P mount.exfat-fuse) ]] && losetup --find >/dev/null 2>&1; then
	ok "exfat is made" make_exfat
	same_volume exfat
else
	skip "exfat-fuse or a loop device is missing" "exfat"
fi

# ---- partitions -----------------------------------------------------------------------------

truncate -s 4M "$WORK/small.dd"
mkfs.vfat -F 12 "$WORK/small.dd" >/dev/null
printf 'here\n' >"$WORK/here.txt"
mcopy -i "$WORK/small.dd" "$WORK/here.txt" ::

place() { # DISK SECTOR: the small volume
	dd if="$WORK/small.dd" of="$1" bs=512 seek="$2" conv=notrunc,sparse status=none
}

# compare_partitions DISK FOLDER: what fdisk lists (but extended ones), each with its number and place
compare_partitions() {
	local number start expected got=() path
	expected=$(fdisk -l -o Device,Start,Type "$1" | sed -n "s|^$1 *\([0-9]*\)  *\([0-9]*\)  *\(.*\)|\1 \2 \3|p" |
		awk '$3 != "Extended" {print $1, $2}' | sort -n)
	for path in "$2"/p*; do
		number=${path##*/p}
		number=${number%%-*}
		case $path in
		*.deleted | *.unallocated) continue ;;
		*-unknown.raw) start=$(head -c 100 "$path" | sed -n 's/^noise at \([0-9]*\)$/\1/p;q') ;;
		*.raw) continue ;;
		*) start=$(($(attribute user.evidencefs.volume_offset "$path") / 512)) ;;
		esac
		got+=("$number $start")
	done
	is "$(printf '%s\n' "${got[@]}" | sort -n)" "$expected" "$3: numbers and places as fdisk has them"
}

noise() { # DISK SECTOR
	printf 'noise at %d\n' "$2" | dd of="$1" bs=512 seek="$2" conv=notrunc status=none
}

truncate -s 64M "$WORK/mbr.dd"
sfdisk -q "$WORK/mbr.dd" <<-'TABLE'
	label: dos
	1: start=2048, size=8192, type=6
	2: start=12288, size=4096, type=da
	4: start=20480, size=100000, type=5
	5: start=22528, size=8192, type=1
	6: start=32768, size=2048, type=83
	7: start=36864, size=8192, type=e
	8: start=47104, size=8192, type=b
TABLE
for sector in 2048 22528 36864 47104; do
	place "$WORK/mbr.dd" "$sector"
done
noise "$WORK/mbr.dd" 12288
noise "$WORK/mbr.dd" 32768
ok "MBR: mount" mount_image "$WORK/mbr.dd" "$mnt"
compare_partitions "$WORK/mbr.dd" "$mnt/mbr" "MBR"
is "$(cd "$mnt/mbr" && echo p?-*12 p?-unknown*)" "p1-fat12 p5-fat12 p7-fat12 p8-fat12 p2-unknown.raw p6-unknown.raw" \
	"MBR: primary, logical, and not recognised"
is "$(cat "$mnt/mbr/p8-fat12/here.txt")" here "MBR: a file in the last logical partition"
is "$(stat -c %s "$mnt/mbr/p6-unknown.raw")" $((2048 * 512)) "MBR: the size of one not recognised"
like "$(cat "$mnt/mbr/EVIDENCE.txt")" "p6-unknown" "MBR: EVIDENCE.txt speaks of it"
ok "MBR: unmount" unmount_image "$mnt"

truncate -s 64M "$WORK/gpt.dd"
sfdisk -q "$WORK/gpt.dd" <<-'TABLE'
	label: gpt
	1: start=2048, size=8192, name="first"
	3: start=12288, size=4096
	12: start=20480, size=8192, name="Müller"
	5: start=32768, size=8192
TABLE
for sector in 2048 20480 32768; do
	place "$WORK/gpt.dd" "$sector"
done
noise "$WORK/gpt.dd" 12288
ok "GPT: mount" mount_image "$WORK/gpt.dd" "$mnt"
compare_partitions "$WORK/gpt.dd" "$mnt/gpt" "GPT"
is "$(cat "$mnt/gpt/p12-fat12/here.txt")" here "GPT: a file in partition 12"
like "$(cat "$mnt/gpt/EVIDENCE.txt")" "Müller" "GPT: a partition's name stands in EVIDENCE.txt"
ok "GPT: unmount" unmount_image "$mnt"

# ---- nothing recognised ------------------------------------------------------------------------

head -c 3000001 /dev/urandom >"$WORK/noise.dd"
ok "noise: mount" mount_image "$WORK/noise.dd" "$mnt"
like "$(cat "$OUT")" "no file system was recognised" "noise: said when mounting"
same_file "$WORK/noise.dd" "$mnt/noise/image.raw" "noise: image.raw is there, to the last byte"
like "$(cat "$mnt/noise/EVIDENCE.txt")" "No file system was recognised" "noise: said in EVIDENCE.txt"
ok "noise: unmount" unmount_image "$mnt"
done_testing
