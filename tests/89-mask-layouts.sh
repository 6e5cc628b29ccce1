#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 89-mask-layouts.sh - documents of all sizes in all places: whichever of them is marked, their bytes are in no file of
# an analyst, and come back
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
. "$(dirname "$0")/helpers/mask.sh"
slow
need fuse
need root
need users
need_tools mke2fs debugfs e2fsck mkntfs ntfs-3g mkfs.vfat mcopy mdel mdeltree mren mkfs.exfat xorriso sfdisk ewfacquire istat python3 setpriv
export MTOOLS_SKIP_CHECK=1

# documents that share nothing: of many clusters, of two, of one byte more than one, of less than a record
python3 - "$WORK" <<'PY'
import random, sys
r = random.Random(11)
text = lambda n: "".join(r.choice("abcdefghijklmnopqrstuvwxyz0123456789\n") for _ in range(n))
for name, size in {"long": 40007, "two": 8192, "over": 4097, "small": 300, "tiny": 90, "other": 30000}.items():
    open(f"{sys.argv[1]}/{name}", "w").write(text(size))
PY
plant() { # DIR
	mkdir -p "$1/docs" "$1/mail" "$1/public/$WORD-folder" "$1/closed" # which is deleted with all that is in it
	for i in {1..40}; do
		echo "$i" >"$1/closed/a file with a longer name, number $i"
	done
	cp "$WORK/two" "$1/closed/$WORD-inside.txt"
	cp "$WORK/other" "$1/public/other.txt"
	cp "$WORK/other" "$1/mail/first.txt"
	for i in {1..60}; do
		echo "$i" >"$1/mail/a file with a longer name, number $i"
	done
	cp "$WORK/tiny" "$1/docs/$WORD-tiny.txt" # below what is followed by contents: it has no copies
	for name in long two over small; do
		cp "$WORK/$name" "$1/docs/$WORD-$name.txt"
		cp "$WORK/$name" "$1/mail/a file with a name $WORD, copy of $name"
		cp "$WORK/$name" "$1/mail/$WORD-gone-$name.txt"
		cp "$WORK/$name" "$1/mail/$WORD-old-$name.txt"
	done
	cp "$WORK/other" "$1/public/last.txt"
}
plant "$WORK/tree"

# ---- ext ------------------------------------------------------------------------------------------

cp -r "$WORK/tree" "$WORK/xtree"
ln "$WORK/xtree/docs/$WORD-long.txt" "$WORK/xtree/mail/$WORD-hard.txt"
ln -s "../docs/$WORD-long.txt" "$WORK/xtree/mail/fast-link"
ln -s "../mail/../mail/../mail/../mail/../mail/../mail/../docs/$WORD-long.txt" "$WORK/xtree/mail/slow-link"
make_ext() { # NAME OPTION...
	local name=$1 block
	shift
	mke2fs -q "$@" -d "$WORK/xtree" "$WORK/$name.dd" 24M
	{
		for gone in long two over small; do
			echo "rm /mail/$WORD-gone-$gone.txt"
		done
		# what was moved leaves its name, and what was freed by a kernel no numbers of blocks
		for old in long two over small; do
			echo "clri /mail/$WORD-old-$old.txt"
			echo "unlink /mail/$WORD-old-$old.txt"
		done
		echo "ea_set -f $WORK/small /docs/$WORD-two.txt user.copied"
		for i in {1..40}; do
			echo "rm \"/closed/a file with a longer name, number $i\""
		done
		echo "rm /closed/$WORD-inside.txt"
		echo "rmdir /closed"
		echo "rm /mail/first.txt"
		echo "write $WORK/long /mail/$WORD-reuses.txt"
	} >"$WORK/commands"
	debugfs -w -f "$WORK/commands" "$WORK/$name.dd" >/dev/null 2>&1
	e2fsck -f -y -D "$WORK/$name.dd" >/dev/null 2>&1 || true
	debugfs -w -R "rm /mail/$WORD-reuses.txt" "$WORK/$name.dd" >/dev/null 2>&1
	block=$(debugfs -R "blocks /docs/$WORD-long.txt" "$WORK/$name.dd" 2>/dev/null | awk '{print $1}')
	if [[ $* == *journal* ]]; then
		printf 'jo\njw -b %s %s\njc\n' "$block" "$WORK/two" | debugfs -w -f - "$WORK/$name.dd" >/dev/null 2>&1 || true
	fi
	# in the boot block, in inodes that were never used, and behind the last block
	python3 - "$WORK" "$WORK/$name.dd" <<'PY'
import sys
work, image = sys.argv[1:]
two = open(work + "/two", "rb").read()
with open(image, "r+b") as f:
    f.write(two[1000:1500])
    f.seek(0, 2)
    f.write(two[5000:7000].ljust(4096, b"\0"))
PY
}
make_ext four -t ext4 -b 4096 -O has_journal
make_ext sums -t ext4 -b 1024 -O metadata_csum,64bit,inline_data,has_journal -I 256
make_ext big -t ext4 -b 1024 -O bigalloc,^has_journal -C 4096
make_ext three -t ext3 -b 2048 -O has_journal
make_ext two2 -t ext2 -b 1024 -O ^dir_index

mask_one() { # EVIDENCE PATH DOCUMENT...: marking PATH keeps DOCUMENTs away
	local name=$1 path=$2 texts=() t
	shift 2
	for t; do
		texts+=(--text "$WORK/$t")
	done
	mark suspected "$name/$path" || {
		fail "$name: $path is marked"
		return
	}
	wait_for -t 60 as bert test -e "$(view bert c1)/$name/image.raw" || diag "no image.raw"
	ok "$name: $path: an analyst finds nothing of $*" as bert /usr/bin/python3 "$TOP/tests/helpers/search.py" "$(view bert c1)/$name" "${texts[@]}"
	mark rejected "$name/$path" || fail "$name: $path is rejected"
	hashes bert "$name" >"$WORK/after"
	same_file "$WORK/before" "$WORK/after" "$name: $path: every bit is back"
}

# ---- NTFS: in a partition; small ones are in their records; a log, a journal, slack of an index ------------------

truncate -s 40M "$WORK/part"
mkntfs -F -Q -q -p 2048 -H 255 -S 63 "$WORK/part" >/dev/null 2>&1
mkdir "$WORK/n"
track_mount "$WORK/n"
on_ntfs() { # COMMAND...: with it mounted at $WORK/n
	ntfs-3g -o streams_interface=windows,compression,show_sys_files "$WORK/part" "$WORK/n"
	"$@"
	sync -f "$WORK/n"
	umount "$WORK/n"
}
fill_ntfs() {
	cp -r "$WORK"/tree/* "$WORK/n"
	ln "$WORK/n/docs/$WORD-long.txt" "$WORK/n/mail/$WORD-hard.txt"
	cp "$WORK/two" "$WORK/n/public/other.txt:$WORD-stream"
	cp "$WORK/small" "$WORK/n/public/other.txt:$WORD-small"
	cp "$WORK/long" "$WORK/n/public:$WORD-of-a-folder"
	mkdir "$WORK/n/packed"
	setfattr -h -v 0x00080000 -n system.ntfs_attrib "$WORK/n/packed"
	cat "$WORK/long" >"$WORK/n/packed/$WORD-packed.txt"
	cat "$WORK/two" >"$WORK/n/packed/$WORD-two.txt"
	cp "$WORK/two" "$WORK/n/pagefile.sys"
	cp "$WORK/over" "$WORK/n/\$Extend/\$UsnJrnl" 2>/dev/null || true
	cp "$WORK/over" "$WORK/n/\$Extend/\$UsnJrnl:\$J" 2>/dev/null || true
	ln -s "../docs/$WORD-long.txt" "$WORK/n/mail/link"
}
delete_ntfs() {
	rm "$WORK/n/mail/$WORD-gone-"* "$WORK/n/mail/first.txt"
	for old in long two over small; do
		mv "$WORK/n/mail/$WORD-old-$old.txt" "$WORK/n/mail/a $WORD old $old"
	done
	rm "$WORK/n/mail/a $WORD old "*
	rm -r "$WORK/n/closed"
	cp "$WORK/long" "$WORK/n/mail/$WORD-reuses.txt"
}
delete_again() {
	rm "$WORK/n/mail/$WORD-reuses.txt"
	rm "$WORK/n/mail/a file with a longer name, number "[2-5]*
}
on_ntfs fill_ntfs
on_ntfs delete_ntfs
on_ntfs delete_again
log=$(istat "$WORK/part" 2 | awk 'runs {print $5; exit} /^Type: \$DATA/ {runs = 1}')
dd if="$WORK/two" of="$WORK/part" bs=4096 seek="$log" conv=notrunc status=none
truncate -s 50M "$WORK/win.dd"
dd if="$WORK/part" of="$WORK/win.dd" bs=1M seek=1 conv=notrunc status=none
# a second volume, a partition of swap, and something in the gaps: before the first, between, behind the last
truncate -s 5M "$WORK/small.dd"
mkfs.vfat -F 12 "$WORK/small.dd" >/dev/null
mcopy -i "$WORK/small.dd" "$WORK/other" ::/other.txt
mcopy -i "$WORK/small.dd" "$WORK/two" "::/$WORD-elsewhere.txt"
dd if="$WORK/small.dd" of="$WORK/win.dd" bs=1M seek=42 conv=notrunc status=none
printf '2048,81920,7\n86016,10240,1\n97000,3000,82\n' | sfdisk -q "$WORK/win.dd"
dd if="$WORK/two" of="$WORK/win.dd" bs=512 seek=5 conv=notrunc status=none
dd if="$WORK/two" of="$WORK/win.dd" bs=512 seek=84200 conv=notrunc status=none
dd if="$WORK/two" of="$WORK/win.dd" bs=512 seek=97100 conv=notrunc status=none
dd if="$WORK/two" of="$WORK/win.dd" bs=512 seek=102300 conv=notrunc status=none
ewfacquire -u -q -t "$WORK/ewf" -S 1G "$WORK/win.dd" >/dev/null 2>&1
mkdir "$WORK/split"
split -b 17000000 -d -a 3 --numeric-suffixes=1 "$WORK/win.dd" "$WORK/split/parts."

# ---- FAT and exFAT -----------------------------------------------------------------------------------

make_fat() { # BITS MIB OPTION...
	local image=$WORK/fat$1.dd
	truncate -s "${2}M" "$image"
	mkfs.vfat -F "$1" -n "${WORD:0:4}ZZ" "${@:3}" "$image" >/dev/null
	mcopy -i "$image" -s -m -Q "$WORK"/tree/* :: </dev/null
	mren -i "$image" "::/mail/$WORD-old-long.txt" "::/mail/renamed long $WORD with many characters"
	mdel -i "$image" "::/mail/$WORD-gone-long.txt" "::/mail/$WORD-gone-two.txt" "::/mail/$WORD-gone-over.txt" "::/mail/$WORD-gone-small.txt" \
		"::/mail/renamed long $WORD with many characters" "::/mail/$WORD-old-two.txt" "::/mail/$WORD-old-over.txt" \
		"::/mail/$WORD-old-small.txt" ::/mail/first.txt
	mdeltree -i "$image" ::/closed
	mcopy -i "$image" "$WORK/long" "::/mail/$WORD-reuses.txt"
	mdel -i "$image" "::/mail/$WORD-reuses.txt"
	python3 - "$WORK" "$image" <<'PY'
import struct, sys
work, image = sys.argv[1:]
two = open(work + "/two", "rb").read()
data = bytearray(open(image, "rb").read())
sector, reserved, tables = struct.unpack_from("<H", data, 11)[0], struct.unpack_from("<H", data, 14)[0], data[16]
if reserved > 10:  # sectors that nobody uses
    data[8 * sector:9 * sector] = two[:sector]
data[-3000:] = two[:3000]
open(image, "wb").write(data)
PY
}
make_fat 12 8 -s 4
make_fat 16 32 -s 1
make_fat 32 64 -s 1
truncate -s 64M "$WORK/exfat.dd"
mkfs.exfat -L WORKSHOP "$WORK/exfat.dd" >/dev/null
python3 "$TOP/tests/helpers/fill_exfat.py" "$WORK/exfat.dd" "$WORK/tree" || bail "exfat"
python3 "$TOP/tests/helpers/delete_exfat.py" "$WORK/exfat.dd" --slot-reused old "$WORD-gone" "$WORD-old"

mask_all() { # EVIDENCE VOLUME: every one that has a name which says so
	local name=$1 volume=$2 marks doc path
	marks=()
	for doc in long two over small tiny; do
		marks+=("$name/$volume/docs/$WORD-$doc.txt")
	done
	while read -r path; do
		marks+=("$name/$path")
	done < <(cd / && as bert find "$(view bert c1)/$name" -mindepth 2 \( -name "*$WORD*" -o -iname '_u??ot*' -o -iname '_file*' -o -iname '_RENAM*' \) -printf '%P\n')
	ok "$name: all of them are marked" mark suspected "${marks[@]}"
	wait_for -t 60 as bert test -e "$(view bert c1)/$name/image.raw" || diag "no image.raw"
	ok "$name: nothing of them is found, nor a name" as bert /usr/bin/python3 "$TOP/tests/helpers/search.py" "$(view bert c1)/$name" --name "$WORD" \
		--text "$WORK/long" --text "$WORK/two" --text "$WORK/over" --text "$WORK/small" --text "$WORK/tiny"
	ok "$name: rejected" mark rejected "${marks[@]}"
}

medium() { # EVIDENCE: the file that has its bytes
	case $1 in
	ewf | parts) echo "$WORK/win.dd" ;;
	*) echo "$WORK/$1.dd" ;;
	esac
}

read -ra evidence <<<"${LAYOUTS:-four sums big three two2 win ewf parts fat12 fat16 fat32 exfat}" # some, by hand
mask_team "${evidence[@]}"
for name in "${evidence[@]}"; do
	volume=$(as bert ls "$(view bert c1)/$name" | grep -m 1 '^p[01]-[a-z0-9]*$')
	hashes bert "$name" >"$WORK/before"
	ok "$name: before, image.raw is the medium" as bert cmp "$(medium "$name")" "$(view bert c1)/$name/image.raw"
	mask_one "$name" "$volume/docs/$WORD-long.txt" long
	case $name in # those that are much like another are marked as a whole only
	big | three | ewf | parts | fat12) mask_all "$name" "$volume" && continue ;;
	esac
	mask_one "$name" "$volume/docs/$WORD-two.txt" two
	mask_one "$name" "$volume/docs/$WORD-over.txt" over
	mask_one "$name" "$volume/mail/a file with a name $WORD, copy of small" small
	mask_one "$name" "$volume/docs/$WORD-tiny.txt" tiny
	for path in "mail/$WORD-hard.txt" "packed/$WORD-packed.txt" "public:$WORD-of-a-folder"; do
		as bert test -e "$(view bert c1)/$name/$volume/$path" && mask_one "$name" "$volume/$path" long
	done
	for path in "public/other.txt:$WORD-stream" "packed/$WORD-two.txt"; do
		as bert test -e "$(view bert c1)/$name/$volume/$path" && mask_one "$name" "$volume/$path" two
	done
	mask_all "$name" "$volume"
done
done_testing
