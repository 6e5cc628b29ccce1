#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Workers killed again and again while a large file is read: nobody notices. The mounting process
# killed: the mount point says so, is cleared and mounted again, the log has no gap, nothing is left
# running.
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need_tools mke2fs ewfacquire python3
mnt=$WORK/mnt
image=$WORK/disk.dd

# half of it compresses and half does not
mkdir "$WORK/tree"
seq 1 15000000 >"$WORK/tree/large"
head -c 150M /dev/urandom >>"$WORK/tree/large"
truncate -s 350M "$image"
mke2fs -q -t ext4 -d "$WORK/tree" "$image"
ok "ewfacquire" ewfacquire -q -u -t "$WORK/disk" -f encase6 -c fast -S 100MiB -m fixed -M physical \
	-C c -D d -e e -E 1 -N n "$image"
want=$(sha256sum <"$WORK/tree/large")
image_sha256=$(sha256sum <"$image" | cut -d' ' -f1)

# the process that serves $mnt: the last that recorded a start
serving() {
	"$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --json --type start | tail -1 |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])'
}
children() { # PID
	cat "/proc/$1/task/"*/children 2>/dev/null
}
position() { # PID: how far it has read its input
	awk '$1 == "pos:" {print $2}' "/proc/$1/fdinfo/0" 2>/dev/null
}
alive() {
	kill -0 "$1" 2>/dev/null
}
gone() { # PID...
	local pid
	for pid; do
		[[ ! -e /proc/$pid || $(awk '/^State:/ {print $2}' "/proc/$pid/status" 2>/dev/null) == Z ]] || return 1
	done
}
# read_on PID FROM: it has read some MiB more, or all
read_on() {
	local at
	alive "$1" || return 0
	at=$(position "$1") || return 0
	[[ -n $at && $at -ge $(($2 + 8388608)) ]]
}

kill_workers() {
	local worker
	for worker in $(children "$server"); do
		kill -KILL "$worker" 2>/dev/null && kills=$((kills + 1))
	done
	return 0
}
# kill_while_reading FILE: all workers at once, each time the reader has come some MiB further, and
# so past all that was asked of them before: a request is tried twice, not more
kill_while_reading() {
	local reader at
	sha256sum <"$1" >"$WORK/got" 2>"$WORK/got.err" &
	reader=$!
	track_pid "$reader"
	at=0
	while alive "$reader"; do
		wait_for -t 60 read_on "$reader" "$at" || break
		at=$(position "$reader" || true)
		[[ -n $at ]] || break
		kill_workers
	done
	wait "$reader" || { cat "$WORK/got.err" >&2; return 1; }
}

ok "mount" mount_image --no-hash "$WORK/disk.E01" "$mnt"
server=$(serving)
kills=0
for round in 1 2 3; do
	ok "round $round: the reader does not notice" kill_while_reading "$mnt/disk/p0-ext4/large"
	is "$(cat "$WORK/got")" "$want" "round $round: and has the right bytes"
done
diag "$kills workers killed"
ok "workers were killed in the middle" test "$kills" -ge 6
ok "a name is found after that" test -e "$mnt/disk/p0-ext4/lost+found"
is "$(serving)" "$server" "the mounting process is the same"
ok "unmount" unmount_image "$mnt"
ok "no process is left" wait_for gone "$server"

# ---- while the hashing goes on behind ------------------------------------------------------------

hashing() { # how far it is, or "complete"
	sed -n 's/^hashing .*: \([0-9]*\) % done$/\1/p; s/^hashing is complete$/complete/p' "$mnt/disk/EVIDENCE.txt"
}
hashed_on() { # PERCENT: it has come further
	local now
	now=$(hashing)
	[[ $now == complete ]] || [[ ${now:-0} -gt $(($1 + 4)) || ${now:-0} -lt $1 ]]
}
ok "mount with hashing" mount_image "$WORK/disk.E01" "$mnt"
server=$(serving)
kills=0
while at=$(hashing) && [[ $at != complete ]]; do
	kill_workers
	wait_for -t 60 hashed_on "${at:-0}" || break
done
diag "$kills workers killed"
ok "workers were killed while it hashed" test "$kills" -ge 3
text=$(cat "$mnt/disk/EVIDENCE.txt")
like "$text" "SHA-256 *$image_sha256" "the hashing came to its end, with the right total"
if grep -qiE 'FAILED|cannot be read' <<<"$text"; then
	fail "and found nothing wrong"
	diag "$text"
else
	pass "and found nothing wrong"
fi
is "$(serving)" "$server" "the mounting process is the same"
ok "unmount" unmount_image "$mnt"
ok "no process is left" wait_for gone "$server"

# ---- the mounting process killed ------------------------------------------------------------

ok "mount again" mount_image --no-hash "$WORK/disk.E01" "$mnt"
server=$(serving)
sha256sum <"$mnt/disk/p0-ext4/large" >/dev/null 2>"$WORK/reader.err" &
reader=$!
track_pid "$reader"
wait_for read_on "$reader" 0
workers=$(children "$server")
ok "it has workers ($workers)" test -n "$workers"
kill -KILL "$server"
if wait "$reader"; then
	fail "the reader is told"
else
	pass "the reader is told"
fi
like "$(cat "$WORK/reader.err")" "not connected|abort|Input/output" "by an error"
tap_run ls "$mnt"
like "$(cat "$ERR")" "Transport endpoint is not connected" "the mount point answers ENOTCONN"
# shellcheck disable=SC2086 # a list
ok "no worker is left" wait_for gone "$server" $workers
exits 1 "mounting over it is refused" "$EVIDENCEFS" mount --state "$STATE" "$WORK/disk.E01" "$mnt"
like "$(cat "$ERR")" "evidencefs unmount" "and says what to do"
ok "evidencefs unmount clears it" "$EVIDENCEFS" unmount "$mnt"
ok "nothing is mounted then" not_mounted "$mnt"
ok "and it mounts again" mount_image --no-hash "$WORK/disk.E01" "$mnt"
is "$(sha256sum <"$mnt/disk/p0-ext4/large")" "$want" "with the right bytes"
"$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --json --reads >"$WORK/log"
is "$(python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
print([r["seq"] for r in rows] == list(range(1, len(rows) + 1)),
      sum(r["type"] == "start" for r in rows), sum(r["type"] == "stop" for r in rows))' "$WORK/log")" \
	"True 4 2" "the log goes on without a gap: four starts, two stops"
is "$(python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
starts = [r["seq"] for r in rows if r["type"] == "start"]
print(any(r["type"] == "read" and r["pid"] == int(sys.argv[2]) and starts[2] < r["seq"] < starts[3] for r in rows))' \
	"$WORK/log" "$reader")" True "and has the reads of before the end"
server=$(serving)
workers=$(children "$server")
ok "unmount" unmount_image "$mnt"
# shellcheck disable=SC2086 # a list
ok "nothing is left running" wait_for gone "$server" $workers
done_testing
