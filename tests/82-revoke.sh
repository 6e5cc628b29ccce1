#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 82-revoke.sh - within a second, everything that was open is dead; all else lives on
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs python3 setpriv pgrep

mkdir -p "$WORK/tree/ends/sub" "$WORK/tree/stays" "$WORK/tree/many"
python3 -c 'import os, sys
for i in range(300):
    open(sys.argv[1] + "/%03d" % i, "wb").write(os.urandom(20000))' "$WORK/tree/many"
head -c 200000 /dev/urandom >"$WORK/tree/ends/sub/file"
head -c 200000 /dev/urandom >"$WORK/tree/stays/file"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 24M
user anna bert rosa
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r
ev anna grant c1 "${U[bert]}" disk/p0-ext4/stays --role analyst --reason r >/dev/null
wait_for is_mounted "$ROOT/${U[bert]}"
B=$(view bert c1)/disk/p0-ext4

seconds_after() { # BEGIN NAME: how long after BEGIN that way of holding ended
	awk -v b="$1" -v n="$2" '$1 == n {printf "%d\n", ($2 - b) * 1000}' "$WORK/held"
}

how_ended() {
	awk -v n="$1" '$1 == n {print $3}' "$WORK/held"
}

# begin_holding: a program of bert's holds the file in every way
begin_holding() {
	: >"$WORK/held" # what it says is not to be taken for what the one before said
	as bert /usr/bin/python3 "$TOP/tests/helpers/holder.py" "$B/ends/sub/file" "$B/ends/sub" "$B/stays/file" \
		>"$WORK/held" 2>"$WORK/held.err" &
	holder=$!
	track_pid $holder
	wait_for -t 20 grep -q '^ready$' "$WORK/held" || diag "$(cat "$WORK/held" "$WORK/held.err")"
}

# check_ended BEGIN WHAT: every way ended within a second, as it should; another grant's file lives
check_ended() {
	local begin=$1 what=$2 way
	wait $holder || true
	for way in fd end stat listing cwd relative name shared private aio; do
		like "$(seconds_after "$begin" $way)" '^-?[0-9]{1,3}$' "$what: $way ended within a second"
	done
	for way in fd end listing aio; do
		is "$(how_ended $way)" EACCES "$what: $way is EACCES"
	done
	for way in shared private; do
		is "$(how_ended $way)" SIGBUS "$what: $way is SIGBUS"
	done
	is "$(how_ended name)" ENOENT "$what: by name it is ENOENT"
	is "$(how_ended kept)" alive "$what: a file under another grant lives on"
}

# by revoke
id=$(ev anna grant c1 "${U[bert]}" disk/p0-ext4/ends --role analyst --reason r)
begin_holding
begin=$(date +%s.%N)
ok "revoke" ev anna revoke c1 "$id" --reason over
check_ended "$begin" revoke
ok "the session is still there" is_mounted "$ROOT/${U[bert]}"

# by time
until=$(python3 -c 'import datetime; print((datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)).isoformat())')
ev anna grant c1 "${U[bert]}" disk/p0-ext4/ends --role analyst --until "$until" --reason r >/dev/null
begin_holding
check_ended "$(date -d "$until" +%s.%N)" "until"

# by exclusion
ev anna grant c1 "${U[bert]}" disk/p0-ext4/ends --role analyst --reason r >/dev/null
begin_holding
begin=$(date +%s.%N)
excluded=$(ev anna exclude c1 "${U[bert]}" disk/p0-ext4/ends --reason r)
check_ended "$begin" exclude
ev anna revoke c1 "$excluded" --reason r

# a grant that begins by itself
before=$(python3 -c 'import datetime; print((datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)).isoformat())')
user dora
ev anna grant c1 "${U[dora]}" disk/p0-ext4/stays --role analyst --from "$before" --reason r >/dev/null
not_ok "not yet" is_mounted "$ROOT/${U[dora]}"
ok "a grant begins by itself" wait_for is_mounted "$ROOT/${U[dora]}"

# a descriptor handed to another user gives nothing
ok "a descriptor passed to another user" /usr/bin/python3 "$TOP/tests/helpers/passed.py" "$B/stays/file" \
	"$(id -u "${U[bert]}")" "$(id -g "${U[bert]}")" "$(id -u "${U[dora]}")" "$(id -g "${U[dora]}")"

# the log has the end, and no allowed read of it afterwards
ev anna audit show --case c1 --reads --json >"$WORK/log"
ok "the log: no read allowed after the end" python3 - "$WORK/log" "$id" <<'PY'
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
end = [r["seq"] for r in rows if r["type"] == "revoke"][0]
grants = [r["seq"] for r in rows if r["type"] == "grant" and r["seq"] > end]
late = [r for r in rows if end < r["seq"] < grants[0] and r["decision"] == "allowed"
        and r["type"] in ("read", "open", "list") and (r["path"] or "").startswith("disk/p0-ext4/ends/")
        and r["result"] >= 0]
denied = [r for r in rows if r["decision"] == "denied" and r["seq"] > end]
print(late[:3], len(denied))
sys.exit(1 if late or not denied else 0)
PY

# what a tar that runs meanwhile writes holds nothing that was read after the end
begin_tar() { # a third of it goes on, then it waits for $WORK/go
	rm -f "$WORK/go" "$WORK/third"
	# shellcheck disable=SC2016
	as bert sh -c 'tar -C "$1" -cf - many' sh "$B" 2>"$WORK/tar.err" | python3 -c '
import os, shutil, sys, time
work = sys.argv[1]
with open(work + "/got.tar", "wb") as out:
    out.write(sys.stdin.buffer.read(2000000))
    open(work + "/third", "w").close()
    while not os.path.exists(work + "/go"):
        time.sleep(0.02)
    shutil.copyfileobj(sys.stdin.buffer, out)' "$WORK" &
	tar=$!
	track_pid $tar
	wait_for test -e "$WORK/third"
}
check_tar() { # WHAT TYPE TIME: the newest record of that type, or when it ended
	touch "$WORK/go"
	wait $tar || true
	ev anna audit show --case c1 --reads --json >"$WORK/log"
	ok "$1: the archive holds nothing that was read after it" python3 - "$WORK" "$2" "$3" "${U[bert]}" <<'PY'
import json, os, sys, tarfile
work, what, when, who = sys.argv[1:]
rows = [json.loads(l) for l in open(work + "/log")]
end = max((r["seq"] for r in rows if r["type"] == what), default=None)
seen = [r for r in rows if r["type"] in ("open", "read") and r["decision"] == "allowed" and r["user"] == who]
last = max(seen, key=lambda r: r["seq"])
whole, cut = [], []
with tarfile.open(work + "/got.tar") as t:
    for m in t:
        if not m.isfile():
            continue
        want = open(os.path.join(work, "tree", m.name), "rb").read()
        got = t.extractfile(m).read()
        same = next((i for i in range(len(want)) if got[i:i + 1] != want[i:i + 1]), len(want))
        assert not got[same:].strip(b"\0"), m.name  # tar fills up what it cannot read
        (whole if same == len(want) else cut).append(m.name)
print("whole", len(whole), "cut", len(cut), "last read", last["seq"], last["time"], "end", end, when)
late = last["time"][:19] > when[:19] if when else last["seq"] > end
sys.exit(late or not (10 < len(whole) < 300 and len(cut) <= 1))
PY
}
many() { # [OPTION...]: it is granted; prints the number
	ev anna grant c1 "${U[bert]}" disk/p0-ext4/many --role analyst "$@" --reason r
	wait_for as bert test -e "$B/many/000"
}
gone() {
	! as bert test -e "$B/many"
}
id=$(many)
begin_tar
ev anna revoke c1 "$id" --reason over >/dev/null
check_tar "a revocation" revoke ""
until=$(python3 -c 'import datetime; print((datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=8)).isoformat())')
many --until "$until" >/dev/null
begin_tar
wait_for -t 20 gone
check_tar "an expiry" none "$until"
many >/dev/null
begin_tar
ev rosa mark c1 disk/p0-ext4/many --state confirmed --basis b --reason r --yes >/dev/null
check_tar "a mark" mark ""

# who reads the log slowly reads it as long as he may
auditor=$(ev anna grant c1 "${U[dora]}" --role auditor --reason r)
mkfifo "$WORK/slow"
ev dora audit show --case c1 --reads --json >"$WORK/slow" 2>"$WORK/slow.err" &
reading=$!
track_pid $reading
exec 7<"$WORK/slow"
read -r line <&7
like "$line" '"seq"' "an auditor has begun to read the log"
ev anna revoke c1 "$auditor" --reason over >/dev/null
is_old() { # what he was let do is looked at four times a second
	(($(date +%s%N) - revoked > 500000000))
}
revoked=$(date +%s%N)
wait_for is_old
cat <&7 >/dev/null
exec 7<&-
not_ok "and does not end, when his right has" wait $reading
like "$(cat "$WORK/slow.err")" 'has changed meanwhile' "which is said"

# case close
begin_holding
begin=$(date +%s.%N)
ok "the case is closed" ev anna case close c1 --reason over
wait $holder || true
for way in fd end listing cwd shared private aio kept; do
	like "$(seconds_after "$begin" $way)" '^-?[0-9]{1,3}$' "close: $way ended within a second"
done
ok "and no session is left" wait_for not_mounted "$ROOT/${U[bert]}"
done_testing
