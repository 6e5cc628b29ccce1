#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How a mount begins and ends: what it lets go of when it returns, and every way to end it.
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need_tools mke2fs fusermount3

mkdir -p "$WORK/tree/docs"
seq 1 20000 >"$WORK/tree/docs/numbers.txt"
image=$WORK/disk.dd
truncate -s 8M "$image"
mke2fs -q -t ext4 -d "$WORK/tree" "$image"
mnt=$WORK/mnt
mkdir "$mnt"
track_mount "$mnt"
file=$mnt/disk/p0-ext4/docs/numbers.txt
mkdir "$WORK/bin" # programs of its own: what is left running is known by its path
cp "$EVIDENCEFS" "$WORKER" "$WORK/bin/"
EVIDENCEFS=$WORK/bin/evidencefs

readable() {
	cmp -s "$WORK/tree/docs/numbers.txt" "$file"
}

# ---- --foreground
begin() { # sets $pid
	env --default-signal=INT,TERM "$EVIDENCEFS" mount --foreground --state "$STATE" "$image" "$mnt" \
		>"$WORK/out" 2>"$WORK/err" &
	pid=$!
	track_pid "$pid"
	wait_for readable
}
ended() { # NAME: exit 0, unmounted, nothing left, nothing said
	local status=0
	wait "$pid" || status=$?
	is "$status" 0 "$1: exit 0"
	ok "$1: nothing is mounted" not_mounted "$mnt"
	ok "$1: nothing is left running" wait_for nothing_left
	is "$(cat "$WORK/err")" "" "$1: nothing is said"
}
for signal in INT TERM HUP; do
	ok "--foreground" begin
	kill -s "$signal" "$pid"
	ended "SIG$signal"
done
ok "--foreground" begin
like "$(cat "$WORK/out")" "^disk: raw, 8\.0 MiB, [0-9]+ traces, indexed before
  p0-ext4 .*
mounted on $mnt" "tells what it found as soon as it can be read"
umount "$mnt" 2>/dev/null || fusermount3 -u "$mnt"
ended "umount"
ok "--foreground" begin
fusermount3 -u "$mnt"
ended "fusermount3 -u"
ok "--foreground" begin
ok "evidencefs unmount" "$EVIDENCEFS" unmount "$mnt"
ended "evidencefs unmount"
ok "--foreground" begin
exec 8<"$file"
kill -s TERM "$pid"
ended "SIGTERM while a file is open"
not_ok "which can be read no more" cat <&8
exec 8<&-
ok "the log is in order" "$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --type start,stop
is "$(grep -c ' start ' "$OUT") $(grep -c ' stop ' "$OUT")" "7 7" "every start has its stop"
"$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --path "$file" >"$OUT"
is "$(grep -c ' open ' "$OUT")" "$(grep -c ' close ' "$OUT")" "every open its close, also of what was still open"

# ---- behind
# Whoever reads the output sees its end when the command returns: nothing else holds it.
# shellcheck disable=SC2016 # for the inner shell
ok "mount returns and lets go of stdout, stderr and all else" \
	timeout 60 bash -c 'output=$("$@" 2>&1 9>&1 7<&0) && [[ $output == *"mounted on"* ]]' - \
	"$EVIDENCEFS" mount --state "$STATE" "$image" "$mnt"
ok "it is mounted" readable
server=$(left_running | head -n 1)
is "$(readlink "/proc/$server/cwd")" / "it holds no working directory"
held=$(for p in $(left_running); do
	find "/proc/$p/fd" -type l \( -lname 'pipe:*' -o -lname '/dev/pts/*' -o -lname '/dev/tty*' \) -printf '%p -> %l\n' 2>/dev/null
done | grep -v 'pipe:' || true)
is "$held" "" "nor a terminal"
isnt "$(ps -o sid= -p "$server" | tr -d ' ')" "$(ps -o sid= -p $$ | tr -d ' ')" "and is in a session of its own"
kill -s TERM "$server"
ok "SIGTERM ends it" wait_for nothing_left
ok "and unmounts" not_mounted "$mnt"

if [[ $(id -u) == 0 ]]; then
	mkdir "$WORK/cwd"
	track_mount "$WORK/cwd"
	mount -t tmpfs -o size=1M tmpfs "$WORK/cwd"
	mkdir "$WORK/cwd/here"
	# shellcheck disable=SC2016 # for the inner shell
	ok "mount from another file system's folder" \
		bash -c 'cd "$1" && shift && exec "$@"' - "$WORK/cwd/here" "$EVIDENCEFS" mount --state "$STATE" "$image" "$mnt"
	ok "that file system can go" umount "$WORK/cwd"
	ok "unmount" unmount_image "$mnt"
else
	skip "needs root" "that file system can go"
fi

# shellcheck disable=SC2016 # for the inner shell
ok "mount without stdin, stdout and stderr" bash -c '"$@" <&- >&- 2>&-' - \
	"$EVIDENCEFS" mount --state "$STATE" "$image" "$mnt"
ok "is a mount like another" readable
ok "unmount" unmount_image "$mnt"
ok "nothing is left running" wait_for nothing_left

# relative paths are those of whoever types them
# shellcheck disable=SC2016 # for the inner shell
ok "mount by relative paths" bash -c 'cd "$1" && "$2" mount --state state disk.dd mnt' - "$WORK" "$EVIDENCEFS"
ok "is where it was meant" readable
ok "unmount" unmount_image "$mnt/"
ln -s mnt "$WORK/link"
ok "mount on a link to a folder" "$EVIDENCEFS" mount --state "$STATE" "$image" "$WORK/link"
ok "is in that folder" readable
ok "and is unmounted by the link" "$EVIDENCEFS" unmount "$WORK/link"
ok "nothing is left running in the end" wait_for nothing_left
done_testing
