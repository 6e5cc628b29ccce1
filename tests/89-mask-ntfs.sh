#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 89-mask-ntfs.sh - NTFS: what is withheld is in no byte stream, and comes back as it was
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
. "$(dirname "$0")/helpers/mask.sh"
slow
need fuse
need root
need users
need_tools mkntfs ntfs-3g ntfsfix ewfacquire fls icat fsstat python3 setpriv setfattr

make_letter
# a partition at its place in a disk, so that a volume does not begin where the image does
truncate -s 40M "$WORK/part"
mkntfs -F -Q -q -p 2048 -H 255 -S 63 "$WORK/part" >/dev/null 2>&1
mkdir "$WORK/n"
track_mount "$WORK/n"
ntfs-3g -o streams_interface=windows,compression "$WORK/part" "$WORK/n"
plant_letter "$WORK/n"
cp "$WORK/letter" "$WORK/n/mail/other.txt:$WORD-stream"
cp "$WORK/note" "$WORK/n/public/short.txt:$WORD-small"
echo kept >"$WORK/n/public/short.txt:kept"
mkdir "$WORK/n/packed" "$WORK/n/large"
setfattr -h -v 0x00080000 -n system.ntfs_attrib "$WORK/n/packed"
# the same document, packed
cat "$WORK/holes" >"$WORK/n/packed/$WORD-packed.txt"
cat "$WORK/other" "$WORK/other" "$WORK/other" >"$WORK/n/packed/kept.txt"
for i in {1..400}; do
	echo "$i" >"$WORK/n/large/a file with a longer name, number $i"
done
cp "$WORK/letter" "$WORK/n/large/a file $WORD in an index"
head -c 4096 "$WORK/letter" >"$WORK/n/pagefile.sys"
sync -f "$WORK/n"
rm "$WORK/n/mail/$LOST-plan.txt" "$WORK/n/mail/$WORD-gone.txt" "$WORK/n/mail/ordinary.txt"
umount "$WORK/n"
ntfs-3g -o streams_interface=windows,compression "$WORK/part" "$WORK/n"
rm "$WORK/n/mail/$WORD-gone2.txt" "$WORK/n/mail/first.txt"
cp "$WORK/letter" "$WORK/n/mail/$WORD-reuses.txt"
umount "$WORK/n"
truncate -s 44M "$WORK/win.dd"
dd if="$WORK/part" of="$WORK/win.dd" bs=1M seek=1 conv=notrunc status=none
echo '2048,81920,7' | sfdisk -q "$WORK/win.dd"
ewfacquire -u -q -t "$WORK/ewf" -S 1G "$WORK/win.dd" >/dev/null 2>&1

mask_team win ewf
for name in win ewf; do
	volume=$name/p1-ntfs
	marks=("$volume/docs/$WORD-letter.txt" "$volume/docs/$WORD-note.txt" "$volume/docs/$WORD-sparse.txt")
	B=$(view bert c1)
	hashes bert "$name" >"$WORK/before"
	ok "$name: before, image.raw is the image" as bert cmp "$WORK/win.dd" "$B/$name/image.raw"

	ok "$name: the documents are marked" mark suspected "${marks[@]}"
	wait_for -t 60 as bert test -e "$B/$name/image.raw" # it is away until free space is searched
	ok "$name: an analyst finds nothing of them" finds bert "$name"
	as bert cat "$B/$name/image.raw" >"$WORK/masked.raw"
	hashes bert "$name" >"$WORK/with"
	ok "$name: other contents are as they were, but for zeros in what lay over it" others_are_as_before "$name"
	status=0
	fls -o 2048 -r -p "$WORK/masked.raw" >"$WORK/fls" 2>"$WORK/fls.err" || status=$?
	is "$status" 0 "$name: fls runs to its end"
	is "$(grep -c 'a file with a longer name' "$WORK/fls")" 400 "$name: and shows all else"
	not_ok "$name: and none of it" grep -q "$WORD" "$WORK/fls"
	diag "$(cat "$WORK/fls.err")"
	ok "$name: fsstat runs to its end" fsstat -o 2048 "$WORK/masked.raw"
	for inode in $(fls -o 2048 -r "$WORK/win.dd" | grep "$WORD" | grep -o '[0-9]*-128-[0-9]*' | sort -u); do
		icat -o 2048 "$WORK/masked.raw" "$inode" 2>/dev/null || true
	done | tr -d '\0' >"$WORK/icat"
	is "$(wc -c <"$WORK/icat")" 0 "$name: icat of each of them gives nothing"
	dd if="$WORK/masked.raw" of="$WORK/masked.part" bs=1M skip=1 count=40 status=none
	ntfsfix -n "$WORK/masked.part" >"$WORK/fix" 2>&1 || fail "$name: ntfsfix: $(cat "$WORK/fix")"
	ok "$name: ntfsfix runs to its end" grep -q 'processed successfully' "$WORK/fix"
	track_mount "$WORK/n"
	ok "$name: ntfs-3g mounts it" ntfs-3g -o ro,streams_interface=windows "$WORK/masked.part" "$WORK/n"
	ok "$name: and reads all else" cmp "$WORK/other" "$WORK/n/mail/other.txt"
	ls -R "$WORK/n" >"$WORK/ls"
	is "$(grep -c 'a file with a longer name' "$WORK/ls")" 400 "$name: lists all else"
	not_ok "$name: and none of it" grep -q "$WORD" "$WORK/ls"
	umount "$WORK/n"
	ok "$name: rejected" mark rejected "${marks[@]}"
	hashes bert "$name" >"$WORK/after"
	same_file "$WORK/before" "$WORK/after" "$name: every bit is back"
	kept_away "$name" "$volume"
done
done_testing
