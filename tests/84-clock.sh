#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 84-clock.sh - the machine's clock is moved by a day: nothing comes alive
#
# Sets the clock of the whole machine, for seconds: only where EVIDENCEFS_SET_CLOCK
# is set. tests/unit/t-clock.c shows the same without.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
[[ -n ${EVIDENCEFS_SET_CLOCK:-} ]] || skip_all "sets the machine's clock (EVIDENCEFS_SET_CLOCK is not set)"
need fuse
need root
need users
need_tools mke2fs python3 setpriv

moved=0
move_clock() { # SECONDS
	date -s "@$(($(date +%s) + $1))" >/dev/null
	moved=$((moved + $1))
}
clock_back() {
	[[ $moved == 0 ]] || move_clock $((-moved))
}
on_exit clock_back

mkdir -p "$WORK/tree/a" "$WORK/tree/b" "$WORK/tree/c"
for d in a b c; do echo "$d" >"$WORK/tree/$d/file"; done
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 16M
user anna bert rosa
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r
ev anna grant c1 "${U[bert]}" disk/p0-ext4/a --role analyst --until +1s --reason r >/dev/null
ev anna grant c1 "${U[bert]}" disk/p0-ext4/b --role analyst --from +12h --reason r >/dev/null
ev anna grant c1 "${U[bert]}" disk/p0-ext4/c --role analyst --until +20h --reason r >/dev/null
B=$(view bert c1)/disk/p0-ext4
sees() {
	as bert cat "$B/$1/file"
}
ended() {
	! sees "$1"
}
ok "the first grant ends" wait_for ended a
ok "the third is in force" sees c

move_clock 86400
ok "forward by a day: what would have ended has" wait_for ended c
not_ok "what is to begin has not" sees b
not_ok "what had ended has" sees a
move_clock -86400
moved=0
sleep 1 # a second is what it may take to be wrong
for d in a b c; do
	not_ok "back again: $d does not come alive" sees $d
done
move_clock -86400
sleep 1
for d in a b c; do
	not_ok "back by a day: $d does not come alive" sees $d
done
clock_back
killed=$(service_pid)
kill -9 "$killed"
wait_for -t 20 "$EVIDENCEFS" status
for d in a b c; do
	not_ok "another service: $d does not come alive" sees $d
done
done_testing
