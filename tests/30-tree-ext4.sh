#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A whole ext4 volume of tens of thousands of real files, and of what is rare, against the kernel's
# own ext4: each name, size, time to the nanosecond, link count, link target and SHA-256; on the raw
# image, and on E01 files of each compression level in several segments.
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need root
need_tools mke2fs losetup mount filefrag setfattr getfattr ewfacquire python3
tree_py=$TOP/tests/helpers/tree.py
image=$WORK/disk.dd
oracle=$WORK/oracle
mnt=$WORK/mnt

truncate -s 700M "$image"
mke2fs -q -t ext4 -I 256 -N 300000 -O ^has_journal "$image"
mkdir "$oracle"
track_mount "$oracle"
mount -t ext4 -o loop "$image" "$oracle" 2>"$ERR" || lacking root "no loop devices here: $(cat "$ERR")"

files=$(python3 "$tree_py" fill "$oracle/real" 25000 150000000 \
	/usr/lib/python3* /usr/include /usr/share /usr/lib)
ok "tens of thousands of real files ($files)" test "$files" -ge 10000

odd=$oracle/odd
mkdir "$odd" "$odd/names" "$odd/many" "$odd/deep" "$odd/links" "$odd/a" "$odd/a/b"
python3 "$tree_py" strange "$odd/names"
python3 "$tree_py" names "$odd/many" 100000
python3 "$tree_py" deep "$odd/deep" 1500
python3 "$tree_py" scatter "$odd/scattered" 2000
: >"$odd/empty"
printf 'at the front' >"$odd/over 4 GiB"
truncate -s 4700000001 "$odd/over 4 GiB"
printf 'in the middle' | dd of="$odd/over 4 GiB" bs=1 seek=4294967290 conv=notrunc status=none
printf 'at the end' | dd of="$odd/over 4 GiB" bs=1 seek=4700000000 conv=notrunc status=none
truncate -s 3000000 "$odd/only a hole"
fallocate -l 1M "$odd/never written"
mkfifo "$odd/fifo"
mknod "$odd/char" c 1 3
mknod "$odd/block" b 7 200
python3 -c 'import socket, sys, os; os.chdir(sys.argv[1]); socket.socket(socket.AF_UNIX).bind("socket")' "$odd"
ln "$odd/empty" "$odd/a/the same empty"
ln "$odd/scattered" "$odd/a/b/the same scattered"
ln "$odd/scattered" "$odd/a/b/once more"
ln "$odd/fifo" "$odd/a/the same fifo"
ln -s ../empty "$odd/links/relative"
ln -s /odd/names "$odd/links/absolute"
ln -s ../../../../../../../../etc/passwd "$odd/links/climbing"
ln -s a/../../../../../../etc/passwd "$odd/links/climbing later"
ln -s /../../etc/shadow "$odd/links/absolute and climbing"
ln -s .. "$odd/links/up"
ln -s / "$odd/links/root"
ln -s "$(printf 'long/%.0s' {1..200})end" "$odd/links/long"
ln -s nowhere "$odd/links/dangling"
ln -s $'\xff\n' "$odd/links/bytes"
ln -s loop "$odd/links/loop"
ln -s ../a/b/../../empty "$odd/links/through folders"
printf 'noted\n' >"$odd/noted"
setfattr -n user.comment -v 'kept beside the inode' "$odd/noted"
setfattr -n user.long -v "$(head -c 2000 /dev/zero | tr '\0' v)" "$odd/noted"
setfattr -n user.on.a.folder -v 'yes' "$odd/a"
chown 12345:54321 "$odd/noted"
chmod 4751 "$odd/noted"
touch -d '1969-07-20 20:17:40.123456789' "$odd/noted"
touch -d '2106-02-07 06:28:15.999999999' "$odd/empty"
touch -h -d '2038-01-19 03:14:08.000000001' "$odd/links/relative"
touch -d '2001-09-09 01:46:40.5' "$odd/a/b" "$odd/a"
sync -f "$oracle"

extents=$(filefrag "$odd/scattered" | sed 's/.*: \([0-9]*\) extent.*/\1/')
ok "a file of more than 400 extents ($extents)" test "$extents" -gt 400

ok "the kernel's tree" python3 "$tree_py" describe "$oracle" --streams xattr --large 1000000000
mv "$OUT" "$WORK/want"
diag "$(wc -l <"$WORK/want") names"

mounted_tree() { # IMAGE NAME [SKIP]
	ok "$2: mount" mount_image --no-hash "$1" "$mnt"
	python3 "$tree_py" describe "$mnt/disk/p0-ext4" --shown --large 1000000000 --skip '$*' --skip "${3:-}" \
		>"$WORK/got" 2>"$WORK/got.err" || diag "$(tail -5 "$WORK/got.err")"
	diff "$WORK/want" "$WORK/got" >"$WORK/diff" || true
	is "$(grep -c '^[<>]' "$WORK/diff")" 0 "$2: every name, size, time, link, and SHA-256"
	head -c 3000 "$WORK/diff" | cut -c 1-400 | head -n 20 | sed 's/^/# /'
}

mounted_tree "$image" "raw"
v=$mnt/disk/p0-ext4
same_file "$oracle/odd/over 4 GiB" "$v/odd/over 4 GiB" "a sparse file over 4 GiB, byte for byte"
is "$(find "$v/odd/many" -mindepth 1 | wc -l)" 100000 "a folder of 100,000 names, by find"
is "$(stat -c '%F %a %s' "$v/odd/fifo" "$v/odd/char" "$v/odd/block" "$v/odd/socket" | uniq -c | sed 's/ *//')" \
	"4 regular empty file 400 0" "special files are empty regular files"
attribute() {
	getfattr --absolute-names -h -n "$1" --only-values "$2" 2>/dev/null
}
is "$(attribute user.evidencefs.mode "$v/odd/fifo")" 010644 "what they were is an attribute"
is "$(attribute user.evidencefs.mode "$v/odd/noted") $(attribute user.evidencefs.uid "$v/odd/noted") $(attribute user.evidencefs.gid "$v/odd/noted")" \
	"104751 12345 54321" "mode and owner of the evidence are attributes"
is "$(attribute user.evidencefs.inode "$v/odd/noted")" "$(stat -c %i "$oracle/odd/noted")" "and the inode"
is "$(stat -c %a%u "$v/odd/noted")" "400$(id -u)" "the file itself is ours, to read"
is "$(stat -c %W "$v/odd/noted")" "$(stat -c %W "$oracle/odd/noted")" "the birth time by statx"
is "$(readlink -f "$v/odd/links/absolute")" "$v/odd/names" "an absolute link leads to its place in the volume"
is "$(readlink -f "$v/odd/links/root")" "$v" "a link to / leads to the volume's root"
is "$(attribute system.evidencefs.target "$v/odd/links/climbing")" \
	"../../../../../../../../etc/passwd" "a climbing link keeps its words as an attribute"
is "$(realpath -m "$v/odd/links/climbing")" "$v/etc/passwd" "and stays in the volume"
is "$(realpath -m "$v/odd/links/absolute and climbing")" "$v/etc/shadow" "absolute and climbing too"
is "$(stat -c '%i %h' "$v/odd/scattered" "$v/odd/a/b/the same scattered" "$v/odd/a/b/once more" | uniq | wc -l)" 1 \
	"hard links have one inode number"
is "$(stat -c %h "$v/odd/scattered")" 3 "and their count"
ok "raw: unmount" unmount_image "$mnt"
umount "$oracle"

# from an E01 the same; without the 100,000 empty files, to save time
grep -v '^odd/many/' "$WORK/want" >"$WORK/fewer"
mv "$WORK/fewer" "$WORK/want"
for level in none fast best; do
	mkdir "$WORK/$level"
	ok "ewfacquire, compression $level" ewfacquire -q -u -t "$WORK/$level/disk" -f encase6 -c "$level" \
		-S 20MiB -m fixed -M physical -C c -D d -e e -E 1 -N n "$image"
	ok "$level: several segments" test -e "$WORK/$level/disk.E02"
	mounted_tree "$WORK/$level/disk.E01" "E01, compression $level" 'odd/many/*'
	ok "$level: unmount" unmount_image "$mnt"
	rm -r "${WORK:?}/$level"
done
done_testing
