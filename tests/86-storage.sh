#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 86-storage.sh - images that move, are away, are not what was acquired; a catalog that cannot be trusted
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
slow
need fuse
need root
need users
need_tools mke2fs python3 setpriv ewfacquire sqlite3

mkdir -p "$WORK/tree" "$WORK/images"
head -c 100000 /dev/urandom >"$WORK/tree/file"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/images/disk.dd" 16M
chmod 0600 "$WORK/images/disk.dd"
user anna bert rosa
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"

sum=$(md5sum <"$WORK/images/disk.dd" | cut -d ' ' -f 1)
exits 1 "another MD5 than was given" ev root add c1 "$WORK/images/disk.dd" --md5 00000000000000000000000000000000
like "$(cat "$ERR")" "differs from the MD5 given" "says so"
exits 2 "a mismatch is not accepted without a reason" ev root add c1 "$WORK/images/disk.dd" --md5 00000000000000000000000000000000 --accept-mismatch
exits 0 "the MD5 given" ev root add c1 "$WORK/images/disk.dd" --md5 "$sum" --json
like "$(cat "$OUT")" "\"md5\":\"$sum\"" "add prints it"
like "$(cat "$OUT")" '"match":true' "and that it matches"
exits 1 "the same image again" ev root add c1 "$WORK/images/disk.dd" --name twice
mkdir "$WORK/images/tablet"
split -b 4M -d -a 3 "$WORK/images/disk.dd" "$WORK/images/tablet/part."
printf 'by the man at the gate' >"$WORK/images/tablet/seizure.txt"
truncate -s -1 "$WORK/images/tablet/part.003" # else it is the disk again
exits 0 "a folder that holds the segments of one image" ev root add c1 "$WORK/images/tablet" --json
like "$(cat "$OUT")" '"evidence":"tablet","format":"split raw","size":16777215,' "is that image"
exits 1 "a type forced on a volume that is not there" ev root add c1 "$WORK/images/disk.dd" --name other --type p2=ext4
is "$(cat "$ERR")" "evidencefs: add: --type p2=ext4: no volume p2 in what was given" "says so"
exits 1 "no such image" ev root add c1 "$WORK/images/none.dd"
ewfacquire -q -u -t "$WORK/images/phone" -f encase6 -c fast -S 1.4GiB -m fixed -M physical -C c -D d -e e -E 1 -N n "$WORK/images/disk.dd" >/dev/null
ok "an E01" ev root add c1 "$WORK/images/phone.E01"
ev anna grant c1 "${U[bert]}" --role analyst --future --reason r >/dev/null
B=$(view bert c1)
not_ok "what is held is not shown" as bert stat "$B/disk"
ok "rosa sees it: held evidence is for holders of privileged" as rosa stat "$(view rosa c1)/disk"
ok "release" ev anna release c1 disk --reason r
ok "released: bert reads it" cmp "$WORK/tree/file" <(as bert cat "$B/disk/p0-ext4/file")
ok "release" ev anna release c1 phone --reason r
ok "with --future the second one too" cmp "$WORK/tree/file" <(as bert cat "$B/phone/p0-ext4/file")

ok "verify" ev root verify c1 disk
exits 1 "bert cannot" ev bert verify c1 disk
ewfacquire -q -u -t "$WORK/images/parts" -f encase6 -c none -S 4MiB -m fixed -M physical -C c -D d -e e -E 1 -N n "$WORK/images/disk.dd" >/dev/null
ok "an E01 in segments" ev root add c1 "$WORK/images/parts.E01"
ok "verify" ev root verify c1 parts
last=$(printf "%s\n" "$WORK"/images/parts.E?? | tail -n 1)
mv "$last" "$WORK/images/away"
exits 1 "verify without its last segment" ev root verify c1 parts
like "$(cat "$ERR")" '^evidencefs: verify: [0-9]+ bytes cannot be read: is a segment missing' "what is missing is not called changed"
mv "$WORK/images/away" "$last"
ok "verify, the segment is back" ev root verify c1 parts

# moved away
another_service() {
	[[ -n $(service_pid) && $(service_pid) != "$killed" ]] && "$EVIDENCEFS" status
}
mv "$WORK/images/disk.dd" "$WORK/images/moved.dd"
killed=$(service_pid)
kill -9 "$killed"
wait_for -t 20 another_service
ok "its storage is away: names are there" as bert stat "$B/disk/p0-ext4/file"
not_ok "contents are not" as bert cat "$B/disk/p0-ext4/file"
like "$(as bert cat "$B/disk/p0-ext4/file" 2>&1 || true)" "Input/output error" "it is EIO"
exits 1 "an image of another kind is not taken" ev root relocate c1 disk "$WORK/images/phone.E01"
is "$(cat "$ERR")" "evidencefs: relocate: disk was added as raw, and this is ewf: give the image itself" "it is said why"
head -c 16M /dev/zero >"$WORK/images/zero.dd"
exits 1 "nor one of its size" ev root relocate c1 disk "$WORK/images/zero.dd"
ok "relocate" ev root relocate c1 disk "$WORK/images/moved.dd"
readable() {
	cmp "$WORK/tree/file" <(as bert cat "$B/disk/p0-ext4/file")
}
ok "and it can be read again" wait_for -t 20 readable

# a catalog that cannot be trusted: nothing is served
team_end
cp "$WORK/team/catalog.db" "$WORK/catalog.good"
serves_nothing() { # NAME
	"$BUILD/evidencefsd" --config "$CONF" --foreground >>"$SERVICE_LOG" 2>&1 &
	STARTER=$!
	track_pid $STARTER
	answers() {
		"$EVIDENCEFS" status >"$OUT" 2>"$ERR" || grep -q catalog "$ERR" "$OUT"
	}
	ok "$1: the service says so" wait_for -t 20 answers
	exits 1 "$1: its status is 1" "$EVIDENCEFS" status
	not_ok "$1: nobody is shown anything" as bert cat "$B/disk/p0-ext4/file"
	exits 1 "$1: nothing can be changed" ev anna grant c1 "${U[bert]}" --role analyst --reason r
	team_end
}
python3 - "$WORK/team/catalog.db" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(4096)
    f.write(b"\xa5" * 4096)
PY
serves_nothing "a damaged catalog"
cp "$WORK/catalog.good" "$WORK/team/catalog.db"
sqlite3 "$WORK/team/catalog.db" "PRAGMA user_version=999"
serves_nothing "a catalog of a later format"
cp "$WORK/catalog.good" "$WORK/team/catalog.db"
sqlite3 "$WORK/team/catalog.db" "UPDATE meta SET value=999 WHERE key='version'"
serves_nothing "a newer catalog"
cp "$WORK/catalog.good" "$WORK/team/catalog.db"
team_start
ok "one act more" ev anna revoke c1 "$(ev anna grants c1 --json | sed -n '1s/^{"id":\([0-9]*\),.*/\1/p')" --reason r
team_end
cp "$WORK/team/catalog.db" "$WORK/catalog.newest"
cp "$WORK/catalog.good" "$WORK/team/catalog.db"
serves_nothing "a catalog of before the last act, which a service outlived"
cp "$WORK/catalog.newest" "$WORK/team/catalog.db"
team_start
not_ok "the newest one is served: what was revoked is gone" as bert cat "$B/disk/p0-ext4/file"
ok "one act more: it is granted again" ev anna grant c1 "${U[bert]}" --role analyst --reason r
team_end
cp "$WORK/team/catalog.db" "$WORK/catalog.good"
chown "$SERVICE_UID" "$WORK/team/catalog.db"
rm -f "$WORK/team/catalog.db-journal" "$WORK/team/catalog.db-wal" "$WORK/team/catalog.db-shm"
team_start
ok "the good one serves again" wait_for -t 20 readable
done_testing
