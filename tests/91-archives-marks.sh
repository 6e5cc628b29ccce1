#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 91-archives-marks.sh - a marked document is in no archive either, and comes back as it was
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs debugfs python3 setpriv zip tar 7z

# the same letter as a file, in a zip, a compressed tar, a 7z, a zip in a zip, and beside others
python3 -c 'import random
r = random.Random(7)
print("".join(r.choice("abcdefghijklmnopqrstuvwxyz \n") for i in range(6000)))' >"$WORK/letter"
needle=$(head -c 40 "$WORK/letter" | tr '\n' .)
seq 1 3000 >"$WORK/other"
mkdir -p "$WORK/tree/docs" "$WORK/tree/mail" "$WORK/in/inner"
cp "$WORK/letter" "$WORK/tree/docs/letter.txt"
cp "$WORK/letter" "$WORK/in/inner/draft.txt"
cp "$WORK/other" "$WORK/in/public.txt"
printf tiny >"$WORK/in/tiny"
(
	cd "$WORK/in"
	zip -q -r "$WORK/tree/mail/a.zip" .
	zip -q -0 -r "$WORK/tree/mail/stored.zip" .
	tar cf "$WORK/tree/mail/a.tar" .
	tar czf "$WORK/tree/mail/a.tgz" .
	7z a -y "$WORK/tree/mail/a.7z" . >/dev/null
	cd "$WORK/tree/mail"
	zip -q "$WORK/tree/mail/outer.zip" a.zip a.tgz
	cp a.tar "$WORK/tree/docs/gone.tar"
	ln a.zip "$WORK/tree/docs/link.zip"
	cd "$WORK/in"
	zip -q "$WORK/tree/mail/clean.zip" public.txt tiny
)
mke2fs -q -t ext4 -b 1024 -d "$WORK/tree" "$WORK/disk.dd" 16M
debugfs -w -R 'rm /docs/gone.tar' "$WORK/disk.dd" >/dev/null 2>&1

user anna bert rosa rita carl
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r 2>/dev/null
ev anna grant c1 "${U[bert]}" --rights read,deleted,raw --reason r >/dev/null
ev anna grant c1 "${U[carl]}" --rights read,deleted,raw --reason r >/dev/null
ev rosa grant c1 "${U[rita]}" --role reviewer --reason r >/dev/null
for name in bert rita carl; do
	wait_for is_mounted "$ROOT/${U[$name]}"
done
B=$(view bert c1)/disk/p0-ext4
R=$(view rita c1)/disk/p0-ext4
C=$(view carl c1)/disk/p0-ext4

members=(mail/a.zip.d/inner/draft.txt mail/stored.zip.d/inner/draft.txt mail/a.tar.d/inner/draft.txt
	mail/a.tgz.d/inner/draft.txt mail/a.7z.d/inner/draft.txt mail/outer.zip.d/a.zip.d/inner/draft.txt
	mail/outer.zip.d/a.tgz.d/inner/draft.txt docs/link.zip.d/inner/draft.txt)
around=(mail/a.zip mail/stored.zip mail/a.tar mail/a.tgz mail/a.7z mail/outer.zip mail/outer.zip.d/a.zip
	mail/outer.zip.d/a.tgz docs/link.zip)
stays=(mail/a.zip.d/public.txt mail/stored.zip.d/public.txt mail/a.tar.d/public.txt mail/a.tgz.d/public.txt
	mail/a.7z.d/public.txt mail/outer.zip.d/a.zip.d/public.txt mail/outer.zip.d/a.tgz.d/public.txt mail/clean.zip
	mail/clean.zip.d/public.txt mail/a.zip.d/tiny)

shows() { # USER PATH...: each is read and has the letter's or the other's bytes
	local name=$1 path lost=0
	shift
	for path; do
		if ! as "$name" cat "$(view "$name" c1)/disk/p0-ext4/$path" >"$WORK/got" 2>/dev/null || ! [[ -s $WORK/got ]]; then
			diag "$name does not read $path"
			lost=1
		fi
	done
	return "$lost"
}
absent() { # USER PATH...
	local name=$1
	shift
	none_there "$name" "${@/#/disk\/p0-ext4\/}"
}
refused() { # USER PATH...: listed with its size, EACCES for its bytes, no hash
	local name=$1 path bad=0 at
	shift
	for path; do
		at=$(view "$name" c1)/disk/p0-ext4/$path
		[[ $(as "$name" stat -c %s "$at") == "$(as rita stat -c %s "$R/$path")" ]] || bad=1
		! as "$name" head -c 1 "$at" >/dev/null 2>"$WORK/why" || bad=1
		grep -q 'Permission denied' "$WORK/why" || bad=1
		! as "$name" getfattr --only-values -n user.evidencefs.sha256 "$at" >/dev/null 2>&1 || bad=1
		[[ $bad == 0 ]] || {
			diag "$path: $(cat "$WORK/why")"
			return 1
		}
	done
}
found() { # USER: in which readable files the letter's bytes are, at any place
	# shellcheck disable=SC2016
	as "$1" /usr/bin/python3 - "$(view "$1" c1)" "$needle" <<'PY'
import os, re, sys
top, needle = sys.argv[1].encode(), re.compile(sys.argv[2].encode(), re.S)
for folder, _, names in os.walk(top):
    for name in names:
        path = os.path.join(folder, name)
        if os.path.islink(path):
            continue
        try:
            with open(path, "rb") as f:
                if needle.search(f.read()):
                    print(os.path.relpath(path, top).decode())
        except OSError:
            pass
PY
}

ok "before: every member is read" shows bert "${members[@]}" "${around[@]}" "${stays[@]}"
isnt "$(found bert | grep -c 'draft.txt$')" 0 "and found"
everything bert >"$WORK/before"
everything rita >"$WORK/before.rita"
not_ok "nothing was refused" grep -q 'Permission denied\|error' "$WORK/before"

why() { # PATH: by which road, from where, and through what
	ev rita marks c1 --why "disk/p0-ext4/$1" --json >"$WORK/why" 2>&1
	value 'sorted((r["road"], r["place"], (r["through"] or "").replace("disk/p0-ext4/", "")) for r in rows)' "$WORK/why"
}
mixed() { # USER
	ev "$1" status c1 --json >"$WORK/status"
	value 'rows[0]["mixed_containers"]' "$WORK/status"
}
all=$((${#around[@]} + 1)) # with a deleted one
is "$(mixed rosa)" 0 "no container is mixed"

# a mark on the file
ev rita mark c1 disk/p0-ext4/docs/letter.txt --state suspected --basis b --reason r --dry-run --json >"$WORK/dry"
is "$(value '[(r["withheld"], "disk/p0-ext4/mail/a.zip" in r["paths"]) for r in rows if r["road"] == "container"]' "$WORK/dry")" \
	"[($all, True)]" "a dry run counts and names the containers that would be refused"
is "$(value '[(r["withheld"], r["members"], "disk/p0-ext4/mail/a.zip.d/inner/draft.txt" in r["paths"]) for r in rows if r["road"] == "copy"]' \
	"$WORK/dry")" "[($((all - 1)), $((all - 1)), True)]" "and copies in containers"
ok "marked" ev bert mark c1 disk/p0-ext4/docs/letter.txt --state suspected --basis b --reason r
ok "its copies in archives are gone" absent bert docs/letter.txt "${members[@]}"
ok "the archives around them are listed, and refused" refused bert "${around[@]}"
ok "their other members are read" shows bert "${stays[@]}"
is "$(found bert)" "" "its bytes are in no file that can be read"
packed=$(dd if="$WORK/tree/mail/a.7z" bs=1 skip=40 count=24 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
in_raw() { # USER: whether the packed bytes of the archive are in the volume's
	as "$1" /usr/bin/python3 -c 'import sys; sys.exit(bytes.fromhex(sys.argv[2]) not in open(sys.argv[1], "rb").read())' \
		"$(view "$1" c1)/disk/p0-ext4.raw" "$packed"
}
not_ok "nor is the archive itself in the volume as bytes" in_raw bert
ok "for a reviewer it is" in_raw rita
everything rita >"$WORK/after.rita"
same_file "$WORK/before.rita" "$WORK/after.rita" "a reviewer has all of it"
is "$(why mail/a.zip)" "[('copy', 'container', 'mail/a.zip.d/inner/draft.txt')]" "why an archive is refused: which member, by which road"
is "$(why mail/outer.zip.d/a.tgz)" "[('copy', 'container', 'mail/outer.zip.d/a.tgz.d/inner/draft.txt')]" "and one in another"
is "$(why mail/a.zip.d/inner/draft.txt)" "[('copy', 'itself', '')]" "why a member is withheld"
is "$(why mail/clean.zip)" "[]" "one without it is not"
for name in rosa anna; do
	is "$(mixed $name)" "$all" "$name is told how many containers are mixed"
done
is "$(mixed root)" None "the operator is not"
install -d -o "${U[anna]}" "$WORK/anna"
ok "a report" ev anna audit report c1 -o "$WORK/anna/report.html"
ok "has the number, and no names" python3 -c 'import sys; t = open(sys.argv[1]).read()
sys.exit("withheld and other members</th><td>" + sys.argv[2] not in t or "a.zip" in t.split("section id=\"mixed\"")[1].split("</section")[0])' \
	"$WORK/anna/report.html" "$all"
ev anna audit show --case c1 --type open --user "${U[bert]}" --json >"$WORK/log"
ok "refusals are in the log" python3 - "$WORK/log" <<'PY'
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
sys.exit(not any(r["decision"] == "denied" and r["result"] == -13 and (r["path"] or "").endswith("a.zip") for r in rows))
PY
ok "rejected" ev rita mark c1 disk/p0-ext4/docs/letter.txt --state rejected --basis b --reason r
everything bert >"$WORK/after"
same_file "$WORK/before" "$WORK/after" "everything is back, to the last bit"
is "$(mixed rosa)" 0 "and no container is mixed"

# a mark on a member
ok "a member is marked" ev bert mark c1 disk/p0-ext4/mail/outer.zip.d/a.tgz.d/inner/draft.txt --state suspected --basis b --reason r
ok "it goes by every road" absent bert docs/letter.txt "${members[@]}"
ok "with the containers around" refused bert "${around[@]}"
is "$(found bert)" "" "its bytes are nowhere"
ok "rejected" ev rita mark c1 disk/p0-ext4/mail/outer.zip.d/a.tgz.d/inner/draft.txt --state rejected --basis b --reason r
everything bert >"$WORK/after"
same_file "$WORK/before" "$WORK/after" "everything is back"

# a mark on a container
ok "a container is marked" ev bert mark c1 disk/p0-ext4/mail/clean.zip --state suspected --basis b --reason r
ok "with its members" absent bert mail/clean.zip mail/clean.zip.d mail/clean.zip.d/public.txt
is "$(why mail/clean.zip.d/public.txt)" "[('mark', 'member', 'mail/clean.zip')]" "why: the container around it is marked"
is "$(why mail/clean.zip)" "[('mark', 'itself', '')]" "and that it is"
ok "which are not followed elsewhere" shows bert mail/a.zip.d/public.txt mail/a.zip mail/a.tar.d/public.txt
ok "rejected" ev rita mark c1 disk/p0-ext4/mail/clean.zip --state rejected --basis b --reason r
ok "marked with its members" ev rita mark c1 disk/p0-ext4/mail/clean.zip --state suspected --basis b --reason r --with-members
ok "they are followed" absent bert mail/clean.zip mail/a.zip.d/public.txt mail/a.tar.d/public.txt mail/outer.zip.d/a.zip.d/public.txt
ok "the containers around are refused" refused bert mail/a.zip mail/outer.zip
ok "rejected" ev rita mark c1 disk/p0-ext4/mail/clean.zip --state rejected --basis b --reason r
everything bert >"$WORK/after"
same_file "$WORK/before" "$WORK/after" "everything is back"

# the rule holds for exclusions, and for grants that leave something out
id=$(ev anna exclude c1 "${U[carl]}" disk/p0-ext4/mail/a.tar.d/public.txt --reason r)
ok "an excluded member is gone" absent carl mail/a.tar.d/public.txt
ok "its container is refused" refused carl mail/a.tar
ok "its other members are read" shows carl mail/a.tar.d/inner/draft.txt mail/a.zip.d/public.txt mail/a.zip
ok "the exclusion is lifted" ev anna revoke c1 "$id" --reason r
ok "it is back" shows carl mail/a.tar.d/public.txt mail/a.tar
is "$C" "$(view carl c1)/disk/p0-ext4" "carl's view"
is "$B" "$(view bert c1)/disk/p0-ext4" "bert's view"

user dora
ev anna grant c1 "${U[dora]}" disk/p0-ext4/mail/a.zip.d/inner --role analyst --reason r >/dev/null
wait_for is_mounted "$ROOT/${U[dora]}"
ok "a grant on a folder of members" shows dora mail/a.zip.d/inner/draft.txt
ok "shows nothing else" absent dora mail/a.zip mail/a.zip.d/public.txt
done_testing
