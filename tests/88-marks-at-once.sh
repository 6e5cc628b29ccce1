#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 88-marks-at-once.sh - a marked folder is withheld before it is known what else has its bytes
#
# The thread that finds that is stopped, so that it never is while the test looks.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs debugfs python3 setpriv

head -c 5000 /dev/urandom >"$WORK/letter"
head -c 5000 /dev/urandom >"$WORK/other"
mkdir -p "$WORK/tree/docs/sub" "$WORK/tree/mail" "$WORK/second"
cp "$WORK/letter" "$WORK/tree/docs/sub/letter.txt"
ln "$WORK/tree/docs/sub/letter.txt" "$WORK/tree/mail/hard.txt"
cp "$WORK/letter" "$WORK/tree/mail/copy.txt"
cp "$WORK/other" "$WORK/tree/mail/other.txt"
cp "$WORK/other" "$WORK/tree/mail/gone.txt"
ln -s ../docs/sub/letter.txt "$WORK/tree/mail/link"
cp "$WORK/letter" "$WORK/second/copy.txt"
cp "$WORK/other" "$WORK/second/other.txt"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 8M
debugfs -w -R 'rm /mail/gone.txt' "$WORK/disk.dd" >/dev/null 2>&1
mke2fs -q -t ext4 -d "$WORK/second" "$WORK/more.dd" 8M

user anna bert carl rosa rita ruth
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
for name in disk more; do
	ev root add c1 "$WORK/$name.dd" >/dev/null
	ev anna release c1 "$name" --reason r 2>/dev/null
done
ev anna grant c1 "${U[bert]}" --rights read,deleted,raw --reason r >/dev/null
carls=$(ev anna grant c1 "${U[carl]}" --rights read,deleted --reason r)
ev rosa grant c1 "${U[rita]}" --role reviewer --reason r >/dev/null
ev rosa grant c1 "${U[ruth]}" --role reviewer --reason r >/dev/null
for name in bert carl rita ruth; do
	wait_for is_mounted "$ROOT/${U[$name]}"
done
B=$(view bert c1)

everything bert >"$WORK/before"
everything ruth >"$WORK/before.ruth"

stop_roads() {
	: >"$WORK/stopped"
	"$TOP/tests/helpers/stop-thread.py" "$(service_pid)" roads >"$WORK/stopped" &
	stopper=$!
	track_pid $stopper
	wait_for grep -q stopped "$WORK/stopped" || bail "the thread cannot be stopped"
}
go_on() {
	kill "$stopper"
	wait "$stopper" 2>/dev/null || true
}
mark() { # STATE
	ev rita mark c1 disk/p0-ext4/docs --state "$1" --basis b --reason r --yes >/dev/null 2>"$WORK/mark.err" &
	marking=$!
	track_pid $marking
}
is_gone() { # PATH of bert's
	! as bert test -e "$B/$1"
}
denied() { # COMMAND...: refused with EACCES
	! LC_ALL=C as bert "$@" 2>"$WORK/denied" >/dev/null && grep -q 'Permission denied' "$WORK/denied"
}
same_as() { # FILE PATH
	as bert cat "$B/$2" 2>/dev/null | cmp -s - "$1"
}

# open before: what is marked, what has its bytes, what may, and what has not
kept=(disk/p0-ext4/docs/sub/letter.txt disk/p0-ext4/mail/hard.txt disk/p0-ext4/mail/copy.txt more/p0-ext4/copy.txt
	disk/p0-ext4.deleted/mail/gone.txt disk/image.raw disk/p0-ext4.raw more/image.raw
	disk/p0-ext4/mail/other.txt more/p0-ext4/other.txt)
coproc READER { as bert /usr/bin/python3 "$TOP/tests/helpers/reader.py" "${kept[@]/#/$B/}"; }
track_pid "$READER_PID"
read -r line <&"${READER[0]}"
is "$line" ready "an analyst has ten files open"
now() {
	echo >&"${READER[1]}"
	read -r line <&"${READER[0]}"
	echo "$line"
}

stop_roads
mark suspected
ok "a marked folder is withheld" wait_for is_gone disk/p0-ext4/docs
ok "before its command returns" kill -0 $marking
is "$(now)" "EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES ok ok" \
	"what is open: it, its other name, copies in all evidence, deleted entries, byte streams are refused, others not"
ok "what is below it is gone" is_gone disk/p0-ext4/docs/sub/letter.txt
ok "the contents of its other name are refused" denied cat "$B/disk/p0-ext4/mail/hard.txt"
ok "of its copy" denied cat "$B/disk/p0-ext4/mail/copy.txt"
ok "of its copy in other evidence" denied cat "$B/more/p0-ext4/copy.txt"
ok "of deleted entries" denied cat "$B/disk/p0-ext4.deleted/mail/gone.txt"
ok "and where links lead" denied readlink -v "$B/disk/p0-ext4/mail/link"
ok "their hashes are not told" test -z "$(as bert getfattr --only-values -n user.evidencefs.sha256 "$B/disk/p0-ext4/mail/copy.txt" 2>/dev/null)"
for path in disk/image.raw disk/p0-ext4.raw disk/p0-ext4.unallocated more/image.raw more/p0-ext4.raw; do
	ok "$path is gone" is_gone $path
done
ok "all else is there" same_as "$WORK/other" disk/p0-ext4/mail/other.txt
ok "also in other evidence" same_as "$WORK/other" more/p0-ext4/other.txt
everything ruth >"$WORK/now.ruth"
same_file "$WORK/before.ruth" "$WORK/now.ruth" "a reviewer sees everything as before"
ok "other acts do not wait: a grant is revoked" ev anna revoke c1 "$carls" --reason r
ok "and its user sees nothing" wait_for test ! -e "$(view carl c1)/disk"
ok "while the mark's command goes on" kill -0 $marking

go_on
ok "it returns when all is known" wait $marking
ok "copies are gone" is_gone disk/p0-ext4/mail/copy.txt
ok "in all evidence" is_gone more/p0-ext4/copy.txt
ok "other names and links too" test -z "$(as bert find "$B/disk" -name 'hard.txt' -o -name link)"
is "$(now)" "EACCES EACCES EACCES EACCES ok ok ok ok ok ok" "what is open and not of it is back, byte streams too"
as bert cat "$B/disk/image.raw" "$B/more/image.raw" >"$WORK/streams"
ok "no byte of it is in a byte stream" python3 - "$WORK/letter" "$WORK/streams" <<'PY'
import sys
letter, streams = (open(p, "rb").read() for p in sys.argv[1:])
print(len(streams))
sys.exit(len(streams) != 16 << 20 or any(letter[i:i + 64] in streams for i in (0, 2000, 4900)))
PY

# a rejection gives nothing back before it is known what
is_rejected() {
	ev ruth marks c1 --json | grep -q '"state":"rejected"'
}
stop_roads
mark rejected
ok "a rejection" wait_for is_rejected
ok "takes nothing else away" same_as "$WORK/other" disk/p0-ext4/mail/other.txt
ok "nor byte streams" as bert head -c 4096 "$B/disk/image.raw"
ok "and gives nothing back yet" is_gone disk/p0-ext4/docs
go_on
wait $marking || diag "$(cat "$WORK/mark.err")"
everything bert >"$WORK/after"
same_file "$WORK/before" "$WORK/after" "rejected: every name and every byte as before"

# a service that dies while it is not known
stop_roads
mark suspected
ok "marked again" wait_for is_gone disk/p0-ext4/docs
kill -9 "$(service_pid)"
kill "$stopper" 2>/dev/null || true
wait_for -t 20 "$EVIDENCEFS" status
ok "the next service withholds it" is_gone disk/p0-ext4/docs
kill "$READER_PID"
ok "and its copies" is_gone more/p0-ext4/copy.txt
done_testing
