#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 57-segments.sh - a log of many segments: those that are closed are compressed behind, and whoever
# reads the log, writes it or checks it finds all of it
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"

set -eu
slow
need fuse
need root
need users
need_tools mke2fs python3 openssl xz
export EVIDENCEFS

READS=12000

is_xz() {
	[[ $(head -c 6 "$1" | od -An -tx1 | tr -d ' ') == fd377a585a00 ]]
}
packed() { # how many segments begin as .xz does
	local f n=0
	for f in "$LOG"/log-*.seg; do
		! is_xz "$f" || n=$((n + 1))
	done
	echo "$n"
}
all_but_one() {
	local all
	all=$(find "$LOG" -name 'log-*.seg' | wc -l)
	[[ $all -gt 5 && $(packed) -eq $((all - 1)) ]]
}

mkdir -p "$WORK/tree"
head -c 200000 /dev/urandom >"$WORK/tree/file"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 8M
team_begin "[log]" "segment_size = 64K"
user anna bert
ev root case create c1 --owner "${U[anna]}" >/dev/null
ev root add c1 "$WORK/disk.dd" >/dev/null
ev anna release c1 disk --reason r
ev anna grant c1 "${U[bert]}" --role analyst --reason r >/dev/null
wait_for is_mounted "$ROOT/${U[bert]}"
F=$(view bert c1)/disk/p0-ext4/file
read_much() { # SIZE: reads of that size, READS of them
	as bert /usr/bin/python3 - "$F" "$1" "$READS" <<'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
for i in range(int(sys.argv[3])):
    assert len(os.pread(fd, int(sys.argv[2]), i % 1000)) == int(sys.argv[2])
PY
}
# A segment's bytes, by docs/FORMAT.audit.md, "Compressed segments".
plain() { # FILE
	if is_xz "$1"; then xz -dc --format=xz "$1"; else cat "$1"; fi | python3 -c '
import sys
d, at = sys.stdin.buffer.read(), 64
if sys.argv[1] == "yes":
    out = d[:64]
    while at < len(d):
        n = int.from_bytes(d[at:at + 8], "little")
        first, at = d[at + 8:at + 8 + 64 * n], at + 8 + 64 * n
        for i in range(n):
            record = bytes(first[b * n + i] for b in range(64))
            out, at = out + record + d[at:at + (record[5] - 1) * 64], at + (record[5] - 1) * 64
    d = out
sys.stdout.buffer.write(d)' "$(is_xz "$1" && echo yes)"
}
read_much 7
ok "closed segments are compressed, but the last is not" wait_for -t 60 all_but_one
for f in "$LOG"/log-*.seg; do
	bytes=$(plain "$f" | wc -c)
	[[ $bytes -ge 64 && $bytes -le 65536 ]] || bail "$f has $bytes bytes"
done
pass "each is an .xz of 64 KiB at most"
is "$(find "$LOG" "$WORK/team" -maxdepth 1 -name '*.new' | wc -l)" 0 "nothing is left beside them"
both 3 "the log holds"
mkdir -m 0777 "$WORK/out"
ev root audit checkpoint -o "$WORK/head"
both 0 "up to a checkpoint that was kept" --anchor "$WORK/head"

count() { # of reads of SIZE that the log has
	ev anna audit show --case c1 --user "${U[bert]}" --type read --reads --json | grep -c "\"length\":$1,"
}
is "$(count 7)" "$READS" "every read is told"
ok "the database of questions is made again of it" ev root audit reindex
is "$(count 7)" "$READS" "and says the same"
seq=$(ev anna audit show --case c1 --user "${U[bert]}" --type open --json | sed -n '1s/.*"seq":\([0-9]*\).*/\1/p')
ok "one record of a compressed segment is proved" ev anna audit prove "$((seq + 20))" -o "$WORK/out/proof"
like "$(cat "$WORK/out/proof")" "c2sp.org/tlog-proof@v1" "as a proof is written"
ok "and exported: the case, as an extract" ev anna audit export --case c1 --format case -o "$WORK/out/extract"
exits 3 "which holds, too" "$TOP/tools/evidencefs-verify" "$WORK/out/extract"

grown() {
	[[ $(ev root status --json | sed 's/.*"log_size":\([0-9]*\).*/\1/') -ge $1 ]]
}
# whatever it was doing when the service died
for i in 1 2 3; do
	read_much $((10 + i)) &
	reader=$!
	killed=$(service_pid)
	before=$(ev root status --json | sed 's/.*"log_size":\([0-9]*\).*/\1/')
	wait_for grown "$((before + i * 1500))"
	kill -9 "$killed"
	wait $reader || true
	another() { [[ -n $(service_pid) && $(service_pid) != "$killed" ]] && "$EVIDENCEFS" status; }
	wait_for -t 20 another
done
ok "after kills in between all is compressed as before" wait_for -t 60 all_but_one
both 0 "and the log holds" --anchor "$WORK/head"
is "$(count 7)" "$READS" "with every read"
team_end
both 0 "also after a clean stop" --anchor "$WORK/head"
sed -i '/segment_size/a compress = no' "$CONF"
before=$(packed)
team_start
read_much 33
is "$(packed)" "$before" "where it is not wanted nothing more is compressed"
team_end
both 0 "the log holds then, too" --anchor "$WORK/head"

# by policy: accesses go, what is behind no checkpoint that is kept elsewhere stays
sed -i '/compress = no/c retention = 1s' "$CONF"
: >"$SERVICE_LOG"
team_start
deleted() { grep -q "are deleted, as the policy says" "$SERVICE_LOG"; }
ok "accesses that are old enough are deleted" wait_for -t 60 deleted
upto=$(sed -n 's/.*accesses up to record \([0-9]*\) are deleted.*/\1/p' "$SERVICE_LOG" | head -n 1)
size=$(sed -n 2p "$WORK/head")
ok "up to what the checkpoint that was handed out covers ($upto of $size)" test "$upto" -le "$size" -a "$upto" -gt $((size / 2))
both 0 "the log holds" --anchor "$WORK/head"
like "$(cat "$OUT")" "deleted as the policy says: [0-9]* of records [0-9]* to [0-9]* are there as hashes only" "and it is said which are gone"
"$EVIDENCEFS" audit verify --log "$LOG" >"$OUT" 2>&1 || true
like "$(cat "$OUT")" "deleted as the policy says: [0-9]* of records [0-9]* to [0-9]* are there as hashes only" "by both"
ok "what was read is not told any more" test "$(count 7)" -lt $((READS / 2))
ok "acts are" test "$(ev anna audit show --case c1 --type grant --json | grep -c '"decision":"allowed"')" = 1
ok "the database of questions is made again of it" ev root audit reindex
ok "and says the same" test "$(count 7)" -lt $((READS / 2)) -a "$(count 33)" = "$READS"
not_ok "a record that is gone cannot be proved any more" ev anna audit prove "$((seq + 20))" -o "$WORK/out/none"
ok "the proof that was made of it still holds: its root is that of the checkpoint" python3 - "$WORK/out/proof" "$LOG/checkpoints" <<'PY'
import base64, hashlib, sys
head, note = open(sys.argv[1]).read().split("\n\n", 1)
lines = head.split("\n")
record = base64.b64decode(lines[1].split()[1])
index, size, root = int(lines[2].split()[1]), int(note.split("\n")[1]), base64.b64decode(note.split("\n")[2])
h, last = hashlib.sha256(b"\0" + record).digest(), size - 1
for p in (base64.b64decode(x) for x in lines[3:]):
    if index % 2 or index == last:
        h = hashlib.sha256(b"\1" + p + h).digest()
        while index % 2 == 0 and index:
            index, last = index >> 1, last >> 1
    else:
        h = hashlib.sha256(b"\1" + h + p).digest()
    index, last = index >> 1, last >> 1
sys.exit(h != root or note not in open(sys.argv[2]).read())
PY
team_end
both 0 "after a clean stop" --anchor "$WORK/head"

# a byte of a compressed segment
f=$(find "$LOG" -name 'log-*.seg' | sort | sed -n 2p)
cp -p "$f" "$WORK/kept"
python3 - "$f" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    d = f.read()
    f.seek(len(d) // 2)
    f.write(bytes([d[len(d) // 2] ^ 1]))
PY
both 1 "a byte in a compressed segment that was changed is found"

# a stream without a flaw, in which something else stands than the groups it had
for wrong in "d[:64]" "d[:-1]" "d[:64] + bytes(8) + d[64:]" "d[:64] + b'\\xff' * 8 + d[72:]" \
	"d[:72 + 5 * n] + b'\\0' + d[73 + 5 * n:]" "d[:72 + 5 * n] + b'\\x0b' + d[73 + 5 * n:]" \
	"d + bytes(4)" "d + (1).to_bytes(8, 'little')"; do
	python3 - "$WORK/kept" "$f" "$wrong" <<-'PY'
		import lzma, sys
		d = lzma.decompress(open(sys.argv[1], "rb").read())
		n = int.from_bytes(d[64:72], "little")
		open(sys.argv[2], "wb").write(lzma.compress(eval(sys.argv[3])))
	PY
	both 1 "a segment that is compressed as $wrong is found"
done
cp -p "$WORK/kept" "$f"
both 3 "as it was, it holds"
done_testing
