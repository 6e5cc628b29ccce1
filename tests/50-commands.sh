#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The subcommands as they are typed: help, wrong usage, what they print for people and
# for programs, what they refuse.
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need_tools mke2fs python3

tree=$WORK/tree
mnt=$WORK/mnt
mkdir -p "$tree/docs" "$mnt"
printf 'a line\n' >"$tree/docs/letter.txt"
head -c 300000 /dev/urandom >"$tree/docs/scan.bin"
odd=$(printf 'odd\nname\033\134.txt')
printf 'x' >"$tree/$odd"
image=$WORK/disk.dd
truncate -s 8M "$image"
mke2fs -q -t ext4 -d "$tree" "$image"

is_one_line() { # NAME: what was said on stderr is one line of text
	if [[ $(wc -l <"$ERR") == 1 ]] && ! LC_ALL=C grep -q '[[:cntrl:]]' "$ERR"; then
		pass "$1"
	else
		fail "$1"
		diag "$(cat -v "$ERR")"
	fi
}

show() { # OPTION...: the log as JSON, in $WORK/rows
	"$EVIDENCEFS" audit show --mount "$mnt" --state "$STATE" --json "$@" >"$WORK/rows"
}

# ---- help and usage
export EVIDENCEFS_SOCKET=$WORK/no-service
for command in mount unmount state audit case add release relocate verify grant exclude revoke grants; do
	exits 0 "$command --help" "$EVIDENCEFS" "$command" --help
	like "$(cat "$OUT")" "^usage: evidencefs $command " "$command --help shows its usage"
	is "$(cat "$ERR")" "" "$command --help says nothing on stderr"
	exits 2 "$command with an unknown option" "$EVIDENCEFS" "$command" --no-such-option x y
	like "$(cat "$ERR")" '^evidencefs: .*--no-such-option.*
usage: evidencefs '"$command" "names it and shows the usage on stderr"
	is "$(cat "$OUT")" "" "and prints nothing else"
	exits 2 "$command without arguments" "$EVIDENCEFS" "$command"
	while read -r option; do
		like "$("$EVIDENCEFS" "$command" --help)" "  $option" "$command --help tells of $option"
	done < <("$EVIDENCEFS" "$command" --help | grep -oE '^  --[a-z-]+' | tr -d ' ')
done
for type in ntfs p0 p0= p0=foo 'p0=ntfs,p1=ntfs' p-1=ntfs 'p 1=ntfs' p0=NTFS; do
	exits 2 "mount --type $type" "$EVIDENCEFS" mount --state "$STATE" --type "$type" "$image" "$mnt"
	like "$(cat "$ERR")" "^evidencefs: --type $type: (write it as p2=ntfs|not one of ntfs fat )" "says what is wrong with it"
	exits 2 "add --type $type" "$EVIDENCEFS" add some-case "$image" --type "$type"
	like "$(cat "$ERR")" "^evidencefs: --type $type: (write it as p2=ntfs|not one of ntfs fat )" "says it too"
done
exits 1 "mount --type of a volume that is not there" "$EVIDENCEFS" mount --state "$WORK/state-2" --type p2=ntfs "$image" "$mnt"
is "$(cat "$ERR")" "evidencefs: --type p2=ntfs: no volume p2 in what was given" "it was meant for another"
not_ok "nothing is mounted" is_mounted "$mnt"
for command in status whoami "audit show" "case list"; do
	read -ra words <<<"$command"
	exits 1 "$command without a service" "$EVIDENCEFS" "${words[@]}"
	like "$(cat "$ERR")" "^evidencefs: $command: the service is not running" "says so"
	is_one_line "in one line"
	exits 2 "$command with an unknown option" "$EVIDENCEFS" "${words[@]}" --no-such-option
done
exits 2 "an unknown command" "$EVIDENCEFS" remount
like "$(cat "$ERR")" 'remount: no such command' "is named"
exits 2 "mount with an image alone" "$EVIDENCEFS" mount "$image"
exits 2 "an option without its value" "$EVIDENCEFS" mount "$image" "$mnt" --state
exits 2 "--type without a partition" "$EVIDENCEFS" mount --type ntfs "$image" "$mnt"
exits 2 "--degraded with an unknown mode" "$EVIDENCEFS" mount --degraded no-such "$image" "$mnt"
exits 2 "unmount with two mount points" "$EVIDENCEFS" unmount a b
exits 2 "state with an unknown verb" "$EVIDENCEFS" state forget
exits 2 "state remove without an id" "$EVIDENCEFS" state remove
exits 2 "--case with --mount" "$EVIDENCEFS" audit show --mount "$mnt" --case c
exits 2 "audit with an unknown verb" "$EVIDENCEFS" audit hide --mount "$mnt"
exits 2 "--user nobody knows" "$EVIDENCEFS" audit show --mount "$mnt" --user no-such-user
exits 2 "--type that is none" "$EVIDENCEFS" audit show --mount "$mnt" --type opened
exits 2 "--since that is no time" "$EVIDENCEFS" audit show --mount "$mnt" --since yesterday
is "$(ls -A "$mnt")" "" "nothing was mounted by all this"

# ---- mount
track_mount "$mnt"
exits 0 "mount --json" "$EVIDENCEFS" mount --json --state "$STATE" "$image" "$mnt"
cp "$OUT" "$WORK/mounted"
is "$(keys "$WORK/mounted")" \
	"case evidence format size md5 sha1 sha256 stored_md5 stored_sha1 match volumes traces seconds mountpoint" \
	"has the keys of add --json, and mountpoint"
is "$(value 'rows[0]["evidence"], rows[0]["size"], rows[0]["volumes"], rows[0]["mountpoint"], rows[0]["case"]' "$WORK/mounted")" \
	"('disk', 8388608, 1, '$mnt', 'personal')" "and says what was mounted where"
is "$(value 'rows[0]["traces"] == 6 and rows[0]["seconds"] >= 0' "$WORK/mounted")" True \
	"and how many traces in how long"
exits 1 "a second mount there" "$EVIDENCEFS" mount --state "$STATE" "$image" "$mnt"
like "$(cat "$ERR")" "evidencefs unmount $mnt" "says how to end the first"

# ---- state
"$EVIDENCEFS" state list --json --state "$STATE" >"$WORK/kept"
is "$(keys "$WORK/kept")" "id kind of bytes in_use path" "state list --json"
is "$(value 'sorted((r["kind"], r["of"], r["in_use"]) for r in rows)' "$WORK/kept")" \
	"[('evidence', '$image', True), ('log', '$mnt', True)]" "shows evidence and log, in use"
exits 0 "state list" "$EVIDENCEFS" state list --state "$STATE"
like "$(cat "$OUT")" "evidence .* yes +$image" "shows the same to people"
evidence=$(value '[r["id"] for r in rows if r["kind"] == "evidence"][0]' "$WORK/kept")
log=$(value '[r["id"] for r in rows if r["kind"] == "log"][0]' "$WORK/kept")
for id in "$evidence" "$log"; do
	exits 1 "state remove of what is in use" "$EVIDENCEFS" state remove --state "$STATE" "$id"
	like "$(cat "$ERR")" "^evidencefs: $id is in use; unmount it first" "says so"
done
exits 1 "state remove of an unknown id" "$EVIDENCEFS" state remove --state "$STATE" 0123456789abcdef
like "$(cat "$ERR")" 'state list' "says where ids are listed"
ok "and the mount is unharmed" cmp "$tree/docs/scan.bin" "$mnt/disk/p0-ext4/docs/scan.bin"

# ---- audit show
cat "$mnt/disk/p0-ext4/docs/letter.txt" >/dev/null
cat "$mnt/disk/p0-ext4/"odd* >/dev/null
middle=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
cat "$mnt/disk/p0-ext4/docs/scan.bin" >/dev/null
readlink "$mnt/disk/EVIDENCE.txt" >/dev/null || true
show
is "$(keys "$WORK/rows")" \
	"seq time type user uid loginuid pid exe case evidence path trace offset length result decision grant reads bytes ranges label" \
	"audit show --json has its keys, on every line"
is "$(value '[r["seq"] for r in rows] == sorted(r["seq"] for r in rows)' "$WORK/rows")" True "in the order of the log"
is "$(value '{r["type"] for r in rows} <= set("open read list lookup xattr readlink close grant revoke exclude mark scan add release relocate verify case note session config start stop clock loss checkpoint epoch discontinuity".split())' "$WORK/rows")" \
	True "with the types that are documented"
is "$(value '[r for r in rows if r["type"] == "read"]' "$WORK/rows")" "[]" "reads are summed up"
is "$(value '[(r["reads"] > 0, r["bytes"], r["user"], r["uid"], r["decision"], r["exe"].rsplit("/")[-1]) for r in rows if r["type"] == "open" and r["path"] == "disk/p0-ext4/docs/letter.txt"]' "$WORK/rows")" \
	"[(True, 7, '$(id -un)', $(id -u), 'allowed', 'cat')]" "with each open"
is "$(value '[r["path"] for r in rows if r["type"] == "open" and r["path"] and "odd" in r["path"]]' "$WORK/rows")" \
	"['disk/p0-ext4/odd\\\\x0aname\\\\x1b\\\\\\\\.txt']" "an odd name is escaped"
show --reads --path disk/p0-ext4/docs/letter.txt --type read
is "$(value 'sorted((r["offset"], r["result"]) for r in rows)' "$WORK/rows")" "[(0, 7), (7, 0)]" \
	"--reads shows each, with offset and result"
show --path disk/p0-ext4/docs
is "$(value 'sorted({r["path"] for r in rows if r["type"] == "open"})' "$WORK/rows")" \
	"['disk/p0-ext4/docs/letter.txt', 'disk/p0-ext4/docs/scan.bin']" "--path takes what is below"
show --path "$mnt/disk/p0-ext4/docs/letter.txt"
is "$(value '{r["path"] for r in rows}' "$WORK/rows")" "{'disk/p0-ext4/docs/letter.txt'}" \
	"--path takes a path below the mount point"
show --path disk/p0-ext4/doc
is "$(wc -l <"$WORK/rows")" 0 "--path does not take the beginning of a name"
show --path disk/p0-ext4/no/such/path
is "$(wc -l <"$WORK/rows")" 0 "--path of nothing shows nothing"
show --type start,close
is "$(value '{r["type"] for r in rows}=={"start", "close"}' "$WORK/rows")" True "--type"
show --user "$(id -u)" --type open
is "$(value 'len(rows) > 3 and {r["uid"] for r in rows}' "$WORK/rows")" "{$(id -u)}" "--user by number"
show --user nobody
is "$(wc -l <"$WORK/rows")" 0 "--user by name, who did nothing"
show --since "$middle" --type open
is "$(value '{r["path"] for r in rows}' "$WORK/rows")" "{'disk/p0-ext4/docs/scan.bin'}" "--since"
show --until "$middle" --path disk/p0-ext4/docs/scan.bin --since -1h
is "$(value 'len([r for r in rows if r["type"] == "open"])' "$WORK/rows")" 1 "--until leaves out what came after"
show --since +1h
is "$(wc -l <"$WORK/rows")" 0 "--since a time to come"
exits 0 "audit show for people" "$EVIDENCEFS" audit show --mount "$mnt"
like "$(cat "$OUT")" 'open +[0-9]+ reads?, 7 bytes .*disk/p0-ext4/docs/letter.txt' "has the sums"
# shellcheck disable=SC2016 # for the inner shell
ok "nothing in it moves a terminal's cursor" bash -c '! LC_ALL=C tr -d "\n" <"$1" | grep -q "[[:cntrl:]]"' - "$OUT"
exits 1 "the log of a folder that was never a mount point" \
	"$EVIDENCEFS" audit show --mount "$WORK" --state "$STATE"
is_one_line "is refused in one line"
like "$(cat "$ERR")" "no log of a mount on $WORK .*--state" "that says what to do"

# ---- unmount
exits 1 "unmount of what is no mount" "$EVIDENCEFS" unmount "$WORK"
like "$(cat "$ERR")" "^evidencefs: $WORK is not a mount of evidencefs" "is refused"
exits 1 "unmount of another file system" "$EVIDENCEFS" unmount /proc
like "$(cat "$ERR")" "^evidencefs: /proc is not a mount of evidencefs" "is refused"
ok "which is still there" test -r /proc/self/stat
exits 1 "unmount of nothing" "$EVIDENCEFS" unmount "$WORK/none"
is_one_line "is refused in one line"
exec 8<"$mnt/disk/p0-ext4/docs/letter.txt"
exits 1 "unmount while a file is open" "$EVIDENCEFS" unmount "$mnt"
like "$(cat "$ERR")" "^evidencefs: $mnt is in use: " "says that it is in use"
is "$(cat <&8)" "a line" "and the file can still be read"
exec 8<&-
is "$(value '[rows[0][k] for k in ("md5", "sha1", "sha256", "match")]' "$WORK/mounted")" "[None, None, None, None]" \
	"hash totals were not known when it was mounted"
ok "they are made behind the mount" wait_for -t 60 grep -q 'hashing is complete' "$mnt/disk/EVIDENCE.txt"
ok "unmount" "$EVIDENCEFS" unmount "$mnt"
ok "is complete when it returns" not_mounted "$mnt"
exits 1 "a second unmount" "$EVIDENCEFS" unmount "$mnt"

# ---- afterwards
show --type start,stop
is "$(value '[r["type"] for r in rows]' "$WORK/rows")" "['start', 'stop']" "the log is there when unmounted"
ok "mount again" mount_image --json "$image" "$mnt"
is "$(value 'rows[0]["traces"]' "$OUT")" "$(value 'rows[0]["traces"]' "$WORK/mounted")" "with as many traces"
is "$(value 'rows[0]["md5"], rows[0]["sha1"], rows[0]["sha256"]' "$OUT")" \
	"('$(md5sum <"$image" | cut -d ' ' -f 1)', '$(sha1sum <"$image" | cut -d ' ' -f 1)', '$(sha256sum <"$image" | cut -d ' ' -f 1)')" \
	"and the hash totals that the first mount made"
is "$(value 'rows[0]["match"]' "$OUT")" None "which a raw image has nothing to compare with"
ok "unmount again" unmount_image "$mnt"
show --type start,stop
is "$(value '[r["type"] for r in rows]' "$WORK/rows")" "['start', 'stop', 'start', 'stop']" "the log goes on"
is "$(value 'len({r["seq"] for r in rows})' "$WORK/rows")" 4 "with numbers that go on"
ok "state remove" "$EVIDENCEFS" state remove --state "$STATE" "$evidence" "$log"
is "$("$EVIDENCEFS" state list --json --state "$STATE")" "" "and nothing is kept"
is "$(find "$STATE" -type f | wc -l)" 0 "not a file"
ok "mount anew" mount_image "$image" "$mnt"
like "$(cat "$OUT")" 'indexed now' "indexes again"
ok "unmount anew" unmount_image "$mnt"

# ---- several images, and names that are no folder's
cp "$image" "$WORK/..dd"
cp "$image" "$WORK/disk.img"
cp "$image" "$WORK/$(printf 'a\nb\377').dd"
ok "mount of several" mount_image "$image" "$WORK/..dd" "$WORK/disk.img" "$WORK/$(printf 'a\nb\377').dd" "$mnt"
is "$(find "$mnt" -mindepth 1 -maxdepth 1 -type d -printf x)" xxxx "each has a folder of its own"
for name in ..dd disk disk-2 "$(printf 'a\nb\377')"; do
	ok "that can be entered: $(printf %q "$name")" cmp "$tree/docs/scan.bin" "$mnt/$name/p0-ext4/docs/scan.bin"
done
ok "unmount of several" unmount_image "$mnt"
done_testing
