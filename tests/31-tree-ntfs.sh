#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A whole NTFS volume of tens of thousands of real files, and of what NTFS alone has, against
# ntfs-3g: each name, size, time to 100 ns, link count, stream and SHA-256; and deleted files under
# the path they had, with what was in them.
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need root
need_tools mkntfs ntfs-3g ntfsinfo setfattr getfattr ewfacquire python3 unshare
tree_py=$TOP/tests/helpers/tree.py
image=$WORK/disk.dd
oracle=$WORK/oracle
mnt=$WORK/mnt

truncate -s 1G "$image"
mkntfs -F -Q -q -c 4096 -L WORKSHOP -p 0 -H 255 -S 63 "$image" >"$WORK/mkntfs.log" 2>&1
mkdir "$oracle"
track_mount "$oracle"

fill_mount() {
	ntfs-3g -o streams_interface=windows,permissions "$image" "$oracle" 2>>"$WORK/ntfs-3g.log"
}
fill_mount

files=$(python3 "$tree_py" fill "$oracle/real" 30000 200000000 /usr/lib/python3* /usr/include /usr/share /usr/lib)
ok "tens of thousands of real files ($files)" test "$files" -ge 10000

odd=$oracle/odd
mkdir "$odd" "$odd/names" "$odd/many" "$odd/small" "$odd/packed" "$odd/links" "$odd/streams" "$odd/gone"
python3 "$tree_py" names "$odd/many" 20000
# names as Windows allows them and more, to 255 units of UTF-16
names=("Grüße aus Köln" "日本語 文書" "😀 smile" " leading" "quote'd" 'semi;colon' '%2F' 'NUL.txt' "tilde~1" "a+b=c,[d]"
	"$(printf 'ü%.0s' {1..120})" "$(printf 'x%.0s' {1..255})")
for name in "${names[@]}"; do
	printf 'named %s\n' "$name" >"$odd/names/$name"
done
: >"$odd/empty"
for size in 1 100 500 600 650 680 690 700 710 720 750 800 1000 4095 4096 4097 65535 65536 65537; do
	head -c "$size" /dev/urandom >"$odd/small/$size bytes"
done
ln "$odd/small/700 bytes" "$odd/names/the same"
ln "$odd/small/65537 bytes" "$odd/the same, large"
ln -s ../empty "$odd/links/relative"
ln -s /odd/names "$odd/links/absolute"
ln -s ../../../../../etc/passwd "$odd/links/climbing"
printf 'at the front' >"$odd/sparse"
truncate -s 600000001 "$odd/sparse"
printf 'at the end' | dd of="$odd/sparse" bs=1 seek=600000000 conv=notrunc status=none
# ntfs-3g shows times before 1970 without their fractions: they are looked at by themselves
touch -d '1969-07-20 20:17:40.1234567' "$odd/small/500 bytes"
touch -d '1601-01-02 00:00:00.0000001' "$odd/small/1 bytes"
touch -d '2500-12-31 23:59:59.9999999' "$odd/small/100 bytes"

# streams: resident and not, of files and folders, one empty, many (an attribute list)
printf '[ZoneTransfer]\r\nZoneId=3\r\n' >"$odd/streams/download"
printf '[ZoneTransfer]\r\nZoneId=3\r\n' >"$odd/streams/download:Zone.Identifier"
: >"$odd/streams/host"
head -c 300000 /dev/urandom >"$odd/streams/host:large"
: >"$odd/streams/host:empty"
printf 'a folder has streams too\n' >"$odd/streams:of a folder"
printf 'body\n' >"$odd/streams/many"
for i in {1..120}; do
	head -c $((i * 7)) /dev/urandom >"$odd/streams/many:stream number $i, näme"
done

# two files that grow in turn: so many runs that an attribute list holds them in several pieces
python3 "$tree_py" alternate "$odd/runs 1" "$odd/runs 2" 3000

# compressed: text, noise, both mixed, a hole; units are 64 KiB
setfattr -h -v 0x00000800 -n system.ntfs_attrib_be "$odd/packed"
seq 1 200000 >"$odd/packed/numbers"
head -c 500000 /dev/urandom >"$odd/packed/noise"
for i in 1 2 3 4; do
	seq "$i" 20000
	head -c 100000 /dev/urandom
done >"$odd/packed/mixed"
head -c 1000000 /dev/zero >"$odd/packed/zeros"
printf 'short\n' >"$odd/packed/short"
for file in /usr/share/common-licenses/* /usr/lib/python3*/*.py; do
	[[ -f $file && ! -L $file ]] && cp "$file" "$odd/packed/"
done

# valid data length below the size: what lies behind it on the medium must read as zeros
head -c 262144 /dev/urandom >"$odd/valid in part"

# what is deleted, once all is written: kept aside with its path
mkdir -p "$WORK/kept" "$odd/gone/a folder/inner"
seq 1 50000 >"$odd/gone/numbers.txt"
printf 'resident\n' >"$odd/gone/resident.txt"
head -c 200000 /dev/urandom >"$odd/gone/a folder/inner/noise.bin"
printf 'hidden in a stream\n' >"$odd/gone/numbers.txt:secret"
printf 'Ünï\n' >"$odd/gone/Ünïcödé näme.txt"
cp -r "$odd/gone/." "$WORK/kept/"
umount "$oracle" # everything is on the medium before it is deleted
wait_for not_mounted "$oracle"
fill_mount
rm -r "$odd/gone/numbers.txt" "$odd/gone/resident.txt" "$odd/gone/Ünïcödé näme.txt" "$odd/gone/a folder"
umount "$oracle"
wait_for not_mounted "$oracle"
python3 "$TOP/tests/helpers/ntfs_valid.py" "$image" 'valid in part' 100001

fill_mount
is "$(tail -c +100002 "$odd/valid in part" | tr -d '\0' | wc -c)" 0 "ntfs-3g sees the valid data length"
ok "the tree by ntfs-3g" python3 "$tree_py" describe "$oracle" --streams ntfs --tick 100 --skip 'odd/small/1 bytes' --skip 'odd/small/500 bytes'
mv "$OUT" "$WORK/want"
diag "$(wc -l <"$WORK/want") names"
ok "a compressed file is stored in less" test "$(stat -c %b "$odd/packed/numbers")" -lt $((1288895 / 512))
umount "$oracle"
wait_for not_mounted "$oracle"
ok "a file of thousands of runs" ntfsinfo -f -F 'odd/runs 1' "$image"
like "$(cat "$OUT")" 'ATTRIBUTE_LIST' "has an attribute list"

mounted_tree() { # IMAGE NAME
	ok "$2: mount" mount_image --no-hash "$1" "$mnt"
	python3 "$tree_py" describe "$mnt/disk/p0-ntfs" --shown --tick 100 --skip '$*' \
		--skip 'odd/small/1 bytes' --skip 'odd/small/500 bytes' \
		>"$WORK/got" 2>"$WORK/got.err" || diag "$(tail -5 "$WORK/got.err")"
	diff "$WORK/want" "$WORK/got" >"$WORK/diff" || true
	is "$(grep -c '^[<>]' "$WORK/diff")" 0 "$2: every name, size, time, link, stream and SHA-256"
	head -c 3000 "$WORK/diff" | cut -c 1-400 | head -n 20 | sed 's/^/# /'
}
mounted_tree "$image" "raw"
v=$mnt/disk/p0-ntfs
attribute() {
	getfattr --absolute-names -h -n "$1" --only-values "$2" 2>/dev/null
}
is "$(attribute user.evidencefs.compressed "$v/odd/packed/numbers")" 1 "a compressed file says so"
is "$(attribute user.evidencefs.volume_label "$v")" WORKSHOP "the volume's label"
is "$(stat -c %y "$v/odd/small/500 bytes" "$v/odd/small/1 bytes" | tr '\n' ' ')" \
	"1969-07-20 20:17:40.123456700 +0000 1601-01-02 00:00:00.000000100 +0000 " "times before 1970"
is "$(stat -c '%i %h' "$v/odd/small/700 bytes" "$v/odd/names/the same" | uniq)" \
	"$(stat -c %i "$v/odd/small/700 bytes") 2" "hard links have one inode number, and their count"

d=$mnt/disk/p0-ntfs.deleted/odd/gone
same_file "$WORK/kept/numbers.txt" "$d/numbers.txt" "a deleted file, where it was"
same_file "$WORK/kept/resident.txt" "$d/resident.txt" "a deleted resident file"
same_file "$WORK/kept/Ünïcödé näme.txt" "$d/Ünïcödé näme.txt" "a deleted file with such a name"
same_file "$WORK/kept/a folder/inner/noise.bin" "$d/a folder/inner/noise.bin" "a file of a deleted folder, where it was"
is "$(cat "$d/numbers.txt:secret" 2>&1)" "hidden in a stream" "a deleted stream"
is "$(attribute user.evidencefs.deleted "$d/numbers.txt")" 1 "a deleted file says so"
is "$(attribute user.evidencefs.deleted "$v/odd/empty")" "" "another does not"
ok "raw: unmount" unmount_image "$mnt"

mkdir "$WORK/e01"
ok "ewfacquire" ewfacquire -q -u -t "$WORK/e01/disk" -f encase6 -c fast \
	-S 100MiB -m fixed -M physical -C c -D d -e e -E 1 -N n "$image"
mounted_tree "$WORK/e01/disk.E01" "E01"
same_file "$WORK/kept/numbers.txt" "$d/numbers.txt" "E01: a deleted file, where it was"
ok "E01: unmount" unmount_image "$mnt"
done_testing
