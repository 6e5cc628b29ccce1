#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 83-kills.sh - SIGKILL of each process at random moments under load: service, keys, workers,
# starter, and the process of a mount of one's own. Nothing is served without its record, nothing
# is recorded that nobody asked for, both verifiers pass and name each discontinuity, and all comes
# back: by itself, or after the starter by a new start.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
slow
need_tools mke2fs ewfacquire python3 openssl setpriv pgrep
KILLS=${EVIDENCEFS_KILLS:-60}
STARTS=$((KILLS / 15 + 1)) # kills of the starter, and of a mount of one's own
export EVIDENCEFS
readers=$TOP/tests/helpers/readers.py
verify=$TOP/tools/evidencefs-verify

mkdir "$WORK/tree" "$WORK/notes"
for i in 1 2 3; do
	{ head -c 6000000 /dev/urandom; seq 1 300000; } >"$WORK/tree/file$i"
done
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/raw.dd" 64M
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 80M
ok "ewfacquire" ewfacquire -q -u -t "$WORK/disk" -f encase6 -c fast -S 1.4GiB -m fixed -M physical \
	-C c -D d -e e -E 1 -N n "$WORK/disk.dd"
chmod -R a+rX "$WORK/tree"
chmod 1777 "$WORK/notes"
names=(bert carl emil)
user anna rosa "${names[@]}"
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
for image in raw.dd disk.E01; do
	ev root add c1 "$WORK/$image" >/dev/null
	ev anna release c1 "${image%.*}" --reason r
done
for name in "${names[@]}"; do
	ev anna grant c1 "${U[$name]}" --role analyst --reason r >/dev/null
	wait_for is_mounted "$ROOT/${U[$name]}"
done

clients=()
for name in "${names[@]}"; do
	files=()
	for i in 1 2 3; do
		files+=("$(view "$name" c1)/raw/p0-ext4/file$i=$WORK/tree/file$i"
			"$(view "$name" c1)/disk/p0-ext4/file$i=$WORK/tree/file$i")
	done
	as "$name" /usr/bin/python3 "$readers" until "$WORK/notes/stop" 4 "$WORK/notes/$name" "${files[@]}" \
		>"$WORK/notes/said.$name" 2>&1 &
	clients+=($!)
	track_pid $!
done
wait_for -t 20 test -s "$WORK/notes/bert.0"

of_service() { # the pids of what plays that part now
	case $1 in
	service) service_pid ;;
	keys) pgrep -P "$STARTER" -x evidencefs-keyd ;;
	worker) pgrep -P "$STARTER" -f evidencefs-worker | shuf -n 1 ;;
	esac
}
healthy() {
	[[ -n $(service_pid) ]] && "$EVIDENCEFS" status
}
pause() { # a random moment
	sleep "0.$(printf '%03d' $((RANDOM % 150)))"
}
back() {
	healthy && [[ $(cat "$WORK"/notes/bert.* | wc -l) -gt $noted ]]
}

declare -A killed=([service]=0 [keys]=0 [worker]=0)
parts=(service service worker worker keys)
for ((i = 0; i < KILLS; i++)); do
	part=${parts[RANDOM % ${#parts[@]}]}
	pause
	pid=$(of_service "$part" || true)
	[[ -n $pid ]] && kill -9 "$pid" 2>/dev/null && killed[$part]=$((killed[$part] + 1))
	if ((i % 10 == 0)); then
		wait_for -t 20 healthy || break
		ev anna audit checkpoint >>"$WORK/anchor" 2>/dev/null || true
	fi
done
noted=$(cat "$WORK"/notes/bert.* | wc -l)
diag "killed: service ${killed[service]}, keys ${killed[keys]}, a worker ${killed[worker]}"
ok "$KILLS kills at random moments: all comes back" wait_for -t 60 back
ok "each part was killed" test $((killed[service] * killed[keys] * killed[worker])) -gt 0

# by hand, the starter takes all with it; what was mounted answers ENOTCONN until the next start
of_starter() {
	pgrep -f "$CONF" || pgrep -P "$STARTER"
}
not_one_left() {
	local pid
	for pid in $family; do
		[[ ! -e /proc/$pid || $(awk '/^State:/ {print $2}' "/proc/$pid/status" 2>/dev/null) == Z ]] || return 1
	done
}
says_so() {
	LC_ALL=C as bert ls "$ROOT/${U[bert]}" 2>&1 | grep -q "not connected"
}
for ((i = 0; i < STARTS; i++)); do
	pause
	family="$STARTER $(pgrep -P "$STARTER" | xargs)"
	kill -9 "$STARTER"
	wait "$STARTER" 2>/dev/null || true
	wait_for -t 20 not_one_left || break
	[[ $i != 0 ]] || ok "the mounts of a starter that was killed say so" wait_for says_so
	team_start
	noted=$(cat "$WORK"/notes/bert.* | wc -l)
	wait_for -t 60 back || break
done
is "$i" "$STARTS" "the starter was killed $STARTS times: all goes with it, and comes back by a new start"
: >"$WORK/notes/stop"
for i in "${!clients[@]}"; do
	ok "no byte differed for ${names[i]}" wait "${clients[i]}"
	diag "$(cat "$WORK/notes/said.${names[i]}")"
done
wait_for -t 60 healthy
ev anna audit show --case c1 --reads --json >"$WORK/shown"
# a request in flight when the service dies is asked again: one of each reader at most
ok "both ways: what was received is in the log, what is in the log was asked for" \
	/usr/bin/python3 "$readers" both "$WORK/shown" "$ROOT" $((12 * (killed[service] + killed[keys] + STARTS))) \
	"$WORK"/notes/{bert,carl,emil}.?
diag "$(tail -n 1 "$OUT")"
team_end
ok "there are checkpoints from in between" test -s "$WORK/anchor"
exits 0 "the log is intact, and complete up to them" "$EVIDENCEFS" audit verify --log "$LOG" --anchor "$WORK/anchor"
breaks=$(grep -c 'discontinuity: sealed up to' "$OUT" || true)
ok "each kill of service or keys that mattered is named: $breaks discontinuities" test "$breaks" -ge "$STARTS"
exits 0 "so says the other verifier" "$verify" --anchor "$WORK/anchor" "$LOG"
is "$(grep -c 'discontinuity: sealed up to' "$OUT")" "$breaks" "with as many discontinuities"

# ---- a mount of one's own ---------------------------------------------------------------------

mnt=$WORK/own/c1
mkdir -p "$WORK/own" "$WORK/mine"
serving() {
	"$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --json --type start | tail -1 |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])'
}
read_on() {
	[[ $(cat "$WORK"/mine/notes.* 2>/dev/null | wc -l) -gt $noted ]]
}
ok "a mount of one's own" mount_image --no-hash "$WORK/raw.dd" "$WORK/disk.E01" "$mnt"
noted=0
/usr/bin/python3 "$readers" until "$WORK/mine/stop" 6 "$WORK/mine/notes" \
	"$mnt/raw/p0-ext4/file1=$WORK/tree/file1" "$mnt/disk/p0-ext4/file2=$WORK/tree/file2" >"$WORK/mine/said" 2>&1 &
client=$!
track_pid $client
for ((i = 0; i < STARTS; i++)); do
	wait_for -t 30 read_on || break
	pause
	kill -9 "$(serving)"
	wait_for "$EVIDENCEFS" unmount "$mnt" || break
	mount_image --no-hash "$WORK/raw.dd" "$WORK/disk.E01" "$mnt" || break
	noted=$(cat "$WORK"/mine/notes.* | wc -l)
done
is "$i" "$STARTS" "its process was killed $STARTS times, and it was mounted again"
ok "and it is read again" wait_for -t 30 read_on
: >"$WORK/mine/stop"
ok "no byte differed" wait $client
diag "$(cat "$WORK/mine/said")"
ok "unmount" unmount_image "$mnt"
"$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --reads --json >"$WORK/shown"
ok "both ways, there too" /usr/bin/python3 "$readers" both "$WORK/shown" "$WORK" $((6 * STARTS)) "$WORK"/mine/notes.?
diag "$(tail -n 1 "$OUT")"
own=$(dirname "$(find "$STATE" -name origin.pub)")
exits 3 "its log is intact" "$EVIDENCEFS" audit verify --log "$own"
is "$(grep -c 'discontinuity: sealed up to' "$OUT")" "$STARTS" "each of its ends is named"
exits 3 "so says the other verifier" "$verify" "$own"
done_testing
