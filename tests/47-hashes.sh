#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The hash that is told of each file is that of its bytes: files that are hashed while the image goes
# by, and files that cannot be. NTFS with all that it has, ext4, FAT, HFS+; raw, E01 in many segments, a
# damaged E01. Made file by file, and taken up in the middle, they are the same.
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need root
need_tools mkntfs ntfs-3g setfattr mke2fs debugfs mkfs.vfat mcopy mdel sfdisk ewfacquire xorriso python3
hashes=$TOP/tests/helpers/hashes.py
tree_py=$TOP/tests/helpers/tree.py
mnt=$WORK/mnt
volume=$WORK/volume

# ---- what is to be hashed

mkdir -p "$WORK/tree/many" "$volume"
for size in 1 600 4096 70000 1100000; do
	head -c "$size" /dev/urandom >"$WORK/tree/$size bytes"
done
seq 1 300000 >"$WORK/tree/numbers"
for i in {1..200}; do
	printf 'file %d\n' "$i" >"$WORK/tree/many/$i"
	head -c $((i * 37)) /dev/urandom >>"$WORK/tree/many/$i"
done

make_ntfs() { # IMAGE
	truncate -s 96M "$1"
	mkntfs -F -Q -q -p 0 -H 255 -S 63 "$1" >/dev/null 2>&1
	track_mount "$volume"
	ntfs-3g -o streams_interface=windows,compression "$1" "$volume"
	cp -r "$WORK/tree/." "$volume"
	mkdir "$volume/packed"
	setfattr -h -v 0x00000800 -n system.ntfs_attrib_be "$volume/packed"
	seq 1 100000 >"$volume/packed/numbers"
	head -c 300000 /dev/urandom >"$volume/packed/noise"
	printf 'at the front' >"$volume/small holes"
	printf 'at the end' | dd of="$volume/small holes" bs=1 seek=500000 conv=notrunc status=none
	printf 'at the front' >"$volume/large holes"
	printf 'at the end' | dd of="$volume/large holes" bs=1 seek=30000000 conv=notrunc status=none
	truncate -s 3000000 "$volume/numbers" # written to its old end only
	printf '[ZoneTransfer]\r\n' >"$volume/600 bytes:Zone.Identifier"
	head -c 300000 /dev/urandom >"$volume/600 bytes:large"
	ln "$volume/70000 bytes" "$volume/the same"
	python3 "$tree_py" alternate "$volume/runs 1" "$volume/runs 2" 300
	head -c 5000000 /dev/urandom >"$volume/gone and overwritten"
	head -c 5000000 /dev/urandom >"$volume/gone"
	sync -f "$volume"
	rm "$volume/gone and overwritten" "$volume/gone"
	head -c 2000000 /dev/urandom >"$volume/after"
	umount "$volume"
	wait_for not_mounted "$volume"
}

make_ext4() { # IMAGE: files in pieces in both directions, as blocks come free
	truncate -s 48M "$1"
	mke2fs -q -t ext4 -b 1024 -d "$WORK/tree" "$1"
	local i
	for i in {1..200..2}; do
		printf 'rm "/many/%d"\n' "$i"
	done >"$WORK/commands"
	head -c 400000 /dev/urandom >"$WORK/in pieces"
	seq 1 2500000 | head -c 17000000 >"$WORK/large"
	printf 'write "%s" "in pieces"\nwrite "%s" large\nrm /numbers\nwrite "%s" again\n' "$WORK/in pieces" \
		"$WORK/large" "$WORK/in pieces" >>"$WORK/commands"
	debugfs -w -f "$WORK/commands" "$1" >"$WORK/debugfs.log" 2>&1
}

make_fat() { # IMAGE
	truncate -s 40M "$1"
	mkfs.vfat -F 32 -s 1 "$1" >/dev/null
	mcopy -i "$1" -s "$WORK"/tree/* ::
	mdel -i "$1" ::many/1* "::4096 bytes"
	mcopy -i "$1" "$WORK/large" ::
}

make_hfsplus() { # IMAGE: out of a hybrid of both
	xorriso -as mkisofs -r -hfsplus -o "$1.hybrid" "$WORK/tree" >/dev/null 2>&1
	python3 - "$1.hybrid" "$1" <<-'PYTHON'
		import sys
		data = open(sys.argv[1], "rb").read()
		at = next(i for i in range(2048, len(data), 512) if data[i + 1024 : i + 1028] == b"H+\0\4")
		open(sys.argv[2], "wb").write(data[at:])
	PYTHON
	truncate -s %1M "$1"
}

# ---- one disk of all four

make_ntfs "$WORK/1"
make_ext4 "$WORK/2"
make_fat "$WORK/3"
make_hfsplus "$WORK/4"
disk=$WORK/disk.dd
at=1
for n in 1 2 3 4; do
	size=$(($(stat -c %s "$WORK/$n") >> 20))
	printf 'start=%dMiB, size=%dMiB\n' "$at" "$size"
	at=$((at + size))
done >"$WORK/table"
truncate -s $((at + 1))M "$disk"
{
	echo 'label: gpt'
	cat "$WORK/table"
} | sfdisk -q "$disk"
at=1
for n in 1 2 3 4; do
	dd if="$WORK/$n" of="$disk" bs=1M seek="$at" conv=notrunc,sparse status=none
	at=$((at + ($(stat -c %s "$WORK/$n") >> 20)))
done
mkdir "$WORK/e01"
ewfacquire -q -u -t "$WORK/e01/disk" -f encase6 -c fast -S 20MiB -m fixed -M physical -C c -D d -e e -E 1 -N n \
	"$disk" >"$WORK/acquire.log" 2>&1

is_hashed() {
	grep -q 'hashing is complete' "$mnt"/*/EVIDENCE.txt
}
hashed_mount() { # NAME IMAGE
	ok "$1: mount" mount_image "$2" "$mnt"
	ok "$1: hashed" wait_for -t 120 is_hashed
}
rows_of() { # FILE
	python3 "$hashes" rows "$STATE" >"$1"
}
again() { # NAME IMAGE WHAT: hashed once more without WHAT is kept of them
	ok "$1: unmount" unmount_image "$mnt"
	python3 "$hashes" forget "$STATE" "$3"
	hashed_mount "$1" "$2"
	rows_of "$WORK/now"
	same_file "$WORK/rows" "$WORK/now" "$1: the same hashes"
}

for kind in raw E01; do
	image=$disk
	[[ $kind == raw ]] || image=$WORK/e01/disk.E01
	STATE=$WORK/state-$kind
	hashed_mount "$kind" "$image"
	ok "$kind: each file has the hash of its bytes" python3 "$hashes" compare "$mnt"
	like "$(tail -n 1 "$OUT")" 'hashed [0-9]{3}, unreadable 0' "$kind: hundreds of them"
	is "$(cd "$mnt/disk" && echo p?-*[!wd])" "p1-ntfs p2-ext4 p3-fat32 p4-hfsplus" "$kind: of four volumes"
	rows_of "$WORK/rows"
	again "$kind, file by file" "$image" files
	again "$kind, taken up in the middle" "$image" 1
	ok "$kind: unmount" unmount_image "$mnt"
done
STATE=$WORK/state-raw
rows_of "$WORK/now"
same_file "$WORK/rows" "$WORK/now" "raw and E01 have the same"

# ---- chunks that cannot be read

block=$(debugfs -R 'blocks /large' "$WORK/2" 2>/dev/null | awk '{print $9000}')
first=$(($(stat -c %s "$WORK/1") + (1 << 20) + block * 1024))
STATE=$WORK/state-damaged
rm -r "$WORK/e01"
mkdir "$WORK/e01"
ewfacquire -q -u -t "$WORK/e01/disk" -f encase6 -c fast -S 1.4GiB -m fixed -M physical -C c -D d -e e -E 1 -N n \
	"$disk" >"$WORK/acquire.log" 2>&1
for chunk in $((first / 32768)) $((first / 32768 + 1)) 1000; do
	python3 "$TOP/tests/helpers/damage.py" chunk "$WORK/e01/disk.E01" "$chunk" >/dev/null
done
hashed_mount damaged "$WORK/e01/disk.E01"
ok "damaged: each file that can be read has the hash of its bytes, no other has one" python3 "$hashes" compare "$mnt"
like "$(tail -n 1 "$OUT")" 'hashed [0-9]{3}, unreadable [1-9]' "damaged: there are some of both"
not_ok "damaged: one is the file that lies there" cat "$mnt/disk/p2-ext4/large"
rows_of "$WORK/rows"
again "damaged, file by file" "$WORK/e01/disk.E01" files
ok "damaged: unmount" unmount_image "$mnt"
done_testing
