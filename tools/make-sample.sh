#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# make-sample.sh [--raw] DIR - make DIR/laptop.E01, a small disk to try evidencefs on
#
# A GPT disk of 64 MiB with an NTFS and an ext4 volume: documents, mail (.eml
# and mbox), a named stream, hard links, symbolic links, a sparse file, and
# on each volume a file that was deleted. Everything in it is made up. Needs
# sfdisk, mkntfs, ntfs-3g, mke2fs, debugfs, setfattr and ewfacquire; no loop
# devices. --raw keeps the disk as DIR/laptop.dd too. Prints the path of the E01.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC0 PATH=$PATH:/usr/sbin:/sbin

keep_raw=no
if [[ ${1:-} == --raw ]]; then
	keep_raw=yes
	shift
fi
if [[ $# != 1 || $1 == -* ]]; then
	echo "usage: make-sample.sh [--raw] DIR" >&2
	exit 2
fi
for tool in sfdisk mkntfs ntfs-3g mke2fs debugfs setfattr ewfacquire; do
	if [[ -z $(type -P "$tool") ]]; then
		echo "make-sample: $tool is missing; Debian: apt-get install fdisk ntfs-3g e2fsprogs attr ewf-tools" >&2
		exit 1
	fi
done

mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/evidencefs-sample.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT

disk=$work/laptop.dd
ntfs=$work/ntfs
ext4=$work/ext4
ntfs_start_mib=1 ntfs_mib=40
ext4_start_mib=41 ext4_mib=22
disk_mib=64

# file PATH TIME: write stdin to $tree/PATH, modified at TIME
file() {
	mkdir -p "$tree/$(dirname "$1")"
	cat >"$tree/$1"
	touch -d "$2" "$tree/$1"
}

# lines COUNT TEXT: a document that does not fit into a directory record
lines() {
	local i
	for ((i = 1; i <= $1; i++)); do
		printf '%05d  %s\n' "$i" "$2"
	done
}

fill_ntfs() {
	tree=$1
	file Users/alice/Documents/plan.txt '2024-03-04 09:12:33.1234567' <<-'TEXT'
		Move the office by the end of May. Ask Bob for the floor plan.
	TEXT
	lines 400 'Invoice of Harbour Supplies Ltd, paid' |
		file Users/alice/Documents/invoices-2023.txt '2024-01-15 17:40:02'
	file Users/alice/Documents/budget.csv '2024-02-29 12:00:00' <<-'TEXT'
		item,euro
		desks,1200
		chairs,860
		lamps,140
	TEXT
	lines 900 'The parties agree that the goods are delivered at the quay' |
		file Users/alice/Documents/contract.txt '2024-02-01 10:00:00'
	mkdir -p "$tree/Users/alice/Archive"
	ln "$tree/Users/alice/Documents/contract.txt" "$tree/Users/alice/Archive/contract-signed.txt"
	file Users/alice/Mail/2024-03-05-offer.eml '2024-03-05 08:31:10' <<-'TEXT'
		From: Alice Example <alice@example.org>
		To: Bob Example <bob@example.org>
		Subject: the offer
		Date: Tue, 5 Mar 2024 08:31:07 +0000
		Message-ID: <1@example.org>
		MIME-Version: 1.0
		Content-Type: text/plain; charset=utf-8

		Bob, the offer is in my documents. Please delete it when you have read it.
	TEXT
	file Users/alice/Downloads/harbour.html '2024-03-06 20:15:00' <<-'TEXT'
		<!doctype html><title>Harbour Supplies</title><p>Prices of March
	TEXT
	setfattr -n user.Zone.Identifier \
		-v $'[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=https://harbour.example.org/prices\r\n' \
		"$tree/Users/alice/Downloads/harbour.html"
	touch -d '2024-03-06 20:15:00' "$tree/Users/alice/Downloads/harbour.html"
	lines 300 'We offer 40,000 for the whole cargo, no questions asked' |
		file Users/alice/Documents/offer.txt '2024-03-05 08:29:00'
	rm "$tree/Users/alice/Documents/offer.txt"
}

fill_ext4() {
	tree=$1
	file etc/hostname '2023-11-02 07:00:00' <<<'bobs-laptop'
	file home/bob/Documents/todo.txt '2024-03-01 18:22:41.987654321' <<-'TEXT'
		- call the quay
		- answer Alice
	TEXT
	lines 500 'floor plan, drawn to scale' | file home/bob/Documents/floor-plan.txt '2024-02-20 11:11:11'
	ln "$tree/home/bob/Documents/floor-plan.txt" "$tree/home/bob/Documents/floor-plan-copy.txt"
	ln -s ../Documents/todo.txt "$tree/home/bob/Documents/latest"
	ln -s /etc/hostname "$tree/home/bob/hostname"
	file home/bob/mail/inbox.mbox '2024-03-05 09:02:00' <<-'TEXT'
		From alice@example.org Tue Mar  5 08:31:09 2024
		From: Alice Example <alice@example.org>
		To: Bob Example <bob@example.org>
		Subject: the offer
		Date: Tue, 5 Mar 2024 08:31:07 +0000

		Bob, the offer is in my documents. Please delete it when you have read it.

		From carol@example.org Tue Mar  5 09:01:44 2024
		From: Carol Example <carol@example.org>
		To: Bob Example <bob@example.org>
		Subject: lunch
		Date: Tue, 5 Mar 2024 09:01:40 +0000

		At noon, by the quay?
	TEXT
	truncate -s 8M "$tree/home/bob/swapfile"
	lines 200 'the cargo leaves on Friday' | file home/bob/Documents/cargo.txt '2024-03-04 23:59:59'
}

# NTFS: made on a file, filled through ntfs-3g. An ordinary user does that in a user namespace, keeping
# his own number: as root in one, ntfs-3g would want to drop groups, which nobody may there.
fill_ntfs_volume() {
	mkdir "$work/mnt"
	ntfs-3g -o "streams_interface=xattr,uid=$(id -u),gid=$(id -g)" "$ntfs" "$work/mnt"
	fill_ntfs "$work/mnt"
	umount "$work/mnt"
}
truncate -s "${ntfs_mib}M" "$ntfs"
mkntfs -F -Q -q -L LAPTOP -p $((ntfs_start_mib * 2048)) -H 255 -S 63 "$ntfs" >"$work/log" 2>&1 ||
	{ cat "$work/log" >&2 && exit 1; }
if [[ $(id -u) == 0 ]]; then
	fill_ntfs_volume
else
	export work ntfs
	unshare --user --map-current-user --keep-caps --mount bash -euo pipefail -c \
		"$(declare -f file lines fill_ntfs fill_ntfs_volume); fill_ntfs_volume"
fi

# ext4: made from a folder; then debugfs removes one file, and adds the nanoseconds that mke2fs drops
mkdir "$work/tree"
fill_ext4 "$work/tree"
truncate -s "${ext4_mib}M" "$ext4"
mke2fs -q -t ext4 -b 4096 -I 256 -L home -E root_owner=0:0 -d "$work/tree" "$ext4"
debugfs -w -f /dev/stdin "$ext4" >"$work/log" 2>&1 <<-COMMANDS || { cat "$work/log" >&2 && exit 1; }
	set_inode_field /home/bob/Documents/todo.txt mtime_extra $((987654321 << 2))
	rm /home/bob/Documents/cargo.txt
COMMANDS

# the disk: a GPT, then each volume in its place
truncate -s "${disk_mib}M" "$disk"
sfdisk -q "$disk" <<-TABLE
	label: gpt
	start=${ntfs_start_mib}MiB, size=${ntfs_mib}MiB, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, name="Basic data partition"
	start=${ext4_start_mib}MiB, size=${ext4_mib}MiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name="home"
TABLE
dd if="$ntfs" of="$disk" bs=1M seek=$ntfs_start_mib conv=notrunc,sparse status=none
dd if="$ext4" of="$disk" bs=1M seek=$ext4_start_mib conv=notrunc,sparse status=none

rm -f "$out/laptop.E01" "$out/laptop.dd"
ewfacquire -q -u -t "$out/laptop" -f encase6 -c fast -d sha1 -S 1.4GiB -m fixed -M physical \
	-C 'evidencefs sample' -E 1 -e 'tools/make-sample.sh' -D 'Laptop of Alice and Bob (made up)' \
	-N 'Everything in this image is made up.' "$disk" >"$work/log" 2>&1 ||
	{ cat "$work/log" >&2 && exit 1; }
if [[ $keep_raw == yes ]]; then
	cp --sparse=always "$disk" "$out/laptop.dd"
fi
echo "$out/laptop.E01"
