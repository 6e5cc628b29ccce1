#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 89-mask-odd.sh - odd and damaged volumes: deleted entries whose bytes cannot be read as a file any more, and clusters
# that maps call used though nobody has them
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
. "$(dirname "$0")/helpers/mask.sh"
slow
need fuse
need root
need users
need_tools mkfs.vfat mcopy mdel mkfs.exfat mke2fs debugfs mkntfs ntfs-3g fls istat python3 setpriv

# a deleted document of 40 clusters; text of its later part also stands in the slack of another file and in free space
make_letter
python3 - "$WORK" <<'PY'
import random, sys
r = random.Random(8)
text = "".join("".join(r.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(60)) + "\n" for _ in range(700))
open(sys.argv[1] + "/plan", "w").write(text)
open(sys.argv[1] + "/plan.rest", "w").write(text[4096:])
PY
mkdir -p "$WORK/tree/mail"
cp "$WORK/other" "$WORK/tree/open.txt"
cp "$WORK/plan" "$WORK/tree/mail/$LOST-plan.txt"
cp "$WORK/only" "$WORK/tree/last.txt"

make_fat() { # NAME
	truncate -s 40M "$WORK/$1.dd"
	mkfs.vfat -F 32 -s 1 "$WORK/$1.dd" >/dev/null
	mcopy -i "$WORK/$1.dd" -s -m -Q "$WORK"/tree/* :: </dev/null
	mdel -i "$WORK/$1.dd" "::/mail/$LOST-plan.txt"
}
make_exfat() { # NAME
	truncate -s 40M "$WORK/$1.dd"
	mkfs.exfat -c 4096 "$WORK/$1.dd" >/dev/null
	python3 "$TOP/tests/helpers/fill_exfat.py" "$WORK/$1.dd" "$WORK/tree" || bail "exfat"
}
make_fat fat
make_fat fatused
make_exfat exfat
make_exfat exfatused
# fat, exfat: the first cluster is handed out again, so that its extents end there. fatused, exfatused: the map says of
# each of its clusters that it is used, and no file has it.
python3 - "$WORK" "$LOST" <<'PY'
import struct, sys
work, lost = sys.argv[1:]
plan = open(work + "/plan", "rb").read()
other = open(work + "/other", "rb").read()
for name in ("fat", "fatused", "exfat", "exfatused"):
    path = f"{work}/{name}.dd"
    data = bytearray(open(path, "rb").read())
    at = data.index(plan)
    if name.startswith("fat"):
        reserved, = struct.unpack_from("<H", data, 14)
        length, = struct.unpack_from("<I", data, 36)
        heap = (reserved + data[16] * length) * 512
        unit = 512
        def use(cluster):
            for table in range(data[16]):
                struct.pack_into("<I", data, (reserved + table * length) * 512 + 4 * cluster, 0x0FFFFFFF)
    else:
        heap = struct.unpack_from("<I", data, 88)[0] << data[108]
        unit = 1 << data[108] + data[109]
        bitmap = next(i for i in range(heap, len(data), 32) if data[i] == 0x81)
        bitmap = heap + (struct.unpack_from("<I", data, bitmap + 20)[0] - 2) * unit
        clusters = range((at - heap) // unit + 2, (at - heap) // unit + 2 + -(-len(plan) // unit))
        i = data.index((lost + "-plan.txt").encode("utf-16-le")[:30]) - 2
        while data[i] != 0x85:
            i -= 32
        for k in range(data[i + 1] + 1):
            data[i + 32 * k] &= 0x7F
        for c in clusters:
            data[bitmap + (c - 2) // 8] &= ~(1 << (c - 2) % 8) & 255
        def use(cluster):
            data[bitmap + (cluster - 2) // 8] |= 1 << (cluster - 2) % 8
    first = (at - heap) // unit + 2
    if name.endswith("used"):
        for c in range(first, first + -(-len(plan) // unit)):
            use(c)
    else:
        use(first)
        data[at:at + unit] = b"\xaa" * unit
        # what is left of it elsewhere
        end = data.index(other) + len(other)
        data[end:end + 300] = plan[20000:20300]
        data[-300000:-295000] = plan[30000:35000]
    open(path, "wb").write(data)
PY

# the same on ext4: an inode that is not in use over blocks that the bitmap calls used; on NTFS: a record
mke2fs -q -t ext4 -b 1024 -d "$WORK/tree" "$WORK/ext.dd" 16M
blocks=$(debugfs -R "blocks /mail/$LOST-plan.txt" "$WORK/ext.dd" 2>/dev/null)
debugfs -w -R "rm /mail/$LOST-plan.txt" "$WORK/ext.dd" >/dev/null 2>&1
for block in $blocks; do
	echo "setb $block"
done >"$WORK/setb"
debugfs -w -f "$WORK/setb" "$WORK/ext.dd" >/dev/null 2>&1
truncate -s 20M "$WORK/ntfs.dd"
mkntfs -F -Q -q -c 4096 "$WORK/ntfs.dd" >/dev/null 2>&1
mkdir "$WORK/n"
track_mount "$WORK/n"
ntfs-3g "$WORK/ntfs.dd" "$WORK/n"
cp -r "$WORK"/tree/* "$WORK/n"
sync -f "$WORK/n"
umount "$WORK/n"
ntfs-3g "$WORK/ntfs.dd" "$WORK/n"
rm "$WORK/n/mail/$LOST-plan.txt"
umount "$WORK/n"
bitmap=$(istat "$WORK/ntfs.dd" 6 | awk 'runs {print $1; exit} /^Type: \$DATA/ {runs = 1}')
python3 - "$WORK" "$bitmap" <<'PY'
import sys
work, bitmap = sys.argv[1], int(sys.argv[2]) * 4096
data = bytearray(open(work + "/ntfs.dd", "rb").read())
plan = open(work + "/plan", "rb").read()
first = data.index(plan) // 4096
for c in range(first, first + -(-len(plan) // 4096)):
    data[bitmap + c // 8] |= 1 << c % 8
open(work + "/ntfs.dd", "wb").write(data)
PY

evidence=(fat fatused exfat exfatused ext ntfs)
mask_team "${evidence[@]}"
for name in "${evidence[@]}"; do
	B=$(view bert c1)
	text=$WORK/plan
	case $name in
	fat | exfat) text=$WORK/plan.rest ;;
	esac
	marks=()
	while read -r path; do
		marks+=("$name/$path")
	done < <(cd / && as bert find "$B/$name" -type f \( -iname "*$LOST*" -o -iname '_VANES*' \) -printf '%P\n')
	isnt "${#marks[@]}" 0 "$name: it is there, as a deleted entry"
	diag "${marks[*]}"
	hashes bert "$name" >"$WORK/before"
	not_ok "$name: before, its text is found" finds_of bert "$name" "$text" "$LOST"
	ok "$name: only the deleted entry is marked" mark suspected "${marks[@]}"
	wait_for -t 60 as bert test -e "$B/$name/image.raw"
	ok "$name: an analyst finds nothing of it, neither where it was nor elsewhere" finds_of bert "$name" "$text" "$LOST"
	is "$(as bert find "$B/$name" -name open.txt -exec cmp {} "$WORK/other" ';' -print | wc -l)" 1 "$name: what is seen is as it was"
	as bert cat "$B/$name/image.raw" >"$WORK/masked.raw"
	ok "$name: fls runs to its end" fls -r "$WORK/masked.raw"
	like "$(fls -r -p "$WORK/masked.raw")" 'last.txt' "$name: and shows all else"
	ok "$name: rejected" mark rejected "${marks[@]}"
	hashes bert "$name" >"$WORK/after"
	same_file "$WORK/before" "$WORK/after" "$name: every bit is back"
done
done_testing
