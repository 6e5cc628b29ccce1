#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 56-full-log.sh - a log that cannot be written: nothing is served, status says why, and all goes
# on by itself when there is space again; no record of what was served is lost
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"

set -eu
need fuse
need root
need users
need_tools mke2fs python3 openssl
export EVIDENCEFS

mkdir -p "$WORK/tree" "$WORK/team"
head -c 300000 /dev/urandom >"$WORK/tree/file"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 8M
mount -t tmpfs -o size=64m evidencefs-test "$WORK/team"
unmount_state() { umount -l "$WORK/team"; }
on_exit unmount_state
team_begin
user anna bert
ev root case create c1 --owner "${U[anna]}" >/dev/null
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r
ev anna grant c1 "${U[bert]}" --role analyst --reason r >/dev/null
wait_for is_mounted "$ROOT/${U[bert]}"
F=$(view bert c1)/disk/p0-ext4/file
ok "bert reads" as bert cmp "$F" "$WORK/tree/file"

# every byte is taken; what the log itself still has in its last page is used up by reading
fill() { dd if=/dev/zero of="$WORK/team/filler" bs=4k 2>/dev/null || true; }
refused() {
	fill
	! as bert cat "$F" >"$WORK/got" 2>/dev/null
}
wait_for -t 60 refused
pass "a full disk: nothing is served"
ok "not a wrong byte either" cmp -n "$(stat -c %s "$WORK/got")" "$WORK/got" "$WORK/tree/file"
exits 1 "status is not well" ev root status
like "$(cat "$ERR")" "no space left" "and says why"
exits 1 "no act is done" ev anna grant c1 "${U[anna]}" --role analyst --reason r

taken() { # bytes that the last segment has on the disk, beyond its size
	local f
	f=$(find "$LOG" -name 'log-*.seg' | sort | tail -n 1)
	echo $(($(stat -c %b "$f") * 512 - $(stat -c %s "$f")))
}
ok "the log has space of its own ($(taken) bytes)" test "$(taken)" -gt 65536
denied=$(ev root status --json | sed 's/.*"log_size":\([0-9]*\).*/\1/')
not_ok "who may not is refused" ev bert release c1 disk --reason r
ok "and that is recorded" test "$(ev root status --json | sed 's/.*"log_size":\([0-9]*\).*/\1/')" -gt "$denied"

rm "$WORK/team/filler"
served() { as bert cmp -s "$F" "$WORK/tree/file"; }
ok "space again: served again, by itself" wait_for -t 30 served
ok "and status is well" wait_for -t 30 ev root status
ok "acts too" ev anna grant c1 "${U[anna]}" --role analyst --reason r
both 3 "the log holds"
wait_for -t 60 refused
pass "full once more: nothing is served"
team_end
both 3 "stopped then, it holds"
both_ends=$(sed -n 's/^intact: \([0-9]*\) records, sealed up to record \([0-9]*\)$/\1 \2/p' "$OUT")
is "${both_ends% *}" "${both_ends#* }" "and is sealed to its end"
ok "nothing that was taken ahead is left" test "$(taken)" -le 8192
rm "$WORK/team/filler"
team_start
ok "it is served again" wait_for -t 30 served
team_end
both 3 "and after a clean stop"
ok "where nothing is left either" test "$(taken)" -le 8192
done_testing
