#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 87-scale.sh - many sessions, grants and pieces of evidence; much that is cached and open when a right ends
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
slow
need_tools mke2fs python3 setpriv
USERS=${EVIDENCEFS_SCALE_USERS:-50}
NODES=${EVIDENCEFS_SCALE_NODES:-100000}

mkdir -p "$WORK/many" "$WORK/few/stays"
python3 - "$WORK/many" "$NODES" <<'PY'
import os, sys
for d in range(100):
    os.mkdir(f"{sys.argv[1]}/{d}")
    for f in range(int(sys.argv[2]) // 100):
        open(f"{sys.argv[1]}/{d}/{f}", "w").close()
    with open(f"{sys.argv[1]}/{d}/0", "w") as out:
        out.write("x" * 5000)
PY
echo stays >"$WORK/few/stays/file"
mke2fs -q -t ext4 -N $((NODES + 5000)) -d "$WORK/many" "$WORK/many.dd" 256M
mke2fs -q -t ext4 -d "$WORK/few" "$WORK/few.dd" 16M
user anna bert
team_begin
ev root case create c1 --owner "${U[anna]}" >/dev/null
ev root add c1 "$WORK/many.dd" >/dev/null
ev root add c1 "$WORK/few.dd" >/dev/null
for name in many few; do
	ev anna release c1 $name --reason r >/dev/null 2>&1
done
ev anna grant c1 "${U[bert]}" few --role analyst --reason r >/dev/null
id=$(ev anna grant c1 "${U[bert]}" many --role analyst --reason r)
wait_for is_mounted "$ROOT/${U[bert]}"
M=$(view bert c1)/many/p0-ext4
F=$(view bert c1)/few/p0-ext4

is "$(as bert find "$M" -type f | wc -l)" "$NODES" "$NODES files are listed, and in the kernel's cache"
as bert /usr/bin/python3 - "$M" "$F/stays/file" >"$WORK/held" <<'PY' &
import errno, os, sys, time
held = [os.open(f"{sys.argv[1]}/{d}/{f}", os.O_RDONLY) for d in range(100) for f in range(10)]
kept = os.open(sys.argv[2], os.O_RDONLY)
with_bytes = held[0::10]
print("ready", flush=True)
alive = dict.fromkeys(with_bytes)
while alive:
    for fd in list(alive):
        try:
            os.pread(fd, 100, 0)
        except OSError as e:
            assert e.errno == errno.EACCES, e
            alive.pop(fd)
    assert os.pread(kept, 10, 0) == b"stays\n"
print(f"{time.time():.6f}", flush=True)
PY
holder=$!
track_pid $holder
wait_for grep -q ready "$WORK/held"
begin=$(date +%s.%N)
ok "1000 open files, $NODES cached: revoke" ev anna revoke c1 "$id" --reason r
end=$(date +%s.%N)
ok "the file under another grant lived on" wait $holder
like "$(awk -v b="$begin" 'NR == 2 {printf "%d", ($1 - b) * 1000}' "$WORK/held")" '^[0-9]{1,3}$' "all were dead within a second"
diag "$(awk -v b="$begin" -v e="$end" 'NR == 2 {printf "dead after %.3f s, revoke took %.3f s", $1 - b, e - b}' "$WORK/held")"
not_ok "names too" as bert stat "$M/0/0"

# many users, many grants
names=()
for ((i = 0; i < USERS; i++)); do
	names+=("u$i")
done
user "${names[@]}"
groupadd "evfs-$$-all"
group_cleanup() {
	groupdel "evfs-$$-all"
}
on_exit group_cleanup
for name in "${names[@]}"; do
	usermod -a -G "evfs-$$-all" "${U[$name]}"
done
id=$(ev anna grant c1 "@evfs-$$-all" few --role analyst --reason r)
mounted() {
	[[ $(grep -c "$ROOT/evfs-$$-u" /proc/self/mountinfo) == "$1" ]]
}
ok "$USERS sessions at once" wait_for -t 60 mounted "$USERS"
good=0
for name in "${names[@]}"; do
	[[ $(as "$name" cat "$(view "$name" c1)/few/p0-ext4/stays/file") == stays ]] && good=$((good + 1))
done
is "$good" "$USERS" "each user reads in his own"
for ((i = 0; i < 200; i++)); do
	ev anna grant c1 "${U[bert]}" "few/p0-ext4/stays/f$i" --role analyst --reason "grant $i" >/dev/null
done
is "$(ev anna grants c1 --who "${U[bert]}" --json | wc -l)" 201 "two hundred grants more for one of them"
is "$(as bert cat "$F/stays/file")" stays "which change nothing else"

# several who change things at once lose nothing
before=$(ev anna grants c1 --json | wc -l)
racers=()
for ((i = 0; i < 6; i++)); do
	(for ((k = 0; k < 20; k++)); do
		ev anna grant c1 "${U[u$i]}" "few/p0-ext4/stays/r$k" --role analyst --reason "race $i $k"
	done) >"$WORK/race.$i" &
	racers+=($!)
done
wait "${racers[@]}"
is "$(cat "$WORK"/race.* | sort -un | wc -l)" 120 "six programs of the owner at once: each grant has an id of its own"
is "$(ev anna grants c1 --json | wc -l)" $((before + 120)) "and none is lost"
gpasswd -d "${U[u0]}" "evfs-$$-all" >/dev/null
left_group() {
	! as u0 stat "$(view u0 c1)/few/p0-ext4/stays/file"
}
ok "who leaves the group loses it within a minute" wait_for -t 61 left_group
begin=$(date +%s.%N)
ok "the grant of all is revoked" ev anna revoke c1 "$id" --reason r
ok "all of them end but those who hold others" wait_for -t 20 mounted 6
diag "$(awk -v b="$begin" -v e="$(date +%s.%N)" 'BEGIN {printf "%.3f s", e - b}')"
done_testing
