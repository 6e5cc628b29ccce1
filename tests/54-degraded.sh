#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# On a kernel that lacks an ability, forced here by --degraded: what is shown is still
# right, what is missing is said.
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need_tools mke2fs debugfs python3 getfattr

tree=$WORK/tree
mnt=$WORK/mnt
mkdir -p "$tree/docs"
seq 1 40000 >"$tree/docs/numbers.txt"
seq 1 200 | (cd "$tree/docs" && xargs touch)
image=$WORK/disk.dd
truncate -s 8M "$image"
mke2fs -q -t ext4 -I 256 -d "$tree" "$image"
debugfs -w -R 'sif /docs/numbers.txt crtime @1709543553' "$image" >/dev/null 2>&1
file=$mnt/disk/p0-ext4/docs/numbers.txt
[[ $(uname -r) =~ ^([0-9]+)\.([0-9]+) ]]
linux=$((BASH_REMATCH[1] * 100 + BASH_REMATCH[2]))

cat >"$WORK/map.py" <<'PYTHON'
import errno, hashlib, mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
kind = {"shared": mmap.MAP_SHARED, "private": mmap.MAP_PRIVATE}[sys.argv[2]]
try:
    m = mmap.mmap(fd, 0, kind, mmap.PROT_READ)
except OSError as e:
    print(errno.errorcode[e.errno])
    sys.exit()
print(hashlib.sha256(m).hexdigest())
PYTHON
cat >"$WORK/handle.py" <<'PYTHON'
import ctypes, errno, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
buf = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
if libc.name_to_handle_at(-100, os.fsencode(sys.argv[2]), buf, ctypes.byref(ctypes.c_int()), 0):
    print("none given")
    sys.exit()
# what the kernel still knows it would open by itself: make it forget
open("/proc/sys/vm/drop_caches", "w").write("2\n")
fd = libc.open_by_handle_at(os.open(sys.argv[1], os.O_RDONLY), buf, os.O_RDONLY)
print("opened" if fd >= 0 else errno.errorcode[ctypes.get_errno()])
PYTHON

want=$(sha256sum <"$tree/docs/numbers.txt")
want=${want%% *}

# try MODES "shared mappings?" "birth time?" WORDS...: the words are said on stderr, no others
try() {
	local modes=$1 shared=$2 birth=$3 word said
	shift 3
	ok "--degraded $modes" mount_image --degraded "$modes" "$image" "$mnt"
	said=$(cat "$ERR")
	is "$(wc -l <"$ERR")" 1 "$modes: said in one line"
	for word in "no shared mappings" "birth times as xattr only" "file handles refused here"; do
		if [[ " $* " == *" ${word// /-} "* ]]; then
			like "$said" "$word" "$modes: $word"
		elif ((linux >= 609)); then
			is "${said/"$word"/}" "$said" "$modes: not $word"
		fi
	done
	is "$(sha256sum <"$file")" "$want  -" "$modes: reads right"
	is "$(find "$mnt/disk/p0-ext4/docs" -type f -printf x | wc -c)" 201 "$modes: lists right"
	is "$(stat -c '%a %s' "$file")" "400 $(stat -c %s "$tree/docs/numbers.txt")" "$modes: stat"
	is "$(python3 "$WORK/map.py" "$file" private)" "$want" "$modes: a private mapping"
	if [[ $shared == no ]]; then
		like "$(python3 "$WORK/map.py" "$file" shared)" '^E' "$modes: a shared mapping is refused"
	elif ((linux >= 606)); then
		is "$(python3 "$WORK/map.py" "$file" shared)" "$want" "$modes: a shared mapping"
	fi
	is "$(getfattr -n user.evidencefs.crtime --only-values "$file" 2>/dev/null)" 2024-03-04T09:12:33.000000000Z \
		"$modes: the birth time is an attribute"
	if [[ $birth == no ]]; then
		is "$(stat -c %W "$file")" 0 "$modes: and not in statx"
	elif ((linux >= 606)); then
		is "$(stat -c %W "$file")" 1709543553 "$modes: and in statx"
	fi
	if [[ $(id -u) == 0 ]]; then
		like "$(python3 "$WORK/handle.py" "$mnt" "$file")" '^(none given|E[A-Z]+)$' "$modes: no file handle opens anything"
	fi
	tap_run touch "$file"
	like "$(cat "$ERR")" 'Read-only' "$modes: read-only"
	ok "$modes: unmount" unmount_image "$mnt"
}

mapping=no-shared-mappings birth=birth-times-as-xattr-only handles=file-handles-refused-here
try no-shared-mmap no yes $mapping
try no-statx yes no $birth
try handles yes yes $handles
try no-statx,handles yes no $birth $handles
try all no no $mapping $birth $handles

ok "nothing degraded" mount_image "$image" "$mnt"
if ((linux >= 609)); then
	is "$(cat "$ERR")" "" "says nothing"
else
	like "$(cat "$ERR")" 'with this kernel: ' "says what this kernel lacks"
fi
ok "unmount" unmount_image "$mnt"
done_testing
