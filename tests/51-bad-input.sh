#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What cannot be mounted: one line that says what and what to do, exit 1, nothing left
# mounted, running or half-written. An interrupted ingest goes on the next time.
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need users
need_tools mke2fs sfdisk split ewfacquire unshare setsid

# programs of its own, so that what is left running is known by its path
mkdir "$WORK/bin"
cp "$EVIDENCEFS" "$WORKER" "$WORK/bin/"
EVIDENCEFS=$WORK/bin/evidencefs
mnt=$WORK/mnt
mkdir -m 0755 "$mnt"

half_written() {
	find "$WORK" -path "$mnt" -prune -o \( -name '*.partial' -o -name '*.stage' -o -name '*-journal' \) -print
}

# judge NAME ERE: what tap_run ran ended with exit 1, one line that matches, nothing left
judge() {
	local name=$1 pattern=$2 said
	said=$(cat "$ERR")
	if [[ $tap_status != 1 || $said == *$'\n'* || $said != "evidencefs: "* || -s $OUT ]]; then
		fail "$name: one line, exit 1"
		diag "exit status $tap_status"
		tap_show_output
	elif [[ ! $said =~ $pattern ]]; then
		fail "$name: one line, exit 1"
		diag "said:    $said"
		diag "pattern: $pattern"
	elif is_mounted "$mnt" && [[ $name != *mounted* ]]; then
		fail "$name: nothing is mounted"
	elif [[ -n $(half_written) ]]; then
		fail "$name: nothing half-written"
		diag "$(half_written)"
	elif [[ $name != *mounted* ]] && ! wait_for nothing_left; then
		fail "$name: nothing left running"
	else
		pass "$name: ${said#evidencefs: }"
	fi
}

refused() { # NAME ERE COMMAND...
	local name=$1 pattern=$2
	shift 2
	tap_run "$@"
	judge "$name" "$pattern"
}

mount_it() { # OPTION... IMAGE
	"$EVIDENCEFS" mount --state "$STATE" "$@" "$mnt"
}

mkdir -p "$WORK/tree/docs"
seq 1 20000 >"$WORK/tree/docs/numbers.txt"
image=$WORK/disk.dd
truncate -s 8M "$image"
mke2fs -q -t ext4 -d "$WORK/tree" "$image"
second_user

# ---- the image
refused "an image that does not exist" 'none\.dd: ' mount_it "$WORK/none.dd"
refused "in a folder that does not exist" 'none/none\.dd: ' mount_it "$WORK/none/none.dd"
refused "a folder" 'tree is a directory; name ' mount_it "$WORK/tree"
: >"$WORK/empty.dd"
refused "an empty image" 'empty\.dd is empty; ' mount_it "$WORK/empty.dd"
mkfifo "$WORK/fifo"
refused "a fifo" 'fifo is neither a file nor a block device' mount_it "$WORK/fifo"
refused "a device without bytes" 'null is neither ' mount_it /dev/null
chmod 0600 "$image"
as_user2 mkdir -m 0700 "/tmp/${WORK##*/}.user"
home=/tmp/${WORK##*/}.user
user_mnt=$home/mnt
as_user2 mkdir "$user_mnt"
trap 'rm -rf --one-file-system "$home"; test_cleanup' EXIT
refused "an image that may not be read" 'disk\.dd: may not be read by uid [0-9]+; give ' \
	as_user2 "$EVIDENCEFS" mount --state "$home/state" "$image" "$user_mnt"
chmod 0644 "$image"

mkdir "$WORK/seg"
split -b 2M -d -a 3 --numeric-suffixes=1 "$image" "$WORK/seg/disk."
refused "a later segment" 'disk\.001' mount_it "$WORK/seg/disk.002"
rm "$WORK/seg/disk.002"
refused "split raw, a segment missing" 'disk\.002' mount_it "$WORK/seg/disk.001"

head -c 6M /dev/urandom >"$WORK/noise.dd"
ewfacquire -q -u -t "$WORK/seg/noise" -f encase6 -c none -S 2MiB -m fixed -M physical -C c -D d -e e \
	-E 1 -N n "$WORK/noise.dd" >/dev/null 2>&1
cp "$WORK/seg/noise.E02" "$WORK/kept.E02"
rm "$WORK/seg/noise.E02"
refused "E01, a segment missing" 'noise\.E02' mount_it "$WORK/seg/noise.E01"
cp "$WORK/kept.E02" "$WORK/seg/noise.E02"
mkdir "$WORK/cut"
last=$(find "$WORK/seg" -name 'noise.E*' | sort | tail -n 1)
cp "$WORK"/seg/noise.E* "$WORK/cut/"
rm "$WORK/cut/${last##*/}"
refused "E01, the last segment missing" "(${last##*/}|noise\.E0[0-9])" mount_it "$WORK/cut/noise.E01"
cp "$last" "$WORK/cut/"
truncate -s 1500000 "$WORK/cut/noise.E02"
refused "E01, a segment truncated" 'noise\.E02.*[0-9]' mount_it "$WORK/cut/noise.E01"
head -c 100 "$WORK/seg/noise.E01" >"$WORK/cut/short.E01"
refused "E01, almost nothing of it" 'short\.E01' mount_it "$WORK/cut/short.E01"

# ---- the mount point
refused "no mount point" "$WORK/none: there is no such folder; make it" "$EVIDENCEFS" mount --state "$STATE" "$image" "$WORK/none"
refused "a file as mount point" 'disk\.dd is not a folder: name an empty folder' \
	"$EVIDENCEFS" mount --state "$STATE" "$image" "$image"
refused "a mount point that is not empty" 'tree is not empty: name an empty folder' \
	"$EVIDENCEFS" mount --state "$STATE" "$image" "$WORK/tree"
track_mount "$WORK/tmpfs"
mkdir "$WORK/tmpfs"
mount -t tmpfs -o size=1M tmpfs "$WORK/tmpfs"
refused "a mount point with another file system" 'has something mounted already \(tmpfs\); name another folder' \
	"$EVIDENCEFS" mount --state "$STATE" "$image" "$WORK/tmpfs"
umount "$WORK/tmpfs"
track_mount "$mnt"
mount_it "$image" >/dev/null
hashed() { # behind the mount a table of blocks is half-written until then
	grep -q 'hashing is complete' "$mnt/disk/EVIDENCE.txt"
}
wait_for -t 60 hashed || bail "$image is not hashed"
refused "a mount point that is mounted" "already \(fuse\.evidencefs\); run: evidencefs unmount $mnt" mount_it "$image"
# the oldest of them serves: kill it, and with it the others
server=$(left_running | sort -n | head -n 1)
kill -9 "$server"
dead() {
	! ls "$mnt" 2>"$ERR" && grep -q 'not connected' "$ERR"
}
ok "killed: the mount point answers ENOTCONN" wait_for dead
ok "and nothing is left running" wait_for nothing_left
refused "a mounted but dead one" "already \(fuse\.evidencefs\); run: evidencefs unmount $mnt" mount_it "$image"
ok "it is unmounted as usual" "$EVIDENCEFS" unmount "$mnt"
ok "and mounted again" mount_it "$image"
ok "as it was" cmp "$WORK/tree/docs/numbers.txt" "$mnt/disk/p0-ext4/docs/numbers.txt"
ok "unmount" unmount_image "$mnt"
ok "and nothing runs any more" wait_for nothing_left

# ---- what mounting needs
# with_dev COMMAND...: with a /dev of its own, made by the shell commands in $dev_has
# shellcheck disable=SC2016 # for the inner shell
with_dev() {
	unshare -m --propagation private bash -euc '
		mkdir -p "$1" && mount -t tmpfs -o mode=0755 tmpfs "$1"
		for n in null zero random urandom tty; do touch "$1/$n"; mount --bind "/dev/$n" "$1/$n"; done
		mkdir "$1/shm"
		eval "$2"
		mount --rbind "$1" /dev
		shift 2
		exec "$@"' with_dev "$WORK/dev" "$dev_has" "$@"
}
dev_has=:
refused "no /dev/fuse" 'there is no /dev/fuse: load .*modprobe fuse' with_dev "$EVIDENCEFS" mount --state "$STATE" "$image" "$mnt"
# shellcheck disable=SC2016 # for the inner shell
dev_has='mknod -m 0600 "$1/fuse" c 10 229'
refused "/dev/fuse not for this user" '/dev/fuse may not be opened by this user: .*chmod 0666' \
	with_dev setpriv --reuid="$UID2" --regid="$UID2" --clear-groups -- \
	"$EVIDENCEFS" mount --state "$home/state" "$image" "$user_mnt"
mkdir "$WORK/no-programs"
refused "no fusermount3" 'fusermount3 is missing.*install' \
	as_user2 env PATH="$WORK/no-programs" "$EVIDENCEFS" mount --state "$home/state" "$image" "$user_mnt"
refused "a mount point that belongs to another" 'cannot mount on .*/mnt: .*write access.*; the folder must be yours' \
	as_user2 "$EVIDENCEFS" mount --state "$home/state" "$image" "$mnt"
mv "$WORK/bin/evidencefs-worker" "$WORK/bin/away"
if [[ ! -e /usr/libexec/evidencefs/evidencefs-worker && ! -e /usr/local/libexec/evidencefs/evidencefs-worker ]]; then
	refused "no worker program" 'evidencefs-worker' mount_it "$image"
fi
mv "$WORK/bin/away" "$WORK/bin/evidencefs-worker"

# ---- the state
refused "a state that may not be written" 'the state cannot be kept: .*--state' \
	as_user2 "$EVIDENCEFS" mount --state "$STATE" "$image" "$user_mnt"
refused "a state that is a file" 'the state cannot be kept: .*--state' \
	"$EVIDENCEFS" mount --state "$image" "$image" "$mnt"
refused "a state below a file" 'the state cannot be kept: .*--state' \
	"$EVIDENCEFS" mount --state "$image/state" "$image" "$mnt"
refused "a state in /proc" 'the state cannot be kept: .*--state' \
	"$EVIDENCEFS" mount --state /proc/state "$image" "$mnt"
refused "no home and no state" 'HOME is not set; .*--state' \
	env -u HOME -u XDG_STATE_HOME "$EVIDENCEFS" mount "$image" "$mnt"

# a disk that has less and less room: either it is mounted, or one line says why not
mkdir "$WORK/tree/many"
(cd "$WORK/tree/many" && seq -f 'file %g' 1 2000 | xargs -d '\n' touch)
truncate -s 16M "$WORK/many.dd"
mke2fs -q -t ext4 -N 4096 -d "$WORK/tree" "$WORK/many.dd"
track_mount "$WORK/small"
mkdir "$WORK/small"
mount -t tmpfs -o size=4M tmpfs "$WORK/small"
# with_room KIB...: with that much room; $mounted counts those that could be mounted
mounted=0
with_room() {
	local kib
	for kib; do
		rm -rf "$WORK/small/state/mounts" "$WORK/small/filler"
		[[ $fresh == no ]] || rm -rf "$WORK/small/state"
		head -c $((4096 - kib - $(du -sk "$WORK/small" | cut -f 1)))K /dev/zero >"$WORK/small/filler"
		tap_run "$EVIDENCEFS" mount --no-hash --state "$WORK/small/state" "$WORK/many.dd" "$mnt"
		if [[ $tap_status == 0 ]]; then
			mounted=$((mounted + 1))
			"$EVIDENCEFS" unmount "$mnt" || diag "unmount failed with $kib KiB"
			wait_for nothing_left || diag "still running: $(left_running)" # the log is closed behind
			continue
		fi
		judge "a state with $kib KiB of room, new: $fresh" '[Nn]o space left .*; make room .*--state'
	done
}
fresh=yes
with_room 0 4 8 16 64 128 2048
fresh=no # its index is there: what is left to be written is the mount's own
with_room 0 4 8 12 16 20 24
isnt "$mounted" 0 "with enough room it is mounted"
rm -rf "$WORK/small/state"
head -c $((4096 - 128))K /dev/zero >"$WORK/small/filler"
not_ok "with little room it is not" "$EVIDENCEFS" mount --state "$WORK/small/state" "$WORK/many.dd" "$mnt"
rm "$WORK/small/filler"
ok "once there is room the same command works" "$EVIDENCEFS" mount --state "$WORK/small/state" "$WORK/many.dd" "$mnt"
is "$(find "$mnt/many/p0-ext4/many" -type f -printf x | wc -c)" 2000 "and everything is there"
ok "unmount, state on a small disk" unmount_image "$mnt"

# full while it is mounted: what cannot be recorded is not shown
ok "mount with room" "$EVIDENCEFS" mount --no-hash --state "$WORK/small/state" "$image" "$mnt"
head -c 8M /dev/zero >"$WORK/small/filler" 2>/dev/null || true
refuses() {
	! cat "$mnt/disk/p0-ext4/docs/numbers.txt" >/dev/null 2>"$WORK/said" && grep -q 'Input/output error' "$WORK/said"
}
ok "full while mounted: reading ends in EIO" wait_for refuses
not_ok "listing too" ls "$mnt/disk/p0-ext4/docs"
rm "$WORK/small/filler"
ok "and goes on when there is room" cmp "$WORK/tree/docs/numbers.txt" "$mnt/disk/p0-ext4/docs/numbers.txt"
ok "with a log in order" "$EVIDENCEFS" audit show --mount "$mnt"
ok "unmount, once there is room" unmount_image "$mnt"
umount "$WORK/small"

# ---- interrupted while it indexes: a small volume, then a large one
for ((i = 0; i < 30; i++)); do
	mkdir "$WORK/tree/many/$i"
	(cd "$WORK/tree/many/$i" && seq -f 'file %g' 1 1000 | xargs -d '\n' touch)
done
truncate -s 60M "$WORK/large"
mke2fs -q -t ext4 -O ^has_journal -N 40000 -d "$WORK/tree" "$WORK/large"
truncate -s 72M "$WORK/two.dd"
sfdisk -q "$WORK/two.dd" <<-'TABLE'
	label: gpt
	start=1MiB, size=8MiB
	start=10MiB, size=60MiB
TABLE
dd if="$image" of="$WORK/two.dd" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$WORK/large" of="$WORK/two.dd" bs=1M seek=10 conv=notrunc,sparse status=none
rm -rf "$WORK/tree/many" "$WORK/large"

# interrupt HOW SIGNAL: begin, and end it when the first volume is done and the second is being written
interrupt() {
	local pid status=0
	setsid env --default-signal=INT "$EVIDENCEFS" mount --state "$WORK/state2" "$WORK/two.dd" "$mnt" >"$OUT" 2>"$WORK/said" &
	pid=$!
	until compgen -G "$WORK/state2/evidence/*/volume-1.idx.partial" >/dev/null &&
		compgen -G "$WORK/state2/evidence/*/volume-0.idx" >/dev/null; do
		kill -0 "$pid" 2>/dev/null || break
	done
	if [[ $1 == group ]]; then
		kill -s "$2" -- "-$pid" || true
	else
		kill -s "$2" "$pid" || true
	fi
	{ wait "$pid" || status=$?; } 2>/dev/null # bash would tell of a kill
	echo "$status" >"$WORK/status"
}

for how in "group INT" "one INT" "one TERM"; do
	# shellcheck disable=SC2086 # two words
	interrupt $how
	is "$(cat "$WORK/status")" 1 "SIG${how#* } to ${how% *}: exit 1"
	like "$(grep -v '^indexing' "$WORK/said")" '^evidencefs: interrupted; the next mount goes on ' "SIG${how#* } to ${how% *}: says so"
	ok "nothing is mounted" not_mounted "$mnt"
	ok "nothing is left running" wait_for nothing_left
	is "$(half_written)" "" "nothing is half-written"
	is "$(find "$WORK/state2/evidence" -name '*.idx' -printf '%f ')" "volume-0.idx " "what was complete is kept"
done
kept=$(stat -c '%i %y' "$WORK"/state2/evidence/*/volume-0.idx)
interrupt one KILL
ok "killed while it indexes: nothing is left running" wait_for nothing_left
ok "the next run completes" "$EVIDENCEFS" mount --no-hash --state "$WORK/state2" "$WORK/two.dd" "$mnt"
is "$(stat -c '%i %y' "$WORK"/state2/evidence/*/volume-0.idx)" "$kept" "without doing again what was complete"
is "$(find "$mnt/two/p2-ext4/many" -type f -printf x | wc -c)" 32000 "and everything is there"
same_file "$WORK/tree/docs/numbers.txt" "$mnt/two/p1-ext4/docs/numbers.txt" "on both volumes"
is "$(half_written)" "" "and nothing half-written"
ok "unmount at last" unmount_image "$mnt"

# ---- interrupted at any moment on the way to a mount: either it is there, or nothing is
whole=0 none=0
sweep() { # OPTION...: the index is there, so that these moments are those of mounting
	local i pid status
	for ((i = 0; i < 40; i++)); do
		setsid env --default-signal=INT "$EVIDENCEFS" mount --no-hash --state "$STATE" "$@" "$image" "$mnt" >"$OUT" 2>"$ERR" &
		pid=$!
		until [[ $(readlink "/proc/$pid/exe") == "$EVIDENCEFS" ]] || ! kill -0 "$pid" 2>/dev/null; do :; done
		read -r -t "0.0$((i / 10))$((i % 10))" <>"$WORK/fifo" || true # another moment each time
		kill -s INT -- "-$pid" 2>/dev/null || true
		status=0
		{ wait "$pid" || status=$?; } 2>/dev/null
		if [[ $status == 0 && ${1:-} != --foreground ]]; then
			whole=$((whole + 1))
			cmp -s "$WORK/tree/docs/numbers.txt" "$mnt/disk/p0-ext4/docs/numbers.txt" || return 1
			"$EVIDENCEFS" unmount "$mnt" || return 1
		else
			none=$((none + 1))
		fi
		wait_for nothing_left || return 1
		if is_mounted "$mnt"; then
			diag "exit status $status, still mounted; round $i"
			return 1
		fi
	done
}
if sweep; then
	pass "interrupted at 40 moments: mounted, or nothing is left"
else
	fail "interrupted at 40 moments: mounted, or nothing is left"
fi
if sweep --foreground; then
	pass "the same in the foreground: nothing is left"
else
	fail "the same in the foreground: nothing is left"
fi
diag "$whole mounted, $none not"
done_testing
