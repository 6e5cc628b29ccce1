#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 58-exports.sh - the log in the formats of others, about files whose names break out of formats
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need_tools mke2fs python3

BACK="$TOP/tests/helpers/parse_back.py"
gone() { # PID
	! kill -0 "$1" 2>/dev/null
}
mkdir -p "$WORK/tree/names"
python3 "$BACK" tree "$WORK/tree/names"
mke2fs -q -t ext4 -d "$WORK/tree" "$WORK/disk.dd" 16M
mount_image "$WORK/disk.dd" "$WORK/mnt"
find "$WORK/mnt/disk/p0-ext4/names" -type f -exec cat {} + >/dev/null

export_to() { # FORMAT FILE [OPTION]...
	local format=$1 file=$2
	shift 2
	"$EVIDENCEFS" audit export --mount "$WORK/mnt" --state "$STATE" --format "$format" -o "$file" "$@"
}

for format in ecs ocsf cef csv; do
	exits 0 "audit export --format $format" export_to "$format" "$WORK/rows.$format" --type open
	ok "$format: every name comes back, and nothing else" \
		python3 "$BACK" "$format" "$WORK/rows.$format" "$WORK/tree/names" disk/p0-ext4/names/
	is "$(stat -c %a "$WORK/rows.$format")" 600 "$format: for its owner alone"
done
"$EVIDENCEFS" audit show --mount "$WORK/mnt" --state "$STATE" --type open --json >"$WORK/rows.json"
ok "and in audit show --json" \
	python3 "$BACK" json "$WORK/rows.json" "$WORK/tree/names" disk/p0-ext4/names/

# ---- what the schemas want, by the rows of audit show
cat >"$WORK/check.py" <<'PY'
import csv, json, sys

def lines(name):
    return [json.loads(l) for l in open(f"{sys.argv[1]}/{name}")]

def need(what, that):
    if not that:
        sys.exit(f"no: {what}")

shown = [r for r in lines("all.json")]
ecs, ocsf = lines("all.ecs"), lines("all.ocsf")
table = list(csv.DictReader(open(f"{sys.argv[1]}/all.csv", newline="")))
need("as many rows", len(shown) == len(ecs) == len(ocsf) == len(table) > 2 * 38)
for r, e, o, t in zip(shown, ecs, ocsf, table):
    need("ecs: the record", e["event"]["sequence"] == r["seq"] and e["@timestamp"] == r["time"]
         and e["event"]["action"] == r["type"] and e["ecs"]["version"].startswith("8."))
    need("ecs: who", e["user"]["id"] == str(r["uid"]) and e["user"]["name"] == r["user"])
    need("ecs: result", e["event"]["outcome"] == ("success" if r["decision"] == "allowed" and r["result"] >= 0 else "failure"))
    need("ecs: own", e["evidencefs"].get("offset") == r["offset"] and e["evidencefs"].get("bytes") == r["bytes"])
    need("ocsf: class", o["class_uid"] // 1000 == o["category_uid"] and o["type_uid"] == o["class_uid"] * 100 + o["activity_id"]
         and o["class_uid"] in (1001, 3004))
    need("ocsf: required", all(k in o for k in ("time", "metadata", "severity_id", "actor", "device")) and
         ("file" if o["class_uid"] == 1001 else "entity") in o and "product" in o["metadata"])
    need("ocsf: time", str(o["time"])[:10] == str(int(o["time"] / 1000)) and o["metadata"]["sequence"] == r["seq"])
    need("csv: the row", t["seq"] == str(r["seq"]) and t["type"] == r["type"] and t["result"] == str(r["result"])
         and t["bytes"] == ("" if r["bytes"] is None else str(r["bytes"])))
need("an open has its sums", any(e["evidencefs"].get("bytes") for e in ecs))
PY
"$EVIDENCEFS" audit show --mount "$WORK/mnt" --state "$STATE" --json >"$WORK/all.json"
for format in ecs ocsf csv; do
	export_to "$format" "$WORK/all.$format"
done
ok "rows are those of audit show, and whole by their schemas" python3 "$WORK/check.py" "$WORK"

# ---- files
echo before >"$WORK/there"
exits 2 "a format that is none" export_to xml "$WORK/there"
exits 1 "a folder that is not there" export_to csv "$WORK/nowhere/x.csv"
exits 1 "a mount that never was" "$EVIDENCEFS" audit export --mount "$WORK/tree" --state "$STATE" --format csv -o "$WORK/there"
is "$(cat "$WORK/there")" before "a file that was there stays, when the export fails"
is "$(find "$WORK" -maxdepth 1 -name '*.part-*')" "" "and nothing half done lies about"
exits 0 "an export to standard output" export_to csv /dev/null
"$EVIDENCEFS" audit export --mount "$WORK/mnt" --state "$STATE" --format csv --type start >"$WORK/stdout.csv"
like "$(cat "$WORK/stdout.csv")" '"start"' "is there"

# ---- a report
report() {
	"$EVIDENCEFS" audit report personal --mount "$WORK/mnt" --state "$STATE" -o "$WORK/report.html"
}
exits 0 "audit report" report
ok "it is one whole page of nothing but text, and every name is in it" \
	python3 "$BACK" html "$WORK/report.html" "$WORK/tree/names" disk/p0-ext4/names/
like "$(cat "$WORK/report.html")" 'proves nothing against him' "and says what the log of one's own mount is worth"

# ---- labels
cp /bin/cat "$WORK/some-thumbnailer"
"$WORK/some-thumbnailer" "$WORK/mnt/disk/EVIDENCE.txt" >/dev/null
show() {
	"$EVIDENCEFS" audit show --mount "$WORK/mnt" --state "$STATE" --json --path disk/EVIDENCE.txt --type open "$@"
}
like "$(show)" '"label":"thumbnailer"' "what a thumbnailer did has that label"
is "$(show --no-label)" "" "and can be left out"

# ---- the database of questions
show >"$WORK/before.json"
database=$(find "$STATE" -name query.db)
printf 'not a database' >"$database"
exits 0 "audit reindex" "$EVIDENCEFS" audit reindex --mount "$WORK/mnt" --state "$STATE" --json
like "$(cat "$OUT")" '^\{"records":[1-9][0-9]*\}$' "says how many records it read"
show >"$WORK/after.json"
same_file "$WORK/before.json" "$WORK/after.json" "and the answers are as they were"
exits 2 "audit reindex of both" "$EVIDENCEFS" audit reindex --state "$STATE"

# ---- follow
# (what a shell starts in the background ignores Ctrl-C)
env --default-signal=INT "$EVIDENCEFS" audit follow --mount "$WORK/mnt" --state "$STATE" --json --type open >"$WORK/followed" &
follower=$!
track_pid $follower
read_one() {
	cat "$WORK/mnt/disk/EVIDENCE.txt" >/dev/null
	grep -q EVIDENCE.txt "$WORK/followed"
}
ok "audit follow prints what is read while it runs" wait_for read_one
kill -INT $follower
ok "and ends when it is interrupted" wait_for -t 5 gone $follower
done_testing
