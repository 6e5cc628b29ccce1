#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 91-mail-marks.sh - mail through a mount: members are what Python finds, and a marked document is in
# no message either, however it is encoded; rejected, it comes back as it was
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs python3 setpriv zip

mkdir -p "$WORK/tree/docs" "$WORK/tree/mail/Maildir/cur" "$WORK/tree/thread"
python3 - "$WORK" <<'PY'
import base64, mailbox, random, sys
from email.message import EmailMessage
top = sys.argv[1]
rng = random.Random(7)
letter = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz \n") for _ in range(6000)) + "\n"
open(top + "/letter", "w").write(letter)
open(top + "/tree/docs/letter.txt", "w").write(letter)
tree = top + "/tree/mail/"


def mail(subject, letter_as=None, inner=None):
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = "a@b.example", "lawyer@law.example", subject
    m.set_content("Nothing to hide in %s.\n" % subject * 20)
    if letter_as:
        m.add_attachment(letter, subtype="plain", filename="letter.txt", cte=letter_as)
    if inner:
        m.add_attachment(inner)
    return m


def write(name, m):
    open(tree + name, "wb").write(m.as_bytes())


write("base64.eml", mail("first", "base64"))
write("quoted.eml", mail("second", "quoted-printable"))
write("inner.eml", mail("outer", inner=mail("inner", "base64")))
write("clean.eml", mail("clean"))
write("Maildir/cur/1.host:2,S", mail("in a maildir", "base64"))
open(tree + "utf16.eml", "wb").write(
    b"From: a@b.example\nTo: c@d.example\nSubject: as a body\nMIME-Version: 1.0\n"
    b"Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: base64\n\n" +
    base64.encodebytes(letter.encode("utf-16")))
box = mailbox.mbox(tree + "box.mbox")
for m in (mail("one"), mail("two", "base64"), mail("three", inner=mail("four", "quoted-printable"))):
    box.add(m)
box.flush()


def threaded(name, subject, own, **fields):
    m = mail(subject)
    m["Message-ID"] = own
    for field, value in fields.items():
        m[field.replace("_", "-")] = value
    open(top + "/tree/thread/" + name, "wb").write(m.as_bytes())
    return m


threaded("1.eml", "question", "<q@b.example>")
threaded("4.eml", "of another thread", "<other@b.example>")
box = mailbox.mbox(top + "/tree/thread/box.mbox")
box.add(threaded("5.eml", "answer", "<a@b.example>", In_Reply_To="<q@b.example>"))
box.flush()
threaded("6.eml", "thanks", "<t@b.example>", References="<lost@b.example> <a@b.example>")
open(top + "/tree/thread/2.txt", "w").write("alike\n" * 100)
open(top + "/tree/thread/3.txt", "w").write("alike\n" * 100)
open(top + "/tree/thread/broken.pst", "wb").write(b"!BDN\0\0\0\0SM\x17\0" + bytes(rng.randrange(256) for _ in range(50000)))
PY
(cd "$WORK/tree/thread" && zip -q -P secret locked.zip 2.txt)
mke2fs -q -t ext4 -b 1024 -d "$WORK/tree" "$WORK/disk.dd" 8M
user anna bert rosa rita
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r 2>/dev/null
ev anna grant c1 "${U[bert]}" --rights read,deleted,raw --reason r >/dev/null
ev rosa grant c1 "${U[rita]}" --role reviewer --reason r >/dev/null
for name in bert rita; do
	wait_for is_mounted "$ROOT/${U[$name]}"
done
B=$(view bert c1)/disk/p0-ext4
R=$(view rita c1)/disk/p0-ext4

# found USER: files in which the letter's bytes are, as they are or as base64 has them
found() {
	as "$1" /usr/bin/python3 - "$(view "$1" c1)" "$WORK/letter" <<'PY'
import base64, os, sys
letter = open(sys.argv[2], "rb").read()
needles = [letter[300:340], letter[300:340].decode().encode("utf-16-le")]
needles += [base64.b64encode(letter[i:i + 300])[8:48] for i in range(300, 360)]
for top, _, names in os.walk(sys.argv[1]):
    for name in names:
        try:
            data = open(os.path.join(top, name), "rb").read()
        except OSError:
            continue
        if any(n in data for n in needles):
            print(os.path.relpath(os.path.join(top, name), sys.argv[1]))
PY
}
chmod 644 "$WORK/letter"
chmod 711 "$WORK"

# ---- what is there

as bert ls "$B/mail" >"$OUT"
is "$(tr '\n' ' ' <"$OUT")" "Maildir base64.eml base64.eml.d box.mbox box.mbox.d clean.eml clean.eml.d inner.eml inner.eml.d quoted.eml quoted.eml.d utf16.eml utf16.eml.d " \
	"a folder beside each that holds mail"
is "$(as bert find "$B/mail" -name letter.txt | wc -l)" 6 "the letter in six messages, to any depth"
# shellcheck disable=SC2016
is "$(as bert sh -c 'find "$1" \( -name letter.txt -o -name body.txt \) -size +5k -exec sha256sum {} + | cut -c1-64 | sort -u' sh "$B/mail")" \
	"$(sha256sum <"$WORK/letter" | cut -c1-64)" "as it is, whatever it was encoded in, UTF-16 included"
like "$(as bert ls "$B/mail/box.mbox.d")" '^one~[0-9a-f]{8}\.eml.*two~[0-9a-f]{8}\.eml' "messages are named after their subjects"
like "$(as bert cat "$B/mail/clean.eml.d/headers.txt")" 'To: lawyer@law.example' "headers as they stand"
isnt "$(found bert)" "" "before a mark the letter is found"
everything bert >"$WORK/before" || true # what is encrypted cannot be read

# ---- marked

marked=$(as rita find "$R/mail/box.mbox.d" -path '*/two~*' -name letter.txt)
marked=disk/p0-ext4${marked#"$R"}
ev rita mark c1 "$marked" --state confirmed --basis b --reason r --yes >/dev/null
is "$(found bert)" "" "one copy marked in a message of a folder: no file of the mount has its bytes, in no encoding"
exits 1 "the file is gone" as bert cat "$B/docs/letter.txt"
for name in base64.eml quoted.eml inner.eml utf16.eml box.mbox Maildir/cur/1.host:2,S; do
	# shellcheck disable=SC2016
	like "$(as bert sh -c 'ls "$1" && cat "$1"' sh "$B/mail/$name" 2>&1 >/dev/null)" 'Permission denied' \
		"$name: listed and refused"
done
like "$(as bert cat "$B/mail/base64.eml.d/body.txt")" 'Nothing to hide in first' "what else is in the message is there"
like "$(as bert cat "$B/mail/clean.eml")" 'Subject: clean' "a message without it is"

# ---- rejected

# another than who confirmed
ev rosa mark c1 "$marked" --state rejected --basis b --reason r --yes >/dev/null
wait_for as bert cat "$B/docs/letter.txt" >/dev/null
everything bert >"$WORK/after" || true
same_file "$WORK/before" "$WORK/after" "rejected: each name and byte is as before"

# ---- reviewed

T=disk/p0-ext4/thread
answer=$T/box.mbox.d/$(as rita ls "$R/thread/box.mbox.d" | grep 'eml$')
ev rita mark c1 $T/1.eml $T/2.txt $T/3.txt $T/4.eml.d/body.txt "$answer" $T/6.eml --state suspected --basis b --reason r --yes >/dev/null
ev rita marks c1 --state suspected --json >"$WORK/list"
is "$(value '[r["path"].replace("disk/p0-ext4/thread/", "")[:5] for r in rows]' "$WORK/list")" \
	"['1.eml', '6.eml', 'box.m', '2.txt', '3.txt', '4.eml']" "a thread stands together, then what has the same contents"
is "$(value '[len({r["thread"] for r in rows[:3]}), rows[3]["thread"], rows[5]["thread"] in [rows[0]["thread"], None]]' "$WORK/list")" \
	"[1, None, False]" "and is named, also of what is in a message"
is "$(value '[rows[3]["same"] == rows[4]["same"], len({r["same"] for r in rows})]' "$WORK/list")" "[True, 5]" "so are the same contents"
exits 1 "together, but not unasked" ev rita mark c1 "$answer" --state rejected --basis b --reason r --together
ok "a dry run says what" ev rita mark c1 "$answer" --state rejected --basis b --reason r --together --dry-run
is "$(grep -c '^evidencefs: with it: .*/[16].eml$' "$ERR")" 2 "the other two of the thread"
ok "together" ev rita mark c1 "$answer" --state rejected --basis b --reason r --together --yes --json
is "$(value 'sorted(r["path"][-6:-4] for r in rows)')" "['/1', '/6', '${answer: -6:2}']" "three are marked"
ok "and what has the same contents" ev rita mark c1 $T/2.txt --state rejected --basis b --reason r --together --yes
ev rita marks c1 --state suspected --json >"$WORK/list"
is "$(value '[r["path"] for r in rows]' "$WORK/list")" "['$T/4.eml.d/body.txt']" "the rest is left"
exits 1 "who holds no mark may not" ev bert mark c1 $T/1.eml --state suspected --basis b --reason r --together --dry-run

# ---- what nobody has looked into

ev rita marks c1 --unopened --json >"$WORK/unopened"
is "$(value 'sorted(r["path"].replace("disk/p0-ext4/thread/", "") for r in rows)' "$WORK/unopened")" \
	"['broken.pst', 'locked.zip.d/2.txt']" "a broken store and an encrypted member"
like "$(value '[r["reason"] for r in rows if "locked" in r["path"]]' "$WORK/unopened")" 'encrypted' "with the reason"
ev rosa status c1 --json >"$WORK/status"
is "$(value 'rows[0]["unopened_containers"]' "$WORK/status")" 2 "and counted"
done_testing
