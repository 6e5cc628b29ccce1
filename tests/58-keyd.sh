#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 58-keyd.sh - the process that holds the log's keys: what it is, and what becomes of the log
# when the service, that process, or the connection between them goes
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"

set -eu
need fuse
need root
need users
need_tools python3 openssl setpriv
export EVIDENCEFS

KEYS=$WORK/team/keys

said() { "$EVIDENCEFS" audit verify --log "$LOG"; }
says() { said | grep -F -- "$1"; }
keyd_pid() { pgrep -P "$STARTER" -x evidencefs-keyd; }
of_keyd() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$(keyd_pid)/status"; }
healthy() { "$EVIDENCEFS" status; }
ill() { ! "$EVIDENCEFS" status 2>/dev/null; }
acts() { ev root case create "c$RANDOM$RANDOM" --owner "${U[anna]}"; }

team_begin
user anna
ok "the log is written" acts
kid=$(of_keyd Uid | cut -f1)
isnt "$kid" "0" "it is not root"
isnt "$kid" "$SERVICE_UID" "nor the service's user"
is "$(stat -c %u "/proc/$(keyd_pid)/environ")" "0" "not dumpable: what /proc has of it is root's"
is "$(of_keyd CapEff)$(of_keyd CapPrm)$(of_keyd CapBnd)" "$(printf '0%.0s' {1..48})" "it has no capabilities"
is "$(of_keyd NoNewPrivs)" "1" "and gains none"
as_service() { setpriv --reuid "$SERVICE_UID" --regid "$SERVICE_UID" --clear-groups "$@"; }
not_ok "the service cannot move the keys away" as_service mv "$KEYS" "$WORK/team/elsewhere"
ok "what is its own it can" as_service mv "$WORK/team/catalog.db" "$WORK/team/catalog.db.away"
ok "and back" as_service mv "$WORK/team/catalog.db.away" "$WORK/team/catalog.db"
is "$(of_keyd Seccomp)" "2" "its calls are filtered"
# but for the pages that the kernel lends to each process
if sanitized "$BUILD/evidencefs-keyd"; then
	skip "an address sanitizer lets nothing be locked" "all of its memory is locked"
else
	ok "all of its memory is locked" test "$(of_keyd VmLck | cut -d' ' -f1)" -ge "$(($(of_keyd VmRSS | cut -d' ' -f1) - 32))"
fi
is "$(of_keyd VmSwap)" "0 kB" "and none is swapped"
is "$(awk '/core file/ {print $5 $6}' "/proc/$(keyd_pid)/limits")" "00" "there are no cores"
is "$(stat -c '%u %a' "$KEYS")" "$kid 700" "its folder is its own"
not_ok "there is no key on the disk while it runs" test -e "$KEYS/log.key"

# ---- the service goes, the keys stay
first=$(said | sed -n "s/^record [0-9]*: the device's key is //p")
like "$first" "^SHA256:" "the log names the device's key"
old=$(keyd_pid)
kill -9 "$(service_pid)"
wait_for -t 20 acts
is "$(keyd_pid)" "$old" "SIGKILL of the service: the keys outlive it"
both 3 "the log holds"
like "$(said)" "endorses the discontinuity [0-9]+, by the device" "what came after is endorsed"
not_ok "by another key than the device's: the one in force" says "by the device, with $first"
not_ok "nothing is unendorsed" says unendorsed

# ---- the keys go, the service stays
served=$(service_pid)
another_keyd() { [[ $(keyd_pid) != "$old" ]]; }
kill -9 "$(keyd_pid)"
# with nothing to be recorded or sealed: the service sees that they are gone
ok "SIGKILL of the keys is noticed at once; endorsed by the device's key" wait_for says "by the device, with $first"
ok "the starter has started them again" another_keyd
is "$(service_pid)" "$served" "the service goes on"
ok "so does the log" wait_for -t 20 acts
both 3 "the log holds too"
not_ok "still nothing is unendorsed" says unendorsed

# ---- and cannot come back: those that were started do not answer
old=$(keyd_pid)
kill -9 "$old"
wait_for another_keyd
kill -STOP "$(keyd_pid)"
ok "keys that are gone, and do not come back: status says so before anything is asked" wait_for -t 30 ill
like "$("$EVIDENCEFS" status 2>&1)" "keyd.*cannot be reached" "and why"
kill -CONT "$(keyd_pid)"
ok "when they are there, all goes on" wait_for -t 30 healthy

# ---- they do not answer
kill -STOP "$(keyd_pid)"
acts || true # there is something to be sealed
wait_for -t 30 ill
like "$("$EVIDENCEFS" status 2>&1)" "keyd.*cannot be reached" "keys that do not answer: status says why"
not_ok "nothing is served or done" acts
kill -CONT "$(keyd_pid)"
wait_for -t 30 healthy
ok "when they answer again, all goes on" acts

# ---- a clean stop hands the key on
before=$(said | grep -c discontinuity:)
team_end
both 3 "after a clean stop"
is "$(said | sed -n 's/^intact: \([0-9]*\) records, sealed up to record \([0-9]*\);.*/\1 \2/p' | tr ' ' '\n' | sort -u | wc -l)" "1" "all is sealed"
is "$(stat -c '%u %a %s' "$KEYS/log.key")" "$kid 600 88" "its key waits"
team_start
ok "the next start takes it" acts
not_ok "and it is gone from the disk" test -e "$KEYS/log.key"
is "$(said | grep -c discontinuity:)" "$before" "no discontinuity"
team_end

# ---- without the device's key nobody vouches
rm "$KEYS/device.key" "$KEYS/log.key"
team_start
ok "keys that are lost" acts
both 3 "are named, and change no verdict"
like "$(said)" "this discontinuity is unendorsed" "as unendorsed"
isnt "$(said | sed -n "s/^record [0-9]*: the device's key is //p" | tail -1)" "$first" "the device has another key then"
done_testing
