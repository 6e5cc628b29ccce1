#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 91-archives.sh - archives in a volume are folders of what is in them
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need_tools mke2fs mkfs.fat mcopy mdel python3 tar zip 7z cpio xorriso xz zstd bzip2 bsdtar sha256sum

helper=$TOP/tests/helpers/archives.py
M=$WORK/mnt
D=$M/disk/p0-ext4

# ---- what is in them, in every kind
mkdir -p "$WORK/src/docs/sub/empty" "$WORK/tree"
for i in 1 2 3; do
	seq "$i" 4000 >"$WORK/src/docs/f$i"
done
echo hello >"$WORK/src/docs/sub/small"
: >"$WORK/src/docs/sub/nothing"
head -c 300000 /dev/urandom >"$WORK/src/docs/sub/large"
echo ü >"$WORK/src/docs/sub/grün"
touch -d '2019-05-06 07:08:10 UTC' "$WORK/src/docs/f1"
(
	cd "$WORK/src"
	tar cf "$WORK/tree/a.tar" docs
	tar czf "$WORK/tree/a.tar.gz" docs
	tar cjf "$WORK/tree/a.tbz2" docs
	tar cJf "$WORK/tree/a.txz" docs
	tar --zstd -cf "$WORK/tree/a.tzst" docs
	zip -q -r "$WORK/tree/a.zip" docs
	7z a -y "$WORK/tree/a.7z" docs >/dev/null
	find docs | cpio --quiet -o -H newc >"$WORK/tree/a.cpio"
	xorriso -as mkisofs -quiet -R -J -o "$WORK/tree/a.iso" "$WORK/src" 2>/dev/null
	cp "$WORK/tree/a.zip" "$WORK/tree/picture.jpg" # found by its bytes
	cp "$WORK/tree/a.txz" "$WORK/tree/noname"
	gzip -c docs/f1 >"$WORK/tree/f1.gz"
	bzip2 -c docs/f1 >"$WORK/tree/f1.bz2"
	xz -c docs/f1 >"$WORK/tree/f1.xz"
	zstd -q -c docs/f1 >"$WORK/tree/f1.zst"
	cd "$WORK/tree"
	zip -q inner.zip a.tar.gz a.zip
	tar cf nested.tar inner.zip a.7z
	rm inner.zip
	cd "$WORK/src"
	zip -q -P secret "$WORK/tree/locked.zip" docs/f1 docs/f2
	7z a -y -psecret -mhe=on "$WORK/tree/sealed.7z" docs/f1 >/dev/null
	head -c 3000 "$WORK/tree/a.zip" >"$WORK/tree/short.zip"
	head -c 200000 "$WORK/tree/a.tar" >"$WORK/tree/short.tar"
	gzip -c docs/sub/large | head -c 200000 >"$WORK/tree/short.gz"
	printf 'PK\3\4 but nothing else is a zip in it' >"$WORK/tree/liar.zip"
	: >"$WORK/tree/empty.zip"
)
mkdir "$WORK/tree/taken.zip.d"
cp "$WORK/tree/a.zip" "$WORK/tree/taken.zip"
echo mine >"$WORK/tree/taken.zip.d/file"
python3 "$helper" hostile "$WORK/tree"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 32M

mount_image "$WORK/disk.dd" "$M"
cp "$M/disk/EVIDENCE.txt" "$WORK/evidence"
(cd "$WORK/src/docs" && find . -type f -exec sha256sum {} + | LC_ALL=C sort) >"$WORK/want"
for name in a.tar a.tar.gz a.tbz2 a.txz a.tzst a.zip a.7z a.cpio a.iso picture.jpg noname nested.tar.d/a.7z \
	nested.tar.d/inner.zip.d/a.tar.gz nested.tar.d/inner.zip.d/a.zip; do
	(cd "$D/$name.d/docs" && find . -type f -exec sha256sum {} + | LC_ALL=C sort) >"$WORK/got" 2>&1 || true
	same_file "$WORK/want" "$WORK/got" "$name: every file, by name and SHA-256"
	[[ $name == a.iso ]] || ok "$name: a folder without files" test -d "$D/$name.d/docs/sub/empty"
done
is "$(stat -c '%Y %s' "$D/a.tar.d/docs/f1")" "$(stat -c '%Y %s' "$WORK/src/docs/f1")" "times and sizes are the member's"
is "$(getfattr --only-values -n user.evidencefs.mode "$D/a.tar.d/docs/f1")" "$(printf %06o "0x$(stat -c %f "$WORK/src/docs/f1")")" "its mode"
is "$(getfattr --only-values -n user.evidencefs.container "$D/a.zip.d")" 1 "a folder of members says so"
for kind in gz bz2 xz zst; do
	ok "a single file: $kind" cmp "$D/f1.$kind.d/"* "$WORK/src/docs/f1"
done
ok "bytes are read anywhere" cmp <(dd if="$D/a.txz.d/docs/sub/large" bs=1000 skip=123 count=50 2>/dev/null) \
	<(dd if="$WORK/src/docs/sub/large" bs=1000 skip=123 count=50 2>/dev/null)
ok "the archive itself is a file as before" cmp "$D/a.zip" "$WORK/tree/a.zip"
is "$(cat "$D/taken.zip.d/file")" mine "what the evidence has keeps its name"
ok "what is made up gives way" compgen -G "$D/taken.zip.d~*/docs/f1"

# ---- what cannot be read
not_ok "an encrypted member is not read" cat "$D/locked.zip.d/docs/f1"
is "$(getfattr --only-values -n user.evidencefs.encrypted "$D/locked.zip.d/docs/f1")" 1 "but listed, and says why"
like "$(cat "$WORK/evidence")" 'locked.zip.d/docs/f1: encrypted' "as EVIDENCE.txt does"
like "$(cat "$WORK/evidence")" 'sealed.7z: cannot be opened \(.*encrypted' "one that is encrypted as a whole"
not_ok "has no folder" test -e "$D/sealed.7z.d"
like "$(cat "$WORK/evidence")" 'liar.zip: ' "what is none: a line"
like "$(cat "$WORK/evidence")" 'short.tar: entry' "what is damaged: a line"
ok "and what came before" cmp "$D/short.tar.d/docs/f1" "$WORK/src/docs/f1"
part() {
	cat "$D/short.gz.d/"* >"$WORK/part" 2>/dev/null
}
not_ok "no short file: an error at its end" part
ok "and what comes before it" cmp -n "$(stat -c %s "$WORK/part")" "$WORK/part" "$WORK/src/docs/sub/large"
isnt "$(stat -c %s "$WORK/part")" 0 "which is something"

# ---- names
for name in hostile.tar hostile.zip; do
	at=$D/$name.d
	find "$at" -type f -exec cat {} + 2>/dev/null | LC_ALL=C sort -u | grep -a '^body' >"$WORK/bodies" || true
	is "$(wc -l <"$WORK/bodies")" 15 "$name: every member is there, below its folder"
	ok "$name: names are all listed once, and answer" python3 - "$at" <<'PY'
import os, sys
for folder, folders, files in os.walk(sys.argv[1]):
    assert len(set(folders + files)) == len(folders + files), folder
    for name in folders + files:
        os.lstat(os.path.join(folder, name))
PY
done
is "$(readlink "$D/hostile.tar.d/out")" "$(readlink "$D/hostile.tar.d/out" | grep -v '^/')" "a link does not lead out"
not_ok "nothing of this machine" grep -q root: "$D/hostile.tar.d/out"
like "$(cat "$D/hostile.tar.d/hard")" '^body' "a hard link in an archive has its contents"
is "$(find "$D/many.zip.d" -type f | wc -l)" 2000 "two thousand members of one name"
unmount_image "$M"

# ---- without hashes, and what is deleted
mount_image --no-hash "$WORK/disk.dd" "$M"
ok "containers are there without hashes" cmp "$D/picture.jpg.d/docs/f1" "$WORK/src/docs/f1"
unmount_image "$M"
truncate -s 8M "$WORK/fat.dd"
mkfs.fat "$WORK/fat.dd" >/dev/null
mcopy -i "$WORK/fat.dd" "$WORK/tree/a.zip" ::gone.zip
mdel -i "$WORK/fat.dd" ::gone.zip
mount_image "$WORK/fat.dd" "$M"
ok "a deleted archive, too" cmp "$M/fat/p0-fat12.deleted/"*one.zip.d/docs/sub/large "$WORK/src/docs/sub/large"
unmount_image "$M"

# ---- what expands without end
mkdir "$WORK/bombs"
python3 "$helper" bombs "$WORK/bombs"
cp "$WORK/tree/a.zip" "$WORK/bombs/fine.zip"
mke2fs -q -t ext4 -d "$WORK/bombs" "$WORK/bombs.dd" 32M
mount_image --no-hash "$WORK/bombs.dd" "$M"
like "$(cat "$M/bombs/EVIDENCE.txt")" 'bomb.gz: it expands to too many bytes' "a bomb costs its limits, and a line"
like "$(cat "$M/bombs/EVIDENCE.txt")" 'too deep in others' "so does depth"
ok "what else is there is there" cmp "$M/bombs/p0-ext4/fine.zip.d/docs/f1" "$WORK/src/docs/f1"
is "$(find "$M/bombs/p0-ext4/deep.zip.d" -name '*.d' | sed 's,[^/],,g' | sort | tail -1 | wc -c)" \
	"$(find "$M/bombs/p0-ext4/deep.zip.d" -maxdepth 4 -name '*.d' | sed 's,[^/],,g' | sort | tail -1 | wc -c)" "five of them, one in the other"
unmount_image "$M"

# ---- archives of others
if [[ -n ${EVIDENCEFS_CORPUS:-} && -d $EVIDENCEFS_CORPUS/mail_archives ]]; then
	mke2fs -q -t ext4 -d "$EVIDENCEFS_CORPUS/mail_archives" "$WORK/others.dd" 200M
	mount_image --no-hash "$WORK/others.dd" "$M"
	for folder in libarchive yauzl/success; do
		ok "archives of others: $folder" python3 "$helper" same "$M/others/p0-ext4/$folder" "$EVIDENCEFS_CORPUS/mail_archives/$folder"
	done
	unmount_image "$M"
else
	skip "EVIDENCEFS_CORPUS names no folder with mail_archives" "archives of others"
fi
done_testing
