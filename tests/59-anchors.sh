#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 59-anchors.sh - what is kept elsewhere, and who vouches: time stamps (an authority by
# openssl), cosignatures of witnesses, endorsements by owner and auditor
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"

set -eu
need fuse
need root
need users
need_tools python3 openssl
export EVIDENCEFS

cd "$WORK"
WITNESS=$TOP/tests/helpers/witness.py
for w in w1 w2 no-w; do
	openssl genpkey -algorithm ed25519 -out $w.pem 2>/dev/null
done

said() { "$EVIDENCEFS" audit verify --log "$LOG"; }
says() { said | grep -F -- "$1"; }
other_says() { "$OTHER" "$LOG" | grep -F -- "$1"; }

# an authority of this test's own
authority() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.pem -subj /CN=authority -days 2 \
		-addext extendedKeyUsage=critical,timeStamping
	cat >tsa.conf <<-END
		[tsa]
		default_tsa = one
		[one]
		serial = $WORK/tsa.serial
		crypto_device = builtin
		signer_cert = $WORK/tsa.pem
		signer_key = $WORK/tsa.key
		signer_digest = sha256
		default_policy = 1.2.3.4
		digests = sha256
		accuracy = secs:1
		ess_cert_id_alg = sha256
	END
	echo 01 >tsa.serial
}

ok "an authority" authority
chmod 0644 tsa.key
team_begin "[log]" "witnesses = $(python3 "$WITNESS" key witness.example/w1 w1.pem) $(python3 "$WITNESS" key witness.example/w2 w2.pem)"
user anna bert
ev root case create c1 --owner "${U[anna]}" >/dev/null
ev anna grant c1 "${U[bert]}" --role auditor --reason r >/dev/null
sealed() { [[ $("$EVIDENCEFS" audit checkpoint 2>/dev/null | sed -n 2p) -ge 4 ]]; }
wait_for sealed

# ---- a system log, on another machine perhaps: one line, by tools that each machine has
need_tools logger
python3 - "$WORK/dev-log" "$WORK/syslog" <<-'PYTHON' &
	import socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind(sys.argv[1])
	with open(sys.argv[2], "wb", buffering=0) as log:
	    while True:
	        log.write(s.recv(65536) + b"\n")
PYTHON
track_pid $!
wait_for test -S "$WORK/dev-log"
to_syslog() {
	ev root audit checkpoint | base64 -w 0 | logger --socket "$WORK/dev-log" --tag evidencefs-checkpoint
}
ok "a checkpoint goes to the system log" to_syslog
wait_for test -s "$WORK/syslog"
sed -n 's/.*evidencefs-checkpoint: *//p' "$WORK/syslog" | tail -n 1 | base64 -d >from-syslog
both 0 "read back from there it is an anchor" --anchor from-syslog

# ---- a time stamp
exits 0 "a request" ev root audit timestamp -o "$WORK/point"
is "$(head -1 "$OUT")" "$WORK/point" "names the checkpoint"
is "$(openssl ts -query -in point.tsq -text | sed -n 's/^Hash Algorithm: //p')" "sha256" "openssl reads it"
is "$(openssl ts -query -in point.tsq -text | sed -n '/^Message data/,/^Policy/p' | sed -n 's/^ *00[01]0 - \([0-9a-f -]*\)  .*/\1/p' | tr -d ' \n-')" \
	"$(sha256sum <point | cut -d' ' -f1)" "it is over the checkpoint"
ok "the authority answers" openssl ts -reply -config tsa.conf -queryfile point.tsq -out point.tsr
ok "openssl verifies it" openssl ts -verify -in point.tsr -data point -CAfile tsa.pem
exits 0 "so do we" "$EVIDENCEFS" audit timestamp --response point.tsr --ca tsa.pem point
like "$(cat "$OUT")" "was there at 20[0-9-]+T[0-9:]+Z" "and say when"
sed 's/^[0-9]*$/7/' point >forged
exits 1 "over another checkpoint it is none" "$EVIDENCEFS" audit timestamp --response point.tsr forged
openssl req -x509 -newkey rsa:2048 -nodes -keyout no.key -out no.pem -subj /CN=nobody -days 2 2>/dev/null
exits 1 "by another authority it is not believed" "$EVIDENCEFS" audit timestamp --response point.tsr --ca no.pem point
head -c 100 point.tsr >torn.tsr
exits 1 "a part of an answer is none" "$EVIDENCEFS" audit timestamp --response torn.tsr point
exits 2 "an answer to nothing" "$EVIDENCEFS" audit timestamp --response point.tsr
exits 1 "it is not for everybody" ev anna audit timestamp -o "$WORK/none" # an owner audits; so:
both 0 "what was stamped is an anchor" --anchor point

# ---- a witness
exits 1 "without a cosignature there is nothing to keep" ev root audit cosign point
like "$(cat "$ERR")" "no cosignature of a witness that is known" "and it is said why"
{
	cat point
	echo "— witness.example/w1 $(head -c 76 /dev/urandom | base64 -w0)"
} >random
exits 1 "a line of which nobody knows whose it is, is none" ev root audit cosign random
python3 "$WITNESS" sign witness.example/other no-w.pem point >stranger
exits 1 "nor that of a witness who is not known" ev root audit cosign stranger
python3 "$WITNESS" sign witness.example/w1 no-w.pem point >pretender
exits 1 "nor one of his name by another key" ev root audit cosign pretender
python3 "$WITNESS" sign witness.example/w1 w1.pem point >cosigned
python3 - <<'PY'
import base64
lines = open("cosigned", encoding="utf-8").read().split("\n")
dash, name, text = lines[-2].split(" ")
for at in (4, 11, 12, 40, 75):
    d = bytearray(base64.b64decode(text))
    d[at] ^= 1
    lines[-2] = f"{dash} {name} {base64.b64encode(d).decode()}"
    open(f"changed{at}", "w", encoding="utf-8").write("\n".join(lines))
PY
for at in 4 11 12 40 75; do
	exits 1 "a cosignature in which byte $at was changed is refused" ev root audit cosign "changed$at"
	like "$(cat "$ERR")" "the cosignature of witness.example/w1 does not hold" "and it is said why"
done
ok "nothing of it was kept" test ! -e "$WORK/team/anchors"
exits 0 "a cosigned checkpoint is taken" ev root audit cosign cosigned
ok "and kept as it was" cmp cosigned "$(ls "$WORK"/team/anchors/*)"
python3 "$WITNESS" sign witness.example/w2 w2.pem cosigned >twice
exits 0 "also one of two witnesses" ev root audit cosign twice
both 0 "it is an anchor" --anchor cosigned
sed 's/^[A-Za-z0-9+/]\{43\}=$/AAAA&/; s/^AAAA\(.\{39\}\)...../AAAA\1=/' cosigned >other
exits 1 "one of another root is refused" ev root audit cosign other
like "$(cat "$ERR")" "does not hold|no checkpoint" "and why"

# ---- endorsements
exits 1 "there is nothing to endorse" ev anna audit endorse --key tsa.key
team_end
rm "$WORK"/team/keys/*.key
team_start
ok "keys are lost" says "unendorsed"
openssl genpkey -algorithm ed25519 -out anna.pem 2>/dev/null
openssl genpkey -algorithm ed25519 -out bert.pem 2>/dev/null
chmod 0644 ./*.pem
exits 1 "root endorses nothing" ev root audit endorse --key anna.pem
exits 1 "not with a key of another kind" ev anna audit endorse --key tsa.key
exits 0 "the owner does" ev anna audit endorse --key anna.pem
ok "that alone is not enough" says "this discontinuity is unendorsed"
exits 1 "not twice" ev anna audit endorse --key anna.pem
exits 0 "the auditor does" ev bert audit endorse --key bert.pem
print_of() { openssl pkey -in "$1" -pubout -outform DER | tail -c 32 | openssl dgst -sha256 -binary | base64 | tr -d =; }
ok "the owner's key is named" says "by an owner, with SHA256:$(print_of anna.pem)"
ok "the auditor's key is named" says "by an auditor, with SHA256:$(print_of bert.pem)"
ok "by the other verifier too" other_says "by an auditor, with SHA256:$(print_of bert.pem)"
not_ok "now it is endorsed" says unendorsed
not_ok "by the other verifier too" other_says unendorsed
both 0 "the anchor of before holds" --anchor point

# ---- rollback behind what was kept
team_end
both 0 "after a clean stop" --anchor point
python3 - "$LOG" "$(sed -n 2p point)" <<'PY'
import re, sys
heads = open(sys.argv[1] + "/checkpoints", encoding="utf-8").read()
first = re.match(r"(?:[^\n]*\n){5}", heads)[0]
open(sys.argv[1] + "/checkpoints", "w", encoding="utf-8").write(first)
PY
both 1 "checkpoints cut back: found" --anchor point
done_testing
