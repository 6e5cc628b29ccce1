#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 89-marks-bulk.sh - thousands of marks in one command: all or none, whatever happens meanwhile
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
slow
need fuse
need root
need users
need_tools mke2fs python3 setpriv

KILLS=${EVIDENCEFS_KILLS:-6}
mkdir -p "$WORK/tree/docs" "$WORK/tree/stays"
python3 - "$WORK/tree/docs" <<'PY'
import os, sys
for d in range(30):
    os.mkdir(f"{sys.argv[1]}/d{d}")
    for i in range(100):
        with open(f"{sys.argv[1]}/d{d}/f{i}", "wb") as f:
            f.write(os.urandom(300))
PY
echo stays >"$WORK/tree/stays/file"
mke2fs -q -t ext4 -N 8000 -d "$WORK/tree" "$WORK/disk.dd" 48M
user anna rosa rita bert
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r 2>/dev/null
ev anna grant c1 "${U[bert]}" --role analyst --reason r >/dev/null
ev rosa grant c1 "${U[rita]}" --role reviewer --reason r >/dev/null
wait_for is_mounted "$ROOT/${U[bert]}"
B=$(view bert c1)/disk/p0-ext4
paths=()
for d in {0..29}; do
	for i in {0..99}; do
		paths+=("disk/p0-ext4/docs/d$d/f$i")
	done
done
mark() { # USER STATE ARGUMENT...
	ev "$1" mark c1 "${paths[@]}" --state "$2" --basis b --reason r "${@:3}"
}
seen() {
	as bert find "$B/docs" -type f 2>/dev/null | wc -l
}
kept() {
	ev rosa marks c1 --history --json | wc -l
}

as bert find "$B" -type f -exec cat {} + >/dev/null
is "$(seen)" 3000 "before"
exits 1 "so many are not withheld by accident" mark bert suspected
like "$(cat "$ERR")" '300[0-9] traces would be withheld' "and it says how many"
begin=$(date +%s%3N)
ok "3000 marks in one command" mark bert suspected --yes --json
took=$(($(date +%s%3N) - begin)) # milliseconds
is "$(python3 -c 'import json,sys; r=[json.loads(l) for l in open(sys.argv[1])]; print(len(r), len({x["id"] for x in r}), len({x["at"] for x in r}))' "$OUT")" \
	"3000 3000 1" "each told, in force together"
is "$(seen)" 0 "all are gone"
is "$(as bert cat "$B/stays/file")" stays "nothing else is"
is "$(ev anna audit show --case c1 --type mark --json | grep -c '"decision":"allowed"')" 3000 "the log has each"
ok "it is sealed" test "$("$EVIDENCEFS" audit verify --log "$WORK/team/log" >/dev/null 2>&1; echo $?)" = 3
ok "they are taken back in one" mark rita rejected
is "$(seen)" 3000 "and all are back"
paths[1700]=disk/p0-ext4/docs/none
exits 1 "one path that is not there" mark rita suspected --yes
is "$(kept)" 6000 "and none is marked"
is "$(seen)" 3000 "nor gone"
paths[1700]=disk/p0-ext4/docs/d17/f0

# a service that dies meanwhile
all=0
for ((i = 0; i < KILLS; i++)); do
	mark rita suspected --yes >/dev/null 2>&1 &
	asked=$!
	track_pid $asked
	# anywhere in it: no condition to wait for
	sleep "$(printf '%d.%03d' $(((took * (i + 1) / KILLS) / 1000)) $(((took * (i + 1) / KILLS) % 1000)))"
	kill -9 "$(service_pid)" 2>/dev/null || true
	wait $asked && said=0 || said=$?
	wait_for -t 20 "$EVIDENCEFS" status
	[[ $("$EVIDENCEFS" status --json) == *'"healthy":true'* ]] || diag "not healthy: $("$EVIDENCEFS" status)"
	n=$(($(kept) - 6000 - all * 3000))
	[[ $n == 0 || $n == 3000 ]] || fail "$n of 3000 were kept"
	[[ $said != 0 || $n == 3000 ]] || fail "what was answered was lost"
	all=$((all + n / 3000))
	[[ $(seen) == $((all > 0 ? 0 : 3000)) ]] || fail "what is seen is not what was kept"
done
ok "killed $KILLS times, $all of them after they were kept: all or none" "$EVIDENCEFS" status
is "$(kept)" $((6000 + all * 3000)) "no more, no less"

# records whose rows were never written: as after a death between the two
lost() { # records that are void
	ev anna audit show --case c1 --type loss --json | wc -l
}
is_broken() {
	grep -q 'acts that the catalog lacks' "$SERVICE_LOG"
}
back() { # [COMMAND]: an unclean end, and the catalog as it was kept; wait for that instead of a healthy service
	kill -9 "$STARTER"
	wait "$STARTER" 2>/dev/null || true
	cp "$WORK/catalog.db" "$WORK/team/catalog.db"
	chown $SERVICE_UID:$SERVICE_UID "$WORK/team/catalog.db"
	rm -f "$WORK/team/catalog.db-journal"
	"$BUILD/evidencefsd" --config "$CONF" --foreground >>"$SERVICE_LOG" 2>&1 &
	STARTER=$!
	track_pid "$STARTER"
	wait_for -t 60 "${1:-healthy}"
}
healthy() {
	[[ $("$EVIDENCEFS" status --json) == *'"healthy":true'* ]]
}
mark rita rejected --yes >/dev/null 2>&1
team_end
cp "$WORK/team/catalog.db" "$WORK/catalog.db"
team_start
before=$(kept)
voided=$(lost) # by deaths between records and rows above
mark rita suspected --yes >/dev/null
back
ok "marks of one command that are recorded and not kept were never answered" healthy
is "$(kept)" "$before" "none of them counts"
is "$(seen)" 3000 "nor takes anything away"
is "$(lost)" $((voided + 3000)) "and each is void in the log"
ok "a second time they are void already" back
ok "and all is well" healthy
is "$(lost)" $((voided + 3000)) "none twice"
mark rita suspected --yes >/dev/null
ev rita mark c1 disk/p0-ext4/stays --state suspected --basis b --reason r >/dev/null
back is_broken
ok "those of two commands are a catalog that lacks something" grep -q 'acts that the catalog lacks (3001)' "$SERVICE_LOG"
not_ok "nothing is served" healthy
not_ok "to anybody" as bert ls "$B"
done_testing
