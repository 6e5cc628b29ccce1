#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Damaged images: a bad chunk is EIO for its bytes and nothing else, and EVIDENCE.txt says so; a
# segment that is missing or cut off is named, and nothing is mounted. Images are never changed.
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need_tools mke2fs debugfs ewfacquire split python3
damage=$TOP/tests/helpers/damage.py
mnt=$WORK/mnt
image=$WORK/disk.dd
chunk=32768

mkdir "$WORK/tree"
for ((i = 0; i < 40; i++)); do
	{
		seq "$i" 15000
		head -c 200000 /dev/urandom
	} >"$WORK/tree/file $i"
done
truncate -s 32M "$image"
mke2fs -q -t ext4 -b 4096 -d "$WORK/tree" "$image"

acquire() { # NAME COMPRESSION SEGMENT-SIZE
	mkdir "$WORK/$1"
	ewfacquire -q -u -t "$WORK/$1/disk" -f encase6 -c "$2" -S "$3" -m fixed -M physical -C c -D d -e e -E 1 \
		-N n "$image" >"$WORK/acquire.log" 2>&1
	# times that any access would move
	find "$WORK/$1" -type f -exec touch -d '2020-02-02 02:02:02.020202020' {} +
}
state_of() { # FOLDER: bytes and times of all files; looking at the bytes moves no time here
	local file
	for file in "$1"/*; do
		stat -c '%n %s %x %y' "$file"
	done
}
digest_of() {
	local file
	for file in "$1"/*; do
		dd if="$file" iflag=noatime bs=1M status=none | sha256sum
	done
}

# a block of a file, so that the damage is in something that has a name
block=$(debugfs -R 'blocks "/file 20"' "$image" 2>/dev/null | awk '{print $30}')
bad=$((block * 4096 / chunk))
expect_file() { # FILE NAME: every block of the file outside the bad chunk reads right
	ok "$2" python3 - "$1" "$WORK/tree/file 20" "$WORK/blocks" "$bad" <<-'PYTHON'
		import errno, os, sys
		fd = os.open(sys.argv[1], os.O_RDONLY)
		whole = open(sys.argv[2], "rb").read()
		blocks = [int(b) for b in open(sys.argv[3]).read().split()]
		bad = int(sys.argv[4])
		lost = 0
		for i, block in enumerate(blocks[: (len(whole) + 4095) // 4096]):
		    try:
		        got = os.pread(fd, 4096, i * 4096)
		    except OSError as e:
		        got = e.errno
		    inside = block * 4096 // 32768 == bad
		    lost += inside
		    assert got == (errno.EIO if inside else whole[i * 4096 : i * 4096 + 4096]), (i, block, got)
		assert lost > 0
	PYTHON
}
debugfs -R 'blocks "/file 20"' "$image" 2>/dev/null >"$WORK/blocks"

for compression in none fast; do
	acquire "$compression" "$compression" 1.4GiB
	dir=$WORK/$compression
	python3 "$damage" chunk "$dir/disk.E01" "$bad" >/dev/null
	python3 "$damage" chunk "$dir/disk.E01" 1020 >/dev/null
	find "$dir" -type f -exec touch -d '2020-02-02 02:02:02.020202020' {} +
	before=$(state_of "$dir")
	before_bytes=$(digest_of "$dir")
	ok "$compression: a damaged image mounts" mount_image "$dir/disk.E01" "$mnt"
	ok "$compression: image.raw: EIO for the bytes of bad chunks, and nothing else" \
		python3 "$damage" compare "$mnt/disk/image.raw" "$image" "$chunk" "$bad" 1020
	ok "$compression: the volume's bytes likewise" \
		python3 "$damage" compare "$mnt/disk/p0-ext4.raw" "$image" "$chunk" "$bad" 1020
	expect_file "$mnt/disk/p0-ext4/file 20" "$compression: a file with a bad chunk likewise"
	ok "$compression: another file is whole" cmp "$WORK/tree/file 3" "$mnt/disk/p0-ext4/file 3"
	told() {
		grep -q "VERIFICATION FAILED: $((2 * chunk)) bytes" "$mnt/disk/EVIDENCE.txt"
	}
	ok "$compression: EVIDENCE.txt says that the image cannot be verified" wait_for -t 60 told
	text=$(cat "$mnt/disk/EVIDENCE.txt")
	like "$text" "chunk ${bad}[^0-9]|$((bad * chunk))" "$compression: and which chunk is bad"
	like "$text" "chunk 1020[^0-9]|$((1020 * chunk))" "$compression: and which other"
	"$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --reads --json --path "disk/image.raw" >"$WORK/log"
	like "$(cat "$WORK/log")" "\"offset\": ?$((bad * chunk)),[^}]*\"result\": ?-5" "$compression: the log has the failed read"
	ok "$compression: unmount" unmount_image "$mnt"
	is "$(state_of "$dir")" "$before" "$compression: size and times of the image are as they were"
	is "$(digest_of "$dir")" "$before_bytes" "$compression: and its bytes"
done

# ---- segments ------------------------------------------------------------------------------

refused() { # IMAGE PATTERN NAME
	mkdir -p "$mnt"
	exits 1 "$3: refused" "$EVIDENCEFS" mount --state "$STATE" "$1" "$mnt"
	like "$(cat "$ERR")" "$2" "$3: named"
	is "$(wc -l <"$ERR")" 1 "$3: in one line"
	ok "$3: nothing is mounted" not_mounted "$mnt"
}

acquire segments none 4MiB
dir=$WORK/segments
before=$(state_of "$dir")
before_bytes=$(digest_of "$dir")
ok "E01 in $(find "$dir" -name '*.E*' | wc -l) segments" mount_image "$dir/disk.E01" "$mnt"
same_file "$image" "$mnt/disk/image.raw" "all are found from the first"
ok "unmount" unmount_image "$mnt"
mv "$dir/disk.E03" "$WORK/aside"
refused "$dir/disk.E01" "disk\.E03" "a missing segment"
mv "$WORK/aside" "$dir/disk.E03"
last=$(find "$dir" -name '*.E*' | sort | tail -1)
mv "$last" "$WORK/aside"
number=${last##*E}
refused "$dir/disk.E01" "segment $((10#$number)),.*disk\.E|${last##*/}" "the last segment missing"
mv "$WORK/aside" "$last"
is "$(state_of "$dir")" "$before" "size and times of the segments are as they were"
is "$(digest_of "$dir")" "$before_bytes" "and their bytes"
cp -a "$dir/disk.E04" "$WORK/aside"
truncate -s -100000 "$dir/disk.E04"
refused "$dir/disk.E01" "disk\.E04" "a segment cut off"
truncate -s 0 "$dir/disk.E04"
refused "$dir/disk.E01" "disk\.E04" "an empty segment"
head -c 1000000 /dev/urandom >"$dir/disk.E04"
refused "$dir/disk.E01" "disk\.E04" "noise in place of a segment"
cp "$dir/disk.E05" "$dir/disk.E04"
refused "$dir/disk.E01" "disk\.E04" "a segment twice"
mv "$WORK/aside" "$dir/disk.E04"
ok "whole again, it mounts" mount_image "$dir/disk.E01" "$mnt"
ok "unmount" unmount_image "$mnt"

mkdir "$WORK/split"
split -b 5M -d -a 3 --numeric-suffixes=1 "$image" "$WORK/split/disk."
find "$WORK/split" -type f -exec touch -d '2020-02-02 02:02:02.020202020' {} +
before=$(state_of "$WORK/split")
before_bytes=$(digest_of "$WORK/split")
ok "split raw" mount_image "$WORK/split/disk.001" "$mnt"
same_file "$image" "$mnt/disk/image.raw" "is the medium"
ok "unmount" unmount_image "$mnt"
mv "$WORK/split/disk.002" "$WORK/aside"
refused "$WORK/split/disk.001" "disk\.002" "a missing raw segment"
mv "$WORK/aside" "$WORK/split/disk.002"
is "$(state_of "$WORK/split")" "$before" "size and times of the raw segments are as they were"
is "$(digest_of "$WORK/split")" "$before_bytes" "and their bytes"

# ---- what is no image ------------------------------------------------------------------------

refused "$WORK/no such image.E01" "no such image.E01" "an image that does not exist"
refused "$WORK/tree" "tree" "a folder"
: >"$WORK/empty.dd"
refused "$WORK/empty.dd" "empty.dd.*empty" "an empty image"
head -c 200000 "$WORK/fast/disk.E01" >"$WORK/cut.E01"
refused "$WORK/cut.E01" "cut\.E01" "an E01 cut off"
is "$(find "$STATE/evidence" -mindepth 1 -maxdepth 1 -type d -empty | wc -l)" 0 \
	"nothing half-written is left in the state"
done_testing
