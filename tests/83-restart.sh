#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 83-restart.sh - the service is killed again and again; nobody notices, nothing is lost
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
slow
need_tools mke2fs python3 setpriv pgrep
KILLS=${EVIDENCEFS_KILLS:-200}

mkdir -p "$WORK/tree/d"
for i in 1 2 3 4; do
	head -c $((i * 300000)) /dev/urandom >"$WORK/tree/d/file$i"
done
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 16M
user anna bert carl rosa
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r
ev anna grant c1 "${U[bert]}" --role analyst --reason r >/dev/null
wait_for is_mounted "$ROOT/${U[bert]}"
mkdir -m 0777 "$WORK/out"
chmod -R a+rX "$WORK/tree"
B=$(view bert c1)/disk/p0-ext4/d
as bert /usr/bin/python3 "$TOP/tests/helpers/restless.py" "$B" "$WORK/tree/d" "$WORK/out" 2>"$WORK/restless.err" &
restless=$!
track_pid $restless
wait_for test -s "$WORK/out/reads.7"

new_service() {
	local pid
	pid=$(service_pid)
	[[ -n $pid && $pid != "$killed" ]] && "$EVIDENCEFS" status
}

killed=
for ((i = 0; i < KILLS; i++)); do
	killed=$(service_pid)
	kill -9 "$killed"
	wait_for -t 20 new_service || break
	kill -0 $restless 2>/dev/null || break
done
is "$i" "$KILLS" "the service was killed $KILLS times, and was there again"

# a grant revoked while the service is down is not honoured afterwards: here, right before it dies
id=$(ev anna grant c1 "${U[carl]}" --role analyst --reason r)
wait_for is_mounted "$ROOT/${U[carl]}"
ok "carl reads" as carl cat "$(view carl c1)/disk/p0-ext4/d/file1"
ok "his grant is revoked" ev anna revoke c1 "$id" --reason r
killed=$(service_pid)
kill -9 "$killed"
wait_for -t 20 new_service
not_ok "and stays so" as carl cat "$(view carl c1)/disk/p0-ext4/d/file1"

: >"$WORK/out/stop"
if wait $restless; then pass "no reader, listing or mapping saw an error or another byte"; else
	fail "no reader, listing or mapping saw an error or another byte"
	diag "$(cat "$WORK/restless.err")"
fi
ev anna audit show --case c1 --reads --json >"$WORK/log"
ok "every read is in the log" python3 - "$WORK/log" "$WORK/out" <<'PY'
import collections, glob, json, sys
logged = collections.Counter()
for line in open(sys.argv[1]):
    r = json.loads(line)
    if r["type"] == "read" and r["result"] >= 0:
        logged[(r["path"], r["offset"], r["length"])] += 1
missing = total = 0
for name in glob.glob(sys.argv[2] + "/reads.*"):
    for line in open(name):
        file, offset, length = line.split()
        total += 1
        if not logged[("disk/p0-ext4/d/" + file, int(offset), int(length))]:
            missing += 1
print(total, "reads", missing, "missing")
sys.exit(1 if missing or not total else 0)
PY
diag "$(tail -n 1 "$OUT")"
done_testing
