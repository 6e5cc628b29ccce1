#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The team's commands as they are typed: what each answers, to whom, and what it refuses.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"
need fuse
need root
need users
need_tools mke2fs ewfacquire python3 setpriv
export EVIDENCEFS

is_refused() { # ERE NAME: the command before ended so, in one line, and said nothing else
	like "$(cat "$ERR")" "^evidencefs: $1" "$2: it is said why"
	is "$(wc -l <"$ERR") $(tr -d '\n' <"$ERR" | LC_ALL=C grep -c '[[:cntrl:]]' || true)" "1 0" \
		"$2: in one line"
	is "$(cat "$OUT")" "" "$2: and nothing else"
}

# denials TYPE: how many are in the log, as an officer of it counts them
denials() {
	ev log audit show --json --type "$1" >"$WORK/denials"
	value "sum(r['decision'] == 'denied' for r in rows)" "$WORK/denials"
}

mkdir -p "$WORK/tree/docs"
echo letter >"$WORK/tree/docs/letter"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/laptop.dd" 8M
cp "$WORK/laptop.dd" "$WORK/phone.dd"
printf x | dd of="$WORK/phone.dd" bs=1 seek=8388600 conv=notrunc status=none
(cd "$WORK" && ewfacquire -q -u -t stick laptop.dd >/dev/null 2>&1 </dev/null)
chmod 0600 "$WORK"/*.dd

user anna bert rosa vera carl log
team_begin
team_end
printf '[log]\nofficers = %s\n' "${U[log]}" >>"$CONF" # his primary group is called so
team_start

# ---- status
exits 0 "status" ev carl status
exits 0 "status --json" ev root status --json
is "$(keys "$OUT")" "version healthy sessions workers log_size log_head disk_free cases" "its keys"
is "$(value 'rows[0]["healthy"], rows[0]["cases"], rows[0]["log_size"] > 0')" "(True, 0, True)" "all is well"
ev carl status --json >"$OUT"
is "$(value 'rows[0]["healthy"], rows[0]["cases"], rows[0]["log_size"]')" "(True, None, None)" \
	"others learn only that"

# ---- cases
exits 0 "case create" ev root case create c1 --owner "${U[anna]}" --privilege-officer "${U[rosa]}" \
	--title 'A "title"' --idle-notice 30
exits 1 "a second one of that name" ev root case create c1 --owner "${U[anna]}"
is_refused "case create: .*c1" "a case that is there"
exits 1 "an owner nobody knows" ev root case create c2 --owner no-such-user
is_refused "case create: .*no-such-user" "an owner nobody knows"
exits 1 "root as owner" ev root case create c2 --owner root
is_refused "case create: .*root" "root as owner"
exits 1 "a case by a user" ev anna case create c2 --owner "${U[anna]}"
is_refused "case create: .*root" "a case by a user"
for name in ../c2 . 'a/b' $'c\n2' $'c\xff'; do
	exits 1 "a case of a bad name" ev root case create "$name" --owner "${U[anna]}"
	is_refused "case create: " "a case called $(printf %q "$name")"
done
is "$(denials case)" 9 "every refusal is in the log"
exits 0 "case list" ev root case list --json
is "$(value 'len(rows), rows[0]["case"], rows[0]["title"]')" "(1, 'c1', 'A \"title\"')" "has what was made, and no more"
exits 0 "case list of one who holds nothing" ev carl case list --json
is "$(cat "$OUT")" "" "is empty"
exits 1 "case show by him" ev carl case show c1
is_refused "case show: no such case" "case show by him"
said=$(cat "$ERR")
exits 1 "case show of what is not there" ev carl case show c9
is "$(cat "$ERR")" "$said" "says the same"
exits 1 "case transfer by root" ev root case transfer c1 --to "${U[bert]}" --reason r
exits 1 "case officer by the owner, while there is one" ev anna case officer c1 --to "${U[bert]}" --reason r
exits 1 "case close by root" ev root case close c1 --reason r

# ---- evidence
exits 0 "add" ev root add c1 "$WORK/laptop.dd" --json
is "$(keys "$OUT")" \
	"case evidence format size md5 sha1 sha256 stored_md5 stored_sha1 match volumes traces seconds" \
	"its keys"
is "$(value 'rows[0]["evidence"], rows[0]["size"], rows[0]["volumes"], rows[0]["stored_md5"], rows[0]["match"]')" \
	"('laptop', 8388608, 1, None, None)" "what was found: nothing to compare its totals with"
is "$(value 'rows[0]["sha256"]')" "$(sha256sum "$WORK/laptop.dd" | cut -d ' ' -f 1)" "and the hash total"
exits 0 "an E01, by a relative path" env -C "$WORK" "$EVIDENCEFS" add c1 stick.E01 --json
is "$(value 'rows[0]["format"], rows[0]["md5"] == rows[0]["stored_md5"], rows[0]["match"]')" \
	"('ewf', True, True)" "has the stored total"
exits 1 "a hash total that differs" ev root add c1 "$WORK/phone.dd" --md5 d41d8cd98f00b204e9800998ecf8427e
is_refused "add: .*differs from the MD5 given" "a hash total that differs"
exits 2 "accepting it without a reason" ev root add c1 "$WORK/phone.dd" --accept-mismatch
exits 0 "accepting it" ev root add c1 "$WORK/phone.dd" --md5 d41d8cd98f00b204e9800998ecf8427e \
	--accept-mismatch --reason 'the list was wrong' --json
is "$(value 'rows[0]["match"]')" False "it is said that it differs"
exits 1 "an image that is not there" ev root add c1 "$WORK/none.dd"
is_refused "add: .*none.dd" "an image that is not there"
exits 1 "adding by the owner" ev anna add c1 "$WORK/phone.dd"
is_refused "add: " "adding by the owner"
exits 1 "adding to no case" ev root add c9 "$WORK/phone.dd"
is_refused "add: no such case" "adding to no case"
exits 0 "release" ev anna release c1 laptop --reason 'looked at'
exits 1 "release by root" ev root release c1 phone --reason r
exits 1 "release of what is not there" ev anna release c1 none --reason r
exits 2 "release without a reason" ev anna release c1 phone
exits 0 "verify" ev anna verify c1 --json
is "$(value 'sorted((r["evidence"], r["match"]) for r in rows)')" \
	"[('laptop', True), ('phone', True), ('stick', True)]" "reads everything again"
mv "$WORK/phone.dd" "$WORK/moved.dd"
exits 0 "relocate" ev root relocate c1 phone "$WORK/moved.dd"
exits 1 "relocate to another image" ev root relocate c1 phone "$WORK/laptop.dd"
printf y | dd of="$WORK/moved.dd" bs=1 seek=8388600 conv=notrunc status=none
exits 1 "verify of bytes that changed" ev root verify c1 phone --json
is "$(value 'rows[0]["match"]')" False "tells"
exits 1 "verify by somebody else" ev bert verify c1

# ---- grants
exits 0 "grant" ev anna grant c1 "${U[bert]}" laptop/p0-ext4/docs --role analyst --until +8h --reason work
like "$(cat "$OUT")" '^[0-9]+$' "prints the id alone"
first=$(cat "$OUT")
exits 0 "grant of a group" ev anna grant c1 "@${U[bert]}" --rights read,raw --future --reason 'the "team"' --json
is "$(value 'type(rows[0]["id"]).__name__')" int "--json prints an object"
exits 0 "grant by number" ev anna grant c1 "$(id -u "${U[vera]}")" --role auditor --from 2020-01-01 --reason watch
exits 0 "exclude" ev anna exclude c1 "${U[bert]}" laptop/p0-ext4/docs/letter --reason privacy
exclusion=$(cat "$OUT")
before=$(denials grant)
bad_grant() { # NAME ERE ARGUMENT...
	local name=$1 why=$2
	shift 2
	exits 1 "$name" ev "$@" --reason r
	is_refused "grant: .*$why" "$name"
}
bad_grant "a grant to nobody" no-such-user anna grant c1 no-such-user --role analyst
bad_grant "until before from" "until" anna grant c1 "${U[carl]}" --role analyst --from +2h --until +1h
bad_grant "a path that climbs" "climb" anna grant c1 "${U[carl]}" laptop/../../x --role analyst
bad_grant "by one without the right" "" bert grant c1 "${U[carl]}" --role analyst
bad_grant "by one who holds nothing" "no such case" carl grant c1 "${U[carl]}" --role analyst
bad_grant "by root" "" root grant c1 "${U[carl]}" --role analyst
bad_grant "privileged by the owner" "officer" anna grant c1 "${U[carl]}" --role reviewer
bad_grant "to root" "root" anna grant c1 root --role analyst
is "$(($(denials grant) - before))" 8 "every refusal is in the log"
exits 2 "a grant without a reason" ev anna grant c1 "${U[carl]}" --role analyst
exits 2 "a role that is none" ev anna grant c1 "${U[carl]}" --role boss --reason r
exits 2 "a time that is none" ev anna grant c1 "${U[carl]}" --role analyst --until soon --reason r
exits 0 "the officer makes a reviewer" ev rosa grant c1 "${U[carl]}" --role reviewer --reason review

exits 0 "grants --json" ev anna grants c1 --json
is "$(keys "$OUT")" "id case who path rights from until by at reason kind revoked_at revoked_by revoke_reason" "its keys"
is "$(value '[(r["who"], r["path"], r["kind"]) for r in rows]')" \
	"[('${U[bert]}', 'laptop/p0-ext4/docs', 'grant'), ('@${U[bert]}', None, 'grant'), ('$(id -u "${U[vera]}")', None, 'grant'), ('${U[bert]}', 'laptop/p0-ext4/docs/letter', 'exclusion'), ('${U[carl]}', None, 'grant')]" \
	"as they were typed"
is "$(value 'rows[0]["rights"], rows[1]["until"], rows[1]["reason"]')" \
	"(['read', 'deleted', 'notes', 'annotate'], None, 'the \"team\"')" "what they give"
exits 1 "grants by an analyst" ev bert grants c1
exits 1 "grants by root" ev root grants c1
middle=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
exits 1 "revoke by an analyst" ev bert revoke c1 "$first" --reason r
exits 1 "revoke of what is not there" ev anna revoke c1 9999 --reason r
exits 0 "revoke" ev anna revoke c1 "$first" --reason 'work is done'
exits 1 "revoke twice" ev anna revoke c1 "$first" --reason r
exits 0 "revoke of an exclusion" ev anna revoke c1 "$exclusion" --reason r
ev anna grants c1 --json >"$OUT"
is "$(value 'len(rows)')" 3 "they are in force no more"
ev anna grants c1 --history --json >"$OUT"
is "$(value 'len(rows), rows[0]["revoked_by"], rows[0]["revoke_reason"]')" "(5, '${U[anna]}', 'work is done')" \
	"the history has them, by whom and why"
ev anna grants c1 --at "$middle" --json >"$OUT"
is "$(value 'len(rows), rows[0]["revoked_at"]')" "(5, None)" "they were in force then"
ev anna grants c1 --who "${U[carl]}" --json >"$OUT"
is "$(value 'len(rows)')" 1 "grants of one user"

# ---- whoami
exits 0 "whoami" ev bert whoami --json
is "$(value '[(r["case"], r["rights"], r["by"]) for r in rows]')" "[('c1', ['read', 'raw'], '${U[anna]}')]" \
	"what I may see, by whom"
exits 0 "whoami of the owner" ev anna whoami c1 --json
is "$(value 'rows[0]["standing"]')" owner "says that he is"
exits 0 "whoami of root" ev root whoami --json
is "$(cat "$OUT")" "" "is nothing"

# ---- the log
wait_for is_mounted "$ROOT/${U[bert]}"
is "$(as bert cat "$(view bert c1)/laptop/p0-ext4/docs/letter")" letter "bert reads"
exits 0 "audit show" ev vera audit show --case c1 --json --user "${U[bert]}" --path laptop/p0-ext4/docs
is "$(keys "$OUT" | cut -d ' ' -f 1-17)" \
	"seq time type user uid loginuid pid exe case evidence path trace offset length result decision grant" "its keys"
is "$(value '[(r["path"], r["case"], r["evidence"], r["bytes"]) for r in rows if r["type"] == "open"]')" \
	"[('laptop/p0-ext4/docs/letter', 'c1', 'laptop', 7)]" "has what he read"
ev vera audit show --case c1 --json --user "${U[bert]}" --path "$(view bert c1)/laptop/p0-ext4/docs" >"$WORK/absolute"
is "$(value 'len(rows) > 0' "$WORK/absolute")" True "by the path in a session, too"
ev vera audit show --json --type grant,revoke,exclude,add,release >"$OUT"
is "$(value 'sorted(set(r["type"] for r in rows))')" "['add', 'exclude', 'grant', 'release', 'revoke']" "and acts"
ev log audit show --json --reads >"$OUT"
ev log audit show --json --type epoch >>"$OUT"
is "$(value 'set(range(1, max(r["seq"] for r in rows if r["type"] != "epoch"))) <= set(r["seq"] for r in rows)')" True \
	"an officer of the log sees every record"
for who in root bert carl; do
	exits 1 "audit show by $who" ev "$who" audit show --case c1
	is_refused "audit show: " "audit show by $who"
done
exits 1 "--user nobody knows" ev log audit show --user no-such-user
exits 1 "--type that is none" ev log audit show --type opened
exits 0 "audit access" ev vera audit access c1 --at "$middle" --json
is "$(value '[(r["kind"], r["who"]) for r in rows][:2], len(rows)')" \
	"([('owner', '${U[anna]}'), ('privilege officer', '${U[rosa]}')], 7)" "who had which rights then"
exits 1 "audit access by root" ev root audit access c1 --at "$middle"

# ---- the end of a case
exits 0 "case officer" ev rosa case officer c1 --to "${U[carl]}" --reason 'holiday'
exits 0 "case transfer" ev anna case transfer c1 --to "${U[log]}" --reason 'leaves'
exits 1 "case close by who owned it" ev anna case close c1 --reason r
exits 0 "case close" ev log case close c1 --reason 'all is said'
exits 1 "a grant in it" ev log grant c1 "${U[bert]}" --role analyst --reason r
ok "nobody sees it any more" wait_for not_mounted "$ROOT/${U[bert]}"
exits 0 "its log stays" ev log audit show --case c1 --type case

# ---- clients that do harm
# as one user, who holds as many connections as he gets and more; anybody else is answered
mkfifo "$WORK/until"
exec {until}<>"$WORK/until"
as bert /usr/bin/python3 -c '
import socket, sys
for what in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4096, b"", b"\x10\0\0"):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.send(what)
    s.close()
held = [socket.socket(socket.AF_UNIX) for _ in range(40)]
for s in held:
    s.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()' "$SOCKET" <"$WORK/until" >"$WORK/harm" &
harm=$!
is_held() {
	grep -q held "$WORK/harm"
}
ok "one user's garbage, and forty connections that are silent" wait_for is_held
exits 0 "keep root from nothing" ev root status
exits 0 "nor anybody else" ev anna whoami
echo >&"$until"
wait "$harm"
ok "he himself is answered when they are gone" wait_for ev bert whoami
team_end
exits 1 "status when the service has ended" ev root status
is_refused "status: the service is not running" "status when the service has ended"
done_testing
