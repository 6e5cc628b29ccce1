#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Images on storage that is slow, or does not answer: the mount works and says how far it is,
# can be interrupted at any moment, and a read that hangs hangs nobody else. Slow is no fault
# of the evidence.
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need_tools mke2fs ewfacquire python3 setsid sfdisk
slowfs=$BUILD/tests/helpers/slowfs
[[ -x $slowfs ]] || lacking tools "tests/helpers/slowfs is not built (make check builds it)"

# programs of its own, so that what is left running is known by its path
mkdir "$WORK/bin"
cp "$EVIDENCEFS" "$WORKER" "$WORK/bin/"
EVIDENCEFS=$WORK/bin/evidencefs
mnt=$WORK/mnt
store=$WORK/slow
control=$WORK/control
mkdir "$mnt" "$store" "$WORK/store" "$WORK/tree"
seq 1 200000 >"$WORK/tree/numbers.txt"
for ((i = 0; i < 30; i++)); do
	mkdir "$WORK/tree/$i"
	(cd "$WORK/tree/$i" && seq -f 'file %g' 1 50 | xargs -d '\n' touch)
done
image=$WORK/store/disk.dd
truncate -s 24M "$image"
mke2fs -q -t ext4 -d "$WORK/tree" "$image"
cp "$image" "$WORK/store/other.dd"
ewfacquire -q -u -t "$WORK/store/acquired" -f encase6 -c fast -S 100MiB -m fixed -M physical -C c -D d -e e -E 1 \
	-N n "$image" >/dev/null 2>&1

storage() { # WORDS: see slowfs.c
	rm -f "$control.waiting"
	echo "$*" >"$control.new"
	mv "$control.new" "$control"
}
waiting() {
	[[ -e $control.waiting ]]
}
same_tree() { # FOLDER
	diff -r --brief "$WORK/tree" "$mnt/$1/p0-ext4" --exclude 'lost+found' --exclude '$*'
}
forget() {
	rm -rf "$STATE/evidence"
}
within() { # SECONDS NAME: since $begun
	if ((SECONDS - begun <= $1)); then
		pass "$2"
	else
		fail "$2: it took $((SECONDS - begun)) s"
	fi
}

trap 'storage delay 0; test_cleanup' EXIT # what hangs could not be unmounted
storage delay 0
track_mount "$store"
track_mount "$mnt"
"$slowfs" "$WORK/store" "$store" "$control" 2>/dev/null &
track_pid $!
wait_for is_mounted "$store" || bail "slowfs does not mount"

# ---- slow
for name in disk.dd acquired.E01; do
	storage delay 40
	ok "40 ms a read, $name: mount" mount_image --no-hash "$store/$name" "$mnt"
	storage delay 2
	ok "40 ms a read, $name: everything is there" same_tree "${name%.*}"
	like "$(cat "$mnt/${name%.*}/EVIDENCE.txt")" $'PROBLEMS\nnone$' "40 ms a read, $name: no problems"
	ok "40 ms a read, $name: unmount" unmount_image "$mnt"
done

forget
storage delay 150
ok "not on a terminal: mount" mount_image --no-hash "$store/disk.dd" "$mnt"
like "$(cat "$OUT")" '^disk: raw, .*mounted on ' "not on a terminal: what was found is told"
isnt "$(wc -l <"$ERR")" 0 "not on a terminal: and before, how far it was"
is "$(LC_ALL=C grep -vE '^(opening disk|indexing disk/p0-ext4): [0-9a-z ,/]+$' "$ERR")" "" "not on a terminal: in lines, and nothing else"
ok "not on a terminal: unmount" unmount_image "$mnt"

forget
storage delay 60
cat >"$WORK/terminal.py" <<'PYTHON'
import os, pty, sys
said = bytearray()
def read(fd):
    data = os.read(fd, 4096)
    said.extend(data)
    return data
with open(os.devnull, "r") as null:
    os.dup2(null.fileno(), 0)
status = pty.spawn(sys.argv[2:], read, lambda fd: b"")
open(sys.argv[1], "wb").write(said)
sys.exit(os.waitstatus_to_exitcode(status))
PYTHON
ok "on a terminal: mount" python3 "$WORK/terminal.py" "$WORK/said" \
	"$EVIDENCEFS" mount --no-hash --state "$STATE" "$store/disk.dd" "$mnt"
ok "on a terminal: a line is drawn again and again, and taken away" python3 - "$WORK/said" <<'PYTHON'
import re, sys
said = open(sys.argv[1], "rb").read()
drawn = re.findall(rb"\r\x1b\[K(opening disk|indexing disk/p0-ext4): ([^\r]*)", said)
assert len(drawn) > 10, said
assert len({words for _, words in drawn}) > 3, drawn
left = re.sub(rb"\r\x1b\[K[^\r]*(?=\r\x1b\[K)", b"", said)
assert re.fullmatch(rb"(\r\x1b\[K)+disk: raw, [^\r]*\r\n  p0-ext4 [^\r]*\r\nmounted on [^\r]*\r\n", left), left
PYTHON
ok "on a terminal: unmount" unmount_image "$mnt"

# ---- two volumes: both are walked at the same time
truncate -s 52M "$WORK/store/two.dd"
sfdisk -q "$WORK/store/two.dd" <<-'TABLE'
	label: gpt
	start=1MiB, size=24MiB
	start=26MiB, size=24MiB
TABLE
for at in 1 26; do
	dd if="$image" of="$WORK/store/two.dd" bs=1M seek="$at" conv=notrunc,sparse status=none
done
both_walk() {
	compgen -G "$STATE/evidence/*/volume-0.idx.partial" >/dev/null &&
		compgen -G "$STATE/evidence/*/volume-1.idx.partial" >/dev/null
}
two_volumes() {
	local n
	for n in 1 2; do
		diff -r --brief "$WORK/tree" "$mnt/two/p$n-ext4" --exclude 'lost+found' --exclude '$*'
	done
}
if (($(nproc) > 1)); then
	storage delay 100
	setsid env --default-signal=INT "$EVIDENCEFS" mount --no-hash --state "$STATE" "$store/two.dd" "$mnt" >"$WORK/found" 2>"$WORK/words" &
	pid=$!
	track_pid "$pid"
	ok "two volumes: both are walked at a time" wait_for both_walk
	storage block two.dd
	ok "two volumes: reads hang" wait_for waiting
	kill -s INT -- "-$pid"
	status=0
	wait "$pid" || status=$?
	is "$status" 1 "two volumes: Ctrl-C ends both walks"
	like "$(tail -n 1 "$WORK/words")" '^evidencefs: interrupted; ' "two volumes: says so"
	storage delay 0
	ok "two volumes: nothing is left running" wait_for nothing_left
	is "$(find "$STATE" -name '*.partial' -o -name '*.stage')" "" "two volumes: nothing half-written"
	forget
else
	skip "one processor" "two volumes at a time"
fi
storage delay 150
ok "two volumes: mount" mount_image --no-hash "$store/two.dd" "$mnt"
like "$(cat "$ERR")" $'(^|\n)indexing two/p1-ext4, p2-ext4: [0-9]+ entries' "two volumes: both are told of"
storage delay 0
ok "two volumes: everything is there" two_volumes
ok "two volumes: unmount" unmount_image "$mnt"
forget

# ---- storage that is away for longer than a worker may hang
begin() { # OPTION... IMAGE: mount in the background, in a process group of its own; sets $pid
	setsid env --default-signal=INT "$EVIDENCEFS" mount --state "$STATE" "$@" "$mnt" >"$WORK/found" 2>"$WORK/words" &
	pid=$!
	track_pid "$pid"
}
has_worker() {
	[[ $(left_running | wc -l) -ge 2 ]]
}
begun_walk() {
	compgen -G "$STATE/evidence/*/volume-0.idx.partial" >/dev/null
}
away() { # NAME: storage is away for 13 s while a mount waits for a worker, which has 10 s
	storage block disk.dd
	ok "$1: storage is away" wait_for waiting
	sleep 13
	storage delay 0
	ok "$1: and back: mounted" wait "$pid"
	ok "$1: everything is there" same_tree disk
	like "$(cat "$mnt/disk/EVIDENCE.txt")" $'PROBLEMS\nnone$' "$1: no problems"
	like "$(cat "$WORK/words")" "disk.*: ([0-9]+s|.* so far|.*/s)" "$1: the wait was shown"
	ok "$1: unmount" unmount_image "$mnt"
}
forget
storage delay 100
begin --no-hash "$store/disk.dd"
ok "while volumes are looked for" wait_for has_worker
away "while volumes are looked for"
forget
storage delay 100
begin --no-hash "$store/disk.dd"
ok "while a volume is walked" wait_for begun_walk
away "while a volume is walked"

storage delay 100
ok "while it is hashed and read: mount" mount_image "$store/acquired.E01" "$mnt"
storage block acquired.E01
cmp "$image" "$mnt/acquired/image.raw" >"$OUT" 2>&1 &
reader=$!
track_pid "$reader"
ok "while it is hashed and read: storage is away" wait_for waiting
sleep 34 # a worker has 30 s
storage delay 0
ok "while it is hashed and read: and back: read to the end" wait "$reader"
verified() {
	grep -q '^verified: the media is what was acquired' "$mnt/acquired/EVIDENCE.txt"
}
ok "while it is hashed and read: hashed, and verified" wait_for -t 60 verified
like "$(cat "$mnt/acquired/EVIDENCE.txt")" $'PROBLEMS\nnone$' "while it is hashed and read: no problems"
ok "while it is hashed and read: unmount" unmount_image "$mnt"

# ---- Ctrl-C
interrupted() { # NAME
	local status=0
	begun=$SECONDS
	kill -s INT -- "-$pid"
	wait "$pid" || status=$?
	within 5 "$1: Ctrl-C ends it"
	if [[ $status == 130 ]]; then # before it had begun anything
		is "$(cat "$WORK/words")" "" "$1: exit status 130"
	else
		is "$status" 1 "$1: exit status 1"
		like "$(tail -n 1 "$WORK/words")" '^evidencefs: interrupted; ' "$1: says so"
	fi
	ok "$1: nothing is mounted" not_mounted "$mnt"
	is "$(find "$STATE" -name '*.partial' -o -name '*.stage' -o -name '*-journal')" "" "$1: nothing half-written"
}
for how in block hold; do # the killed wait no more, or they do
	forget
	storage delay 100
	begin --no-hash "$store/disk.dd"
	ok "$how, as volumes are looked for" wait_for has_worker
	storage "$how" disk.dd
	ok "$how, as volumes are looked for: a read hangs" wait_for waiting
	interrupted "$how, as volumes are looked for"
	[[ $how == hold ]] || ok "$how, as volumes are looked for: nothing is left running" wait_for nothing_left
	storage delay 0
	ok "$how, as volumes are looked for: nothing is left once storage is back" wait_for nothing_left
	forget
	storage delay 100
	begin --no-hash "$store/disk.dd"
	ok "$how, in a walk" wait_for begun_walk
	storage "$how" disk.dd
	ok "$how, in a walk: a read hangs" wait_for waiting
	interrupted "$how, in a walk"
	storage delay 0
	ok "$how, in a walk: nothing is left once storage is back" wait_for nothing_left
done
storage block disk.dd
begin --no-hash "$store/disk.dd"
ok "at the first read" wait_for waiting
interrupted "at the first read"
ok "at the first read: nothing is left running" wait_for nothing_left
storage delay 0
ok "and then it mounts" mount_image --no-hash "$store/disk.dd" "$mnt"
ok "everything is there" same_tree disk
ok "unmount" unmount_image "$mnt"

# ---- mounted, and reads hang: more of them than there are threads for one image
readers=()
begin_readers() { # FILE
	local i
	readers=()
	for ((i = 0; i < 40; i++)); do
		dd if="$1" of=/dev/null bs=4096 count=1 skip=$((i * 100)) status=none 2>/dev/null &
		readers+=($!)
		track_pid $!
	done
	wait_for waiting
}
readers_gone() {
	local reader
	for reader in "${readers[@]}"; do
		[[ ! -e /proc/$reader || $(awk '/^State:/ {print $2}' "/proc/$reader/status" 2>/dev/null) == Z ]] || return 1
	done
}
others_go_on() { # NAME FOLDER: that hangs
	ok "$1: other evidence is read" timeout 20 cmp "$image" "$mnt/other/image.raw"
	ok "$1: its files too" timeout 20 cmp "$WORK/tree/numbers.txt" "$mnt/other/p0-ext4/numbers.txt"
	is "$(timeout 20 find "$mnt/$2" -printf x | wc -c)" "$(find "$mnt/other" -printf x | wc -c)" "$1: names and attributes of what hangs too"
	ok "$1: EVIDENCE.txt too" timeout 20 cat "$mnt/$2/EVIDENCE.txt"
}
log_is_whole() { # NAME
	"$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --json --reads >"$WORK/log"
	ok "$1: the log is whole" python3 - "$WORK/log" <<-'PYTHON'
		import json, sys
		rows = [json.loads(line) for line in open(sys.argv[1])]
		files = [r for r in rows if r["type"] == "open" and r["path"].rsplit("/", 1)[-1] in ("image.raw", "numbers.txt", "EVIDENCE.txt")]
		closes = [r for r in rows if r["type"] == "close"]
		acts = [r for r in rows if r["type"] != "epoch"] # the seal is the last
		assert acts[-1]["type"] == "stop", acts[-1]
		assert len(files) == len(closes), (len(files), len(closes))
		print(sum(r["type"] == "read" and r["result"] == -4 for r in rows))
	PYTHON
}
for how in block hold; do
	for name in disk.dd acquired.E01; do
		folder=${name%.*}
		what="$how, $name"
		rm -rf "$STATE/mounts"
		storage delay 0
		ok "$what: mount" mount_image --no-hash "$store/$name" "$WORK/store/other.dd" "$mnt"
		storage "$how" "$name"
		ok "$what: forty reads hang" begin_readers "$mnt/$folder/image.raw"
		others_go_on "$what" "$folder"
		exits 1 "$what: unmount is refused while they wait" "$EVIDENCEFS" unmount "$mnt"
		like "$(cat "$ERR")" 'is in use' "$what: and says why"
		kill "${readers[@]}"
		ok "$what: the readers can be ended" wait_for readers_gone
		begun=$SECONDS
		ok "$what: then it can be unmounted" "$EVIDENCEFS" unmount "$mnt"
		within 20 "$what: soon"
		ok "$what: it is" not_mounted "$mnt"
		[[ $how == hold ]] || ok "$what: nothing is left running" wait_for nothing_left
		log_is_whole "$what"
		is "$(cat "$OUT")" 40 "$what: and has the reads that were broken off"
		storage delay 0
		ok "$what: nothing is left once storage is back" wait_for nothing_left
	done
done
rm -rf "$STATE/mounts"
begin --no-hash --foreground "$store/disk.dd" "$WORK/store/other.dd"
ok "--foreground" wait_for test -e "$mnt/other/image.raw"
storage block disk.dd
ok "--foreground: forty reads hang" begin_readers "$mnt/disk/image.raw"
begun=$SECONDS
kill -s TERM "$pid"
ok "--foreground: SIGTERM ends it, exit status 0" wait "$pid"
within 20 "--foreground: soon"
ok "--foreground: it is unmounted" not_mounted "$mnt"
ok "--foreground: nothing is left running" wait_for nothing_left
ok "--foreground: nor a reader" wait_for readers_gone
log_is_whole "--foreground"
storage delay 0

for name in disk.dd acquired.E01; do
	forget
	storage delay 20
	ok "hashing of $name hangs: mount" mount_image "$store/$name" "$mnt"
	storage block "$name"
	ok "hashing of $name hangs: it does" wait_for waiting
	begun=$SECONDS
	ok "hashing of $name hangs: unmount" "$EVIDENCEFS" unmount "$mnt"
	within 20 "hashing of $name hangs: soon"
	ok "hashing of $name hangs: nothing is left running" wait_for nothing_left
	storage delay 0
	ok "hashing of $name hung: mount again" mount_image "$store/$name" "$mnt"
	hashed() {
		grep -q 'hashing is complete' "$mnt"/*/EVIDENCE.txt
	}
	ok "hashing of $name hung: it goes on" wait_for -t 60 hashed
	ok "hashing of $name hung: unmount" unmount_image "$mnt"
done
done_testing
