#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 88-marks.sh - a marked document goes by every road within a second, and comes back as it was
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs debugfs mkntfs ntfs-3g python3 setpriv

# the same letter as file, hard link, copy, deleted copy and stream, and what leads to it
head -c 5000 /dev/urandom >"$WORK/letter"
head -c 5000 /dev/urandom >"$WORK/other"
plant() { # TOP
	mkdir -p "$1/docs" "$1/mail/inner"
	cp "$WORK/letter" "$1/docs/letter.txt"
	ln "$1/docs/letter.txt" "$1/mail/hard.txt"
	cp "$WORK/letter" "$1/mail/copy.txt"
	cp "$WORK/letter" "$1/mail/gone.txt"
	cp "$WORK/other" "$1/mail/other.txt"
	cp "$WORK/other" "$1/docs/public.txt"
	ln -s ../docs/letter.txt "$1/mail/link"
	printf tiny >"$1/docs/tiny"
	printf tiny >"$1/mail/tiny"
	cp "$WORK/letter" "$1/mail/inner/again.txt"
	mkdir "$1/many"
	for i in {1..120}; do
		echo "$i" >"$1/many/$i"
	done
}
plant "$WORK/tree"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 16M
debugfs -w -R 'rm /mail/gone.txt' "$WORK/disk.dd" >/dev/null 2>&1
truncate -s 32M "$WORK/win.dd"
mkntfs -F -Q -q -p 0 -H 255 -S 63 "$WORK/win.dd" >/dev/null 2>&1
mkdir "$WORK/n"
track_mount "$WORK/n"
ntfs-3g -o streams_interface=windows "$WORK/win.dd" "$WORK/n"
plant "$WORK/n"
cp "$WORK/letter" "$WORK/n/mail/other.txt:stream"
printf page >"$WORK/n/pagefile.sys"
mkdir "$WORK/n/System Volume Information"
printf store >"$WORK/n/System Volume Information/{3808876b}"
sync -f "$WORK/n"
rm "$WORK/n/mail/gone.txt"
umount "$WORK/n"

user anna bert rosa rita ruth
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ev root add c1 "$WORK/disk.dd" >/dev/null
ev root add c1 "$WORK/win.dd" >/dev/null
ev anna release c1 disk --reason r 2>/dev/null
ev anna release c1 win --reason r 2>/dev/null
ev anna grant c1 "${U[bert]}" --rights read,deleted,raw --reason r >/dev/null
ev rosa grant c1 "${U[rita]}" --role reviewer --reason r >/dev/null
ev rosa grant c1 "${U[ruth]}" --role reviewer --reason r >/dev/null
for name in bert rita ruth; do
	wait_for is_mounted "$ROOT/${U[$name]}"
done
B=$(view bert c1)
R=$(view rita c1)

roads=(disk/p0-ext4/docs/letter.txt disk/p0-ext4/mail/hard.txt disk/p0-ext4/mail/copy.txt disk/p0-ext4/mail/inner/again.txt
	win/p0-ntfs/docs/letter.txt win/p0-ntfs/mail/hard.txt win/p0-ntfs/mail/copy.txt win/p0-ntfs/mail/other.txt:stream
	win/p0-ntfs.deleted/mail/gone.txt)
links=(disk/p0-ext4/mail/link)
[[ ! -L "$R/win/p0-ntfs/mail/link" ]] || links+=(win/p0-ntfs/mail/link)
holders=(win/p0-ntfs/pagefile.sys
	"win/p0-ntfs/System Volume Information" "win/p0-ntfs/\$MFT" "win/p0-ntfs/\$LogFile")
stays=(disk/image.raw disk/p0-ext4.raw disk/p0-ext4.unallocated win/image.raw disk/p0-ext4/docs/public.txt disk/p0-ext4/mail/other.txt disk/p0-ext4/docs/tiny win/p0-ntfs/mail/other.txt)

ok "before: an analyst sees all of it" all_there bert "${roads[@]}" "${links[@]}" "${holders[@]}" "${stays[@]}"
everything bert >"$WORK/before"
everything rita >"$WORK/before.rita"

# what is refused
not_ok "root marks nothing" ev root mark c1 disk/p0-ext4/docs/letter.txt --state suspected --basis b --reason r
not_ok "an analyst confirms nothing" ev bert mark c1 disk/p0-ext4/docs/letter.txt --state confirmed --basis b --reason r
not_ok "nor rejects" ev bert mark c1 disk/p0-ext4/docs/letter.txt --state rejected --basis b --reason r
not_ok "nor looks at marks" ev bert marks c1
exits 2 "a state that is none" ev bert mark c1 disk/p0-ext4/docs --state maybe --basis b --reason r
exits 2 "no basis" ev bert mark c1 disk/p0-ext4/docs --state suspected --reason r
! ev bert mark c1 disk/p0-ext4/docs/none --state suspected --basis b --reason r 2>"$WORK/none" || fail "marked nothing"

# a dry run says what would go, by road, and changes nothing
ev bert mark c1 disk/p0-ext4/docs/letter.txt --state suspected --basis b --reason r --dry-run --json >"$WORK/dry"
ok "a dry run counts by road" python3 - "$WORK/dry" <<'PY'
import json, sys
roads = {r["road"]: r for r in map(json.loads, open(sys.argv[1]))}
print(roads)
n = {k: v["withheld"] for k, v in roads.items()}
sys.exit(not (n["mark"] == 1 and n["inode"] == 1 and n["copy"] >= 7 and n["link"] >= 1 and "bytes" not in n
              and n["system"] >= 3 and all(v["shown"] == 0 for v in roads.values())))
PY
ok "and changes nothing" all_there bert "${roads[@]}"

# an analyst suspects it: within a second it is gone for him and all like him, also what is open
as bert /usr/bin/python3 "$TOP/tests/helpers/holder.py" "$B/disk/p0-ext4/mail/copy.txt" "$B/disk/p0-ext4/mail" \
	"$B/disk/p0-ext4/docs/public.txt" >"$WORK/held" 2>"$WORK/held.err" &
holder=$!
track_pid $holder
wait_for -t 20 grep -q '^ready$' "$WORK/held" || diag "$(cat "$WORK/held" "$WORK/held.err")"
begin=$(date +%s.%N)
ok "suspected" ev bert mark c1 disk/p0-ext4/docs/letter.txt --state suspected --basis 'lawyer' --reason r
ok "gone by every road" none_there bert "${roads[@]}" "${links[@]}" "${holders[@]}"
ok "all else stays" all_there bert "${stays[@]}"
ok "a reviewer sees it" all_there rita "${roads[@]}" "${links[@]}" "${holders[@]}"
everything rita >"$WORK/after.rita"
same_file "$WORK/before.rita" "$WORK/after.rita" "all of it, as it was"
wait_for -t 20 grep -q '^fd ' "$WORK/held" || true
ended=$(awk -v b="$begin" '$1 == "fd" {printf "%d %s", ($2 - b) * 1000, $3}' "$WORK/held")
like "$ended" '^-?[0-9]{1,3} EACCES$' "an open copy ended within a second"
kill $holder 2>/dev/null || true

# what is hidden and what is not there: the same words
! ev bert mark c1 disk/p0-ext4/mail/copy.txt --state suspected --basis b --reason r 2>"$WORK/hidden" || fail "marked what is hidden"
is "$(sed 's/copy.txt/X/' "$WORK/hidden")" "$(sed 's,docs/none,mail/X,' "$WORK/none")" "what is hidden is refused as what is not there"

# marks
ev rita marks c1 --json >"$WORK/marks"
ok "marks" python3 - "$WORK/marks" "${U[bert]}" <<'PY'
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
print(rows)
r = rows[0]
sys.exit(not (len(rows) == 1 and r["state"] == "suspected" and r["origin"] == "user" and r["basis"] == "lawyer"
              and r["path"] == "disk/p0-ext4/docs/letter.txt" and r["by"] == sys.argv[2] and r["case"] == "c1"
              and {"id", "reason", "at"} <= set(r)))
PY
ev rita marks c1 --why win/p0-ntfs/mail/other.txt:stream --json >"$WORK/why"
is "$(python3 -c 'import json,sys; print([json.loads(l)["road"] for l in open(sys.argv[1])])' "$WORK/why")" "['copy']" "why: a copy"
ev anna audit show --case c1 --type mark --json >"$WORK/log"
ok "the log has the mark and what was refused" python3 - "$WORK/log" <<'PY'
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
sys.exit(not (sum(r["decision"] == "allowed" for r in rows) == 1 and sum(r["decision"] == "denied" for r in rows) >= 4))
PY

ev anna audit show --case c1 --json >"$WORK/log"
ok "names that are withheld are not in it for whoever lacks \`privileged\`" python3 - "$WORK/log" <<'PY'
import json, sys
paths = [r["path"] or "" for r in map(json.loads, open(sys.argv[1]))]
sys.exit(not (not any("letter" in p or "mail/copy" in p for p in paths) and any("/withheld-" in p for p in paths)
              and any("public.txt" in p for p in paths)))
PY
ok "nor to be found by them" test -z "$(ev anna audit show --case c1 --path disk/p0-ext4/docs/letter.txt --json)"

# rejected: everything is as before
ok "rejected" ev rita mark c1 disk/p0-ext4/docs/letter.txt --state rejected --basis b --reason r
ok "it is back" all_there bert "${roads[@]}" "${links[@]}" "${holders[@]}" "${stays[@]}"
everything bert >"$WORK/after"
same_file "$WORK/before" "$WORK/after" "every name and every byte as before"

# confirmed: suspected changes nothing, and it takes a second reviewer to reject it
ev rita mark c1 disk/p0-ext4/docs/letter.txt --state confirmed --basis b --reason r >/dev/null
ev ruth mark c1 disk/p0-ext4/docs/letter.txt --state suspected --basis b --reason r >/dev/null 2>&1
is "$(ev rita marks c1 --json | python3 -c 'import json,sys; print([json.loads(l)["state"] for l in sys.stdin])')" "['confirmed']" "suspected never replaces confirmed"
ev rita mark c1 disk/p0-ext4/docs/letter.txt --state rejected --basis b --reason r >/dev/null 2>"$WORK/waits"
ok "who confirmed it alone does not reject it" none_there bert "${roads[@]}"
like "$(cat "$WORK/waits")" 'somebody else' "and is told"
ev ruth mark c1 disk/p0-ext4/docs/letter.txt --state rejected --basis b --reason r >/dev/null
ok "a second reviewer does" all_there bert "${roads[@]}" "${links[@]}" "${holders[@]}"

# a folder, and what is not privileged in it
ev rita mark c1 disk/p0-ext4/mail --state suspected --basis b --reason r >/dev/null
ok "a marked folder goes with all below, and its copies" none_there bert disk/p0-ext4/mail "${roads[@]}" disk/p0-ext4/docs/public.txt \
	win/p0-ntfs/docs/public.txt
ok "not what is too small to follow" all_there bert disk/p0-ext4/docs/tiny
ev rita mark c1 disk/p0-ext4/mail/other.txt --state rejected --basis b --reason r >/dev/null
ok "a rejection inside shows what it is on, and its copies" all_there bert disk/p0-ext4/mail/other.txt disk/p0-ext4/docs/public.txt
is "$(as bert ls "$B/disk/p0-ext4/mail")" other.txt "and nothing else of the folder"
ev rita mark c1 disk/p0-ext4/mail/copy.txt --state rejected --basis b --reason r >/dev/null 2>"$WORK/left"
like "$(cat "$WORK/left")" 'still withheld: copy' "a rejection says which road is left"
ok "every mark that was given is kept" test "$(ev rita marks c1 --history --json | wc -l)" = 9
before=$(service_pid)
kill -9 "$before"
wait_for -t 20 "$EVIDENCEFS" status
ok "marks outlive the service" none_there bert "${roads[@]}"
ev rita mark c1 disk/p0-ext4/mail --state rejected --basis b --reason r >/dev/null
everything bert >"$WORK/end"
same_file "$WORK/before" "$WORK/end" "all is as it was"

# more than a hundred
exits 1 "a hundred traces are not withheld by accident" ev rita mark c1 win --state suspected --basis b --reason r
ok "--yes" ev rita mark c1 win --state suspected --basis b --reason r --yes
ok "it is gone" none_there bert win
done_testing
