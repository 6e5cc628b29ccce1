#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# On a virtual machine processors do not halt while a mount is read, and do again behind it: as the
# kernel tells it, of the whole machine. Who else keeps them awake is waited for. That and when a
# session asks (mount/loop.c) is tested only here; what it asks for, in t-awake.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs python3 fusermount3 setpriv pgrep
device=/dev/cpu_dma_latency
driver=/sys/devices/system/cpu/cpuidle/current_driver
export EVIDENCEFS

microseconds() { # that a processor may take to wake
	python3 -c 'import sys; print(int.from_bytes(open(sys.argv[1], "rb", 0).read(4), sys.byteorder))' "$device"
}
are_awake() { [[ $(microseconds) == 0 ]]; }
may_halt() { [[ $(microseconds) -gt 0 ]]; }
holds() { # PID: how many descriptors of the device it has
	[[ -d /proc/$1/fd ]] || bail "process $1 is gone"
	find "/proc/$1/fd" -lname "$device" | wc -l
}
reads_begin() { # COMMAND...: again and again, until it fails; sets $reader
	while "$@"; do :; done >/dev/null 2>&1 &
	reader=$!
	track_pid "$reader"
}
reads_end() {
	kill "$reader" 2>/dev/null || true # it has ended where its file was taken away
	wait "$reader" 2>/dev/null || true
}
one_serves() { # sets $server
	server=$(find /proc/[0-9]*/exe -maxdepth 0 -lname "$WORK/bin/evidencefs" 2>/dev/null | cut -d / -f 3)
	[[ $server =~ ^[0-9]+$ ]]
}

[[ $(cat "$driver" 2>/dev/null) == haltpoll ]] || skip_all "the idle driver is not haltpoll here ($driver)"
microseconds >/dev/null 2>&1 || skip_all "$device cannot be opened"
wait_for -t 120 may_halt || skip_all "something else keeps the processors awake"

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
ok "a mount of root's own" wait_for one_serves
is "$(holds "$server")" 1 "can ask for it"
reads_begin cat "$file"
ok "somebody reads: processors stay awake" wait_for -t 60 are_awake
reads_end
ok "nobody does any more: they may halt" wait_for -t 120 may_halt
reads_begin cat "$file"
ok "again they stay awake" wait_for -t 60 are_awake
kill -KILL "$server"
ok "who serves is killed meanwhile: they may halt" wait_for -t 120 may_halt
reads_end
fusermount3 -u "$mnt"

# ---- somebody else's
second_user
install -d -o "$USER2" "$WORK/theirs" "$WORK/theirs/mnt"
install -o "$USER2" -m 0400 "$WORK/disk.dd" "$WORK/theirs/disk.dd"
track_mount "$WORK/theirs/mnt"
as_user2 "$OWN" mount --state "$WORK/theirs/state" "$WORK/theirs/disk.dd" "$WORK/theirs/mnt" >/dev/null
ok "a user's own mount" wait_for one_serves
is "$(holds "$server")" 0 "may not ask"
ok "and is read as ever" as_user2 cmp "$WORK/tree/numbers.txt" "$WORK/theirs/mnt/disk/p0-ext4/numbers.txt"
fusermount3 -u "$WORK/theirs/mnt"

# ---- a team's
user anna bert
team_begin
ev root case create c1 --owner "${U[anna]}" >/dev/null
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r >/dev/null
ev anna grant c1 "${U[bert]}" --role analyst --reason r >/dev/null
is "$(holds "$(service_pid)")" 1 "the service of a team can ask for it"
theirs=$(view bert c1)/disk/p0-ext4/numbers.txt
ok "an analyst's folder" wait_for as bert cmp -s "$WORK/tree/numbers.txt" "$theirs"
reads_begin as bert cat "$theirs"
ok "an analyst reads: they stay awake" wait_for -t 60 are_awake
reads_end
ok "nobody does any more: they may halt" wait_for -t 120 may_halt
team_end
printf '[limits]\nkeep_awake = no\n' >>"$CONF"
team_start
is "$(holds "$(service_pid)")" 0 "keep_awake = no: it cannot"
ok "and is read as ever" wait_for as bert cmp -s "$WORK/tree/numbers.txt" "$theirs"
done_testing
