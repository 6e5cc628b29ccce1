#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 86-acts.sh - a catalog that is not what the log recorded is not served: rows that were changed,
# removed, added or moved by who can write the file, with all its sums made good
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs python3 setpriv pgrep openssl getfattr
ACTS=$TOP/tests/helpers/acts.py
DB=$WORK/team/catalog.db

mkdir -p "$WORK/tree/d"
head -c 5000 /dev/urandom >"$WORK/tree/d/file"
printf 'x' >"$WORK/tree/d/"$'b\303\244r "1"'
ln -s .. "$WORK/tree/d/link"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 4M
user anna bert rosa
team_begin

# an act of each kind
ev root case create c0 --owner "${U[anna]}"
ev anna case transfer c0 --to "${U[bert]}" --reason r
ev bert case officer c0 --to "${U[rosa]}" --reason r
ev bert case close c0 --reason r
ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}"
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r
ev root verify c1 disk >/dev/null
mv "$WORK/disk.dd" "$WORK/moved.dd"
ev root relocate c1 disk "$WORK/moved.dd"
ev anna grant c1 "${U[bert]}" --role analyst --reason r >/dev/null
id=$(ev anna grant c1 "${U[bert]}" --rights raw --reason r)
ev anna revoke c1 "$id" --reason r
ev anna exclude c1 "${U[bert]}" disk/p0-ext4/lost+found --reason r >/dev/null
ev rosa mark c1 disk/p0-ext4/d/file --state confirmed --basis b --reason r >/dev/null
ev rosa mark c1 disk/p0-ext4/d/file --state suspected --basis b --reason r >/dev/null
ev bert note add c1 disk/p0-ext4/d --text t
B=$(view bert c1)/disk/p0-ext4
ok "the case is served" wait_for as bert stat "$B/d"
not_ok "what is marked is not" as bert stat "$B/d/file"
ok "names are read" as bert grep -rc x "$B" "$B/../EVIDENCE.txt"
as bert getfattr -n user.evidencefs.inode "$B/d" >/dev/null 2>&1
as bert readlink "$B/d/link" >/dev/null
ev anna audit show --json --reads >"$WORK/shown"
team_end
is "$(python3 - "$DB" <<'PY'
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(DISTINCT kind) FROM acts").fetchone()[0])
PY
)" 13 "there are acts of each kind"
rows=$(python3 "$ACTS" check "$DB" "$WORK/team/log" "$TOP/tools/evidencefs-verify")
ok "each row is what its record commits to, by the format's page alone ($rows)" test "$rows" -ge 17
ok "and each access is to the name that is shown" \
	python3 "$ACTS" names "$DB" "$WORK/team/log" "$TOP/tools/evidencefs-verify" "$WORK/shown"
like "$(cat "$OUT")" "open.* readlink.* xattr .*[1-9][0-9]* not shown" "of each kind, but for what was hidden: $(cat "$OUT")"

cp -p "$DB" "$WORK/good.db"
refused() { # NAME TEXT COMMAND...: after that command the catalog is not served
	local name=$1 text=$2
	shift 2
	"$@" || bail "$name: could not be done"
	chown "$SERVICE_UID" "$DB"
	"$BUILD/evidencefsd" --config "$CONF" --foreground >>"$SERVICE_LOG" 2>&1 &
	STARTER=$!
	track_pid $STARTER
	answers() {
		"$EVIDENCEFS" status >"$OUT" 2>"$ERR" || grep -q catalog.db "$ERR" "$OUT"
	}
	wait_for -t 20 answers || true
	exits 1 "$name: is not served" "$EVIDENCEFS" status
	like "$(cat "$OUT" "$ERR")" "$text" "$name: status says which, and what to do"
	not_ok "$name: nobody is shown anything" as bert stat "$B/d"
	team_end
	cp -p "$WORK/good.db" "$DB"
}
edit() {
	python3 "$ACTS" edit "$DB" "$@"
}
changed="is not what was recorded; bring catalog.db back from a backup"
refused "another owner" "$changed" edit "kind = 1 AND name = CAST('c1' AS BLOB)" "who_id = $(id -u "${U[bert]}"), who_name = CAST('${U[bert]}' AS BLOB)"
refused "a transfer to somebody else" "$changed" edit "kind = 2" "who_id = 1"
refused "another officer" "$changed" edit "kind = 3 AND case_id = 1" "who_typed = CAST('x' AS BLOB)"
refused "a case that was closed for another reason" "$changed" edit "kind = 4" "reason = CAST('x' AS BLOB)"
refused "totals that were changed" "$changed" edit "kind = 5" "sha256 = zeroblob(32)"
refused "a release by somebody else" "$changed" edit "kind = 6" "by_uid = 0"
refused "an image somewhere else" "$changed" edit "kind = 7" "image = CAST('/tmp/x.dd' AS BLOB)"
refused "a verification that went well" "$changed" edit "kind = 8" "matched = 1 - matched"
refused "a right more" "$changed" edit "kind = 9 AND rights & 1" "rights = rights | 8"
refused "an exclusion of another path" "$changed" edit "kind = 10" "path = CAST('disk/p0-ext4/x' AS BLOB)"
refused "a grant that was not revoked" "$changed" edit "kind = 11" "object = object + 1"
refused "a mark that was rejected" "$changed" edit "kind = 12 AND mark_state = 2" "mark_state = 3"
refused "a note of another text" "$changed" edit "kind = 13" "text = CAST('x' AS BLOB)"
refused "a mark that was removed" "lacks the act of record" python3 "$ACTS" remove "$DB" "kind = 12 AND mark_state = 2"
refused "the newest act, removed" "acts that the catalog lacks" python3 "$ACTS" remove "$DB" "seq = (SELECT max(seq) FROM acts)"
last=$(python3 "$ACTS" check "$DB" "$WORK/team/log" "$TOP/tools/evidencefs-verify" >/dev/null && python3 - "$DB" <<'PY'
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT max(seq) FROM acts").fetchone()[0])
PY
)
refused "a grant more" "the log has none there" python3 "$ACTS" add "$DB" "kind = 9 AND rights & 1" $((last + 1)) "object = 900, ns = (SELECT max(ns) FROM acts)"
two=$(python3 - "$DB" <<'PY'
import sqlite3, sys
print(*(r[0] for r in sqlite3.connect(sys.argv[1]).execute("SELECT seq FROM acts WHERE kind = 12 ORDER BY seq")))
PY
)
# shellcheck disable=SC2086 # two numbers
refused "two marks that changed places" "$changed" python3 "$ACTS" swap "$DB" $two
team_start
ok "as it was it is served again" wait_for as bert stat "$B/d"
ev root audit verify >"$OUT" 2>&1 || true
like "$(cat "$OUT")" "intact" "and the log is intact"
team_end
is "$(python3 "$ACTS" refusals "$DB" "$WORK/team/log" "$TOP/tools/evidencefs-verify")" 17 "each refusal to serve over a row is a record"
done_testing
