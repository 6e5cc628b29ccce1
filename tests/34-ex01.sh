#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 34-ex01.sh - EWF2 (Ex01) images, as the specification has them: bytes, hashes, what they say of
# themselves, and what is refused
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need_tools python3 mke2fs debugfs
mnt=$WORK/mnt
mkdir "$mnt" "$WORK/tree"
track_mount "$mnt"
head -c 900000 /dev/urandom >"$WORK/tree/random"
yes 'a line of text' | head -c 700000 >"$WORK/tree/text" || true
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 8M

write() { # NAME OPTION...
	local name=$1
	shift
	rm -f "$WORK/$name".Ex??
	python3 "$TOP/tests/helpers/ex01.py" "$WORK/${RAW:-disk.dd}" "$WORK/$name" "$@"
}
same() { # NAME OPTION...: all of it is what was acquired, and the hashes match
	local name=$1
	write "$@"
	ok "$*: mounted" mount_image "$WORK/$name.Ex01" "$mnt"
	ok "$*: the same bytes" cmp "$WORK/${RAW:-disk.dd}" "$mnt/$name/image.raw"
	ok "$*: the MD5 stored in it matches" wait_for grep -q '^stored MD5 .*matches' "$mnt/$name/EVIDENCE.txt"
}
part() { # NAME OFFSET BYTES FILE
	dd if="$mnt/$1/image.raw" bs=1 skip="$2" count="$3" status=none | cmp - <(dd if="$4" bs=1 skip="$2" count="$3" status=none)
}

done_mount() {
	ok "$1: unmounted" unmount_image "$mnt"
}

same disk
about=$(cat "$mnt/disk/EVIDENCE.txt")
while read -r line; do
	like "$about" "$line" "it says: $line"
done <<-'END'
	description +a disk
	case number +case 42
	evidence number +e7
	examiner +Łucja
	notes +a note
	serial number +Série 7
	model +Disk
	acquired +2023-12-20 05:46:33 UTC
	media size +8388608 bytes
	stored SHA-1 .*matches
END
ok "its files" cmp "$WORK/tree/random" "$mnt/disk/p0-ext4/random"
done_mount disk

for pack in plain bare mixed; do
	same "$pack" "pack=$pack"
	done_mount "$pack"
done
same small per-chunk=1 per-table=7 pack=mixed
ok "across the border of tables" part small 3000 9000 "$WORK/disk.dd"
done_mount small
same segments per-segment=2 per-table=1
segments=("$WORK"/segments.Ex??)
is "${#segments[@]}" 128 "in 128 segments, to ExBC"
done_mount segments
head -c 1000100 "$WORK/disk.dd" >"$WORK/odd.dd"
RAW=odd.dd same odd
is "$(stat -c %s "$mnt/odd/image.raw")" 1000100 "the part of a sector at its end"
done_mount odd
RAW=odd.dd same odd2 pack=plain
done_mount odd2
if [[ -n ${EVIDENCEFS_CORPUS:-} ]]; then
	ok "one that libewf wrote: mounted" mount_image "$EVIDENCEFS_CORPUS/ronin_ewf/zeros_128s.Ex01" "$mnt"
	ok "its MD5 matches" wait_for grep -q '^stored MD5 .*matches' "$mnt/zeros_128s/EVIDENCE.txt"
	done_mount "one that libewf wrote"
else
	skip "EVIDENCEFS_CORPUS is not set" "one that libewf wrote"
fi

# damage
flip() { # FILE OFFSET
	python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2])); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 1]))' "$1" "$2"
}
refused() { # NAME WORDS
	exits 1 "$1: refused" "$EVIDENCEFS" mount --state "$STATE" "$WORK/$1.Ex01" "$mnt"
	like "$(cat "$ERR")" "$2" "$1: it is said why"
	is "$(wc -l <"$ERR")" 1 "$1: in one line"
	not_ok "$1: nothing is mounted" is_mounted "$mnt"
}
write hurt pack=plain
flip "$WORK/hurt.Ex01" 1000000
ok "a chunk is damaged: mounted" mount_image --no-hash "$WORK/hurt.Ex01" "$mnt"
not_ok "it cannot be read" cat "$mnt/hurt/image.raw"
ok "what is before it can" part hurt 0 900000 "$WORK/disk.dd"
ok "what is behind it can" part hurt 1100000 50000 "$WORK/disk.dd"
done_mount hurt
write away per-segment=100
rm "$WORK/away.Ex02"
refused away 'away.Ex02.* is missing'
write mixed-up per-segment=100
cp "$WORK/segments.Ex02" "$WORK/mixed-up.Ex02"
refused mixed-up 'mixed-up.Ex02 .*belongs to another image'
write cut
truncate -s -1000 "$WORK/cut.Ex01"
refused cut 'truncated|damaged'
write secret encrypted
refused secret 'encrypted'
write bzip method=2
refused bzip 'a method that is not read here'
write table per-table=100
size=$(stat -c %s "$WORK/table.Ex01")
python3 - "$WORK/table.Ex01" <<'PYTHON'
import struct, sys
with open(sys.argv[1], "r+b") as f:
    data = f.read()
    at = len(data) - 64
    while struct.unpack_from("<I", data, at)[0] != 4:
        at = struct.unpack_from("<Q", data, at + 8)[0]
    f.seek(at - struct.unpack_from("<Q", data, at + 16)[0] + 40)
    f.write(b"\xff")
PYTHON
ok "a damaged table: mounted" mount_image --no-hash "$WORK/table.Ex01" "$mnt"
ok "what other tables cover is served" part table 0 900000 "$WORK/disk.dd"
not_ok "its chunks are not served by guess" cat "$mnt/table/image.raw"
done_mount table
for at in 8 40 200 $((size - 60)) $((size - 100)); do
	write "odd-$at" per-table=100
	flip "$WORK/odd-$at.Ex01" "$at"
	tap_run timeout 60 "$EVIDENCEFS" mount --no-hash --state "$STATE" "$WORK/odd-$at.Ex01" "$mnt"
	if [[ $tap_status == 0 ]]; then
		done_mount "byte $at is another: served without what it damaged"
	else
		is "$tap_status $(wc -l <"$ERR")" "1 1" "byte $at is another: refused in one line"
	fi
done
done_testing
