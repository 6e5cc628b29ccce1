#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A team's evidence on storage that does not answer: other evidence, names and other users go
# on; a read that waits is refused at once when its right ends, and can be ended; a session
# ends while its reads hang, and so does the service.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs python3 setpriv ewfacquire
slowfs=$BUILD/tests/helpers/slowfs
[[ -x $slowfs ]] || lacking tools "tests/helpers/slowfs is not built (make check builds it)"

store=$WORK/slow
control=$WORK/control
mkdir "$WORK/tree" "$WORK/store" "$store"
head -c 3000000 /dev/urandom >"$WORK/tree/file"
cp "$WORK/tree/file" "$WORK/tree/second"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/store/slow.dd" 16M
cp "$WORK/store/slow.dd" "$WORK/other.dd"
ok "ewfacquire" ewfacquire -q -u -t "$WORK/store/third" -f encase6 -c fast -S 1.4GiB -m fixed -M physical \
	-C c -D d -e e -E 1 -N n "$WORK/store/slow.dd"

storage() { # WORDS: see slowfs.c
	rm -f "$control.waiting"
	echo "$*" >"$control.new"
	mv "$control.new" "$control"
}
waiting() {
	[[ -e $control.waiting ]]
}
trap 'storage delay 0; test_cleanup' EXIT # what hangs could not be unmounted
storage delay 0
track_mount "$store"
"$slowfs" "$WORK/store" "$store" "$control" 2>/dev/null &
track_pid $!
wait_for is_mounted "$store" || bail "slowfs does not mount"

user anna bert emil rosa
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ok "add what will hang" ev root add c1 "$store/slow.dd"
ok "add another" ev root add c1 "$WORK/other.dd"
ev anna release c1 slow --reason r
ev anna release c1 other --reason r
ok "and an E01, which only workers touch" ev root add c1 "$store/third.E01"
ev anna release c1 third --reason r
for name in bert emil; do
	ev anna grant c1 "${U[$name]}" --role analyst --reason r >/dev/null
done
B=$(view bert c1)
E=$(view emil c1)

readers=()
begin_readers() { # NAME FILE: more of them than there are threads for one image
	local i
	readers=()
	file=$2
	rm -f "$WORK"/refused.*
	for ((i = 0; i < 40; i++)); do
		LC_ALL=C setpriv --reuid="${U[$1]}" --regid="$(id -g "${U[$1]}")" --init-groups -- \
			dd if="$file" of=/dev/null bs=4096 count=1 skip=$((i * 16)) status=none 2>"$WORK/refused.$i" &
		readers+=($!)
		track_pid $!
	done
	wait_for waiting && wait_for all_wait
}
all_wait() { # has opened it, and sleeps
	local reader
	for reader in "${readers[@]}"; do
		[[ $(readlink "/proc/$reader/fd/0") == "$file" ]] || return 1
		[[ $(awk '/^State:/ {print $2}' "/proc/$reader/status") == [SD] ]] || return 1
	done
}
readers_gone() {
	local reader
	for reader in "${readers[@]}"; do
		[[ ! -e /proc/$reader || $(awk '/^State:/ {print $2}' "/proc/$reader/status" 2>/dev/null) == Z ]] || return 1
	done
}
others_go_on() { # NAME
	ok "$1: other evidence is read" timeout 20 cmp "$WORK/tree/file" <(as bert cat "$B/other/p0-ext4/file")
	ok "$1: names and attributes of what hangs too" as bert timeout 20 ls -l "$B/slow/p0-ext4"
	ok "$1: EVIDENCE.txt too" as bert timeout 20 cat "$B/slow/EVIDENCE.txt"
	ok "$1: another user reads" timeout 20 cmp "$WORK/tree/file" <(as emil cat "$E/other/p0-ext4/file")
}

storage hold slow.dd
ok "forty reads hang" begin_readers bert "$B/slow/p0-ext4/file"
others_go_on "forty reads hang"
kill "${readers[@]}"
ok "the readers can be ended" wait_for readers_gone
is "$(cat "$WORK"/refused.*)" "" "without an answer"
storage delay 0
ok "storage is back: read" cmp "$WORK/tree/file" <(as bert cat "$B/slow/p0-ext4/file")

storage hold slow.dd
ok "again" begin_readers bert "$B/slow/p0-ext4/file"
begun=$SECONDS
ok "an exclusion ends the right to what they read" ev anna exclude c1 "${U[bert]}" slow/p0-ext4/file --reason r
ok "all of them are answered" wait_for -t 5 readers_gone
ok "soon" test $((SECONDS - begun)) -le 5
is "$(cat "$WORK"/refused.* | sed 's/.*: //' | uniq -c | xargs)" "40 Permission denied" "with EACCES"
storage delay 0
ok "storage is back: others go on" cmp "$WORK/tree/file" <(as emil cat "$E/slow/p0-ext4/file")

storage hold slow.dd
ok "another user's" begin_readers emil "$E/slow/p0-ext4/file"
grants=$(ev anna grants c1 --json | python3 -c '
import json, sys
for line in sys.stdin:
    for r in json.loads(line) if line.startswith("[") else [json.loads(line)]:
        if sys.argv[1] in str(r): print(r.get("grant", r.get("id")))' "${U[emil]}")
begun=$SECONDS
for grant in $grants; do
	ok "his grant is revoked" ev anna revoke c1 "$grant" --reason r
done
ok "his readers are answered" wait_for -t 5 readers_gone
ok "soon" test $((SECONDS - begun)) -le 10
is "$(cat "$WORK"/refused.* | sed 's/.*: //' | uniq -c | xargs)" "40 Permission denied" "with EACCES"
ok "the service answers" "$EVIDENCEFS" status
ok "bert reads on" timeout 20 cmp "$WORK/tree/file" <(as bert cat "$B/other/p0-ext4/file")

# a service that calls pages back waits for one that a reader has locked: killed then, it could not
# end, and no other could begin
storage hold third.E01
as bert /usr/bin/python3 -c '
import mmap, sys
with open(sys.argv[1]) as f:
    print(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[-1])' "$B/third/p0-ext4/second" 2>/dev/null &
reader=$!
track_pid $reader
ok "a mapped page that storage does not give" wait_for waiting
before=
next_service() {
	[[ -n $(service_pid) && $(service_pid) != "$before" ]]
}
waits_for_page() {
	grep -qs folio "/proc/$(service_pid)/task/"*/wchan
}
before=$(service_pid)
kill -9 "$before"
wait_for -t 20 next_service
if wait_for -t 20 waits_for_page; then
	before=$(service_pid)
	kill -9 "$before"
	ok "a service that was killed while it waits for that page ends all the same" wait_for -t 20 next_service
	status=0
	wait $reader || status=$?
	is "$status" "$((128 + 7))" "the page's reader is told by SIGBUS"
	ok "and all goes on" wait_for -t 20 "$EVIDENCEFS" status
	ok "for others too" timeout 20 cmp "$WORK/tree/file" <(as bert cat "$B/other/p0-ext4/file")
else
	skip "this kernel does not wait" "a service that was killed while it waits for that page ends all the same"
	kill -9 $reader
fi
storage delay 0

storage block slow.dd
ok "and once more" begin_readers bert "$B/slow/p0-ext4/second"
begun=$SECONDS
ok "the service ends in order" team_end
ok "soon" test $((SECONDS - begun)) -le 15
ok "nobody waits any more" wait_for readers_gone
not_ok "it is unmounted" is_mounted "$ROOT/${U[bert]}"
done_testing
