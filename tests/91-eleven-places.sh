#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 91-eleven-places.sh - one document in eleven places: marked in any one of them, its bytes are in no
# file that an analyst can read, byte streams included; rejected, each bit is back
#
# With a corpus the document is an attachment in a mail store that was made by Outlook.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mkntfs ntfs-3g python3 setpriv setfattr zip photorec fls icat

WORD=quixotry # in every name of the document
store=${EVIDENCEFS_CORPUS:-/nonexistent}/mail_archives/stores/Outlook_1.pst
if [[ -e $store && -n $(type -P readpst) ]]; then
	readpst -q -S -D -o "$WORK" "$store" >/dev/null 2>&1
	cp "$WORK/Outlook/Inbox/3-image006.png" "$WORK/letter"
else
	store=
	head -c 14000 /dev/urandom >"$WORK/letter"
fi
mkdir "$WORK/n" "$WORK/tree"
python3 - "$WORK" "$WORD" <<'PY'
import base64, mailbox, os, random, sys, zipfile
from email.message import EmailMessage
top, word = sys.argv[1:]
tree = top + "/tree/"
letter = open(top + "/letter", "rb").read()
rng = random.Random(3)
# as large as fits into an MFT record, but not below the size that copies are followed from
note = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(300)).encode()
open(top + "/note", "wb").write(note)


def mail(subject, inner=None):
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = "a@b.example", "c@d.example", subject
    m.set_content("Nothing to hide in %s.\n" % subject * 20)
    for data, name in ((letter, "letter"), (note, "note")):
        m.add_attachment(data, "application", "octet-stream", filename=f"{word}-{name}")
    return m


open(tree + "mail.eml", "wb").write(mail("first").as_bytes())
box = mailbox.mbox(tree + "box.mbox")
box.add(mail("second"))
box.flush()
with zipfile.ZipFile(tree + "a.zip", "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr(f"in/{word}-letter", letter)
    z.writestr(f"in/{word}-note", note)
    z.writestr("public.txt", "public\n" * 500)
with zipfile.ZipFile(tree + "outer.zip", "w", zipfile.ZIP_STORED) as z:
    z.write(tree + "a.zip", "a.zip")
    z.writestr("public.txt", "public\n" * 500)

# what is looked for: pieces of the documents as they are, in base64, and as the archive has packed them
needles = [letter[i:i + 24] for i in range(200, len(letter) - 24, 500)] + [note[40:64], note[200:224]]
for data in letter, note:
    coded = base64.encodebytes(data)
    needles += [coded[i:i + 32] for i in range(77 * 2, len(coded) - 32, 77 * 9)]
packed = open(tree + "a.zip", "rb").read()
at = packed.index(b"-letter") + 200
needles += [packed[i:i + 24] for i in range(at, at + len(letter) - 400, 900)]
open(top + "/needles", "w").writelines(n.hex() + "\n" for n in needles if len(set(n)) > 4)
# PST: the attachment is found in it as it stands, or coded; packed pages are its own affair
open(top + "/look.py", "w").write('''
import hashlib, os, sys
top, needles = sys.argv[1].encode(), [bytes.fromhex(l) for l in open(sys.argv[2])]
word, what = sys.argv[3].encode(), sys.argv[4]
seen = set()
for folder, dirs, names in os.walk(top):
    dirs.sort()
    for name in sorted(dirs + names):
        path = os.path.join(folder, name)
        short = os.path.relpath(path, top).decode(errors="backslashreplace")
        if what == "find" and word in name:
            print("name", short)
        if name in dirs or name in (b"EVIDENCE.txt", b"ACCESS.txt"):
            print("there", short) if what == "hash" else None
            continue
        try:
            data = open(path, "rb").read()
        except OSError as e:
            print("refused", short, e.errno) if what == "hash" else None
            continue
        if what == "hash":
            print(hashlib.sha256(data).hexdigest(), short)
        hits = [n for n in needles if n in data] if what != "hash" else []
        seen.update(hits)
        if hits and what == "find":
            print("bytes", short, len(hits))
if what == "each":
    print(len(seen), "of", len(needles))
''')
PY
chmod 644 "$WORK/needles" "$WORK/look.py"

truncate -s 16M "$WORK/disk.dd"
mkntfs -F -Q -q "$WORK/disk.dd" >/dev/null 2>&1
track_mount "$WORK/n"
ntfs-3g -o streams_interface=windows,compression "$WORK/disk.dd" "$WORK/n"
mkdir "$WORK/n/docs" "$WORK/n/mail" "$WORK/n/packed"
setfattr -h -v 0x00080000 -n system.ntfs_attrib "$WORK/n/packed"
cp "$WORK/letter" "$WORK/n/docs/$WORD-letter"
ln "$WORK/n/docs/$WORD-letter" "$WORK/n/mail/$WORD-hard"
cp "$WORK/letter" "$WORK/n/mail/$WORD-copy"
cp "$WORK/letter" "$WORK/n/mail/$WORD-gone"
echo open >"$WORK/n/docs/open.txt"
cp "$WORK/letter" "$WORK/n/docs/open.txt:$WORD-stream"
cp "$WORK/letter" "$WORK/n/packed/$WORD-packed"
cp "$WORK/note" "$WORK/n/docs/$WORD-note"
cp "$WORK/note" "$WORK/n/mail/$WORD-note2"
cp "$WORK/tree"/* "$WORK/n/mail"
[[ -z $store ]] || cp "$store" "$WORK/n/mail/store.pst"
sync -f "$WORK/n"
rm "$WORK/n/mail/$WORD-gone"
umount "$WORK/n"

user anna bert rosa rita
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r 2>/dev/null
ev anna grant c1 "${U[bert]}" --rights read,deleted,raw --reason r >/dev/null
ev rosa grant c1 "${U[rita]}" --role reviewer --reason r >/dev/null
wait_for is_mounted "$ROOT/${U[bert]}"
wait_for is_mounted "$ROOT/${U[rita]}"
B=$(view bert c1)/disk
R=$(view rita c1)/disk

look() { # USER find|hash|each
	as "$1" /usr/bin/python3 "$WORK/look.py" "$(view "$1" c1)" "$WORK/needles" "$WORD" "$2"
}
settled() { # byte streams are away until free space has been searched
	as bert test -e "$B/image.raw" && as bert test -e "$B/p0-ntfs.raw"
}

mapfile -t letters < <(as rita find "$R" -name "*$WORD*" ! -name "*-note*" | cut -c"$((${#R} + 2))"- | LC_ALL=C sort)
mapfile -t notes < <(as rita find "$R" -name "$WORD-note*" | cut -c"$((${#R} + 2))"- | LC_ALL=C sort)
if [[ -n $store ]]; then
	mapfile -t -O "${#letters[@]}" letters < <(as rita find "$R/p0-ntfs/mail/store.pst.d" -size -20k -type f \
		-exec sha256sum {} + | grep -m 1 "^$(sha256sum <"$WORK/letter" | cut -c1-64)" | cut -c"$((68 + ${#R}))"-)
fi
diag "${letters[@]}"
places=10
[[ -z $store ]] || places=11
is "${#letters[@]}" $places "the document stands in its places"
is "${#notes[@]}" 6 "a small one in six, resident in the MFT among them"
[[ -z $store ]] || like "${letters[*]}" 'store.pst.d/' "one of them a store of Outlook's"
look bert hash >"$WORK/before"
is "$(look bert each)" "$(wc -l <"$WORK/needles") of $(wc -l <"$WORK/needles")" "before a mark all that is looked for is found"

if sanitized "$WORKER"; then # the other run has them all
	letters=("${letters[1]}" "${letters[3]}" "${letters[-1]}")
fi
for path in "${letters[@]}"; do
	ev rita mark c1 "disk/$path" "disk/${notes[0]}" --state suspected --basis b --reason r --yes >/dev/null
	wait_for -t 60 settled
	is "$(look bert find)" "" "$path is marked: no file has its bytes, none its name"
	if [[ $path == *.zip.d/* && ! -e $WORK/masked.raw ]]; then
		as bert cat "$B/p0-ntfs.raw" >"$WORK/masked.raw"
		ok "fls runs to its end" fls -r -p "$WORK/masked.raw"
		not_ok "and shows none of it" grep -q "$WORD" "$OUT"
		for inode in $(fls -r "$WORK/disk.dd" | grep "$WORD" | grep -o '[0-9]*-128-[0-9]*' | sort -u); do
			icat "$WORK/masked.raw" "$inode" 2>/dev/null || true
		done | tr -d '\0' >"$WORK/icat"
		is "$(wc -c <"$WORK/icat")" 0 "icat of each of them gives nothing"
		mkdir "$WORK/carved"
		(cd "$WORK" && photorec /d "$WORK/carved/out" /cmd "$WORK/masked.raw" \
			partition_none,options,paranoid,fileopt,everything,enable,wholespace,search) >"$WORK/photorec" 2>&1 ||
			fail "photorec: $(tail -n 5 "$WORK/photorec")"
		is "$(python3 "$WORK/look.py" "$WORK/carved" "$WORK/needles" "$WORD" find)" "" "photorec finds nothing"
	fi
	ev rita mark c1 "disk/$path" "disk/${notes[0]}" --state rejected --basis b --reason r --yes >/dev/null
	wait_for -t 60 settled
	look bert hash >"$WORK/after"
	same_file "$WORK/before" "$WORK/after" "rejected, each bit is back"
	notes=("${notes[@]:1}" "${notes[0]}") # the next time another of the small one
done
done_testing
