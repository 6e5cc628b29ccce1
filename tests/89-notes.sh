#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 89-notes.sh - notes are read by who holds `notes` and sees what they are about, as long as he does
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs debugfs python3 setpriv getfattr

mkdir -p "$WORK/tree/docs/inner" "$WORK/tree/mail"
head -c 5000 /dev/urandom >"$WORK/tree/docs/letter.txt"
head -c 5000 /dev/urandom >"$WORK/tree/docs/gone.txt"
cp "$WORK/tree/docs/letter.txt" "$WORK/tree/mail/copy.txt"
echo public >"$WORK/tree/docs/inner/public.txt"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 16M
debugfs -w -R 'rm /docs/gone.txt' "$WORK/disk.dd" >/dev/null 2>&1
cp "$WORK/disk.dd" "$WORK/held.dd"
cp "$WORK/disk.dd" "$WORK/notes.dd"

# anna owns, rosa is the officer; alice and adam are analysts, part sees docs alone, reader has no notes
user anna rosa rita alice adam part reader out
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ev root add c1 "$WORK/disk.dd" >/dev/null
ev root add c1 "$WORK/held.dd" >/dev/null
ev anna release c1 disk --reason r 2>/dev/null
ev anna grant c1 "${U[alice]}" --role analyst --reason r >/dev/null
adam=$(ev anna grant c1 "${U[adam]}" --role analyst --reason r)
ev anna grant c1 "${U[part]}" disk/p0-ext4/docs --rights read,notes --reason r >/dev/null
ev anna grant c1 "${U[reader]}" --rights read,deleted --reason r >/dev/null
ev rosa grant c1 "${U[rita]}" --role reviewer --reason r >/dev/null
for name in rita alice adam part reader; do
	wait_for is_mounted "$ROOT/${U[$name]}"
done
L=disk/p0-ext4/docs/letter.txt

notes() { # USER: names of what is in notes/
	as "$1" ls -A "$(view "$1" c1)/notes"
}
count() { # USER
	notes "$1" | wc -l
}
listed() { # USER [PATH]: ids
	ev "$@" --json 2>/dev/null | python3 -c 'import json,sys; [print(json.loads(l)["id"]) for l in sys.stdin]'
}
list() { # USER [PATH]
	local name=$1
	shift
	listed "$name" note list c1 "$@"
}

ok "an empty folder before the first" test -d "$ROOT" -a "$(count alice)" = 0
not_ok "none for who does not hold \`notes\`" as reader test -e "$(view reader c1)/notes"
ok "nor is it listed" test -z "$(as reader ls "$(view reader c1)" | grep notes)"
not_ok "none for the owner" as anna test -e "$(view anna c1)/notes"

# who may
letter=$(ev alice note add c1 "$L" --text "looks like a draft")
like "$letter" '^[0-9a-f]{16}$' "add prints the id alone"
not_ok "who holds no \`annotate\` adds none" ev part note add c1 "$L" --text x
not_ok "nor a reviewer" ev rita note add c1 "$L" --text x
not_ok "nor the owner" ev anna note add c1 "$L" --text x
not_ok "nor root" ev root note add c1 "$L" --text x
not_ok "nor somebody with nothing in the case" ev out note add c1 "$L" --text x
not_ok "who holds no \`notes\` lists none" ev reader note list c1
not_ok "nor root" ev root note list c1
exits 2 "no text" ev alice note add c1 "$L"
exits 2 "an empty one" ev alice note add c1 "$L" --text ''
exits 2 "no path" ev alice note add c1
ok "65,536 bytes" ev alice note add c1 disk/p0-ext4/mail --text "$(head -c 65536 /dev/zero | tr '\0' x)"
exits 1 "not one more" ev alice note add c1 disk/p0-ext4/mail --text "$(head -c 65537 /dev/zero | tr '\0' x)"
like "$(cat "$ERR")" 65536 "and it says so"

# what it is about: a directory, a deleted file, a volume, the whole piece of evidence; by its place in the session too
folder=$(ev alice note add c1 disk/p0-ext4/docs --text "all of the folder")
deleted=$(ev alice note add c1 disk/p0-ext4.deleted/docs/gone.txt --text "was deleted")
volume=$(ev adam note add c1 disk/p0-ext4 --text "the volume")
whole=$(ev adam note add c1 disk --text "the disk")
inner=$(ev adam note add c1 "$(view adam c1)/disk/p0-ext4/docs/inner/public.txt" --text $'two\nlines\e[31m\x01 and \xff')
copy=$(ev alice note add c1 disk/p0-ext4/mail/copy.txt --text "a copy")
is "$(count alice)" 8 "all of them are read by an analyst"
is "$(count rita)" 8 "and by a reviewer"
is "$(notes part | LC_ALL=C sort)" "$(printf '%s.txt\n' "$letter" "$folder" "$inner" | LC_ALL=C sort)" \
	"who sees a part reads what is about that part, and not about what only leads there"
is "$(list part | LC_ALL=C sort)" "$(notes part | sed 's/.txt//' | LC_ALL=C sort)" "the list is the folder's"
is "$(list alice "$L")" "$letter" "of a path"
is "$(list alice disk/p0-ext4/docs | LC_ALL=C sort)" "$(printf '%s\n' "$letter" "$folder" "$inner" | LC_ALL=C sort)" "and what is below it"
is "$(list alice disk/p0-ext4/none)" "" "of a path that is not there: none"
is "$(list part disk/p0-ext4/mail)" "" "of one that is hidden: none"

# what a note says
ev alice note list c1 "$L" --json >"$WORK/json"
ok "keys" python3 - "$WORK/json" "$letter" "$L" "${U[alice]}" <<'PY'
import json, re, sys
r = json.loads(open(sys.argv[1]).read())
print(r)
sys.exit(not (list(r) == ["id", "case", "path", "text", "by", "at"] and r["id"] == sys.argv[2] and r["case"] == "c1"
              and r["path"] == sys.argv[3] and r["by"] == sys.argv[4] and r["text"] == "looks like a draft"
              and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", r["at"])))
PY
as part cat "$(view part c1)/notes/$letter.txt" >"$WORK/text"
ok "author, time, path, text" python3 - "$WORK/text" "$WORK/json" "$(id -u "${U[alice]}")" <<'PY'
import json, sys
text, r = open(sys.argv[1]).read(), json.loads(open(sys.argv[2]).read())
print(text)
sys.exit(text != f"by     {r['by']} (uid {sys.argv[3]})\nat     {r['at']}\nabout  {r['path']}\n\n{r['text']}\n")
PY
as part cat "$(view part c1)/notes/$inner.txt" >"$WORK/text"
is "$(tail -n 2 "$WORK/text")" $'two\nlines\\x1b[31m\\x01 and \\xff' "lines stay lines, nothing else reaches a terminal"
ev part note list c1 --json >"$WORK/json"
not_ok "nor from a list" grep -q -P '[\x00-\x08\x0b-\x1f]' "$WORK/json"
ev part note list c1 >"$WORK/table"
is "$(grep -c . "$WORK/table")" 4 "a line for each in a table"
is "$(as alice stat -c '%a %U %h %F' "$(view alice c1)/notes/$letter.txt")" "400 ${U[alice]} 1 regular file" "an ordinary file"
is "$(as alice stat -c '%a %F' "$(view alice c1)/notes")" "500 directory" "in an ordinary folder"
is "$(as alice cat "$(view alice c1)/notes/$letter.txt" | wc -c)" "$(as alice stat -c %s "$(view alice c1)/notes/$letter.txt")" "of the size it says"
not_ok "which nobody writes to" as alice touch "$(view alice c1)/notes/new"
ok "names hold nothing of the evidence" test -z "$(notes alice | grep -v -E '^[0-9a-f]{16}\.txt$')"
is "$(as alice getfattr -d -m - "$(view alice c1)/notes/$letter.txt" 2>/dev/null)" "" "nor do attributes"

# what is hidden and what is not there
add() { # PATH OUT: what adding a note to it says
	! ev alice note add c1 "$1" --text x >"$2" 2>&1
}
ok "nothing is there" add disk/p0-ext4/docs/none "$WORK/none"
ok "held evidence is not there" add held/p0-ext4/docs/letter.txt "$WORK/hidden"
is "$(sed 's,held/p0-ext4/docs/letter.txt,X,' "$WORK/hidden")" "$(sed 's,disk/p0-ext4/docs/none,X,' "$WORK/none")" "in the same words"
ok "held evidence as a whole, and none of that name" add held "$WORK/hidden"
ok "likewise" add hold "$WORK/none"
is "$(sed 's,held,X,' "$WORK/hidden")" "$(sed 's,hold,X,' "$WORK/none")" "in the same words"
! ev part note list c1 held >"$WORK/hidden" 2>&1 || true
! ev part note list c1 hold >"$WORK/none" 2>&1 || true
same_file "$WORK/hidden" "$WORK/none" "and listed alike"

# sight ends: within a second it is gone, also what is open
hold() { # USER ID: a process that reads it over and over, and says when and how that ended
	as "$1" /usr/bin/python3 - "$(view "$1" c1)/notes" "$2.txt" >"$WORK/held.$1" 2>&1 <<'PY' &
import errno, os, sys, time
d = os.open(sys.argv[1], os.O_RDONLY)
fd = os.open(sys.argv[2], os.O_RDONLY, dir_fd=d)
print("ready", len(os.pread(fd, 65536, 0)), flush=True)
while time.sleep(0.01) is None:
    try:
        os.pread(fd, 10, 0)
    except OSError as e:
        print("ended", time.time(), errno.errorcode[e.errno], flush=True)
        break
PY
	track_pid $!
	wait_for -t 20 grep -q "^ready" "$WORK/held.$1" || diag "$(cat "$WORK/held.$1")"
}
ended_like() { # USER BEGIN: how, within a second
	wait_for -t 20 grep -q "^ended" "$WORK/held.$1" >&2 || true
	awk -v b="$2" '$1 == "ended" {printf "%s %s", ($2 - b < 1 ? "soon" : $2 - b), $3}' "$WORK/held.$1"
}
hold part "$letter"
hold adam "$copy"
begin=$(date +%s.%N)
ev rita mark c1 "$L" --state suspected --basis b --reason r >/dev/null
is "$(ended_like part "$begin")" "soon EACCES" "a note about what is marked ends where it is open"
is "$(ended_like adam "$begin")" "soon EACCES" "and about a copy of that"
is "$(notes part | LC_ALL=C sort)" "$(printf '%s.txt\n' "$folder" "$inner" | LC_ALL=C sort)" "it is in no listing"
not_ok "by no name" as part test -e "$(view part c1)/notes/$letter.txt"
is "$(as alice cat "$(view alice c1)/notes/$copy.txt" 2>&1 | sed 's,.*: ,,')" "No such file or directory" "nor that of the copy, for its author"
is "$(list alice "$L")" "" "nor in a list"
is "$(count alice)" 6 "the others stay"
is "$(count rita)" 8 "a reviewer reads it still"
ok "and a note is refused as if nothing were there" add "$L" "$WORK/hidden"
ok "which is not" add disk/p0-ext4/docs/lettr.txt "$WORK/none"
is "$(sed "s,$L,X," "$WORK/hidden")" "$(sed 's,disk/p0-ext4/docs/lettr.txt,X,' "$WORK/none")" "in the same words"

# the log: who added what, who read what; not the name of what is withheld
ev anna audit show --case c1 --type note --json >"$WORK/log"
ok "the log has each, and what was refused" python3 - "$WORK/log" "$L" <<'PY'
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
done = [r for r in rows if r["decision"] == "allowed"]
paths = [r["path"] for r in done]
print(paths)
sys.exit(not (len(done) == 8 and sum(r["decision"] == "denied" for r in rows) >= 10 and sys.argv[2] not in paths
              and sum("/withheld-" in p for p in paths) == 2 and "disk/p0-ext4/docs" in paths and "disk" in paths))
PY
ev rosa grant c1 "${U[rita]}" --rights audit --reason r >/dev/null 2>&1 || ev anna grant c1 "${U[rita]}" --rights audit --reason r >/dev/null
ev rita audit show --case c1 --type note --json >"$WORK/log"
ok "with its name for who may see it" grep -q "\"$L\"" "$WORK/log"
ev rita audit show --case c1 --type open --json >"$WORK/log"
ok "and who opened which note" grep -q "\"notes/$letter.txt\"" "$WORK/log"
ev anna audit show --case c1 --type open --json >"$WORK/log"
ok "of a note about what is withheld, only who may see that" test "$(grep -c "\"notes/$inner.txt\"" "$WORK/log")" -gt 0 \
	-a "$(grep -c "\"notes/$letter.txt\"" "$WORK/log")" = 0
not_ok "no text is in it" grep -r -q -a -e "looks like a draft" -e "the volume" "$WORK/team/log"

ev rita mark c1 "$L" --state rejected --basis b --reason r >/dev/null
is "$(count part)" 3 "it is back with what it is about"
ok "and reads as before" as part grep -q "looks like a draft" "$(view part c1)/notes/$letter.txt"

# an exclusion, and the end of a grant
hold alice "$inner"
begin=$(date +%s.%N)
id=$(ev anna exclude c1 "${U[alice]}" disk/p0-ext4/docs --reason r)
is "$(ended_like alice "$begin")" "soon EACCES" "an exclusion ends it"
is "$(count alice)" 4 "with all about what is below"
is "$(count adam)" 8 "for nobody else"
ev anna revoke c1 "$id" --reason r >/dev/null
is "$(count alice)" 8 "until it is lifted"
id=$(ev anna grant c1 "${U[reader]}" disk/p0-ext4/mail --rights notes --reason r)
is "$(count reader)" 2 "\`notes\` on a part: what is about that part"
is "$(as reader ls "$(view reader c1)")" "$(printf 'ACCESS.txt\ndisk\nnotes')" "and the folder"
hold reader "$copy"
as reader /usr/bin/python3 -c 'import os,sys,time
os.chdir(sys.argv[1])
print("ready", flush=True)
while time.sleep(0.01) is None:
    try: os.listdir(".")
    except OSError as e: print("ended", time.time(), e.errno, flush=True); break' "$(view reader c1)/notes" >"$WORK/cwd" &
track_pid $!
wait_for -t 20 grep -q ready "$WORK/cwd"
begin=$(date +%s.%N)
ev anna revoke c1 "$id" --reason r >/dev/null
is "$(ended_like reader "$begin")" "soon EACCES" "the end of a grant ends it"
wait_for -t 20 grep -q '^ended' "$WORK/cwd" || true
like "$(awk '$1 == "ended" {print $3}' "$WORK/cwd")" '^(13|116)$' "the folder too, for who stands in it"
not_ok "which is not there any more" as reader test -e "$(view reader c1)/notes"
hold adam "$volume"
begin=$(date +%s.%N)
ev anna revoke c1 "$adam" --reason r >/dev/null
like "$(ended_like adam "$begin")" '^soon (EACCES|ENOTCONN|ECONNABORTED)$' "the end of all grants"

# a restart, and a listing of many
service=$(service_pid)
hold alice "$whole"
kill -9 "$service"
wait_for -t 20 "$EVIDENCEFS" status
is "$(count alice)" 8 "notes outlive the service"
is "$(list alice disk/p0-ext4.deleted)" "$deleted" "and their ids"
begin=$(date +%s.%N)
ev anna exclude c1 "${U[alice]}" disk --reason r >/dev/null
is "$(ended_like alice "$begin")" "soon EACCES" "what was open before is ended as ever"
exits 1 "evidence does not get their name" ev root add c1 "$WORK/notes.dd"
done_testing
