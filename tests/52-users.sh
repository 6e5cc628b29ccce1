#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An ordinary user mounts through fusermount3 and sees everything; nobody else does, root
# neither, not even by a descriptor that was handed on. The log tells who tried.
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need users
need_tools mke2fs fusermount3 python3

tree=$WORK/tree
mkdir -p "$tree/docs"
printf 'a line\n' >"$tree/docs/letter.txt"
head -c 500000 /dev/urandom >"$tree/docs/scan.bin"
chmod 0000 "$tree/docs/scan.bin"
ln -s letter.txt "$tree/docs/link"
image=$WORK/disk.dd
truncate -s 8M "$image"
mke2fs -q -t ext4 -d "$tree" "$image"
chmod 0644 "$image"

second_user
home=$WORK/home
mkdir -m 0755 "$home"
chown "$USER2:" "$home"
mnt=$home/mnt
as_user2 mkdir -m 0755 "$mnt"
track_mount "$mnt"
other=54321 # nobody's number
as_other() {
	setpriv --reuid="$other" --regid="$other" --clear-groups -- "$@"
}
seen() { # EXPRESSION: of `rows`, the log as the user sees it
	as_user2 "$EVIDENCEFS" audit show --mount "$mnt" --state "$home/state" --json --reads >"$WORK/rows"
	value "$1" "$WORK/rows"
}

ok "an ordinary user mounts" as_user2 "$EVIDENCEFS" mount --state "$home/state" "$image" "$mnt"
ok "it is mounted" is_mounted "$mnt"
volume=$mnt/disk/p0-ext4
ok "the user reads" as_user2 cmp "$volume/docs/letter.txt" "$tree/docs/letter.txt"
# shellcheck disable=SC2016 # for the inner shell
is "$(as_user2 sh -c 'sha256sum <"$1"' - "$volume/docs/scan.bin")" \
	"$(sha256sum <"$tree/docs/scan.bin")" "also what nobody could on the disk"
is "$(as_user2 cat "$volume/docs/link")" "a line" "and through a link"
ok "the whole image" as_user2 cmp "$mnt/disk/image.raw" "$image"
is "$(as_user2 find "$mnt" -printf x | wc -c)" "$(as_user2 find "$mnt" -user "$USER2" -group "$(id -gn "$USER2")" -printf x | wc -c)" \
	"everything belongs to the user"
is "$(as_user2 find "$mnt" -type d ! -perm 0500; as_user2 find "$mnt" -type f ! -perm 0400)" "" \
	"folders are 0500, files 0400"
is "$(as_user2 getfattr -n user.evidencefs.mode --only-values "$volume/docs/scan.bin" 2>/dev/null)" 100000 \
	"the evidence's own mode is an attribute"
like "$(awk -v d="$mnt" '$5 == d' /proc/self/mountinfo)" "ro,nosuid,nodev,noexec.*[ ,]user_id=$UID2,group_id=$(id -g "$USER2")(,|$)" \
	"mounted read-only, without devices and programs, for that user"
if [[ $(awk -v d="$mnt" '$5 == d' /proc/self/mountinfo) == *allow_other* ]]; then
	fail "and for nobody else"
else
	pass "and for nobody else"
fi
is "$(find "$home/state" -perm /077 | head -n 1)" "" "what is kept is for that user alone"

# ---- others, by name
for who in root other; do
	run=()
	[[ $who == root ]] || run=(as_other)
	for act in "ls $mnt" "stat $mnt/disk" "cat $volume/docs/letter.txt" "cat $mnt/disk/image.raw" \
		"stat $mnt/no-such-file" "ls $volume/no/such/folder" "getfattr -d $mnt"; do
		# shellcheck disable=SC2086 # words
		not_ok "$who: $(basename "${act%% *}") ${act#"${act%% *} $home/"}" "${run[@]}" $act
		like "$(cat "$ERR")" 'Permission denied' "is refused, whether or not it is there"
	done
done
exits 1 "root cannot use the mount's log by its mount point" "$EVIDENCEFS" audit show --mount "$mnt"
exits 1 "another user cannot unmount it" as_other "$EVIDENCEFS" unmount "$mnt"
ok "it is still mounted" is_mounted "$mnt"

# ---- others, by a descriptor that the user opened and handed on; what he has listed himself
# the kernel may keep, so nothing is listed yet
ok "the user unmounts" as_user2 "$EVIDENCEFS" unmount "$mnt"
ok "and mounts again" as_user2 "$EVIDENCEFS" mount --state "$home/state" "$image" "$mnt"
cat >"$WORK/hand-on.py" <<'PYTHON'
import ctypes, errno, mmap, os, signal, socket, sys

user, group, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

def become(uid, gid):
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)

ours, theirs = socket.socketpair()
owner = os.fork()
if owner == 0:
    become(user, group)
    fds = [os.open(name, os.O_RDONLY), os.open(os.path.dirname(name), os.O_RDONLY)]
    socket.send_fds(theirs, [b"here"], fds)
    theirs.recv(1)  # until the others are done
    os.lseek(fds[0], 0, 0)
    print("owner", len(os.read(fds[0], 100)), flush=True)
    os._exit(0)
_, (file, folder), _, _ = socket.recv_fds(ours, 10, 2)

def attempt(who, what, act):
    try:
        print(who, what, "got", act())
    except OSError as e:
        print(who, what, errno.errorcode[e.errno])

def getdents():  # listdir() asks for attributes first, which the kernel refuses by itself
    libc = ctypes.CDLL(None, use_errno=True)
    n = libc.getdents64(folder, ctypes.create_string_buffer(4096), 4096)
    if n < 0:
        raise OSError(ctypes.get_errno(), "getdents64")
    return n

def touch():
    m = mmap.mmap(file, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ)
    return m[0]

def child(who, ids):
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    if ids:
        become(*ids)
    attempt(who, "read", lambda: len(os.read(file, 100)))
    attempt(who, "pread", lambda: len(os.pread(file, 10, 5)))
    attempt(who, "readv", lambda: os.readv(file, [bytearray(10)]))
    attempt(who, "sendfile", lambda: os.sendfile(os.open("/dev/null", os.O_WRONLY), file, 0, 10))
    attempt(who, "listdir", lambda: os.listdir(folder))
    attempt(who, "getdents", getdents)
    attempt(who, "open below", lambda: os.open(os.path.basename(name), os.O_RDONLY, dir_fd=folder))
    attempt(who, "reopen", lambda: os.open(f"/proc/self/fd/{file}", os.O_RDONLY))
    attempt(who, "xattr", lambda: os.listxattr(file))
    sys.stdout.flush()
    touch()
    print(who, "map got a page")
    sys.stdout.flush()
    os._exit(0)

for who, ids in (("root", None), ("other", (54321, 54321))):
    status = child(who, ids)
    print(who, "map", signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "ended")
    sys.stdout.flush()
ours.send(b"x")
os.waitpid(owner, 0)
PYTHON
ulimit -c 0
python3 "$WORK/hand-on.py" "$UID2" "$(id -g "$USER2")" "$volume/docs/letter.txt" >"$WORK/handed" 2>&1 ||
	diag "$(cat "$WORK/handed")"
for who in root other; do
	for what in read pread readv sendfile listdir getdents "open below" reopen xattr; do
		is "$(grep "^$who $what " "$WORK/handed")" "$who $what EACCES" "handed on to $who: $what"
	done
	is "$(grep "^$who map" "$WORK/handed")" "$who map SIGBUS" "handed on to $who: a mapping"
done
is "$(grep '^owner' "$WORK/handed")" "owner 7" "and the user goes on reading"

# ---- the log
is "$(seen '{(r["user"], r["uid"]) for r in rows if r["type"] == "open"}')" "{('$USER2', $UID2)}" "the log names the user"
for uid in 0 $other; do
	is "$(seen "{(r['result'], r['decision'], r['path']) for r in rows if r['type'] == 'read' and r['uid'] == $uid}")" \
		"{(-13, 'denied', 'disk/p0-ext4/docs/letter.txt')}" "and uid $uid, who was denied"
	is "$(seen "len([r for r in rows if r['type'] == 'read' and r['uid'] == $uid]) >= 5")" True "each time"
	is "$(seen "{(r['result'], r['decision'], r['path']) for r in rows if r['type'] == 'list' and r['uid'] == $uid}")" \
		"{(-13, 'denied', 'disk/p0-ext4/docs')}" "listing too"
done
is "$(seen '[r for r in rows if r["decision"] == "allowed" and r["uid"] != '"$UID2"']')" "[]" "nobody else was allowed anything"
is "$(as_user2 "$EVIDENCEFS" audit show --mount "$mnt" --state "$home/state" --json | grep -c '"denied"')" \
	"$(seen 'len([r for r in rows if r["decision"] == "denied"])')" "denials are shown without asking for reads"

# ---- two users at once
ok "root mounts the same image" mount_image "$image" "$WORK/mnt"
ok "and reads" cmp "$WORK/mnt/disk/p0-ext4/docs/letter.txt" "$tree/docs/letter.txt"
not_ok "where the user cannot" as_user2 ls "$WORK/mnt"
ok "root unmounts" unmount_image "$WORK/mnt"
ok "the user unmounts" as_user2 "$EVIDENCEFS" unmount "$mnt"
ok "and it is gone" wait_for not_mounted "$mnt"
done_testing
