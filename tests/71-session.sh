#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 71-session.sh - a team's session: what is seen changes, what ended is dead, whoever serves
# may be killed at any moment (tests/helpers/session.py, tests/unit/serve-session.c)
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need root
need users
need_tools mke2fs ewfacquire python3

mkdir -p "$WORK/tree/docs/sub" "$WORK/tree/other" "$WORK/tree/many"
echo "a text" >"$WORK/tree/docs/a.txt"
head -c 300000 /dev/urandom >"$WORK/tree/docs/sub/big"
head -c 8M /dev/urandom >"$WORK/tree/docs/sub/slow"
head -c 100000 /dev/urandom >"$WORK/tree/other/kept"
echo "two names" >"$WORK/tree/docs/hard"
ln "$WORK/tree/docs/hard" "$WORK/tree/other/hard"
ln -s ../other/kept "$WORK/tree/docs/away"
# a hundred folders: mke2fs searches a folder for every name it adds
for i in {1..100}; do
	mkdir "$WORK/tree/many/$i"
	(cd "$WORK/tree/many/$i" && seq -f "file$i-%04.0f" 1 1000 | xargs touch)
done
mke2fs -q -t ext4 -N 110000 -d "$WORK/tree" "$WORK/disk.dd" 96M
ewfacquire -q -u -c fast -S 1G -t "$WORK/disk" "$WORK/disk.dd" >/dev/null 2>&1
second_user
mkdir -p "$WORK/mnt" "$STATE"
chmod -R a+rX "$WORK/tree"
track_mount "$WORK/mnt"
tap_done=yes # the points are those of the program
timeout 280 python3 "$TOP/tests/helpers/session.py" "$BUILD/tests/unit/serve-session" "$STATE" \
	"$WORK/disk.E01" "$WORK/tree" "$WORK/mnt" "$UID2" "$(id -g "$USER2")" \
	"$TOP/tests/helpers/restless.py" "${EVIDENCEFS_KILLS:-40}"
