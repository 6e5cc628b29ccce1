#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The sample of tools/make-sample.sh, mounted: what tools/quickstart.sh shows around is there.
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need_tools sfdisk mkntfs ntfs-3g mke2fs debugfs setfattr getfattr ewfacquire ewfexport

ok "make-sample.sh" "$TOP/tools/make-sample.sh" --raw "$WORK/sample"
mnt=$WORK/mnt
ok "mount" mount_image "$WORK/sample/laptop.E01" "$mnt"
ntfs=$mnt/laptop/p1-ntfs
ext4=$mnt/laptop/p2-ext4

is "$(cat "$ntfs/Users/alice/Documents/plan.txt")" \
	"Move the office by the end of May. Ask Bob for the floor plan." "a resident file"
is "$(stat -c %y "$ntfs/Users/alice/Documents/plan.txt")" \
	"2024-03-04 09:12:33.123456700 +0000" "its time, in the 100 ns of NTFS"
is "$(stat -c %y "$ext4/home/bob/Documents/todo.txt")" \
	"2024-03-01 18:22:41.987654321 +0000" "a time in ns on ext4"
is "$(stat -c %a "$ntfs/Users/alice/Documents/plan.txt") $(stat -c %a "$ntfs/Users")" "400 500" "modes"
like "$(cat "$ntfs/Users/alice/Downloads/harbour.html:Zone.Identifier")" 'ZoneId=3' "a named stream"
is "$(head -1 "$ntfs.deleted/Users/alice/Documents/offer.txt")" \
	"00001  We offer 40,000 for the whole cargo, no questions asked" "a deleted file on NTFS"
is "$(stat -c %s "$ntfs.deleted/Users/alice/Documents/offer.txt")" 18900 "its size"
is "$(tail -1 "$ext4.deleted/home/bob/Documents/cargo.txt")" \
	"00200  the cargo leaves on Friday" "a deleted file on ext4"
is "$(stat -c '%h %i' "$ext4/home/bob/Documents/floor-plan.txt")" \
	"$(stat -c '%h %i' "$ext4/home/bob/Documents/floor-plan-copy.txt")" "hard links agree"
is "$(stat -c %h "$ntfs/Users/alice/Archive/contract-signed.txt")" 2 "and are counted"
is "$(cat "$ext4/home/bob/Documents/latest")" "$(cat "$ext4/home/bob/Documents/todo.txt")" "a relative link"
is "$(cat "$ext4/home/bob/hostname")" bobs-laptop "an absolute link stays in its volume"
is "$(getfattr -h -n system.evidencefs.target --only-values "$ext4/home/bob/hostname" 2>/dev/null)" \
	/etc/hostname "and its own words are an attribute"
is "$(sha256sum <"$ext4/home/bob/swapfile")" "$(head -c 8M /dev/zero | sha256sum)" "a sparse file"
is "$(getfattr -n user.evidencefs.volume_offset --only-values "$ext4" 2>/dev/null)" \
	$((41 * 1024 * 1024)) "the volume's place"
same_file "$WORK/sample/laptop.dd" "$mnt/laptop/image.raw" "image.raw is what was acquired"
ok "p1-ntfs.raw is the volume" cmp "$mnt/laptop/p1-ntfs.raw" \
	<(dd if="$WORK/sample/laptop.dd" bs=1M skip=1 count=40 status=none)
like "$(cat "$mnt/laptop/EVIDENCE.txt")" 'evidencefs sample' "EVIDENCE.txt has the case number"

stored=$(ewfinfo "$WORK/sample/laptop.E01" | awk '$1 == "MD5:" {print $2}')
hashed() {
	grep -qi "$stored" "$mnt/laptop/EVIDENCE.txt" &&
		grep -qi "$(sha256sum <"$WORK/sample/laptop.dd" | cut -d' ' -f1)" "$mnt/laptop/EVIDENCE.txt"
}
ok "the hash totals come, and are those of the medium" wait_for -t 60 hashed

tap_run touch "$ntfs/new"
like "$(cat "$ERR")" 'Read-only file system' "nothing can be made"
tap_run rm "$ntfs/Users/alice/Documents/plan.txt"
like "$(cat "$ERR")" 'Read-only file system' "nothing can be removed"

shown=$("$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --json --path "laptop/p1-ntfs.deleted/Users/alice/Documents/offer.txt")
like "$shown" '"type": ?"open"' "the log has the opening of the deleted file"
like "$shown" "\"uid\": ?$(id -u)[,}]" "and who did it"
ok "unmount" unmount_image "$mnt"
is "$(ls -A "$mnt")" "" "nothing is left at the mount point"
done_testing
