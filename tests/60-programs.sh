#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The programs people use on a command line, on a mount: each reads there what it reads in the folder
# that the evidence was made of, copies carry all that can be carried, carvers and scanners work on
# files and on image.raw, whatever would write fails as on any read-only disk; and the access log names
# each program.
set -eu
. "$(dirname "$0")/lib.sh"
slow
. "$(dirname "$0")/helpers/disk.sh"
need fuse
need_tools sfdisk mkntfs ntfs-3g mke2fs ewfacquire python3 getfattr

# as in a shell of one's own: no configuration, no pager, nothing of the machine's
mkdir "$WORK/home" "$WORK/out"
export HOME=$WORK/home GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat TERM=dumb

both=$WORK/made/both
mkdir -p "$both" "$WORK/made/ext4/links"
python3 "$TOP/tests/helpers/documents.py" "$both"
ln -s ../Documents/plan.txt "$WORK/made/ext4/links/plan"
ln -s /Documents "$WORK/made/ext4/links/absolute"
if have "a 7z archive and a git repository in the evidence" 7z git; then
	(cd "$both" && 7z a -bso0 -bsp0 Documents/letters.7z Many Mail)
	git init -q -b main "$both/Project"
	cp "$both/Documents/plan.txt" "$both/Programs/run.sh" "$both/Project"
	git -C "$both/Project" add .
	git -C "$both/Project" -c user.name=Alice -c user.email=alice@example.org commit -q -m 'The plan'
	printf 'By June, rather.\n' >>"$both/Project/plan.txt"
	git -C "$both/Project" -c user.name=Alice -c user.email=alice@example.org commit -q -a -m 'Later'
fi
find "$both" -depth -exec touch -h -d '2024-03-05 08:31:10' {} +
make_disk "$WORK/made" "$WORK/laptop" Documents/scan.pdf || bail "no disk: $(cat "$WORK/laptop.work/log")"
cp -a "$both/Documents/scan.pdf" "$WORK/deleted.pdf"

mnt=$WORK/mnt
ok "mount" mount_image "$WORK/laptop.E01" "$mnt"
[[ $tap_failed == 0 ]] || bail "nothing to look at"
top=$mnt/laptop
ntfs=$top/p1-ntfs
ext4=$top/p2-ext4

# inside DIR COMMAND...
inside() {
	(cd "$1" && shift && "$@")
}

# alike NAME COMMAND...: prints the same, in whatever order, in the folder that was put on the disk and on each volume
alike() {
	local name=$1 volume
	shift
	inside "$both" "$@" >"$WORK/want" || fail "$name: in the folder it was made of"
	for volume in "$ntfs" "$ext4"; do
		inside "$volume" "$@" >"$WORK/got" 2>"$WORK/complaints" || echo "exit status $?" >>"$WORK/complaints"
		ok "$name, ${volume##*-}" diff -u <(sort "$WORK/want") <(sort "$WORK/got")
		is "$(cat "$WORK/complaints")" "" "and nothing is complained of"
	done
}
# what both volumes have but for the file deleted on one
folders=(Data Downloads 'Empty folder' Mail Many Pictures Programs)
documents=(Documents/{prose.txt,report.pdf,letters.zip,empty.txt} Data/ledger.sqlite Downloads/invoice.exe
	Mail/offer.eml Pictures/sunset.png Programs/run.sh)
rm "$both/Documents/scan.pdf"

# but for the folders of what is in a container
alike "find" find "${folders[@]}" -name '*.eml.d' -prune -o -type f -printf '%p %y %s %T@\n' -o -type d -printf '%p %y\n'
alike "find by contents of names" find "${folders[@]}" Documents -iname '*KÖLN*' -o -name '.*'
alike "grep -r" grep -rc --exclude-dir='*.eml.d' 'quay.*Friday' "${folders[@]}" Documents/prose.txt Documents/plan.txt
alike "wc" wc -lwc Documents/prose.txt Mail/offer.eml
have "file" file && alike "file" file -- "${documents[@]}"
have "ripgrep" rg && {
	alike "ripgrep" rg -uuu --sort path -c harbour "${folders[@]}" Documents/prose.txt
	alike "ripgrep over maps" rg -uuu --sort path --mmap -c crane Documents/prose.txt
	tap_run rg -uuu -l --glob '!*.pdf' 'The key is under|the key is under' "$top"
	is "$(sort "$OUT")" "$(printf '%s\n' "$top/image.raw" "$ext4.raw" "$ext4/Documents/.hidden notes" \
		"$ntfs.raw" "$ntfs/\$MFT" "$ntfs/Documents/.hidden notes" | sort)" \
		"ripgrep over all of it finds every road to a text"
}
have "unzip" unzip && {
	alike "unzip -t" unzip -t Documents/letters.zip
	ok "unzip extracts elsewhere" unzip -q "$ntfs/Documents/letters.zip" -d "$WORK/out/unzip"
	same_file "$WORK/out/unzip/letters/3.txt" <(unzip -p "$both/Documents/letters.zip" letters/3.txt) "the right contents"
	not_ok "unzip cannot extract beside it" inside "$ntfs/Documents" unzip -q letters.zip
}
if [[ -e $both/Documents/letters.7z ]]; then
	ok "7z tests a 7z archive" 7z t "$ntfs/Documents/letters.7z"
	like "$(7z l -ba "$ext4/Documents/letters.zip")" 'letters/4.txt' "7z lists a zip archive"
	ok "7z extracts elsewhere" 7z x -bso0 -bsp0 "-o$WORK/out/7z" "$ext4/Documents/letters.7z"
	ok "the right contents" diff -r "$both/Many" "$WORK/out/7z/Many"
	ok "7z packs what is on the mount" inside "$ntfs" 7z a -bso0 -bsp0 "$WORK/out/packed.7z" Many Mail
	ok "and that is whole" 7z t "$WORK/out/packed.7z"
	not_ok "7z cannot add to an archive there" 7z a "$ntfs/Documents/letters.7z" "$both/Mail/offer.eml"
fi

# diff, and copies
for volume in "$ntfs" "$ext4"; do
	kind=${volume##*-}
	for i in "${folders[@]}"; do
		diff -r -x '*.eml.d' "$both/$i" "$volume/$i"
	done >"$WORK/got" 2>&1 || true
	is "$(cat "$WORK/got")" "" "diff -r against the folder it was made of, $kind"
	ok "a message is a folder, too, $kind" test -s "$volume/Mail/offer.eml.d/body.txt"
	mkdir "$WORK/out/cp-$kind" "$WORK/out/tar-$kind"
	ok "cp -a, $kind" inside "$volume" cp -a "${folders[@]}" "$WORK/out/cp-$kind"
	ok "the copy is the same" diff -r "$volume/Many" "$WORK/out/cp-$kind/Many"
	is "$(inside "$WORK/out/cp-$kind" find . -type f -printf '%p %s %T@ %m\n' | sort | sha256sum)" \
		"$(inside "$volume" find "${folders[@]}" -type f -printf './%p %s %T@ %m\n' | sort | sha256sum)" \
		"with its sizes, times and modes"
	inside "$volume" tar -c --sort=name "${folders[@]}" >"$WORK/out/$kind.tar" 2>"$WORK/complaints" || true
	is "$(cat "$WORK/complaints")" "" "tar sees nothing change, $kind"
	ok "a second tar is the same" cmp "$WORK/out/$kind.tar" \
		<(inside "$volume" tar -c --sort=name "${folders[@]}")
	ok "and unpacks" tar -x -C "$WORK/out/tar-$kind" -f "$WORK/out/$kind.tar"
	ok "to what was there" diff -r "$volume/Data" "$WORK/out/tar-$kind/Data"
done
ok "cp -a keeps links links" cp -a "$ext4/links" "$WORK/out/links"
is "$(readlink "$WORK/out/links/plan")" ../Documents/plan.txt "as they are shown"

# An ordinary user's tar and rsync cannot put attributes on what they have made read-only, on no
# file system: they are told to leave write permission.
attribute=user.evidencefs.crtime
attribute_of() {
	getfattr --absolute-names --only-values -n "$attribute" "$1"
}
: >"$WORK/attribute"
if setfattr -n "$attribute" -v x "$WORK/attribute" 2>"$ERR"; then
	want=$(attribute_of "$ntfs/Mail/offer.eml")
	is "$(attribute_of "$WORK/out/cp-ntfs/Mail/offer.eml")" "$want" "cp -a carries the attributes of evidence"
	ok "tar --xattrs" inside "$ntfs" tar -c --xattrs --mode=u+w -f "$WORK/out/xattrs.tar" Mail
	mkdir "$WORK/out/xattrs"
	ok "carries them" tar -x --xattrs --xattrs-include='user.*' -C "$WORK/out/xattrs" -f "$WORK/out/xattrs.tar"
	is "$(attribute_of "$WORK/out/xattrs/Mail/offer.eml")" "$want" "whole"
	have "rsync" rsync && for volume in "$ntfs" "$ext4"; do
		ok "rsync -aX, ${volume##*-}" inside "$volume" rsync -aX --chmod=u+w "${folders[@]}" "$WORK/out/rsync"
		ok "the copy is the same" diff -r "$volume/Many" "$WORK/out/rsync/Many"
		is "$(attribute_of "$WORK/out/rsync/Mail/offer.eml")" "$(attribute_of "$volume/Mail/offer.eml")" \
			"with the attributes of evidence"
		ok "rsync again" inside "$volume" rsync -aX --chmod=u+w -i "${folders[@]}" "$WORK/out/rsync"
		is "$(cat "$OUT")" "" "has nothing to do"
		ok "rsync -c has nothing to do either" inside "$volume" rsync -aX --chmod=u+w -i -c "${folders[@]}" "$WORK/out/rsync"
		is "$(cat "$OUT")" "" "by contents"
	done
	have "rsync of links" rsync && ok "rsync -aX of links" rsync -aX --chmod=u+w "$ext4/links" "$WORK/out/rsync"
else
	skip "the work folder takes no attributes: $(cat "$ERR")" "copies carry the attributes of evidence"
fi

# databases
have "sqlite3" sqlite3 && {
	sql='SELECT count(*), sum(euro), max(payee) FROM payments'
	want=$(sqlite3 "$both/Data/ledger.sqlite" "$sql")
	for volume in "$ntfs" "$ext4"; do
		is "$(sqlite3 "file:$volume/Data/ledger.sqlite?immutable=1" "$sql")" "$want" "sqlite3, immutable, ${volume##*-}"
		is "$(sqlite3 "$volume/Data/ledger.sqlite" "$sql")" "$want" "and as any file"
		is "$(sqlite3 "file:$volume/Data/live.sqlite?immutable=1" 'SELECT count(*) FROM payments')" 10 \
			"immutable leaves out what is only in the log beside a database"
		before=$(ls -lA "$volume/Data")
		tap_run sqlite3 "$volume/Data/ledger.sqlite" 'DELETE FROM payments'
		like "$(cat "$ERR")" 'readonly|read-only' "it cannot be written"
		tap_run sqlite3 "$volume/Data/live.sqlite" 'SELECT count(*) FROM payments'
		is "$(ls -lA "$volume/Data")" "$before" "nothing is left beside it"
	done
	cp "$ntfs/Data/live.sqlite" "$ntfs/Data/live.sqlite-wal" "$WORK/out"
	chmod u+w "$WORK"/out/live*
	is "$(sqlite3 "$WORK/out/live.sqlite" 'SELECT count(*) FROM payments')" 30 "a copy with its log has all"
}

# maps
for volume in "$ntfs" "$ext4"; do
	ok "python maps files, shared and private, ${volume##*-}" python3 - \
		"$volume/Programs/noise.bin" "$both/Programs/noise.bin" <<-'PYTHON'
		import errno, hashlib, mmap, os, sys
		want = open(sys.argv[2], "rb").read()
		fd = os.open(sys.argv[1], os.O_RDONLY)
		private = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
		assert private[:] == want
		private[100:108] = b"my notes"
		assert private[100:108] == b"my notes" and os.pread(fd, 1000, 0) == want[:1000]
		try:
		    mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
		    sys.exit("a map that writes to evidence")
		except OSError as e:
		    assert e.errno == errno.EACCES, e
		try:
		    shared = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)
		except OSError as e: # what older kernels say of a file system like this one
		    assert e.errno == errno.ENODEV and tuple(map(int, os.uname().release.split(".")[:2])) < (6, 6), e
		    sys.exit(0)
		unit = mmap.ALLOCATIONGRANULARITY
		part = mmap.mmap(fd, 10000, mmap.MAP_SHARED, mmap.PROT_READ, offset=2 * unit)
		assert part[:] == want[2 * unit:][:10000]
		assert shared.find(want[2000000:2000040]) == 2000000
		assert shared[:] == mmap.mmap(fd, 0, access=mmap.ACCESS_READ)[:] == want
		assert hashlib.sha256(shared).digest() == hashlib.sha256(want).digest()
	PYTHON
done

# scanners and carvers
have "ClamAV" clamscan && {
	echo "$(md5sum <"$both/Downloads/invoice.exe" | cut -d' ' -f1):20002:Made-Up-Malware" >"$WORK/out/sig.hdb"
	for volume in "$ntfs" "$ext4"; do
		exits 1 "ClamAV, ${volume##*-}" clamscan -d "$WORK/out/sig.hdb" -r --no-summary --infected "$volume"
		is "$(cat "$OUT")" "$volume/Downloads/invoice.exe: Made-Up-Malware.UNOFFICIAL FOUND" "finds it, and nothing else"
	done
	tap_run clamscan -d "$WORK/out/sig.hdb" --no-summary --remove "$ntfs/Downloads/invoice.exe"
	same_file "$both/Downloads/invoice.exe" "$ntfs/Downloads/invoice.exe" "and cannot remove it"
}
carve() { # NAME FILE: into $WORK/out/NAME.1
	mkdir "$WORK/out/$1"
	(cd "$WORK/out/$1" && photorec /d "$WORK/out/$1/found" /cmd "$2" \
		partition_none,options,paranoid,fileopt,everything,disable,pdf,enable,png,enable,search </dev/null)
}
carved() { # NAME FILE: is a carved file the same as FILE?
	sha256sum "$WORK/out/$1"/found.*/f* | grep -q "$(sha256sum <"$2" | cut -c1-64)"
}
have "photorec" photorec && {
	ok "photorec on image.raw" carve raw "$top/image.raw"
	for i in Documents/report.pdf Pictures/sunset.png Pictures/morning.png; do
		ok "finds $i" carved raw "$both/$i"
	done
	ok "photorec on p1-ntfs.unallocated" carve unallocated "$ntfs.unallocated"
	ok "finds the deleted file" carved unallocated "$WORK/deleted.pdf"
	not_ok "and no allocated one" carved unallocated "$both/Documents/report.pdf"
	same_file "$WORK/deleted.pdf" "$ntfs.deleted/Documents/scan.pdf" "which is among the deleted entries"
}
like "$(sfdisk -d "$top/image.raw" 2>&1)" 'image.raw2 : start=' "sfdisk reads image.raw"
have "debugfs" debugfs &&
	is "$(debugfs -R 'cat Documents/plan.txt' "$ext4.raw" 2>/dev/null)" "$(cat "$both/Documents/plan.txt")" \
		"debugfs reads p2-ext4.raw"
have "ntfscat" ntfscat &&
	is "$(ntfscat "$ntfs.raw" Documents/plan.txt 2>/dev/null)" "$(cat "$both/Documents/plan.txt")" \
		"ntfscat reads p1-ntfs.raw"

# documents
have "pdftotext" pdftotext && {
	alike "pdftotext" pdftotext Documents/report.pdf -
	like "$(pdftotext "$ntfs.deleted/Documents/scan.pdf" -)" 'A drawing of the harbour' "of a deleted file too"
}
have "exiftool" exiftool && {
	alike "exiftool" exiftool -s3 -MIMEType -PageCount -ImageSize Documents/report.pdf Pictures/sunset.png
	not_ok "exiftool cannot change a picture" exiftool -q -Comment=mine "$ntfs/Pictures/sunset.png"
	is "$(ls -A "$ntfs/Pictures")" "$(ls -A "$both/Pictures")" "and leaves nothing beside it"
}
if [[ -d $both/Project ]]; then
	for volume in "$ntfs" "$ext4"; do
		is "$(git -C "$volume/Project" log --format='%an %s')" $'Alice Later\nAlice The plan' "git log, ${volume##*-}"
		ok "git status" git -C "$volume/Project" status --porcelain --untracked-files=all
		is "$(grep -v ':' "$OUT")" "" "finds nothing changed"
		ok "git fsck" git -C "$volume/Project" fsck --full --strict
		ok "git clone" git clone -q "file://$volume/Project" "$WORK/out/clone-${volume##*-}"
		same_file "$both/Project/plan.txt" "$WORK/out/clone-${volume##*-}/plan.txt" "has the newest"
		tap_run git -C "$volume/Project" commit --allow-empty -m mine
		like "$(cat "$ERR")" 'Read-only file system' "git cannot commit"
	done
fi

# what writes in place
tap_run sed -i s/Bob/Rob/ "$ntfs/Documents/plan.txt"
like "$(cat "$ERR")" 'Read-only file system' "sed -i"
tap_run cp "$both/Documents/plan.txt" "$ext4/Documents"
like "$(cat "$ERR")" 'Read-only file system' "cp onto a file"
tap_run mv "$ext4/Documents/plan.txt" "$WORK/out/moved.txt"
like "$(cat "$ERR")" 'Read-only file system' "mv out of it"
for i in '.~lock.plan.txt#' Thumbs.db .directory .plan.txt.swp .nfs0001; do
	tap_run touch "$ntfs/Documents/$i"
	like "$(cat "$ERR")" 'Read-only file system' "a file beside a document: $i"
done
for i in "$mnt/.Trash-$(id -u)" "$top/.git" "$ext4/Pictures/.thumbnails"; do
	tap_run mkdir "$i"
	like "$(cat "$ERR")" 'Read-only file system' "a folder: ${i##*/}"
done
not_ok "it does not say that it can be written" test -w "$ntfs/Documents"
tap_run tee -a "$ntfs/Documents/plan.txt" </dev/null
like "$(cat "$ERR")" 'Read-only file system' "opening to append"
tap_run rm -rf "$ntfs/Many"
like "$(cat "$ERR")" 'Read-only file system' "rm -rf"
is "$(find "$ntfs/Many" -type f | wc -l)" 300 "and all is still there"
not_ok "a program in the evidence does not start" "$ext4/Programs/run.sh"
same_file "$both/Documents/plan.txt" "$ntfs/Documents/plan.txt" "nothing changed, ntfs"
same_file "$both/Documents/plan.txt" "$ext4/Documents/plan.txt" "nothing changed, ext4"

# who did it
ok "the access log" "$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --json --type open
cp "$OUT" "$WORK/opens"
named() { # PROGRAM PATH: an opening of PATH by PROGRAM, a name in PATH or a file that is one
	local exe
	[[ -n $(type -P "$1") ]] || return 0
	exe=$(readlink -f "$(type -P "$1")")
	grep -F "\"path\":\"$2\"" "$WORK/opens" | grep -Eq "\"exe\":\"($exe|[^\"]*/${1//+/.})\"" && return
	diag "openings of $2: $(grep -F "\"path\":\"$2\"" "$WORK/opens" | grep -o '"exe":"[^"]*"' | sort | uniq -c)"
	return 1
}
while read -r program path; do
	ok "the log names $program" named "$program" "laptop/$path"
done <<-'PATHS'
	rg p1-ntfs/Documents/prose.txt
	grep p2-ext4/Documents/prose.txt
	cp p1-ntfs/Data/ledger.sqlite
	tar p2-ext4/Mail/offer.eml
	rsync p1-ntfs/Mail/offer.eml
	7z p1-ntfs/Documents/letters.7z
	unzip p1-ntfs/Documents/letters.zip
	file p2-ext4/Pictures/sunset.png
	sqlite3 p1-ntfs/Data/ledger.sqlite
	clamscan p1-ntfs/Downloads/invoice.exe
	photorec image.raw
	photorec p1-ntfs.unallocated
	git p2-ext4/Project/.git/HEAD
	diff p2-ext4/Downloads/harmless.exe
	pdftotext p1-ntfs.deleted/Documents/scan.pdf
PATHS
python=$(python3 -c 'import os; print(os.path.realpath("/proc/self/exe"))')
ok "and python by its own file" grep -F '"path":"laptop/p1-ntfs/Programs/noise.bin"' "$WORK/opens"
like "$(cat "$OUT")" "\"exe\":\"$python\"" "which is $python"
ok "unmount" unmount_image "$mnt"
chmod -R u+w "$WORK/out" # what was copied is as read-only as the mount
done_testing
