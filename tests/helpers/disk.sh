# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# disk.sh - for tests that source lib.sh: a disk made of folders
#
#	make_disk DIR IMAGE [PATH]...
# makes IMAGE.E01: a GPT disk with an NTFS volume (p1, made through ntfs-3g) and an ext4 volume (p2, made
# by mke2fs). Each has all that is in DIR/both, p2 also what is in DIR/ext4. Each PATH is then deleted on p1.
# Needs sfdisk, mkntfs, ntfs-3g, mke2fs and ewfacquire; works as an ordinary user too.

fill_ntfs_volume() { # VOLUME MOUNTPOINT FROM PATH...
	local volume=$1 to=$2 from=$3
	shift 3
	ntfs-3g -o "uid=$(id -u),gid=$(id -g)" "$volume" "$to"
	cp -r --preserve=timestamps "$from/." "$to"
	sync -f "$to"
	if [[ $# != 0 ]]; then
		(cd "$to" && rm -- "$@")
	fi
	umount "$to"
}

make_disk() { # DIR IMAGE PATH...
	local dir=$1 image=$2 mib=$((1024 * 1024)) size
	shift 2
	local work=$image.work
	mkdir -p "$work/mnt" "$work/tree"
	cp -a "$dir/both/." "$work/tree"
	[[ ! -d $dir/ext4 ]] || cp -a "$dir/ext4/." "$work/tree"
	size=$(du -s --apparent-size -B 1M "$work/tree" | cut -f1)
	size=$((size * 5 / 4 + 16))

	truncate -s "${size}M" "$work/ntfs" "$work/ext4"
	mkntfs -F -Q -q -L LAPTOP -p 2048 -H 255 -S 63 "$work/ntfs" >"$work/log" 2>&1
	if [[ $(id -u) == 0 ]]; then
		fill_ntfs_volume "$work/ntfs" "$work/mnt" "$dir/both" "$@"
	else
		# keeping his own number: as root in a namespace, ntfs-3g would want to drop groups
		export -f fill_ntfs_volume
		unshare --user --map-current-user --keep-caps --mount bash -eu -c 'fill_ntfs_volume "$@"' \
			bash "$work/ntfs" "$work/mnt" "$dir/both" "$@"
	fi
	mke2fs -q -t ext4 -b 4096 -I 256 -L home -E root_owner=0:0 -d "$work/tree" "$work/ext4"

	truncate -s "$((2 * size + 2))M" "$work/disk"
	sfdisk -q "$work/disk" <<-TABLE
		label: gpt
		start=1MiB, size=${size}MiB, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
		start=$((1 + size))MiB, size=${size}MiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
	TABLE
	dd if="$work/ntfs" of="$work/disk" bs=$mib seek=1 conv=notrunc,sparse status=none
	dd if="$work/ext4" of="$work/disk" bs=$mib seek=$((1 + size)) conv=notrunc,sparse status=none
	ewfacquire -q -u -t "$image" -f encase6 -c fast -d sha1 -S 1.4GiB -m fixed -M physical \
		-C 'evidencefs test' -E 1 -e 'tests/helpers/disk.sh' -D 'Laptop of Alice (made up)' \
		-N 'Everything in this image is made up.' "$work/disk" >"$work/log" 2>&1
	rm -rf "$work"
}
