#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Images as they lie about: several at once, with names that nobody would choose, in folders
# of segments, behind links, on read-only file systems. What is refused is refused in one line.
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need_tools mke2fs ewfacquire split python3
mnt=$WORK/mnt
mkdir "$mnt" "$WORK/tree"
seq 1 20000 >"$WORK/tree/numbers.txt"
head -c 1500000 /dev/urandom >"$WORK/tree/noise"
image=$WORK/disk.dd
truncate -s 8M "$image"
mke2fs -q -t ext4 -d "$WORK/tree" "$image"

acquire() { # FOLDER NAME: E01 in several segments
	ewfacquire -q -u -t "$1/acquired" -f encase6 -c none -S 3MiB -m fixed -M physical -C c -D d -e e -E 1 \
		-N n "$image" >"$WORK/acquire.log" 2>&1
	local file
	[[ $2 == acquired ]] || for file in "$1"/acquired.E*; do
		mv -- "$file" "$1/$2.${file##*.}"
	done
}
shown() { # FOLDER: that folder of the mount has the disk
	cmp -s "$WORK/tree/numbers.txt" "$mnt/$1/p0-ext4/numbers.txt" && cmp -s "$image" "$mnt/$1/image.raw"
}
mounts() { # NAME FOLDER ARGUMENT...: it mounts and shows the disk in that folder alone
	local name=$1 folder=$2
	shift 2
	ok "$name: mount" mount_image --no-hash "$@" "$mnt"
	is "$(find "$mnt" -mindepth 1 -maxdepth 1 -printf '%f\0' | tr '\0' /)" "$folder/" "$name: the folder's name"
	ok "$name: the disk" shown "$folder"
	ok "$name: EVIDENCE.txt is text" python3 -c 'import sys; t = open(sys.argv[1], encoding="utf-8").read()
assert all(c.isprintable() or c == "\n" for c in t)' "$mnt/$folder/EVIDENCE.txt"
	ok "$name: unmount" unmount_image "$mnt"
}
refused() { # NAME ERE ARGUMENT...
	local name=$1 pattern=$2
	shift 2
	exits 1 "$name: refused" "$EVIDENCEFS" mount --no-hash --state "$STATE" "$@" "$mnt"
	like "$(cat "$ERR")" "$pattern" "$name: and why"
	if [[ $(wc -l <"$ERR") == 1 ]] && ! LC_ALL=C grep -q '[[:cntrl:]]' "$ERR"; then
		pass "$name: in one line"
	else
		fail "$name: in one line"
		diag "$(cat -v "$ERR")"
	fi
	ok "$name: nothing is mounted" not_mounted "$mnt"
}

# ---- several at once
mkdir "$WORK/a" "$WORK/b" "$WORK/c"
cp "$image" "$WORK/a/laptop.dd"
cp "$image" "$WORK/b/laptop.img"
acquire "$WORK/c" laptop
ok "three of one name: mount" mount_image --no-hash --json "$WORK/a/laptop.dd" "$WORK/b/laptop.img" "$WORK/c/laptop.E01" "$mnt"
is "$(python3 -c 'import json, sys
for line in open(sys.argv[1]): print(json.loads(line)["evidence"], json.loads(line)["format"])' "$OUT" | tr '\n' ,)" \
	"laptop raw,laptop-2 raw,laptop-3 ewf," "three of one name: in the order given"
for name in laptop laptop-2 laptop-3; do
	ok "three of one name: $name" shown "$name"
done
ok "three of one name: unmount" unmount_image "$mnt"
ok "the same image twice: mount" mount_image --no-hash "$WORK/a/laptop.dd" "$WORK/a/laptop.dd" "$mnt"
ok "the same image twice: once" shown laptop
ok "the same image twice: and again" shown laptop-2
ok "the same image twice: unmount" unmount_image "$mnt"
cp "$image" "$WORK/a/laptop-2.dd"
ok "a name that a twin would get: mount" mount_image --no-hash "$WORK/a/laptop-2.dd" "$WORK/a/laptop.dd" "$WORK/b/laptop.img" "$mnt"
is "$(find "$mnt" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' /)" "laptop/laptop-2/laptop-3/" "a name that a twin would get: each has its own"
ok "a name that a twin would get: unmount" unmount_image "$mnt"
many=()
for ((i = 0; i < 60; i++)); do
	cp --reflink=auto "$image" "$WORK/c/image$i.dd"
	many+=("$WORK/c/image$i.dd")
done
ok "sixty: mount" mount_image --no-hash "${many[@]}" "$mnt"
for ((i = 0; i < 60; i++)); do
	shown "image$i" || break
done
is "$i" 60 "sixty: each shows the disk"
ok "sixty: unmount" unmount_image "$mnt"
rm "${many[@]}"

rm -rf "$STATE"
: >"$WORK/b/empty.dd"
refused "a bad one among good ones" "b/empty\.dd is empty" "$WORK/a/laptop.dd" "$WORK/b/empty.dd" "$WORK/b/laptop.img"
is "$(find "$STATE" -type f 2>/dev/null | wc -l)" 0 "a bad one among good ones: nothing is left behind"
cp "$WORK/c/laptop.E01" "$WORK/b/cut.E01"
refused "an incomplete one among good ones" "cut\.E02" "$WORK/a/laptop.dd" "$WORK/b/cut.E01"
refused "one that is not there" "none\.dd: no such file" "$WORK/a/laptop.dd" "$WORK/b/none.dd"
is "$(find "$WORK" -name '*.partial' -o -name '*.stage')" "" "nothing half-written"

# ---- odd names, in an odd folder
dir=$WORK/$'an odd\nfolder \303\244 "%\\'
mkdir "$dir"
long=$(printf 'x%.0s' {1..250})
accents=$(printf '\303\244%.0s' {1..124})
# shellcheck disable=SC2016 # these are the names
names=("two words" " leading and trailing " $'new\nline' $'\ttab' '"quoted"' "it's" 'back\slash' '$HOME `id` $(id)'
	'*' '%s%n' '-dash' '--state' '#' '~' $'\033[31mred' $'\377\376 not UTF-8' $'\342\200\256txt.exe' '.hidden' 'a.b.c')
for name in "${names[@]}"; do
	cp "$image" "$dir/$name.dd"
	mounts "named $(printf %q "$name")" "$name" "$dir/$name.dd"
	rm -- "$dir/$name.dd"
done
cp "$image" "$dir/$long.dd"
mounts "a name of 253 bytes" "${long:0:240}" "$dir/$long.dd"
cp "$image" "$dir/${long}2"
ok "two that are long: mount" mount_image --no-hash "$dir/$long.dd" "$dir/${long}2" "$mnt"
ok "two that are long: the second" shown "${long:0:240}-2"
ok "two that are long: unmount" unmount_image "$mnt"
cp "$image" "$dir/a$accents.dd"
mounts "a long one that is not cut within a character" "a${accents:0:119}" "$dir/a$accents.dd"
rm -- "$dir"/*

# names on the command line that look like options, from the folder itself
cp "$image" "$dir/-disk.dd"
# shellcheck disable=SC2016 # for the inner shell
ok "a name that begins with a dash, behind --" bash -c 'cd "$1" && "$2" mount --no-hash --state "$3" -- -disk.dd "$4"' - \
	"$dir" "$EVIDENCEFS" "$STATE" "$mnt"
track_mount "$mnt"
ok "is shown" shown -disk
ok "unmount" unmount_image "$mnt"
mkdir "$dir/-mnt"
track_mount "$dir/-mnt"
# shellcheck disable=SC2016 # for the inner shell
ok "a mount point too" bash -c 'cd "$1" && "$2" mount --no-hash --state "$3" -- -disk.dd -mnt' - "$dir" "$EVIDENCEFS" "$STATE"
ok "is mounted there" cmp "$image" "$dir/-mnt/-disk/image.raw"
# shellcheck disable=SC2016 # for the inner shell
ok "unmount by that name" bash -c 'cd "$1" && "$2" unmount -- -mnt' - "$dir" "$EVIDENCEFS"
ok "state list tells of odd names" "$EVIDENCEFS" state list --json --state "$STATE"
ok "as JSON" python3 -c 'import json, sys
for line in open(sys.argv[1], encoding="utf-8"): json.loads(line)' "$OUT"
rm -r -- "${dir:?}"/*

# segments beside such names
acquire "$dir" $'new\nline \377'
printf 'not a segment' >"$dir/"$'new\nline'
printf 'not a segment' >"$dir/"$'new\nline \377.E1'
mounts "E01 with an odd name" $'new\nline \377' "$dir/"$'new\nline \377.E01'
rm -- "$dir/"$'new\nline \377.E02'
refused "E01 with an odd name, a segment missing" 'new\\x0aline \\xff\.E02 is missing' "$dir/"$'new\nline \377.E01'
rm -- "$dir"/*

# ---- a folder as the image
acquire "$dir" disk
printf 'Acquired by\n' >"$dir/disk.txt"
mounts "a folder with E01 segments" disk "$dir"
mounts "with a slash behind" disk "$dir/"
ln -s "$dir" "$WORK/to-folder"
mounts "a link to the folder" disk "$WORK/to-folder"
rm "$WORK/to-folder"
refused "a folder with two images" 'is a directory; name one of the images in it: .*\.001.*disk\.E01|disk\.E01.*\.001' \
	"$(split -b 5M -d -a 3 --numeric-suffixes=1 "$image" "$dir/Disk." && echo "$dir")"
rm -- "$dir"/*.E*
mounts "a folder with .001, .002" Disk "$dir"
rm -- "$dir/Disk.001"
split -b 3M -d -a 3 "$image" "$dir/Disk."
mounts "a folder with .000, .001, .002" Disk "$dir"
rm -- "$dir/Disk.001"
refused "a folder in which a segment is missing" 'Disk\.001 is missing' "$dir"
rm -- "$dir"/Disk.0*
split -b 3M "$image" "$dir/disk."
mounts "a folder with .aa, .ab, .ac" disk "$dir"
rm -- "$dir"/*
cp "$image" "$dir/disk.dd"
refused "a folder with one file that is no segment" 'is a directory; name the image file in it' "$dir"
mkdir "$dir/nothing"
refused "an empty folder" 'nothing is a directory; name the image file in it' "$dir/nothing"
rm -r -- "${dir:?}"/*

# ---- links
mkdir "$WORK/store" "$WORK/links"
acquire "$WORK/store" disk
ln -s ../store/disk.E01 "$WORK/links/evidence.E01"
mounts "a link to the first segment, the others beside the target" evidence "$WORK/links/evidence.E01"
ln -s evidence.E01 "$WORK/links/again.E01"
mounts "a link to a link" again "$WORK/links/again.E01"
ln -s ../store/disk.E02 "$WORK/links/second.E01"
refused "a link to the second" 'store/disk\.E01' "$WORK/links/second.E01"
rm "$WORK"/links/*
i=0
for file in "$WORK"/store/disk.E*; do # as git-annex keeps them: names that say nothing
	sum=$(sha256sum <"$file" | cut -c 1-40)
	mv "$file" "$WORK/store/$sum"
	ln -s "../store/$sum" "$WORK/links/${file##*/}"
	i=$((i + 1))
done
mounts "links to $i segments whose names say nothing" disk "$WORK/links/disk.E01"
mounts "the folder of those links" disk "$WORK/links"
rm "$WORK/links/disk.E02"
refused "one of those links missing" 'disk\.E02 is missing' "$WORK/links/disk.E01"
rm "$WORK"/links/* "$WORK"/store/*
split -b 3M -d -a 3 --numeric-suffixes=1 "$image" "$WORK/store/disk."
ln -s ../store/disk.001 "$WORK/links/raw.001"
mounts "a link to .001" raw "$WORK/links/raw.001"
ln -s loop "$WORK/links/loop"
refused "a link to itself" 'loop: cannot be opened' "$WORK/links/loop"
ln -s ../store/none "$WORK/links/broken.dd"
refused "a link to nothing" 'broken\.dd: no such file' "$WORK/links/broken.dd"
rm "$WORK"/links/*

# ---- read-only file systems
if [[ $(id -u) == 0 ]]; then
	mkdir "$WORK/ro"
	acquire "$WORK/store" disk
	before=$(stat -c '%n %x %y %z' "$WORK"/store/*)
	track_mount "$WORK/ro"
	mount --bind "$WORK/store" "$WORK/ro"
	mount -o remount,bind,ro "$WORK/ro"
	not_ok "a read-only bind mount" touch "$WORK/ro/disk.001"
	mounts "E01 on it" disk "$WORK/ro/disk.E01"
	mounts "split raw on it" disk "$WORK/ro/disk.001"
	is "$(stat -c '%n %x %y %z' "$WORK"/store/*)" "$before" "no time of a segment has moved"
	umount "$WORK/ro"
	truncate -s 64M "$WORK/ro.img"
	mke2fs -q -t ext4 -d "$WORK/store" "$WORK/ro.img"
	if mount -o loop,ro "$WORK/ro.img" "$WORK/ro" 2>/dev/null; then
		mounts "E01 on a read-only ext4" disk "$WORK/ro/disk.E01"
		umount "$WORK/ro"
	else
		skip "no loop devices here" "E01 on a read-only ext4"
	fi
	# an image within an image: whoever is not root may, read through a mount of his own
	ok "a mount whose files are images" mount_image --no-hash "$WORK/ro.img" "$WORK/ro"
	refused "E01 in it" 'disk\.E01 lies in a mount of evidencefs, .*copy it elsewhere' "$WORK/ro/ro/p0-ext4/disk.E01"
	refused "split raw in it" 'disk\.001 lies in a mount of evidencefs' "$WORK/ro/ro/p0-ext4/disk.001"
	refused "state on it" 'the state cannot be kept: .*--state' --state "$WORK/ro/ro/state" "$image"
	ok "unmount" unmount_image "$WORK/ro"
	if command -v fusermount3 >/dev/null && [[ $(stat -c %a /dev/fuse) == 666 ]]; then
		second_user
		as_user2 mkdir "/tmp/${WORK##*/}.user"
		home=/tmp/${WORK##*/}.user
		trap 'rm -rf --one-file-system "$home"; test_cleanup' EXIT
		as_user2 mkdir "$home/outer" "$home/inner"
		track_mount "$home/outer"
		track_mount "$home/inner"
		chmod 0644 "$WORK/ro.img"
		ok "as a user: the outer one" as_user2 "$EVIDENCEFS" mount --no-hash --state "$home/state" "$WORK/ro.img" "$home/outer"
		ok "as a user: the inner one" as_user2 "$EVIDENCEFS" mount --no-hash --state "$home/state" \
			"$home/outer/ro/p0-ext4/disk.E01" "$home/inner"
		ok "as a user: the disk in it" as_user2 cmp "$image" "$home/inner/disk/image.raw"
		ok "as a user: unmount" as_user2 "$EVIDENCEFS" unmount "$home/inner"
		ok "as a user: and the outer one" as_user2 "$EVIDENCEFS" unmount "$home/outer"
	else
		skip "no fusermount3, or /dev/fuse not for users" "as a user: the inner one"
	fi
else
	skip "needs root" "read-only file systems"
fi

# ---- what is known of an image that was mounted before
acquire "$WORK/c" known
ok "first mount" mount_image --json "$WORK/c/known.E01" "$mnt"
hashed() {
	grep -q 'hashing is complete' "$mnt/known/EVIDENCE.txt"
}
ok "it is hashed" wait_for -t 60 hashed
ok "unmount" unmount_image "$mnt"
ok "second mount" mount_image --json "$WORK/c/known.E01" "$mnt"
is "$(python3 -c 'import json, sys
row = json.load(open(sys.argv[1]))
print(row["md5"], row["sha1"], row["sha256"], row["match"], row["md5"] == row["stored_md5"])' "$OUT")" \
	"$(md5sum <"$image" | cut -d " " -f 1) $(sha1sum <"$image" | cut -d " " -f 1) $(sha256sum <"$image" | cut -d " " -f 1) True True" \
	"tells the hash totals, and that the image matches"
ok "unmount again" unmount_image "$mnt"

# ---- large and blank: nothing goes through all of it
if truncate -s 8T "$WORK/blank.dd" 2>/dev/null; then
	ok "8 TiB of nothing: mounted" timeout 60 "$EVIDENCEFS" mount --no-hash --state "$STATE" "$WORK/blank.dd" "$mnt"
	is "$(stat -c %s "$mnt/blank/image.raw")" $((8 << 40)) "all of it is there"
	like "$(cat "$mnt/blank/EVIDENCE.txt")" 'no file system recognised' "it is said that nothing was recognised"
	ok "8 TiB of nothing: unmounted" unmount_image "$mnt"
else
	skip "no file of 8 TiB here" "8 TiB of nothing"
fi
done_testing
