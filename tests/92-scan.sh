#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 92-scan.sh - a scan marks every message with a listed address in any address header, and every
# document with a listed word, number, hash or path, and nothing else; again it adds nothing, given up
# it goes on; who may not is refused, and a bad file of rules changes nothing
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs python3 setpriv

corpus=$TOP/tests/helpers/scan-corpus.py
python3 "$corpus" make "$WORK" 3000 >"$WORK/count"
store=${EVIDENCEFS_CORPUS:-}/mail_archives/stores/testPST_variousBodyTypes.pst
[[ ! -f $store ]] || cp "$store" "$WORK/tree/mail/store.pst"
mke2fs -q -t ext4 -b 1024 -N 2000 -d "$WORK/tree" "$WORK/disk.dd" 24M
user anna bert rosa rita paul
team_begin
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna grant c1 "${U[bert]}" --role analyst --future --reason r >/dev/null
ev rosa grant c1 "${U[rita]}" --role reviewer --reason r >/dev/null
ev rosa grant c1 "${U[paul]}" disk/p0-ext4/docs --role reviewer --reason r >/dev/null
chmod 0755 "$WORK"
chmod 0644 "$WORK/rules"
rules=$WORK/rules
marks() { # FILE
	ev rita marks c1 --history --json >"$1"
}
count() {
	ev rita marks c1 --history --json | wc -l
}

# ---- refused

for name in root anna bert; do
	exits 1 "$name may not scan" ev "$name" scan c1 --rules "$rules"
done
exits 1 "who holds it on a part may not scan all" ev paul scan c1 --rules "$rules"
like "$(cat "$ERR")" 'name a PATH' "and is told what to do"
exits 2 "no rules" ev rita scan c1
exits 1 "no file" ev rita scan c1 --rules "$WORK/none"
exits 1 "no such path" ev rita scan c1 --rules "$rules" disk/p0-ext4/none
like "$(cat "$ERR")" 'no such path in what you see' "in the words for any path"
bad() { # LINE TEXT
	printf '# first\nkeyword fine\n%b\n' "$2" >"$WORK/bad"
	exits 1 "bad rules: $2" ev rita scan c1 --rules "$WORK/bad"
	like "$(cat "$ERR")" "line $1" "the line is named"
}
bad 3 'sha256 12'
bad 3 'adress a@b'
bad 3 'phone 020-12x'
bad 4 '\nkeyword a -> maybe'
bad 3 'keyword'
bad 3 'path /x'
bad 3 'domain [a'
is "$(count)" 0 "nothing was marked"
is "$(ev anna audit show --case c1 --type scan --json | grep -c '"decision":"denied"')" 12 "refusals are in the log"

# ---- found

exits 0 "a scan" ev rita scan c1 --rules "$rules" --json
cp "$OUT" "$WORK/summary"
marks "$WORK/marks"
exits 0 "precision and recall" python3 "$corpus" check "$WORK/truth.json" "$WORK/marks"
cat "$OUT"
is "$(count)" "$(cat "$WORK/count")" "as many marks as there are hits"
ok "each rule has its hits, in the order of the file" python3 - "$WORK/summary" "$WORK/truth.json" <<'PY'
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
truth = json.load(open(sys.argv[2]))
sys.exit(not ([r["rule"] for r in rows] == list(truth) and
              all(r["hits"] == r["marked"] == len(truth[r["rule"]]) for r in rows)))
PY
ok "marks are suspected, or confirmed where the rule says so; by rule, on its basis" python3 - "$WORK/marks" "${U[rita]}" <<'PY'
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
sys.exit(not all(r["origin"] == "rule" and r["by"] == sys.argv[2] and
                 r["state"] == ("confirmed" if r["basis"].endswith("-> confirmed") else "suspected") for r in rows))
PY
ev anna audit show --case c1 --type scan --json >"$WORK/log"
is "$(value 'rows[-1]["result"], rows[-1]["decision"]' "$WORK/log")" "($(cat "$WORK/count"), 'allowed')" "the log has the total"

# ---- again

first=$(value 'rows[0]["path"]' "$WORK/marks")
ok "one is rejected" ev rosa mark c1 "$first" --state rejected --basis b --reason r
exits 0 "the same scan again" ev rita scan c1 --rules "$rules" --json
is "$(value 'sum(r["marked"] for r in rows), sum(r["hits"] for r in rows)')" "(0, $(cat "$WORK/count"))" "nothing is new"
is "$(count)" $(($(cat "$WORK/count") + 1)) "nothing was added, nor is marked again what was rejected"

# ---- a part

printf 'keyword steiger\n' >"$WORK/part"
exits 0 "a part" ev paul scan c1 --rules "$WORK/part" disk/p0-ext4/docs
exits 0 "by its path in a mount" ev rita scan c1 --rules "$WORK/part" --json "$ROOT/${U[rita]}/c1/disk/p0-ext4/mail/old.zip"
ok "only what is in it" test "$(value 'rows[0]["marked"]')" -gt 0
is "$(ev rita marks c1 --json | grep '"basis":"keyword steiger"' | grep -vc 'old.zip.d/')" 0 "is marked"

# ---- a store of others: each message with the address among its fields or recipients, as a whole

if [[ -f $store ]]; then
	wait_for is_mounted "$ROOT/${U[rita]}"
	address=tallison@mitre.org
	printf 'address %s\nkeyword headers\n' "$address" >"$WORK/part"
	exits 0 "a store of others" ev rita scan c1 --rules "$WORK/part" disk/p0-ext4/mail/store.pst
	# shellcheck disable=SC2016
	as rita sh -c 'cd "$1/disk/p0-ext4/mail/store.pst.d" && grep -rlF --include=headers.txt --include=recipients.txt "$2" .' \
		sh "$(view rita c1)" "$address" | grep -v '/message.eml.d/' | sed 's,^./,,; s,/[^/]*$,,' | sort -u >"$WORK/want"
	ev rita marks c1 --history --json >"$WORK/marks"
	value "'\\n'.join(sorted(r['path'].split('/store.pst.d/')[1] for r in rows if r['basis'] == 'address $address'))" \
		"$WORK/marks" >"$WORK/got"
	same_file "$WORK/want" "$WORK/got" "its messages are found"
	ok "there are some" test -s "$WORK/want"
	is "$(grep -c 'keyword headers' "$WORK/marks")" 0 "names that were made here are no names"
else
	skip "EVIDENCEFS_CORPUS has no store" "a store of others"
fi

# ---- given up, and killed

kept() {
	compgen -G "$WORK/team/cases/*/scan-*" >/dev/null
}
# begun WORDS: a scan for them is under way, $scan, and how far it came was kept
begun() {
	local i
	for i in 1 2 3 4 5 6 7 8 9; do
		printf 'keyword %s # %s\n' "$1" "$i" >"$WORK/more"
		env --default-signal=INT setpriv --reuid="${U[rita]}" --regid="$(id -g "${U[rita]}")" --init-groups -- \
			"$EVIDENCEFS" scan c1 --rules "$WORK/more" >"$WORK/scan.out" 2>&1 &
		scan=$!
		track_pid "$scan"
		while ! kept && kill -0 "$scan" 2>/dev/null; do
			sleep 0.01
		done
		kept && return
		wait "$scan" || true
	done
	return 1
}
goes_on() { # NAME: the same scan, to its end
	exits 0 "$1: the same command" ev rita scan c1 --rules "$WORK/more"
	like "$(cat "$ERR")" 'went on' "$1: goes on where it was"
	not_ok "$1: then nothing is kept" kept
}
ok "a scan is under way" begun "kluis beton kluis"
kill -INT "$scan" 2>/dev/null || true
status=0
wait "$scan" || status=$?
isnt "$status" 0 "it is given up"
ok "how far it came is kept" kept
goes_on "given up"
ok "a scan is under way" begun "beton kluis bouw"
kill -KILL "$(service_pid)"
status=0
wait "$scan" || status=$?
isnt "$status" 0 "the service is killed"
wait_for -t 60 ev root status
ok "how far it came is kept" kept
goes_on "killed"
exits 0 "once more" ev rita scan c1 --rules "$WORK/more" --json
is "$(value 'sum(r["marked"] for r in rows)')" 0 "nothing was left out"
is "$(ev rita marks c1 --history --json | grep -c '"basis":"keyword beton kluis bouw"')" "$(value 'sum(r["hits"] for r in rows)')" "nor marked twice"

# ---- released

ev anna release c1 disk --reason r 2>"$WORK/released" >/dev/null
is "$(cat "$WORK/released")" "" "what was scanned is released without a warning"

done_testing
