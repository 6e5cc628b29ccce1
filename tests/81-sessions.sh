#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 81-sessions.sh - each user sees exactly what was granted, and nobody disturbs anybody
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs debugfs python3 setpriv pgrep

make_image() { # FILE
	mkdir -p "$WORK/tree/home/x/mail" "$WORK/tree/home/y" "$WORK/tree/etc"
	echo letter >"$WORK/tree/home/x/mail/letter"
	echo diary >"$WORK/tree/home/x/diary"
	echo other >"$WORK/tree/home/y/other"
	echo conf >"$WORK/tree/etc/conf"
	mke2fs -q -t ext4 -d "$WORK/tree" "$1" 16M
}

make_image "$WORK/laptop.dd"
user anna bert rosa carl
team_begin
V=p0-ext4

ok "root makes a case" ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ok "root adds evidence" ev root add c1 "$WORK/laptop.dd"
exits 1 "root cannot release it" ev root release c1 laptop --reason r
ok "its owner does" ev anna release c1 laptop --reason r
exits 1 "root cannot grant" ev root grant c1 "${U[bert]}" --role analyst --reason r
exits 1 "nothing can be granted to root" ev anna grant c1 root --role analyst --reason r
exits 1 "bert cannot grant himself" ev bert grant c1 "${U[bert]}" --role analyst --reason r

not_ok "no session without a grant" is_mounted "$ROOT/${U[bert]}"
ok "a grant of a folder" ev anna grant c1 "${U[bert]}" "laptop/$V/home/x" --role analyst --reason work
like "$(cat "$OUT")" '^[0-9]+$' "grant prints the id alone"
ok "his session is there" wait_for is_mounted "$ROOT/${U[bert]}"
B=$(view bert c1)/laptop/$V
is "$(as bert cat "$B/home/x/mail/letter")" letter "what was granted can be read"
is "$(as bert ls -A "$B")" home "a folder above shows only what leads to it"
is "$(as bert ls -A "$B/home")" x "and so does the next"
not_ok "what was not granted is not there" as bert stat "$B/etc"
like "$(as bert stat "$B/etc" 2>&1 || true)" "No such file" "it is ENOENT"
is "$(as bert stat "$B/etc" 2>&1 | sed 's/etc//' || true)" \
	"$(as bert stat "$B/nil" 2>&1 | sed 's/nil//' || true)" "as what never was"
not_ok "no bytes of the volume" as bert stat "$(view bert c1)/laptop/$V.raw"
not_ok "no bytes of the image" as bert stat "$(view bert c1)/laptop/image.raw"
ok "ACCESS.txt says what" grep -q 'home/x' <(as bert cat "$(view bert c1)/ACCESS.txt")
ok "and that it is not all" grep -q 'absence here is not evidence of absence' <(as bert cat "$(view bert c1)/ACCESS.txt")
ok "PRIVACY.txt" grep -qi privacy <(as bert cat "$ROOT/${U[bert]}/PRIVACY.txt")

not_ok "root cannot enter" ls "$ROOT/${U[bert]}"
not_ok "another user cannot enter" as carl ls "$ROOT/${U[bert]}"
not_ok "nor by a name he knows" as carl cat "$B/home/x/diary"

# B probes what he may not, A's work goes on
ok "carl gets a grant elsewhere" ev anna grant c1 "${U[carl]}" "laptop/$V/home/y" --role analyst --reason work
C=$(view carl c1)/laptop/$V
as carl sh -c "end=\$((\$(date +%s) + 5)); while [ \$(date +%s) -lt \$end ]; do
	stat '$C/home/x' '$C/etc' '$B/home/x'; cat '$C/home/x/diary'; ls '$C/home/x' '$B'; done" >/dev/null 2>&1 &
probing=$!
track_pid $probing
cat >"$WORK/steady.py" <<'PY'
import os, sys, time
os.chdir(sys.argv[1])
fd = os.open("diary", os.O_RDONLY)
end = time.time() + 4
while time.time() < end:
    assert os.getcwd() == sys.argv[1]
    assert os.pread(fd, 100, 0) == b"diary\n"
    assert os.listdir(".")
PY
chmod a+r "$WORK/steady.py"
ok "getcwd and an open file hold while another probes" as bert /usr/bin/python3 "$WORK/steady.py" "$B/home/x"
wait $probing || true

# exclusions win, deeper grants included
ok "an exclusion" ev anna exclude c1 "${U[bert]}" "laptop/$V/home/x/mail" --reason privileged
cp "$OUT" "$WORK/exclusion"
not_ok "what is excluded is gone" as bert stat "$B/home/x/mail"
is "$(as bert ls -A "$B/home/x")" diary "from listings too"
ok "a deeper grant" ev anna grant c1 "${U[bert]}" "laptop/$V/home/x/mail/letter" --role analyst --reason r
not_ok "does not bring it back" as bert stat "$B/home/x/mail/letter"
ok "the exclusion is lifted" ev anna revoke c1 "$(cat "$WORK/exclusion")" --reason r
is "$(as bert cat "$B/home/x/mail/letter")" letter "and it is there again"

# a session that ends
for id in $(ev anna grants c1 --who "${U[carl]}" --json | python3 -c 'import json,sys
for l in sys.stdin: print(json.loads(l)["id"])'); do
	ok "revoke $id" ev anna revoke c1 "$id" --reason over
done
ok "the last grant's end ends the session" wait_for not_mounted "$ROOT/${U[carl]}"

# the log
ok "the owner sees the log" ev anna audit show --case c1 --json
cp "$OUT" "$WORK/log"
ok "with the opens" grep -q '"path":"laptop/p0-ext4/home/x/mail/letter"' "$WORK/log"
exits 1 "root does not" ev root audit show --case c1
exits 1 "an analyst does not" ev bert audit show --case c1
team_end
pass "the service ends"
not_ok "and no session stays" is_mounted "$ROOT/${U[bert]}"
done_testing
