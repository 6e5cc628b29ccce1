#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# File systems that nobody made in good faith: folders within themselves, 300 levels deep, thousands
# of entries of one name, names of control characters, bidirectional ones, NULs and slashes. Each is
# walked to its end; what is listed is there.
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need_tools mke2fs debugfs mkntfs ntfs-3g mkfs.vfat mkfs.exfat mcopy xorriso getfattr od python3
hostile=$TOP/tests/helpers/hostile.py
walk=$TOP/tests/helpers/walk.py
mnt=$WORK/mnt
count=3000

python3 "$hostile" tree "$WORK/tree" $count 300

make_ext4() {
	truncate -s 32M "$1"
	mke2fs -q -t ext4 -O ^metadata_csum -N 8000 -d "$WORK/tree" "$1"
}
make_ntfs() {
	truncate -s 48M "$1"
	mkntfs -F -Q -q "$1" >/dev/null 2>&1
	mkdir -p "$WORK/fill"
	track_mount "$WORK/fill"
	ntfs-3g "$1" "$WORK/fill" && cp -r "$WORK/tree/." "$WORK/fill" && sync -f "$WORK/fill"
	umount "$WORK/fill" || fusermount3 -u "$WORK/fill"
	wait_for not_mounted "$WORK/fill"
}
make_fat32() {
	truncate -s 64M "$1"
	mkfs.vfat -F 32 -s 1 "$1" >/dev/null
	mcopy -i "$1" -s -Q "$WORK/tree/many" "$WORK/tree/garbage" "$WORK/tree/cyclea" "$WORK/tree/deep" :: </dev/null
}
make_exfat() {
	truncate -s 64M "$1"
	mkfs.exfat -c 4K "$1" >/dev/null && python3 "$TOP/tests/helpers/fill_exfat.py" "$1" "$WORK/tree"
}
make_iso9660() {
	xorriso -as mkisofs -r -V hostile -o "$1" "$WORK/tree" >/dev/null 2>&1
}
make_hfsplus() { # out of a hybrid of both
	xorriso -as mkisofs -r -hfsplus -V hostile -o "$1.hybrid" "$WORK/tree" >/dev/null 2>&1 &&
		python3 - "$1.hybrid" "$1" <<-'PYTHON'
			import sys
			data = open(sys.argv[1], "rb").read()
			at = next(i for i in range(2048, len(data), 512) if data[i + 1024 : i + 1028] == b"H+\0\4")
			open(sys.argv[2], "wb").write(data[at:])
		PYTHON
}
make_cycle() { # KIND IMAGE
	case $1 in
	ext4)
		debugfs -w -R 'rmdir /cyclea/cycleb/cyclec' "$2" && debugfs -w -R 'link /cyclea /cyclea/cycleb/cyclec' "$2"
		;;
	ntfs) python3 "$hostile" cycle NTFS "$2" ;;
	fat32) python3 "$hostile" cycle FAT "$2" ;;
	exfat) python3 "$hostile" cycle EXFAT "$2" ;;
	iso9660) python3 "$hostile" cycle ISO "$2" ;;
	hfsplus) python3 "$hostile" cycle HFS "$2" ;;
	esac
}

# examine KIND IMAGE NAME: mount it, go through everything; leaves $tree, mounted
examine() {
	local name=$3 began=$SECONDS
	tree=$mnt/image/p0-$1
	cp "$2" "$WORK/image.dd"
	ok "$name: mount" timeout 60 "$EVIDENCEFS" mount --state "$STATE" "$WORK/image.dd" "$mnt"
	ok "$name: shown as $1" test -d "$tree"
	ok "$name: everything is read" timeout 60 python3 "$walk" "$mnt"
	diag "$name: $(tail -n 1 "$OUT")"
	ok "$name: find" timeout 60 find "$mnt" -printf '%p %s %i %l\n'
	ls -lR "$mnt" >"$WORK/listing" 2>&1 || true
	is "$(grep -c '?????' "$WORK/listing" || true)" 0 "$name: ls -l knows every entry"
	is "$(find "$mnt" -print0 | python3 -c 'import sys
names = sys.stdin.buffer.read().split(b"\0")[:-1]
print(sum(n.split(b"/")[-1] in (b"", b".", b"..") for n in names))')" 0 "$name: no name leads elsewhere"
	if ((SECONDS - began < 60)); then
		pass "$name: in less than a minute"
	else
		fail "$name: in less than a minute"
	fi
}
leave() {
	ok "$1: unmount" unmount_image "$mnt"
}
mkdir "$mnt"
track_mount "$mnt"
for kind in ext4 ntfs fat32 exfat iso9660 hfsplus; do
	image=$WORK/$kind.img
	if ! "make_$kind" "$image" >"$WORK/make.log" 2>&1; then
		fail "$kind is made"
		diag "$(tail -n 5 "$WORK/make.log")"
		continue
	fi
	examine "$kind" "$image" "$kind as made"
	is "$(find "$tree/many" -type f -name 'dup-*' -printf x | wc -c)" $count "$kind as made: $count names"
	ok "$kind as made: 300 levels deep" grep -qx 'deep down' "$tree/deep$(printf '/d%.0s' {1..300})/bottom"
	leave "$kind as made"

	cp "$image" "$WORK/work.img"
	ok "$kind, a cycle: made" make_cycle "$kind" "$WORK/work.img"
	examine "$kind" "$WORK/work.img" "$kind, a cycle"
	is "$(find "$tree" -path '*/cyclec/*/cyclec/*' | wc -l)" 0 "$kind, a cycle: is not followed"
	is "$(find "$tree/many" -type f -printf x | wc -c)" $count "$kind, a cycle: the rest is there"
	leave "$kind, a cycle"

	cp "$image" "$WORK/work.img"
	ok "$kind, names: changed" python3 "$hostile" names "$WORK/work.img"
	examine "$kind" "$WORK/work.img" "$kind, names"
	problems=$(sed -n '/^PROBLEMS/,$p' "$mnt/image/EVIDENCE.txt")
	# what is not shown is at least told
	if [[ $kind == hfsplus ]]; then # names are the keys of its tree
		like "$problems" $'\n  many: .*' "$kind, names: a damaged tree is told"
		like "$problems" $'\n  garbage: its names cannot all be read' "$kind, names: and names that are left out"
		leave "$kind, names"
		continue
	fi
	# by inode: in NTFS a name at the end of a sector stays as it was, in one of its two places
	is "$(python3 -c 'import os, sys
print(len({os.getxattr(e.path, "user.evidencefs.inode") for e in os.scandir(sys.argv[1])}))' "$tree/many")" $count "$kind, names: $count of one name, each shown"
	is "$(find "$tree/many" -type f -size +0 -exec cat {} + | sort -u | wc -l)" $((count / 100)) "$kind, names: and each is itself"
	if [[ $kind == fat32 ]]; then
		like "$problems" $'\n  garbage: 7 of its entries are not shown' "$kind, names: entries that libtsk does not take for any are told"
		leave "$kind, names"
		continue
	fi
	is "$(find "$tree/garbage" -type f -exec cat {} + 2>/dev/null | sort -u | wc -l)" 9 "$kind, names: garbage is shown too"
	if [[ $kind == ntfs || $kind == exfat ]]; then
		is "$(getfattr --only-values -n user.evidencefs.name "$tree/garbage/a%00b%00c%2F" | od -An -c | tr -d ' ')" \
			'a\0b\0c/' "$kind, names: one does not end at a NUL"
	fi
	leave "$kind, names"
done
done_testing
