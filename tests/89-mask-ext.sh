#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 89-mask-ext.sh - ext2, ext3, ext4: what is withheld is in no byte stream, and comes back as it was
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
. "$(dirname "$0")/helpers/mask.sh"
need fuse
need root
need users
need_tools mke2fs debugfs e2fsck fls icat fsstat python3 setpriv

make_letter
plant_letter "$WORK/tree"
python3 - "$WORK" <<'PY'
import os, sys
work = sys.argv[1]
os.setxattr(work + "/tree/mail/other.txt", "user.letter", open(work + "/note", "rb").read())
os.setxattr(work + "/tree/mail/other.txt", "user.kept", open(work + "/other", "rb").read(300))
PY
mkdir "$WORK/tree/large"
for i in {1..900}; do
	echo "$i" >"$WORK/tree/large/a file with a longer name, number $i"
done
cp "$WORK/letter" "$WORK/tree/large/zz-$WORD-in-an-index"
make_ext() { # NAME TYPE OPTION...
	local name=$1 type=$2
	shift 2
	mke2fs -q -t "$type" "$@" -d "$WORK/tree" "$WORK/$name.dd" 24M
	# gone, with its numbers of blocks still there
	debugfs -w -R "rm /mail/$WORD-gone.txt" "$WORK/$name.dd" >/dev/null 2>&1
	debugfs -w -R "rm /mail/ordinary.txt" "$WORK/$name.dd" >/dev/null 2>&1
	# blocks of a deleted file that the letter has now
	debugfs -w -R "rm /mail/first.txt" "$WORK/$name.dd" >/dev/null 2>&1
	debugfs -w -R "write $WORK/letter mail/$WORD-reuses.txt" "$WORK/$name.dd" >/dev/null 2>&1
	e2fsck -f -y -D "$WORK/$name.dd" >/dev/null 2>&1 || true
	debugfs -w -R "rm /mail/$WORD-gone2.txt" "$WORK/$name.dd" >/dev/null 2>&1
}
make_ext four ext4
make_ext sums ext4 -O metadata_csum,64bit,inline_data -I 256
make_ext two ext2 -b 1024
make_ext three ext3

mask_team four sums two three
is_named() { # NAME: how many entries has the analyst's raw volume of that name
	fls -r "$1" 2>/dev/null | grep -c "$2"
}

for name in four sums two three; do
	volume=$(basename "$WORK/$name.dd" .dd)/p0-$(case $name in two) echo ext2 ;; three) echo ext3 ;; *) echo ext4 ;; esac)
	B=$(view bert c1)
	hashes bert "$name" >"$WORK/before"
	ok "$name: before, image.raw is the image" as bert cmp "$WORK/$name.dd" "$B/$name/image.raw"
	not_ok "$name: nothing says that it is masked" as bert getfattr -n user.evidencefs.masked "$B/$name/image.raw"

	ok "$name: the documents are marked" mark suspected "$volume/docs/$WORD-letter.txt" "$volume/docs/$WORD-note.txt" \
		"$volume/docs/$WORD-sparse.txt" "$volume/large/zz-$WORD-in-an-index"
	ok "$name: an analyst finds nothing of them" finds bert "$name"
	like "$(as bert getfattr --only-values -n user.evidencefs.masked "$B/$name/image.raw")" '^1$' "$name: and is told that it is masked"
	not_ok "$name: of which there is no hash" as bert getfattr -n user.evidencefs.sha256 "$B/$name/image.raw"
	as bert cat "$B/$name/image.raw" >"$WORK/masked.raw"
	hashes bert "$name" >"$WORK/with"
	ok "$name: other contents are as they were, but for zeros in what lay over it" others_are_as_before "$name"
	status=0
	fls -r -p "$WORK/masked.raw" >"$WORK/fls" 2>"$WORK/fls.err" || status=$?
	is "$status" 0 "$name: fls runs to its end"
	is "$(grep -c 'a file with a longer name' "$WORK/fls")" 900 "$name: and shows all else"
	not_ok "$name: and none of it" grep -q "$WORD" "$WORK/fls"
	ok "$name: fsstat runs to its end" fsstat "$WORK/masked.raw"
	status=0
	e2fsck -f -n "$WORK/masked.raw" >"$WORK/fsck" 2>&1 || status=$?
	ok "$name: e2fsck -n runs to its end ($status)" test "$status" -le 4
	not_ok "$name: and shows none of it" grep -q "$WORD" "$WORK/fsck"
	sed 's/^/# /' "$WORK/fsck" | head -60
	rejects=("$volume/docs/$WORD-letter.txt" "$volume/docs/$WORD-note.txt" "$volume/docs/$WORD-sparse.txt" "$volume/large/zz-$WORD-in-an-index")
	ok "$name: rejected" mark rejected "${rejects[@]}"
	hashes bert "$name" >"$WORK/after"
	same_file "$WORK/before" "$WORK/after" "$name: every bit is back"
done
done_testing
