#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 64 readers at once with pread, readv, private and shared mappings, splice and sendfile, on a raw and
# an E01 image and on a large file in each: every byte as on the medium, and every read in the log with
# its offset, length, result, uid and pid. Then opens, listings, attributes and links in the log.
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need_tools mke2fs ewfacquire getfattr python3
readers=$TOP/tests/helpers/readers.py
mnt=$WORK/mnt
image=$WORK/disk.dd

mkdir "$WORK/tree" "$WORK/tree/folder"
head -c 20000000 /dev/urandom >"$WORK/tree/large"
seq 1 2000000 >>"$WORK/tree/large"
head -c 3000000 /dev/urandom >>"$WORK/tree/large"
for name in one two three; do
	printf 'file %s\n' "$name" >"$WORK/tree/folder/$name"
done
ln -s one "$WORK/tree/folder/link"
truncate -s 64M "$image"
mke2fs -q -t ext4 -d "$WORK/tree" "$image"
ok "ewfacquire" ewfacquire -q -u -t "$WORK/disk" -f encase6 -c fast -S 8MiB -m fixed -M physical \
	-C c -D d -e e -E 1 -N n "$image"
ok "a raw and an E01 image in one mount" mount_image --no-hash "$image" "$WORK/disk.E01" "$mnt"
raw=$mnt/disk
e01=$mnt/disk-2
ok "the second of that name is disk-2" test -d "$e01"

show() {
	"$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --reads --json "$@"
}
row() { # NAME FILTER-KEY=VALUE...: a row of the log in $WORK/log that has all these
	ok "$1" python3 -c '
import json, sys
want = dict(pair.split("=", 1) for pair in sys.argv[2:])
sys.exit(not any(all(str(row[k]) == v for k, v in want.items()) for row in map(json.loads, open(sys.argv[1]))))' \
		"$WORK/log" "${@:2}"
}

ok "64 readers: every byte as on the medium" python3 "$readers" read 64 400 "$WORK/notes" \
	"$raw/image.raw=$image" "$e01/image.raw=$image" \
	"$raw/p0-ext4/large=$WORK/tree/large" "$e01/p0-ext4/large=$WORK/tree/large"
closed() {
	[[ $(show --type close | wc -l) == 64 ]]
}
ok "64 closes" wait_for closed
show >"$WORK/log"
ok "the log holds every read exactly" python3 "$readers" check "$WORK/notes" "$WORK/log" "$(id -u)" "$mnt"
diag "$(tail -1 "$OUT")"

# a read longer than one request of the kernel's: the pieces add up
dd if="$raw/image.raw" of=/dev/null bs=8M count=1 skip=1 status=none &
pid=$!
wait "$pid"
show >"$WORK/log"
is "$(python3 -c '
import json, sys
rows = [r for r in map(json.loads, open(sys.argv[1])) if r["type"] == "read" and r["pid"] == int(sys.argv[2])]
at = 8388608
for r in sorted(rows, key=lambda r: r["offset"]):
    assert r["offset"] == at and r["result"] == r["length"], r
    at += r["length"]
print(at)' "$WORK/log" "$pid")" 16777216 "a read of 8 MiB is there in adjoining pieces"

# what else is recorded, and for whom
me=$(id -un)
here=disk/p0-ext4/folder
ls "$mnt/$here" >/dev/null &
pid=$!
wait "$pid"
exe=$(readlink -f "$(type -P ls)")
show >"$WORK/log"
row "a listing, with process and executable" type=list pid="$pid" exe="$exe" user="$me" path="$here" result=6 \
	evidence=disk case=personal decision=allowed
row "the opening of the folder" type=open pid="$pid" exe="$exe" path="$here" result=0
getfattr -n user.evidencefs.inode "$mnt/$here/two" >/dev/null 2>&1 &
pid=$!
wait "$pid"
show >"$WORK/log"
row "an attribute" type=xattr pid="$pid" exe="$(readlink -f "$(type -P getfattr)")" path="$here/two" uid="$(id -u)"
readlink "$mnt/$here/link" >/dev/null &
pid=$!
wait "$pid"
show >"$WORK/log"
row "a link" type=readlink pid="$pid" path="$here/link" result=3
cat "$mnt/$here/three" >/dev/null &
pid=$!
wait "$pid"
exe=$(readlink -f "$(type -P cat)")
three_closed() {
	[[ $(show --path "$here/three" --type close | wc -l) == 1 ]]
}
ok "a close" wait_for three_closed
show --path "$here/three" >"$WORK/log"
row "an open" type=open pid="$pid" exe="$exe" path="$here/three" result=0
row "its read" type=read pid="$pid" exe="$exe" path="$here/three" offset=0 result=11
row "the read that meets its end" type=read pid="$pid" path="$here/three" offset=11 result=0
"$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --json --path "$here/three" >"$WORK/log"
row "without --reads, their sum" type=open pid="$pid" reads=2 bytes=11
is "$(show --user nobody | wc -l)" 0 "nobody else read"
is "$(show | python3 -c '
import json, sys
print(all(row["seq"] == n for n, row in enumerate(map(json.loads, sys.stdin), 1)))')" True "no number is missing in the log"
ok "unmount" unmount_image "$mnt"
done_testing
