#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each file system, partition table and kind of image that is read: the tree that
# went in comes out, with names, sizes, times and contents. The README's table
# refers to the points here.
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need_tools mke2fs mkfs.vfat mcopy mkntfs ntfs-3g mkfs.exfat python3 sfdisk ewfacquire split

tree=$WORK/tree
mkdir -p "$tree/Documents/a folder in it" "$tree/empty folder"
: >"$tree/empty.txt"
printf 'a line\n' >"$tree/short.txt"
seq 1 30000 >"$tree/Documents/numbers.txt"
head -c 300000 /dev/urandom >"$tree/Documents/a folder in it/random.bin"
printf 'Grüße\n' >"$tree/Documents/Grüße aus Köln.txt"
printf 'a long name\n' >"$tree/Documents/$(printf 'long name %.0s' {1..18}).txt"
find "$tree" -exec touch -d '2024-03-05 08:31:10' {} +

# what a tree is: kind, size, time, contents and name of each file
describe() {
	(cd "$1" && find . -mindepth 1 -type d ! -name 'lost+found' ! -name '$*' -printf '%P/\n' | sort)
	(cd "$1" && find . -mindepth 1 -type f ! -path './$*' ! -path './*:*' ! -path './lost+found/*' \
		-printf '%P %s %TY-%Tm-%Td %TT\n' | sort)
	(cd "$1" && find . -mindepth 1 -type f ! -path './$*' ! -path './*:*' ! -path './lost+found/*' \
		-exec sha256sum {} + | sort)
}
describe "$tree" >"$WORK/want"

same_tree() { # DIR NAME
	describe "$1" >"$WORK/got" 2>&1 || true
	ok "$2" diff -u "$WORK/want" "$WORK/got"
}

# NTFS is filled through ntfs-3g in a user namespace, so that an ordinary user can; as user 1, since
# ntfs-3g wants one with a name.
in_namespace() {
	unshare --user --map-user=1 --map-group=1 --keep-caps --mount "$@"
}

fill_ntfs() { # IMAGE
	mkdir -p "$WORK/fill"
	# shellcheck disable=SC2016 # for the inner shell
	in_namespace bash -euc \
		'ntfs-3g -o streams_interface=xattr,uid=1,gid=1 "$1" "$2"
		cp -a --no-preserve=ownership "$3/." "$2/"
		umount "$2"' fill "$1" "$WORK/fill" "$tree"
}

make_volume() { # TYPE FILE
	case $1 in
	ext2 | ext3 | ext4)
		truncate -s 16M "$2"
		mke2fs -q -t "$1" -d "$tree" "$2"
		;;
	fat12)
		truncate -s 4M "$2"
		mkfs.vfat -F 12 "$2" >/dev/null
		mcopy -i "$2" -s -m "$tree"/* ::
		;;
	fat16)
		truncate -s 16M "$2"
		mkfs.vfat -F 16 "$2" >/dev/null
		mcopy -i "$2" -s -m "$tree"/* ::
		;;
	fat32)
		truncate -s 40M "$2"
		mkfs.vfat -F 32 -s 1 "$2" >/dev/null
		mcopy -i "$2" -s -m "$tree"/* ::
		;;
	ntfs)
		truncate -s 16M "$2"
		mkntfs -q -Q -F "$2" >/dev/null 2>&1
		fill_ntfs "$2"
		;;
	exfat)
		truncate -s 8M "$2"
		mkfs.exfat "$2" >/dev/null
		"$TOP/tests/helpers/fill_exfat.py" "$2" "$tree"
		;;
	esac
}

# shown IMAGE VOLUME NAME: the volume is there and has the tree
shown() {
	local mnt=$WORK/mnt folder
	folder=$(basename "$1")
	folder=${folder%.*}
	if ! mount_image "$1" "$mnt" >"$WORK/mount.log" 2>&1; then
		fail "$3"
		diag "$(cat "$WORK/mount.log")"
		return
	fi
	same_tree "$mnt/$folder/$2" "$3"
	unmount_image "$mnt"
}

volumes=(ext2 ext3 ext4 fat12 fat16 fat32 exfat)
if in_namespace true 2>/dev/null; then
	volumes+=(ntfs)
else
	skip "no user namespaces here" "file system ntfs"
fi
for type in "${volumes[@]}"; do
	make_volume "$type" "$WORK/$type.dd"
	shown "$WORK/$type.dd" "p0-$type" "file system $type"
done

# partition tables: ext2 second, FAT12 in a logical partition or third
place() { # DISK MIB FILE
	dd if="$3" of="$1" bs=1M seek="$2" conv=notrunc,sparse status=none
}
truncate -s 32M "$WORK/mbr.dd"
sfdisk -q "$WORK/mbr.dd" <<-'TABLE'
	label: dos
	start=1MiB, size=1MiB, type=83
	start=2MiB, size=16MiB, type=83
	start=19MiB, size=12MiB, type=5
	start=20MiB, size=1MiB, type=83
	start=22MiB, size=4MiB, type=1
TABLE
place "$WORK/mbr.dd" 2 "$WORK/ext2.dd"
place "$WORK/mbr.dd" 22 "$WORK/fat12.dd"
shown "$WORK/mbr.dd" p2-ext2 "MBR, primary partition"
shown "$WORK/mbr.dd" p6-fat12 "MBR, second logical partition"

truncate -s 32M "$WORK/gpt.dd"
sfdisk -q "$WORK/gpt.dd" <<-'TABLE'
	label: gpt
	start=1MiB, size=1MiB
	start=2MiB, size=16MiB
	start=20MiB, size=4MiB
TABLE
place "$WORK/gpt.dd" 2 "$WORK/ext2.dd"
place "$WORK/gpt.dd" 20 "$WORK/fat12.dd"
shown "$WORK/gpt.dd" p2-ext2 "GPT"
shown "$WORK/gpt.dd" p3-fat12 "GPT, another partition"

# kinds of image
mkdir "$WORK/split"
split -b 5M -d -a 3 --numeric-suffixes=1 "$WORK/gpt.dd" "$WORK/split/one."
split -b 5M -d -a 3 "$WORK/gpt.dd" "$WORK/split/zero."
split -b 5M -a 2 "$WORK/gpt.dd" "$WORK/split/letters."
shown "$WORK/split/one.001" p2-ext2 "split raw, .001"
shown "$WORK/split/zero.000" p2-ext2 "split raw, .000"
shown "$WORK/split/letters.aa" p2-ext2 "split raw, .aa"

acquire() { # NAME FORMAT COMPRESSION SEGMENT-SIZE
	ewfacquire -q -u -t "$WORK/$1" -f "$2" -c "$3" -S "$4" -m fixed -M physical -C c -D d -e e -E 1 \
		-N n "$WORK/gpt.dd" >"$WORK/acquire.log" 2>&1
}
acquire best encase6 best 1.4GiB
acquire none encase6 none 1.4GiB
acquire many encase6 none 1MiB
shown "$WORK/best.E01" p2-ext2 "E01, compressed"
shown "$WORK/none.E01" p2-ext2 "E01, not compressed"
ok "ewfacquire made several segments" test -e "$WORK/many.E20"
shown "$WORK/many.E01" p2-ext2 "E01 in many segments"
acquire smart smart best 1.4GiB
shown "$WORK/smart.s01" p2-ext2 "S01 (SMART)"

# names as long as FAT allows (libtsk cuts them at 195)
name=$(printf 'name %.0s' {1..50})$'and\303\251'
printf 'long\n' >"$WORK/$name"
mcopy -i "$WORK/fat12.dd" "$WORK/$name" "::$name"
mount_image "$WORK/fat12.dd" "$WORK/mnt" >/dev/null
found=("$WORK/mnt/fat12/p0-fat12/name "*)
is "${found[0]##*/}" "$name" "a name of 254 characters on FAT"
unmount_image "$WORK/mnt"

# what is not recognised is shown as bytes
head -c 1M /dev/urandom >"$WORK/noise.dd"
mount_image "$WORK/noise.dd" "$WORK/mnt" >/dev/null
same_file "$WORK/noise.dd" "$WORK/mnt/noise/image.raw" "an image in which nothing is recognised: image.raw"
unmount_image "$WORK/mnt"
mount_image "$WORK/gpt.dd" "$WORK/mnt" >/dev/null
ok "a volume in which nothing is recognised: p1-unknown.raw" \
	cmp -n 1048576 -- "$WORK/mnt/gpt/p1-unknown.raw" /dev/zero
same_file "$WORK/gpt.dd" "$WORK/mnt/gpt/image.raw" "image.raw is the medium"
unmount_image "$WORK/mnt"
done_testing
