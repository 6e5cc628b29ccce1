#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# On a virtual machine processors do not halt while a mount is read, and do again behind it: as the
# kernel tells it. Other tests read at the same time: what it tells is waited for.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs python3 fusermount3
device=/dev/cpu_dma_latency
driver=/sys/devices/system/cpu/cpuidle/current_driver
[[ $(cat "$driver" 2>/dev/null) == haltpoll && -c $device ]] ||
	skip_all "idle processors do not leave the machine here: $driver is not haltpoll"
export EVIDENCEFS

microseconds() { # that a processor may take to wake
	python3 -c 'import sys; print(int.from_bytes(open(sys.argv[1], "rb", 0).read(4), sys.byteorder))' "$device"
}
are_awake() { [[ $(microseconds) == 0 ]]; }
may_halt() { [[ $(microseconds) != 0 ]]; }
holds() { # PID: how many descriptors of the device it has
	find "/proc/$1/fd" -lname "$device" | wc -l
}
reads_begin() { # FILE: again and again; sets $reader
	while :; do cat "$1"; done >/dev/null 2>&1 &
	reader=$!
	track_pid "$reader"
}
reads_end() {
	kill "$reader" 2>/dev/null || true # whose file was taken away has ended
	wait "$reader" 2>/dev/null || true
}
personal_pid() { # of who serves a mount
	find /proc/[0-9]*/exe -maxdepth 0 -lname "$WORK/bin/evidencefs" 2>/dev/null | cut -d / -f 3
}

mkdir -p "$WORK/tree" "$WORK/bin"
seq 1 20000 >"$WORK/tree/numbers.txt"
truncate -s 8M "$WORK/disk.dd"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd"
cp "$EVIDENCEFS" "$WORKER" "$WORK/bin/"
OWN=$WORK/bin/evidencefs
mnt=$WORK/mnt
mkdir "$mnt"
track_mount "$mnt"

# ---- a mount of root's own
"$OWN" mount --state "$STATE" "$WORK/disk.dd" "$mnt" >/dev/null
file=$mnt/disk/p0-ext4/numbers.txt
is "$(holds "$(personal_pid)")" 1 "a mount of root's own can ask for it"
ok "nobody reads: processors may halt" wait_for -t 120 may_halt
reads_begin "$file"
ok "somebody reads: they stay awake" wait_for -t 60 are_awake
reads_end
ok "nobody does any more: they may halt" wait_for -t 120 may_halt
reads_begin "$file"
ok "again they stay awake" wait_for -t 60 are_awake
kill -KILL "$(personal_pid)"
ok "who serves is killed meanwhile: they may halt" wait_for -t 120 may_halt
reads_end
fusermount3 -u "$mnt"

# ---- somebody else's
second_user
install -d -o "$USER2" "$WORK/theirs" "$WORK/theirs/mnt"
install -o "$USER2" -m 0400 "$WORK/disk.dd" "$WORK/theirs/disk.dd"
track_mount "$WORK/theirs/mnt"
ok "a user's own mount" as_user2 "$OWN" mount --state "$WORK/theirs/state" "$WORK/theirs/disk.dd" "$WORK/theirs/mnt"
is "$(holds "$(personal_pid)")" 0 "may not ask"
as_user2 cmp "$WORK/theirs/mnt/disk/p0-ext4/numbers.txt" - <"$WORK/tree/numbers.txt"
pass "and is read as ever"
fusermount3 -u "$WORK/theirs/mnt"

# ---- a team's
user anna bert
team_begin
ev root case create c1 --owner "${U[anna]}" >/dev/null
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r
ev anna grant c1 "${U[bert]}" --role analyst --reason r >/dev/null
is "$(holds "$(service_pid)")" 1 "the service of a team can ask for it, and is not root"
theirs=$(view bert c1)/disk/p0-ext4/numbers.txt
ok "an analyst's folder" wait_for as bert cmp -s "$WORK/tree/numbers.txt" "$theirs"
while :; do as bert cat "$theirs"; done >/dev/null 2>&1 &
reader=$!
track_pid "$reader"
ok "an analyst reads: they stay awake" wait_for -t 60 are_awake
reads_end
ok "nobody does any more: they may halt" wait_for -t 120 may_halt
team_end
printf '[limits]\nkeep_awake = no\n' >>"$CONF"
team_start
is "$(holds "$(service_pid)")" 0 "keep_awake = no: it cannot"
ok "and is read as ever" wait_for as bert cmp -s "$WORK/tree/numbers.txt" "$theirs"
done_testing
