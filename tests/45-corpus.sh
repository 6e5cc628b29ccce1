#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Images made by others, those that are damaged on purpose first: each is mounted, walked and read
# to the end, in a minute and 512 MiB, by a mounting process that is still there afterwards; or it
# is refused in one line.
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need corpus
need_tools python3 ewfexport
walk=$TOP/tests/helpers/walk.py
mnt=$WORK/mnt
mkdir "$mnt"
track_mount "$mnt"

serving() { # the process behind the mount
	"$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --json --type start | tail -n 1 |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])'
}
examine() { # NAME: of what is mounted
	local began=$SECONDS pid peak
	pid=$(serving)
	ok "$1: walked, and read to the end" timeout 60 python3 "$walk" "$mnt"
	diag "$(tail -n 1 "$OUT")"
	ok "$1: find" timeout 60 find "$mnt" -printf '%p %s %i %t %l\n'
	timeout 60 ls -lR "$mnt" >"$WORK/listing" 2>&1 || true
	is "$(grep -c '?????' "$WORK/listing" || true)" 0 "$1: ls -l knows every entry"
	peak=$(awk '/^VmHWM:/ {print $2}' "/proc/$pid/status" 2>/dev/null || echo gone)
	if [[ $peak != gone && $peak -lt $((512 * 1024)) && $((SECONDS - began)) -lt 60 ]]; then
		pass "$1: by a process that is still there, and small"
	else
		fail "$1: by a process that is still there, and small: $peak KiB, $((SECONDS - began)) s"
	fi
	ok "$1: unmount" unmount_image "$mnt"
}

while IFS= read -r -d '' image; do
	name=${image#"$EVIDENCEFS_CORPUS"/}
	tap_run timeout 60 "$EVIDENCEFS" mount --state "$STATE" "$image" "$mnt"
	if [[ $tap_status == 0 ]]; then
		examine "$name"
	elif [[ $tap_status == 1 && $(wc -l <"$ERR") == 1 && $name != corrupt_* ]]; then
		pass "$name: refused: $(sed "s|$EVIDENCEFS_CORPUS/||g; s/^evidencefs: //" "$ERR")"
		ok "$name: nothing is mounted" not_mounted "$mnt"
	else
		fail "$name: mounted, or refused in one line"
		diag "exit status $tap_status"
		tap_show_output
	fi
	rm -rf "$STATE"
done < <(
	cd "$EVIDENCEFS_CORPUS"
	find "$EVIDENCEFS_CORPUS" \( -path '*/mail_archives' -o -path '*/expected' -o -path '*/zip' \) -prune -o \
		-type f ! -name '*.xz' ! -name '*.gz' ! -name '*.zst' ! -name '*.md' ! -name '*.sh' ! -name SHA256SUMS -print0 |
		sort -z | python3 -c 'import sys
images = sys.stdin.buffer.read().split(b"\0")[:-1]
images.sort(key=lambda p: b"/corrupt_" not in p)
sys.stdout.buffer.write(b"".join(p + b"\0" for p in images))'
)

# each E01 that libewf opens: the same bytes as it exports
exported() {
	rm -f "$WORK"/exported.*
	ewfexport -u -q -f raw -S 0 -t "$WORK/exported" "$1" >"$WORK/export.log" 2>&1 && [[ -s $WORK/exported.raw ]]
}
while IFS= read -r -d '' image; do
	name=${image#"$EVIDENCEFS_CORPUS"/}
	if ! exported "$image"; then
		diag "$name: libewf does not open it"
		continue
	fi
	ok "$name: mounted" timeout 60 "$EVIDENCEFS" mount --no-hash --state "$STATE" "$image" "$mnt"
	ok "$name: the bytes that ewfexport writes" cmp "$WORK/exported.raw" "$mnt"/*/image.raw
	ok "$name: unmount" unmount_image "$mnt"
done < <(find "$EVIDENCEFS_CORPUS" -name '*.E01' -print0 | sort -z)
done_testing
