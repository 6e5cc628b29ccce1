#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 58-own-marks.sh - marks and notes on a mount of one's own
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need_tools mke2fs debugfs python3

mkdir -p "$WORK/tree/docs" "$WORK/tree/mail"
head -c 5000 /dev/urandom >"$WORK/tree/docs/letter.txt"
head -c 5000 /dev/urandom >"$WORK/tree/docs/other.txt"
ln "$WORK/tree/docs/letter.txt" "$WORK/tree/mail/hard.txt"
cp "$WORK/tree/docs/letter.txt" "$WORK/tree/mail/copy.txt"
ln -s ../docs/letter.txt "$WORK/tree/mail/link"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 16M
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/next.dd" 16M
M=$WORK/mnt
D=$M/disk/p0-ext4
L=disk/p0-ext4/docs/letter.txt
gone=("$D/docs/letter.txt" "$D/mail/hard.txt" "$D/mail/copy.txt" "$D/mail/link")

own() { # COMMAND ARGUMENT...: asked of the mount
	"$EVIDENCEFS" "$@" --mount "$M"
}
none_there() {
	local path
	for path in "${gone[@]}"; do
		[[ ! -e $path && ! -L $path ]] || {
			diag "$path is there"
			return 1
		}
	done
}
all_there() {
	local path
	for path in "${gone[@]}"; do
		[[ -e $path ]] || {
			diag "$path is not there"
			return 1
		}
	done
}
hashed() {
	own mark personal "$L" --state suspected --basis b --reason r --dry-run --json | grep -q '"road":"copy"'
}
everything() {
	(cd "$M" && find . | LC_ALL=C sort && find . -type f ! -name EVIDENCE.txt -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
}

mount_image "$WORK/disk.dd" "$M"
ok "before" all_there
not_ok "no catalog before anything was said" compgen -G "$STATE/mounts/*/catalog.db"
wait_for -t 30 hashed
everything >"$WORK/before"
ok "a dry run changes nothing" all_there

# what is open when it is marked
python3 - "$D/docs/letter.txt" "$D/docs/other.txt" >"$WORK/held" <<'PY' &
import errno, os, sys, time
fd, kept = (os.open(p, os.O_RDONLY) for p in sys.argv[1:])
print("ready", len(os.read(fd, 100)), flush=True)
while True:
    time.sleep(0.01)
    try:
        os.pread(fd, 100, 0)
    except OSError as e:
        print("ended", time.time(), errno.errorcode[e.errno], len(os.pread(kept, 100, 0)), flush=True)
        break
PY
track_pid $!
wait_for -t 20 grep -q ^ready "$WORK/held"
begin=$(date +%s.%N)
ok "marked" own mark personal "$L" --state suspected --basis lawyer --reason letterhead --json
like "$(cat "$OUT")" '"case":"personal".*"state":"suspected".*"by":"'"$(id -un)"'"' "and it says so"
ok "it is gone with its other names, copies and links" none_there
wait_for -t 20 grep -q ^ended "$WORK/held"
is "$(awk -v b="$begin" '$1 == "ended" {print ($2 - b < 1 ? "soon" : $2 - b), $3, $4}' "$WORK/held")" "soon EACCES 100" \
	"also where it is open; what else is open lives on"
ok "the rest is there" test -e "$D/docs/other.txt"
not_ok "its bytes are in no stream" grep -q -a -F "$(head -c 24 "$WORK/tree/docs/letter.txt" | tr -d '\0\n' | head -c 8)" "$M/disk/p0-ext4.raw"
own marks personal --json >"$WORK/marks"
ok "marks" python3 - "$WORK/marks" "$L" <<'PY'
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
sys.exit(not (len(rows) == 1 and rows[0]["path"] == sys.argv[2] and rows[0]["state"] == "suspected" and rows[0]["case"] == "personal"))
PY
like "$(own marks personal --why "$D/mail/copy.txt" 2>&1)" 'copy' "why, by a path below the mount point"

# notes
other=$(own note add personal "$D/docs/other.txt" --text "compare with the first")
exits 0 "a note about what is withheld" own note add personal "$L" --text "a draft"
is "$(ls "$M/notes")" "$other.txt" "notes are in a folder of the mount; not one about what is withheld"
ok "and read" grep -q 'compare with the first' "$M/notes/$other.txt"
is "$(own note list personal --json | wc -l)" 2 "commands see what is withheld, and say so"
is "$(own whoami personal --json | wc -l)" 2 "who am I: officer, and a grant"

# what makes no sense
exits 1 "a grant" own grant personal "$(id -un)" --role analyst --reason r
like "$(cat "$ERR")" 'a mount of one.s own has one user' "and why"
exits 1 "a case" own case list
exits 1 "a case that is none" own marks c1
exits 1 "a path that is none" own mark personal disk/p0-ext4/none --state suspected --basis b --reason r
exits 1 "a folder where nothing is mounted" "$EVIDENCEFS" marks personal --mount "$WORK/tree"
exits 1 "both" own marks personal --socket "$WORK/x"

# it is in the mount's log, and outlives it
"$EVIDENCEFS" audit show --mount "$M" --json >"$WORK/log"
is "$(python3 -c 'import json,sys; r=[json.loads(l) for l in open(sys.argv[1])]; print(*(sum(x["type"] == t and x["decision"] == "allowed" for x in r) for t in ("mark", "note")))' "$WORK/log")" \
	"1 2" "acts are in the mount's log"
not_ok "without a word of what was said" grep -r -q -a -e letterhead -e 'a draft' "$STATE"/mounts/*/log
unmount_image "$M"
mount_image "$WORK/disk.dd" "$M"
ok "after another mount it is as gone" none_there
is "$(ls "$M/notes")" "$other.txt" "and notes are kept"
pid=$(pgrep -n -f "evidencefs mount.*$WORK/disk.dd" || true)
[[ -z $pid ]] || kill -9 "$pid"
fusermount3 -u -z "$M" 2>/dev/null || umount -l "$M" 2>/dev/null || true
wait_for -t 20 mount_image "$WORK/disk.dd" "$M"
ok "after an end that was none, too" none_there
unmount_image "$M"
mount_image --privileged "$WORK/disk.dd" "$M"
ok "--privileged shows it" all_there
is "$(find "$M/notes" -type f | wc -l)" 2 "and the note about it"
ok "and it can be marked there" own mark personal disk/p0-ext4/docs/other.txt --state suspected --basis b --reason r
ok "which takes nothing away" test -e "$D/docs/other.txt"
own mark personal disk/p0-ext4/docs/other.txt --state rejected --basis b --reason r >/dev/null
unmount_image "$M"
mount_image "$WORK/next.dd" "$M"
is "$(ls "$M")" next "other evidence begins without"
ok "whole" test -e "$M/next/p0-ext4/docs/letter.txt"
ok "and has marks of its own" own mark personal next/p0-ext4/docs/other.txt --state suspected --basis b --reason r
not_ok "which take" test -e "$M/next/p0-ext4/docs/other.txt"
unmount_image "$M"
mount_image "$WORK/disk.dd" "$M"
ok "the first one's are kept" none_there
ok "rejected" own mark personal "$L" --state rejected --basis b --reason r
ok "it is back" all_there
rm -f "$WORK/after"
(cd "$M" && find . -path ./notes -prune -o -print | LC_ALL=C sort && find . -path ./notes -prune -o -type f ! -name EVIDENCE.txt -print0 |
	LC_ALL=C sort -z | xargs -0 sha256sum) >"$WORK/after"
same_file "$WORK/before" "$WORK/after" "every name and every byte as before"
is "$(stat -c %a "$STATE"/mounts/*/control.sock "$STATE"/mounts/* | LC_ALL=C sort -u | tail -n 1)" 700 "the socket is in a folder of one's own"
unmount_image "$M"

# evidence of that name gives way to the folder of notes
cp "$WORK/disk.dd" "$WORK/notes.dd"
mount_image "$WORK/notes.dd" "$M"
is "$(ls "$M")" notes-2 "evidence called notes is notes-2"
unmount_image "$M"

# an ordinary user
if [[ $(id -u) == 0 ]]; then
	second_user
	home=$WORK/home
	install -d -o "$USER2" -m 0755 "$home" "$home/mnt"
	chmod 0644 "$WORK/disk.dd"
	track_mount "$home/mnt"
	as_user2 "$EVIDENCEFS" mount --state "$home/state" "$WORK/disk.dd" "$home/mnt" >/dev/null
	user2() {
		as_user2 "$EVIDENCEFS" "$@" --mount "$home/mnt"
	}
	ok "an ordinary user marks" user2 mark personal "$L" --state confirmed --basis b --reason r
	not_ok "and it is gone" as_user2 test -e "$home/mnt/$L"
	like "$(user2 marks personal --json)" '"by":"'"$USER2"'"' "by his name"
	printf 'path disk/*/docs/other.txt\nkeyword nowhere\n' >"$WORK/rules"
	chmod 0644 "$WORK/rules"
	ok "and scans" user2 scan personal --rules "$WORK/rules"
	not_ok "what rules meet is gone" as_user2 test -e "$home/mnt/disk/p0-ext4/docs/other.txt"
	exits 1 "root has no part in it" own marks personal
	exits 1 "not through the socket either" "$EVIDENCEFS" marks personal --socket "$(echo "$home"/state/mounts/*/control.sock)"
	like "$(cat "$ERR")" 'of another user' "and is told"
	as_user2 "$EVIDENCEFS" unmount "$home/mnt"
fi
done_testing
