#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 57-seal.sh - the sealed log of a service: checkpoints, anchors and proofs by its commands;
# exit statuses of `audit verify` and of tools/evidencefs-verify
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/team.sh"

set -eu
need fuse
need root
need users
need_tools python3 openssl
export EVIDENCEFS

sealed() { # all records but EPOCHs are under a checkpoint
	"$EVIDENCEFS" audit checkpoint -o "$WORK/anchor" 2>/dev/null
}

team_begin
user anna bert
like "$(grep -a "origin key" "$SERVICE_LOG")" "evidencefs/[0-9a-f]{32}[+].*SHA256:" "the origin key is told at the first start"
cp "$LOG/origin.pub" "$WORK/key"
exits 0 "a case" ev root case create c1 --owner "${U[anna]}"
wait_for sealed
like "$(head -1 "$WORK/anchor")" "^evidencefs/[0-9a-f]{32}$" "a checkpoint is handed out"
exits 3 "verify by the service" ev root audit verify
exits 0 "with an anchor" ev root audit verify --anchor "$WORK/anchor" --key "$WORK/key"
exits 1 "not by everybody" ev bert audit checkpoint
both 3 "while it runs"
both 0 "with an anchor, while it runs" --anchor "$WORK/anchor"
ok "head in status" test "$("$EVIDENCEFS" status --json | grep -c '"log_head":"[0-9]* [A-Za-z0-9+/]*="')" = 1
exits 1 "a proof is for who audits" ev bert audit prove 1 -o "$WORK/proof"
exits 0 "proof of a record" "$EVIDENCEFS" audit prove 1 --log "$LOG" -o "$WORK/proof"
is "$(head -1 "$WORK/proof")" "c2sp.org/tlog-proof@v1" "is a tlog-proof"
kill -KILL "$(service_pid)"
wait_for ev root case create c2 --owner "${U[anna]}"
both 0 "after SIGKILL" --anchor "$WORK/anchor"
exits 3 "the discontinuity is named" "$EVIDENCEFS" audit verify --log "$LOG"
like "$("$EVIDENCEFS" audit verify --log "$LOG")" "discontinuity: sealed up to record [0-9]+" "with where the log was sealed"
team_end
both 0 "after a clean stop" --key "$WORK/key" --anchor "$WORK/anchor"
cp -a "$LOG" "$WORK/kept"
# what may stand behind the last record, and what may not
segment=$LOG/log-00000000000000000001.seg
end=$(stat -c %s "$segment")
says() { # both, in one line each
	"$EVIDENCEFS" audit verify --log "$LOG" | grep "ends within" || true
	"$OTHER" "$LOG" | grep "ends within" || true
}
ok "a clean stop leaves no space ahead" test "$(tail -c 64 "$segment" | tr -d '\0' | wc -c)" != 0
truncate -s +65536 "$segment"
both 0 "space ahead of its last record" --anchor "$WORK/anchor"
is "$(says)" "" "is nothing to be told"
printf x | dd of="$segment" bs=1 seek=$((end + 300)) conv=notrunc status=none
both 0 "a record that was begun" --anchor "$WORK/anchor"
is "$(says | sort -u)" "${segment##*/}: ends within a record, at offset $end" "is told, by both"
printf x | dd of="$segment" bs=1 seek=$((end + 7)) conv=notrunc status=none
both 1 "what is neither" --anchor "$WORK/anchor"
truncate -s "$end" "$segment" && truncate -s +65536 "$segment"
dd if="$segment" of="$segment" bs=64 skip=1 seek=$((end / 64 + 9)) count=10 conv=notrunc status=none
both 1 "a whole record behind space" --anchor "$WORK/anchor"
rm -r "$LOG" && cp -a "$WORK/kept" "$LOG"
truncate -s -64 "$LOG/log-00000000000000000001.seg"
both 1 "its last record cut"
rm -r "$LOG" && cp -a "$WORK/kept" "$LOG"
rm "$LOG/checkpoints"
both 1 "without checkpoints"
exits 4 "no such folder" "$EVIDENCEFS" audit verify --log "$WORK/none"
exits 4 "no such folder, by the other" "$OTHER" "$WORK/none"
exits 2 "no such option" "$EVIDENCEFS" audit verify --log "$LOG" --quick
exits 2 "no such option, by the other" "$OTHER" --quick "$LOG"
done_testing
