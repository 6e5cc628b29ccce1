#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 85-blinded.sh - the log tells who and when of what is withheld, and nothing else of it
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs python3 setpriv

mkdir -p "$WORK/tree/docs"
head -c 5000 /dev/urandom >"$WORK/tree/docs/letter.txt"
head -c 7000 /dev/urandom >"$WORK/tree/docs/brief.txt"
head -c 600 /dev/urandom >"$WORK/tree/docs/public.txt"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 16M

user anna bert rosa olga
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r 2>/dev/null
ev anna grant c1 "${U[bert]}" --rights read,deleted --reason r >/dev/null
ev anna grant c1 "${U[olga]}" --rights audit --reason r >/dev/null
ev rosa grant c1 "${U[olga]}" --role reviewer --reason r >/dev/null
wait_for is_mounted "$ROOT/${U[bert]}"
B=$(view bert c1)
for name in letter brief public letter; do
	as bert cat "$B/disk/p0-ext4/docs/$name.txt" >/dev/null
done
ev bert mark c1 disk/p0-ext4/docs/letter.txt --state suspected --basis b --reason r >/dev/null
ev bert mark c1 disk/p0-ext4/docs/brief.txt --state suspected --basis b --reason r >/dev/null

log() { # READER FILE ARGUMENT...
	local name=$1 file=$2
	shift 2
	ev "$name" audit show --case c1 --user "${U[bert]}" --json "$@" >"$WORK/$file" 2>"$WORK/$file.err"
}
log anna anna.sums
log anna anna.reads --reads
log anna anna.again --reads
log olga olga.reads --reads
cat >"$WORK/check.py" <<'PY'
import json, sys

def rows(name):
    return [json.loads(l) for l in open(f"{sys.argv[1]}/{name}")]

def need(what, that):
    if not that:
        print(f"no: {what}")
        sys.exit(1)

true = rows("olga.reads")
secret = {r["seq"]: r for r in true if (r["path"] or "").split("/")[-1] in ("letter.txt", "brief.txt")}
need("who may see it sees names, offsets and lengths", len(secret) > 10 and any(
    r["type"] == "read" and r["length"] and r["offset"] is not None for r in secret.values()))
blind = {r["seq"]: r for r in rows("anna.reads")}
need("as many rows", len(blind) == len(true))
tokens = {}
for seq, r in secret.items():
    b = blind[seq]
    for key in ("time", "type", "user", "uid", "pid", "loginuid", "exe", "case", "decision"):
        need(f"{key} is kept", b[key] == r[key])
    for key in ("trace", "offset", "length", "grant", "reads", "bytes"):
        need(f"{key} is blinded", b[key] is None)
    need("how much was delivered is blinded", b["result"] is None)
    need("a token for the path", b["path"].startswith("disk/withheld-"))
    tokens.setdefault(r["path"], set()).add(b["path"])
need("a token for each trace, the same in every row", len(tokens) == 2 and all(len(t) == 1 for t in tokens.values()))
need("marks too", any(r["type"] == "mark" for r in secret.values()))
need("different ones", len(set.union(*tokens.values())) == 2)
again = {r["path"] for r in rows("anna.again") if "withheld-" in (r["path"] or "")}
need("others in another answer", len(again) == 2 and not again & set.union(*tokens.values()))
for r in true:
    if r["seq"] not in secret:
        need("all else as it is", blind[r["seq"]] == r)
need("sums are blinded too", all(r["reads"] is None and r["bytes"] is None
     for r in rows("anna.sums") if "withheld-" in (r["path"] or "")))
text = open(f"{sys.argv[1]}/anna.reads").read()
need("no name of it anywhere", "letter" not in text and "brief" not in text)
told = open(f"{sys.argv[1]}/anna.reads.err").read()
need("how many are blinded is told", f"{len(secret)} rows are blinded" in told)
need("nobody else is told so", "blinded" not in open(f"{sys.argv[1]}/olga.reads.err").read())
PY
ok "rows about what is withheld are blinded, and only those" python3 "$WORK/check.py" "$WORK"
is "$(ev anna audit show --case c1 --path disk/p0-ext4/docs/letter.txt --json 2>&1)" \
	"$(ev anna audit show --case c1 --path disk/p0-ext4/docs/lettex.txt --json 2>&1)" "a path finds none of them"
ev rosa mark c1 disk/p0-ext4/docs/letter.txt --state rejected --basis b --reason r >/dev/null
ev rosa mark c1 disk/p0-ext4/docs/brief.txt --state rejected --basis b --reason r >/dev/null
log anna anna.after --reads
ok "what is withheld no longer is shown again" python3 - "$WORK" <<'PY'
import json, sys
a, o = ([json.loads(l) for l in open(f"{sys.argv[1]}/{n}")] for n in ("anna.after", "olga.reads"))
sys.exit([r for r in a if r["type"] in ("open", "read", "mark")] != [r for r in o if r["type"] in ("open", "read", "mark")])
PY
done_testing
