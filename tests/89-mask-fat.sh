#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 89-mask-fat.sh - FAT12, FAT16, FAT32, exFAT: what is withheld is in no byte stream, and comes back as it was
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
. "$(dirname "$0")/helpers/mask.sh"
slow
need fuse
need root
need users
need_tools mkfs.vfat mcopy mmd mdel fsck.fat mkfs.exfat fsck.exfat fls icat fsstat python3 setpriv

make_letter
plant_letter "$WORK/tree"
mkdir "$WORK/tree/large"
for i in {1..200}; do
	echo "$i" >"$WORK/tree/large/a file with a longer name, number $i"
done
cp "$WORK/letter" "$WORK/tree/large/a file $WORD with a long name of many slots"
mkdir "$WORK/tree/$WORD-folder"
head -c 700 /dev/urandom | base64 >"$WORK/tree/$WORD-folder/inside it.txt"

make_fat() { # BITS MIB OPTION...
	local image=$WORK/fat$1.dd
	truncate -s "${2}M" "$image"
	mkfs.vfat -F "$1" -n WORKSHOP "${@:3}" "$image" >/dev/null
	mcopy -i "$image" -s -m -Q "$WORK"/tree/* :: </dev/null
	mmd -i "$image" "::/$WORD-gone"
	mcopy -i "$image" "$WORK/letter" "::/$WORD-gone/$WORD-below.txt"
	mdel -i "$image" "::/$WORD-gone/$WORD-below.txt"
	mrd -i "$image" "::/$WORD-gone"
	mdel -i "$image" "::/mail/$WORD-gone.txt" ::/mail/ordinary.txt ::/mail/first.txt
	mcopy -i "$image" "$WORK/letter" "::/mail/$WORD-reuses.txt"
	mdel -i "$image" "::/mail/$WORD-gone2.txt" "::/mail/$LOST-plan.txt"
}
make_fat 12 8 -s 4
make_fat 16 32
make_fat 32 64 -s 1
python3 - "$WORK/fat32.dd" "$LOST" <<'PY'
# the first cluster of what was deleted is handed out again: its extents end there, what it had does not
import struct, sys
f = open(sys.argv[1], "r+b")
data = bytearray(f.read())
entry = data.index(b"\xe5" + sys.argv[2][1:6].upper().encode() + b"~1TXT")
cluster = struct.unpack_from("<H", data, entry + 20)[0] << 16 | struct.unpack_from("<H", data, entry + 26)[0]
reserved, = struct.unpack_from("<H", data, 14)
length, = struct.unpack_from("<I", data, 36)
for table in range(data[16]):
    struct.pack_into("<I", data, (reserved + table * length) * 512 + 4 * cluster, 0x0FFFFFFF)
at = (reserved + data[16] * length + cluster - 2) * 512
data[at:at + 512] = bytes(512)
f.seek(0)
f.write(data)
PY
truncate -s 64M "$WORK/exfat.dd"
mkfs.exfat -L WORKSHOP "$WORK/exfat.dd" >/dev/null
python3 "$TOP/tests/helpers/fill_exfat.py" "$WORK/exfat.dd" "$WORK/tree" || bail "exfat"
python3 "$TOP/tests/helpers/delete_exfat.py" "$WORK/exfat.dd" --cluster-reused "$LOST" "$WORD-gone" "$LOST" \
	ordinary.txt first.txt

evidence=(fat12 fat16 fat32 exfat)
mask_team "${evidence[@]}"
for name in "${evidence[@]}"; do
	volume=$name/p0-$name
	marks=("$volume/docs/$WORD-letter.txt" "$volume/docs/$WORD-note.txt" "$volume/docs/$WORD-sparse.txt"
		"$volume/$WORD-folder")
	B=$(view bert c1)
	# deleted names of it, which may have other contents by now
	while read -r path; do
		marks+=("$name/$path")
	done < <(cd / && as bert find "$B/$name/p0-$name.deleted" \( -name "*$WORD*" -o -name '_UIXOT*' \) -printf '%P\n' |
		sed "s,^,p0-$name.deleted/,")
	hashes bert "$name" >"$WORK/before"
	ok "$name: before, image.raw is the image" as bert cmp "$WORK/$name.dd" "$B/$name/image.raw"
	ok "$name: the documents are marked" mark suspected "${marks[@]}"
	wait_for -t 60 as bert test -e "$B/$name/image.raw" # it is away until free space is searched
	ok "$name: an analyst finds nothing of them" finds bert "$name"
	as bert cat "$B/$name/image.raw" >"$WORK/masked.raw"
	hashes bert "$name" >"$WORK/with"
	ok "$name: other contents are as they were, but for zeros in what lay over it" others_are_as_before "$name"
	status=0
	fls -r -p "$WORK/masked.raw" >"$WORK/fls" 2>"$WORK/fls.err" || status=$?
	is "$status" 0 "$name: fls runs to its end"
	is "$(grep -c 'a file with a longer name' "$WORK/fls")" 200 "$name: and shows all else"
	not_ok "$name: and none of it" grep -qi "$WORD\|UIXOT" "$WORK/fls"
	fls -r -p "$WORK/$name.dd" | grep -vi "$WORD\|UIXOT" >"$WORK/fls.before"
	diag "fls: $(diff "$WORK/fls.before" "$WORK/fls" | head -n 20)"
	ok "$name: fsstat runs to its end" fsstat "$WORK/masked.raw"
	status=0
	if [[ $name == exfat ]]; then
		fsck.exfat -n "$WORK/masked.raw" >"$WORK/fsck" 2>&1 || status=$?
	else
		fsck.fat -n "$WORK/masked.raw" >"$WORK/fsck" 2>&1 || status=$?
	fi
	diag "$(cat "$WORK/fsck")"
	ok "$name: its checker runs to its end ($status)" test "$status" -le 1
	ok "$name: rejected" mark rejected "${marks[@]}"
	hashes bert "$name" >"$WORK/after"
	same_file "$WORK/before" "$WORK/after" "$name: every bit is back"
	kept_away "$name" "$volume"
done
done_testing
