#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 89-questions.sh - a team's log: followed over a restart, asked by officers, reported, exported
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs python3 setpriv groupadd

BACK="$TOP/tests/helpers/parse_back.py"
gone() { # PID
	! kill -0 "$1" 2>/dev/null
}
mkdir -m 1777 "$WORK/out"
mkdir -p "$WORK/tree/names" "$WORK/tree/docs"
python3 "$BACK" tree "$WORK/tree/names"
head -c 5000 /dev/urandom >"$WORK/tree/docs/secret-letter.txt"
head -c 9000 /dev/urandom >"$WORK/tree/docs/public.txt"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 16M

user anna bert rosa olga
OFFICERS=evfs-$$-log
groupadd "$OFFICERS"
no_officers() {
	groupdel "$OFFICERS"
}
on_exit no_officers
usermod -a -G "$OFFICERS" "${U[olga]}"
team_begin "[log]" "officers = $OFFICERS"
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}" --title 'A <b>title</b> & more' >/dev/null
ev root case create c2 --owner "${U[bert]}" >/dev/null
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason 'was <scanned> "twice"' 2>/dev/null
ev anna grant c1 "${U[bert]}" --rights read --reason "=cmd|' /C calc'!A0" >/dev/null
wait_for is_mounted "$ROOT/${U[bert]}"
B=$(view bert c1)/disk/p0-ext4

# ---- everything recorded before the call is in the answer
seen=0
for i in $(seq 20); do
	as bert cat "$B/docs/public.txt" >/dev/null
	n=$(ev anna audit show --case c1 --user "${U[bert]}" --path disk/p0-ext4/docs/public.txt --type open --json | wc -l)
	[[ $n != "$i" ]] || seen=$((seen + 1))
done
is "$seen" 20 "each open is in the answer of the question behind it"
is "$(ev anna audit show --case c1 --path disk/p0-ext4/docs --type open --json | wc -l)" 20 "below a folder"
is "$(ev anna audit show --path disk/p0-ext4/docs --type open --json | wc -l)" 20 "where no case is named, too"
is "$(ev anna audit show --path "$B/docs" --type open --json | wc -l)" 20 "nor typed, but as a part of the path"
is "$(ev anna audit show --case c1 --path disk/p0-ext4/doc --json | wc -l)" 0 "and not below the beginning of its name"

# ---- follow
# (what a shell starts in the background ignores Ctrl-C)
as anna env --default-signal=INT "$EVIDENCEFS" audit follow --case c1 --json >"$WORK/followed" 2>"$WORK/followed.err" &
follower=$!
track_pid $follower
ev anna audit follow --case c1 >"$WORK/followed.txt" 2>&1 &
lines=$!
track_pid $lines
rows_of() { # TEXT
	grep -c "\"type\":\"open\".*$1" "$WORK/followed" || true
}
first_seen() {
	as bert cat "$B/docs/public.txt" >/dev/null
	[[ $(rows_of public.txt) != 0 ]]
}
ok "audit follow prints what is read" wait_for first_seen
kill -9 "$(service_pid)"
again() {
	as bert cat "$B/docs/secret-letter.txt" >/dev/null 2>&1 && [[ $(rows_of secret-letter.txt) != 0 ]]
}
ok "and goes on when the service was killed" wait_for -t 30 again
like "$(cat "$WORK/followed.err")" 'the service went away' "which it says"
ev anna audit show --case c1 --json >"$WORK/shown"
caught_up() {
	python3 - "$WORK/followed" "$WORK/shown" <<-'PY'
	import json, sys
	got = [json.loads(l)["seq"] for l in open(sys.argv[1])]
	want = [json.loads(l)["seq"] for l in open(sys.argv[2])]
	want = [s for s in want if s >= got[0]]
	sys.exit(not (got == sorted(set(got)) and set(want) <= set(got)))
	PY
}
ok "nothing is missing, and nothing comes twice" wait_for caught_up
like "$(cat "$WORK/followed.txt")" 'open +allowed .*disk/p0-ext4/docs/public.txt' "for people: a line each"
kill "$(pgrep -P $lines)"
exits 1 "audit follow by who may not" ev bert audit follow --case c1
# the right that ends, ends it
id=$(ev anna grant c1 "${U[bert]}" --rights audit --reason r)
ev bert audit follow --case c1 --json >"$WORK/bert" 2>"$WORK/bert.err" &
of_bert=$!
track_pid $of_bert
as bert cat "$B/docs/public.txt" >/dev/null
bert_sees() {
	as bert cat "$B/docs/public.txt" >/dev/null
	[[ -s $WORK/bert ]]
}
ok "who may now, follows" wait_for bert_sees
ev anna revoke c1 "$id" --reason r >/dev/null
ok "until his right ends" wait_for gone $of_bert
like "$(cat "$WORK/bert.err")" 'may not see' "which he is told"
kill -INT "$(pgrep -P $follower)"
ok "and it ends when it is interrupted" wait_for gone $follower

# ---- officers of the log
exits 0 "an officer of the log sees every case" ev olga audit show --json
cp "$OUT" "$WORK/officer"
like "$(cat "$WORK/officer")" '"case":"c1"' "one"
like "$(cat "$WORK/officer")" '"case":"c2"' "and the other"
like "$(cat "$WORK/officer")" '"type":"start"' "and what concerns none"
exits 0 "the owner keeps her out of the case" ev anna exclude c1 "${U[olga]}" disk --reason r
is "$(ev olga audit show --case c1 --type open --json | wc -l)" \
	"$(ev anna audit show --case c1 --type open --json | wc -l)" "that takes nothing from her"
exits 0 "audit access, too" ev olga audit access c1 --at +0s
exits 0 "and a report" ev olga audit report c1 -o "$WORK/out/olga.html"

# ---- the database
exits 0 "audit reindex" ev olga audit reindex
exits 1 "not by everybody" ev rosa audit reindex
ev anna audit show --case c1 --type open --json >"$WORK/before"
service=$(service_pid)
kill -STOP "$STARTER"
kill -9 "$service"
is_dead() { # all of its threads, which have the database open
	[[ $(awk '/^State:/ {print $2}' "/proc/$service/status" 2>/dev/null) == Z &&
		$(find "/proc/$service/task" -mindepth 1 -maxdepth 1 | wc -l) == 1 ]] || gone "$service"
}
wait_for is_dead
rm -f "$WORK/team/query.db-wal" "$WORK/team/query.db-shm"
head -c 20000 /dev/urandom >"$WORK/team/query.db"
kill -CONT "$STARTER"
ok "the service begins again over a damaged database" wait_for -t 20 ev anna audit show --case c1 --type open --json
ev anna audit show --case c1 --type open --json >"$WORK/after"
same_file "$WORK/before" "$WORK/after" "which is built again"
# (a thread of its own says it)
ok "and the service's log says so" wait_for grep -q 'query.db is built again' "$SERVICE_LOG"
is "$(stat -c %a "$WORK/team/query.db")" 600 "it is for the service alone"

# ---- report
as bert find "$B/names" -type f -exec cat {} + >/dev/null
ev bert mark c1 disk/p0-ext4/docs/secret-letter.txt --state suspected --basis 'a <secret> letter' --reason 'quotes it' >/dev/null
exits 0 "audit report" ev anna audit report c1 -o "$WORK/out/anna.html"
ok "it is one whole page of nothing but text, and every name is in it" \
	python3 "$BACK" html "$WORK/out/anna.html" "$WORK/tree/names" disk/p0-ext4/names/
report=$(cat "$WORK/out/anna.html")
like "$report" 'A &lt;b&gt;title&lt;/b&gt; &amp; more' "with the case's title as text"
like "$report" "$(sha256sum "$WORK/disk.dd" | cut -d' ' -f1)" "and the hash total of the evidence"
like "$report" 'The access log is intact' "and what verification says"
not_ok "what is withheld is not in it" grep -qE 'secret-letter|quotes it|secret&gt; letter' "$WORK/out/anna.html"
like "$report" 'withheld-[0-9a-f]{16}' "but that it is"
exits 0 "the privilege officer's" ev rosa grant c1 "${U[olga]}" --role reviewer --reason r
exits 0 "a report by who may see it" ev olga audit report c1 -o "$WORK/out/olga.html"
like "$(cat "$WORK/out/olga.html")" 'secret-letter' "has the name"
exits 1 "a report by who may not" ev bert audit report c1 -o "$WORK/out/bert.html"
not_ok "makes no file" test -e "$WORK/out/bert.html"
like "$(ev anna audit show --case c1 --type query --json)" '"type":"query"' "that it was asked is recorded"

# ---- exports
for format in ecs ocsf cef csv; do
	exits 0 "audit export --format $format" ev anna audit export --case c1 --format "$format" --type open,grant -o "$WORK/out/rows.$format"
	ok "$format: every name comes back, and nothing else" \
		python3 "$BACK" "$format" "$WORK/out/rows.$format" "$WORK/tree/names" disk/p0-ext4/names/
	not_ok "$format: and nothing that is withheld" grep -q secret-letter "$WORK/out/rows.$format"
done
exits 1 "an export by who may not" ev bert audit export --case c1 --format csv -o "$WORK/out/bert.csv"
not_ok "makes no file" test -e "$WORK/out/bert.csv"

# ---- an export that is the log still
EXTRACT=$WORK/out/c1.log
exits 0 "audit export --format case" ev anna audit export --case c1 --format case -o "$EXTRACT"
verify_both() { # STATUS ARGUMENT...
	local want=$1 status=0
	shift
	"$EVIDENCEFS" audit verify --log "$EXTRACT" "$@" >"$WORK/verdict" 2>&1 || status=$?
	[[ $status == "$want" ]] || return 1
	status=0
	"$TOP/tools/evidencefs-verify" "$@" "$EXTRACT" >>"$WORK/verdict" 2>&1 || status=$?
	[[ $status == "$want" ]]
}
ok "it is intact, say both verifiers" verify_both 3
"$EVIDENCEFS" audit checkpoint --log "$EXTRACT" -o "$WORK/anchor"
ok "and complete up to a checkpoint that was kept elsewhere" verify_both 0 --anchor "$WORK/anchor"
ok "every record of the case that she sees is in it in full, and no other" python3 - "$EXTRACT" <<'PY'
import glob, json, struct, sys
types, seqs = {}, set()
for path in sorted(glob.glob(sys.argv[1] + "/log-*.seg")):
    data, at = open(path, "rb").read(), 64
    while at < len(data):
        kind, units = data[at + 4], data[at + 5]
        seq, = struct.unpack_from("<Q", data, at + 8)
        if kind < 27:
            seqs.add(seq)
        at += 64 * units
rows = [json.loads(l) for l in open(sys.argv[1] + "/records.jsonl")]
last = max(seqs)
want = {r["seq"] for r in rows if r["seq"] <= last and not (r["path"] or "").split("/")[-1].startswith("withheld-")}
print(sorted(want ^ seqs)[:20])
sys.exit(want != seqs or len(seqs) < 100)
PY
seq=$(ev anna audit show --case c1 --type grant --json | python3 -c 'import json,sys; print(json.loads(sys.stdin.readline())["seq"])')
exits 0 "a record of it is proved without the log" "$EVIDENCEFS" audit prove "$seq" --log "$EXTRACT" -o "$WORK/proof"
exits 1 "a folder that is there is not written over" ev anna audit export --case c1 --format case -o "$EXTRACT"
exits 1 "an export by who may not have it" ev bert audit export --case c1 --format case -o "$WORK/out/bert.log"
not_ok "makes no folder" test -e "$WORK/out/bert.log"
file=$EXTRACT/log-00000000000000000001.seg
printf '\\001' | dd of="$file" bs=1 seek=200 conv=notrunc status=none
ok "a byte of it that was changed is found by both" verify_both 1
done_testing
