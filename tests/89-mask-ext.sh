#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 89-mask-ext.sh - ext2, ext3, ext4: what is withheld is in no byte stream, and comes back as it was
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
. "$(dirname "$0")/helpers/mask.sh"
slow
need fuse
need root
need users
need_tools mke2fs debugfs dumpe2fs e2fsck photorec fls icat fsstat python3 setpriv

make_letter
plant_letter "$WORK/tree"
python3 - "$WORK" <<'PY'
import os, sys
work = sys.argv[1]
os.setxattr(work + "/tree/mail/other.txt", "user.letter", open(work + "/note", "rb").read())
os.setxattr(work + "/tree/mail/other.txt", "user.kept", open(work + "/other", "rb").read(300))
PY
# a document that also stands within others: with more behind it, in a backup, in an archive nobody knows
python3 - "$WORK" <<'PY'
import random, sys
r = random.Random(9)
text = lambda n: bytes(r.choice(b"abcdefghijklmnopqrstuvwxyz") for _ in range(n))
work = sys.argv[1]
plan = text(30000)
tail = text(5000)
for name, data in (("/plan", plan), ("/tail", tail), ("/tree/docs/plan.bin", plan), ("/tree/public/more.bin", plan + tail),
                   ("/tree/public/backup.bin", text(16384) + plan + text(9000)),
                   ("/tree/public/archive.bin", text(5 * 512) + plan + text(700))):
    open(work + name, "wb").write(data)
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
	debugfs -w -R "rm /mail/$LOST-plan.txt" "$WORK/$name.dd" >/dev/null 2>&1
}
block_size() { # NAME
	dumpe2fs -h "$WORK/$1.dd" 2>/dev/null | awk '/^Block size/ {print $3}'
}

# what is left of it where no file has it: in the slack of another, in free space that nobody claims
leave_behind() { # NAME
	local image=$WORK/$1.dd size block
	size=$(block_size "$1")
	block=$(debugfs -R 'blocks /public/open.txt' "$image" 2>/dev/null | awk '{print $NF}')
	dd if="$WORK/note" of="$image" bs=1 seek=$((block * size + size - 310)) conv=notrunc status=none
	dd if="$WORK/letter" of="$image" bs=1 seek=$((24 * 1024 * 1024 - 70123)) count=5000 conv=notrunc status=none
}
make_ext four ext4 -b 4096
make_ext sums ext4 -O metadata_csum,64bit,inline_data -I 256
make_ext two ext2 -b 1024
make_ext three ext3
for name in four sums two three; do
	leave_behind "$name"
done

mask_team four sums two three

for name in four sums two three; do
	volume=$name/p0-$(case $name in two) echo ext2 ;; three) echo ext3 ;; *) echo ext4 ;; esac)
	B=$(view bert c1)
	hashes bert "$name" >"$WORK/before"
	ok "$name: before, image.raw is the image" as bert cmp "$WORK/$name.dd" "$B/$name/image.raw"
	not_ok "$name: EVIDENCE.txt says nothing of a mask" as bert grep -q '^masked: ' "$B/$name/EVIDENCE.txt"
	not_ok "$name: nothing says that it is masked" as bert getfattr -n user.evidencefs.masked "$B/$name/image.raw"

	marks=("$volume/docs/$WORD-letter.txt" "$volume/docs/$WORD-note.txt" "$volume/docs/$WORD-sparse.txt")
	ok "$name: the documents are marked" mark suspected "${marks[@]}"
	wait_for -t 60 as bert test -e "$B/$name/image.raw" # it is away until free space is searched
	ok "$name: an analyst finds nothing of them" finds bert "$name"
	like "$(as bert getfattr --only-values -n user.evidencefs.masked "$B/$name/image.raw")" '^1$' "$name: and is told that it is masked"
	not_ok "$name: of which there is no hash" as bert getfattr -n user.evidencefs.sha256 "$B/$name/image.raw"
	ok "$name: EVIDENCE.txt says so" as bert grep -q '^masked: ' "$B/$name/EVIDENCE.txt"
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
	for inode in $(fls -r "$WORK/$name.dd" | grep "$WORD" | sed 's/^[^0-9]*\([0-9]*\).*/\1/' | sort -u); do
		icat "$WORK/masked.raw" "$inode" 2>/dev/null || true
	done | tr -d '\0' >"$WORK/icat"
	is "$(wc -c <"$WORK/icat")" 0 "$name: icat of each of them gives nothing"
	e2fsck -f -n "$WORK/masked.raw" >"$WORK/fsck" 2>&1 || status=$?
	ok "$name: e2fsck -n runs to its end ($status)" test "$status" -le 4
	not_ok "$name: and shows none of it" grep -q "$WORD" "$WORK/fsck"
	ok "$name: rejected" mark rejected "${marks[@]}"
	hashes bert "$name" >"$WORK/after"
	same_file "$WORK/before" "$WORK/after" "$name: every bit is back"
	kept_away "$name" "$volume"
done

# what is open goes blank within a second, also where it is mapped; carving finds nothing
volume=four/p0-ext4
block=$(debugfs -R "blocks /docs/$WORD-letter.txt" "$WORK/four.dd" 2>/dev/null | awk '{print $1}')
as bert /usr/bin/python3 "$TOP/tests/helpers/watch.py" "$(view bert c1)/four/image.raw" $((block * $(block_size four))) >"$WORK/watch" 2>&1 &
watcher=$!
track_pid $watcher
wait_for -t 20 grep -q '^ready$' "$WORK/watch" || diag "$(cat "$WORK/watch")"
ok "a copy is marked" mark suspected "$volume/mail/$WORD-copy.txt"
end=$(date +%s.%N)
wait_for -t 20 grep -q '^read ' "$WORK/watch" || true
wait_for -t 20 grep -q '^private ' "$WORK/watch" || true
ok "an open image.raw is blank within a second, and each mapping of it" python3 - "$WORK/watch" "$end" <<'PY'
import sys
seen = dict(l.split() for l in open(sys.argv[1]) if len(l.split()) == 2)
late = {k: float(v) - float(sys.argv[2]) for k, v in seen.items()}
print(late)
sys.exit(not ({"read", "private"} <= set(late) and max(late.values()) < 1))
PY
kill $watcher 2>/dev/null || true
as bert cat "$(view bert c1)/four/image.raw" >"$WORK/masked.raw"
mkdir "$WORK/carved"
(cd "$WORK" && photorec /d "$WORK/carved/out" /cmd "$WORK/masked.raw" partition_none,options,paranoid,fileopt,everything,enable,wholespace,search) \
	>"$WORK/photorec" 2>&1 || fail "photorec: $(tail -n 5 "$WORK/photorec")"
ok "photorec finds no letter" python3 "$TOP/tests/helpers/search.py" "$WORK/carved" --text "$WORK/letter" --name "$WORD"
ok "a copy that is rejected" mark rejected "$volume/mail/$WORD-copy.txt"
# blocks of it within other files: those are other files, and shown; byte streams do not show them there
within() { # NAME VOLUME WHAT
	local files=("$2/public/archive.bin" "$2/public/backup.bin" "$2/public/more.bin")
	hashes bert "$1" >"$WORK/before"
	ok "$1, $3: a document is marked" mark suspected "$1/$2/docs/plan.bin"
	wait_for -t 60 as bert test -e "$(view bert c1)/$1/image.raw"
	finds_of bert "$1" "$WORK/plan" no-name >"$WORK/found" || true
	is "$(sed -n 's/: contents.*//p' "$WORK/found" | LC_ALL=C sort -u | tr '\n' ' ')" "${files[*]} " \
		"$1, $3: it is in the files that have it in part, and in no byte stream"
	ev rita marks c1 --why "$1/$2/public/more.bin" >"$WORK/why" 2>&1
	like "$(cat "$WORK/why")" '30000 bytes of it are withheld elsewhere' "$1, $3: a reviewer is told of a file that has it"
	finds_of bert "$1" "$WORK/tail" no-name >"$WORK/found" || true
	is "$(sed -n 's/: contents.*//p' "$WORK/found" | LC_ALL=C sort -u | tr '\n' ' ')" "image.raw $2.raw $2/public/more.bin " \
		"$1, $3: what stands behind it is in byte streams too"
	hashes bert "$1" >"$WORK/with"
	ok "$1, $3: other contents are as they were" others_are_as_before "$1"
	ok "$1, $3: rejected" mark rejected "$1/$2/docs/plan.bin"
	hashes bert "$1" >"$WORK/after"
	same_file "$WORK/before" "$WORK/after" "$1, $3: every bit is back"
}
within four p0-ext4 "by the hashes of blocks"
tables=("$WORK"/team/cases/*/evidence/*/blocks)
is "${#tables[@]}" 4 "a table for each image"
for table in "${tables[@]}"; do
	printf x | dd of="$table" bs=1 seek=700 conv=notrunc status=none
done
within two p0-ext2 "with tables that are damaged"
done_testing
