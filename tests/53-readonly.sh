#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Nothing can be written, by whatever call; whatever is listed can be looked at; listings
# go on where they stopped; no handle leads past the tree.
set -eu
. "$(dirname "$0")/lib.sh"
need fuse
need_tools mke2fs debugfs python3 getfattr

tree=$WORK/tree
mnt=$WORK/mnt
mkdir -p "$tree/docs" "$tree/big" "$tree/odd"
printf 'a line\n' >"$tree/docs/letter.txt"
ln "$tree/docs/letter.txt" "$tree/docs/second name"
ln -s letter.txt "$tree/docs/link"
ln -s /etc/passwd "$tree/docs/out"
head -c 100000 /dev/urandom >"$tree/docs/scan.bin"
mkfifo "$tree/odd/fifo"
python3 - "$tree" <<'PYTHON'
import os, sys
odd = os.fsencode(sys.argv[1]) + b"/odd/"
for name in (b"new\nline", b"\x1b[31mred", b"tab\tbell\x07", b"\xff\xfe\x80", b" lead and trail ", b"\xc3\xbc",
             b"back\\slash", b"'quote\"", b"-rf", b"x" * 255, b"...", b"%2F", b"name:with:colons", b"*?[a]"):
    open(odd + name, "wb").write(name)
big = os.fsencode(sys.argv[1]) + b"/big/"
for i in range(5000):
    open(big + b"file %d of many, with a name of some length" % i, "wb").close()
PYTHON
image=$WORK/disk.dd
truncate -s 32M "$image"
mke2fs -q -t ext4 -I 256 -N 8192 -d "$tree" "$image"
debugfs -w -R 'sif /docs/letter.txt crtime @1709543553' "$image" >/dev/null 2>&1
debugfs -w -R 'rm /docs/scan.bin' "$image" >/dev/null 2>&1
before=$(sha256sum "$image"; stat -c '%y %x %z' "$image")
ok "mount" mount_image "$image" "$mnt"
volume=$mnt/disk/p0-ext4

# ---- writing
cat >"$WORK/write.py" <<'PYTHON'
import ctypes, errno, os, socket, stat, sys

libc = ctypes.CDLL(None, use_errno=True)
folder, name = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2])
new = folder + b"/new"
wrong = 0

def refused(what, act, want=("EROFS",)):
    global wrong
    try:
        act()
        got = "done"
    except OSError as e:
        got = errno.errorcode[e.errno]
    if got not in want:
        wrong += 1
        print(f"{what}: {got}, expected {' or '.join(want)}")

folders = ("EROFS", "EISDIR") if os.path.isdir(name) else ("EROFS",)

def call(function, *args):
    if function(*args) < 0:
        raise OSError(ctypes.get_errno(), "")

refused("open for writing", lambda: os.open(name, os.O_WRONLY), folders)
refused("open for both", lambda: os.open(name, os.O_RDWR), folders)
refused("open to append", lambda: os.open(name, os.O_WRONLY | os.O_APPEND), folders)
refused("open to cut, for reading", lambda: os.open(name, os.O_RDONLY | os.O_TRUNC), folders)
refused("open to cut", lambda: os.open(name, os.O_WRONLY | os.O_TRUNC), folders)
refused("create", lambda: os.open(new, os.O_RDONLY | os.O_CREAT, 0o600))
refused("create for writing", lambda: os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
refused("unnamed file", lambda: os.open(folder, os.O_WRONLY | os.O_TMPFILE, 0o600))
refused("mkdir", lambda: os.mkdir(new))
refused("mknod, file", lambda: os.mknod(new, stat.S_IFREG | 0o600))
refused("mknod, fifo", lambda: os.mkfifo(new))
refused("socket", lambda: socket.socket(socket.AF_UNIX).bind(os.path.relpath(new)))
refused("unlink", lambda: os.unlink(name))
refused("unlink what is not there", lambda: os.unlink(new))
refused("rmdir", lambda: os.rmdir(folder), ("EROFS", "EBUSY"))
refused("rename", lambda: os.rename(name, new))
refused("rename onto itself", lambda: os.rename(name, name))
refused("exchange", lambda: call(libc.renameat2, -100, name, -100, name, 2))
refused("link", lambda: os.link(name, new))
refused("symlink", lambda: os.symlink(b"x", new))
refused("chmod", lambda: os.chmod(name, 0o600))
refused("chown", lambda: os.chown(name, os.getuid(), os.getgid()))
refused("lchown", lambda: os.lchown(name, os.getuid(), os.getgid()))
refused("utimensat", lambda: os.utime(name, (1, 1)))
refused("utimensat, now", lambda: os.utime(name))
refused("utimensat of the link itself", lambda: os.utime(name, (1, 1), follow_symlinks=False))
refused("truncate", lambda: os.truncate(name, 0), folders)
for prefix in (b"user.x", b"user.evidencefs.inode", b"trusted.x", b"security.x"):
    refused("setxattr " + prefix.decode(), lambda: os.setxattr(name, prefix, b"x"),
            ("EROFS",) if os.getuid() == 0 or prefix.startswith(b"user.") else ("EROFS", "EPERM"))
    refused("removexattr " + prefix.decode(), lambda: os.removexattr(name, prefix),
            ("EROFS",) if os.getuid() == 0 or prefix.startswith(b"user.") else ("EROFS", "EPERM"))
refused("access for writing", lambda: call(libc.access, name, os.W_OK))
if os.path.isfile(name):
    # no descriptor for writing exists: the call is refused before it gets there
    fd = os.open(name, os.O_RDONLY)
    refused("fallocate", lambda: os.posix_fallocate(fd, 0, 10), ("EROFS", "EBADF"))
    refused("ftruncate", lambda: os.ftruncate(fd, 0), ("EROFS", "EINVAL", "EBADF"))
    refused("write", lambda: os.write(fd, b"x"), ("EROFS", "EBADF"))
    refused("copy_file_range", lambda: os.copy_file_range(fd, fd, 1, 0, 3), ("EROFS", "EBADF", "EINVAL"))
    refused("fchmod", lambda: os.fchmod(fd, 0o600))
    refused("fchown", lambda: os.fchown(fd, os.getuid(), os.getgid()))
    refused("futimens", lambda: os.utime(fd, (1, 1)))
    refused("fsetxattr", lambda: os.setxattr(fd, b"user.x", b"x"))
sys.exit(wrong > 0)
PYTHON
try_writes() { # FOLDER FILE
	(cd "$1" && python3 "$WORK/write.py" "$1" "$2")
}
ok "writes in a volume" try_writes "$volume/docs" "$volume/docs/letter.txt"
ok "writes in a volume's root" try_writes "$volume" "$volume/docs"
ok "writes among deleted entries" try_writes "$volume.deleted/docs" "$volume.deleted/docs/scan.bin"
ok "writes in the evidence's folder" try_writes "$mnt/disk" "$mnt/disk/EVIDENCE.txt"
ok "writes to the image" try_writes "$mnt/disk" "$mnt/disk/image.raw"
ok "writes at the top" try_writes "$mnt" "$mnt/disk"
tap_run mount -o remount,rw "$mnt"
ok "nor after an attempt to make it writable" try_writes "$volume/docs" "$volume/docs/letter.txt"
[[ $(awk -v d="$mnt" '$5 == d {print $6}' /proc/self/mountinfo) == ro,* ]] || mount -o remount,ro "$mnt" 2>/dev/null || true

# ---- looking at everything
ok "ls -lR" ls -lR "$mnt"
is "$(grep -c -F '?????' "$OUT" || true)" 0 "has an answer for everything"
is "$(cat "$ERR")" "" "and no error"
is "$(find "$mnt" -printf '%y' 2>/dev/null | tr -d dfl)" "" "what is no file, folder or link is shown as a file"
is "$(stat -c '%F %s' "$volume/odd/fifo")" "regular empty file 0" "a fifo, empty"
is "$(cd "$volume" && find odd ! -name fifo -print0 | LC_ALL=C sort -z | sha256sum)" \
	"$(cd "$tree" && find odd ! -name fifo -print0 | LC_ALL=C sort -z | sha256sum)" "odd names come as they are"
same_names() {
	local name
	while IFS= read -r -d '' name; do
		cmp -- "$tree/$name" "$volume/$name" || return
	done < <(cd "$tree" && find odd -type f -print0)
}
ok "and open what they name" same_names
is "$(stat -f -c '%T %b %f %a %l %S' "$mnt")" "fuseblk $((32 * 256)) 0 0 255 4096" "statfs"
is "$(df --output=pcent "$mnt" | tail -n 1 | tr -d ' ')" "100%" "df: full"
inode=$(stat -c %i "$volume/docs/letter.txt")
is "$(find "$volume" -inum "$inode" -printf '%P\n' | sort | tr '\n' ' ')" "docs/letter.txt docs/second name " "find -inum"
is "$(stat -c %h "$volume/docs/letter.txt")" 2 "a hard link is counted"
is "$(find "$mnt" -printf '%i\n' | grep -cx 0 || true)" 0 "no inode is 0"
is "$(readlink "$volume/docs/out")" ../etc/passwd "an absolute link stays inside"
not_ok "and does not show this system's file" cat "$volume/docs/out"
is "$(getfattr -h -n system.evidencefs.target --only-values "$volume/docs/out" 2>/dev/null)" /etc/passwd \
	"what it says on the disk is an attribute"
is "$(getfattr -n user.evidencefs.crtime --only-values "$volume/docs/letter.txt" 2>/dev/null)" 2024-03-04T09:12:33.000000000Z \
	"the birth time, as an attribute"
[[ $(uname -r) =~ ^([0-9]+)\.([0-9]+) ]]
linux=$((BASH_REMATCH[1] * 100 + BASH_REMATCH[2]))
if ((linux >= 606)); then
	is "$(stat -c %w "$volume/docs/letter.txt")" "2024-03-04 09:12:33.000000000 +0000" "the birth time, in statx"
	is "$(stat -c %W "$mnt/disk/image.raw")" 0 "none where none is known"
else
	skip "before Linux 6.6" "the birth time, in statx"
	skip "before Linux 6.6" "none where none is known"
fi

# ---- listings
cat >"$WORK/list.py" <<'PYTHON'
import ctypes, os, random, sys

libc = ctypes.CDLL(None, use_errno=True)
class Dirent(ctypes.Structure):
    _fields_ = [("ino", ctypes.c_uint64), ("off", ctypes.c_int64), ("reclen", ctypes.c_uint16),
                ("type", ctypes.c_uint8), ("name", ctypes.c_char * 256)]
libc.opendir.restype = ctypes.c_void_p
libc.readdir.restype = ctypes.POINTER(Dirent)
libc.readdir.argtypes = libc.closedir.argtypes = libc.telldir.argtypes = [ctypes.c_void_p]
libc.telldir.restype = ctypes.c_long
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
random.seed(7)

def read(d):
    ctypes.set_errno(0)
    e = libc.readdir(d)
    if not e and ctypes.get_errno():
        raise OSError(ctypes.get_errno(), "readdir")
    return (e.contents.name, e.contents.ino, e.contents.type) if e else None

def whole(path):
    d, places, rows = libc.opendir(path), [], []
    while True:
        places.append(libc.telldir(d))
        rows.append(read(d))
        if rows[-1] is None:
            return d, places, rows

path, other = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2])
d, places, rows = whole(path)
names = [r[0] for r in rows[:-1]]
assert len(set(names)) == len(names) == int(sys.argv[3]) + 2, len(names)
assert names[:2] == [b".", b".."]
assert len(set(places)) == len(places), "places repeat"
for i in random.sample(range(2, len(names)), 200):  # inode and kind are those that stat shows
    st = os.lstat(path + b"/" + names[i])
    assert st.st_ino == rows[i][1], (names[i], st.st_ino, rows[i][1])
    assert st.st_mode >> 12 == rows[i][2], names[i]
fresh = libc.opendir(path)
for i in random.sample(range(len(rows)), 300) + [0, len(rows) - 1]:
    for where in (d, fresh):
        libc.seekdir(where, places[i])
        assert read(where) == rows[i], (i, rows[i])
# from the middle to the end
libc.seekdir(fresh, places[2500])
rest = []
while (r := read(fresh)) is not None:
    rest.append(r)
assert rest == rows[2500:-1], "the rest is not the rest"
# a place of another folder, or none at all, is no way to what is elsewhere
_, elsewhere, _ = whole(other)
known = set(names)
for place in elsewhere[3:] + [12345, 1 << 40, (1 << 62) + 5]:
    libc.seekdir(fresh, place)
    try:
        r = read(fresh)
        assert r is None or r[0] in known, r
    except OSError:
        pass
PYTHON
ok "a folder of 5,000 names: seekdir, telldir, from the middle on" \
	python3 "$WORK/list.py" "$volume/big" "$volume/odd" 5000
ok "a folder whose child's places are tried on it" python3 - "$WORK/list.py" "$volume" "$volume/big" <<'PYTHON'
import os, sys
source = open(sys.argv[1]).read().split("path, other =")[0]
exec(source)
path, other = os.fsencode(sys.argv[2]), os.fsencode(sys.argv[3])
names = set(os.listdir(path)) | {b".", b".."}
_, places, _ = whole(other)
d = libc.opendir(path)
for place in places[3:200]:
    libc.seekdir(d, place)
    try:
        r = read(d)
        assert r is None or r[0] in names, r
    except OSError:
        pass
PYTHON
is "$(find "$volume/big" -type f -printf x | wc -c)" 5000 "find meets each once"
changing() { # while it is being listed again and again
	local i
	for ((i = 0; i < 5; i++)); do
		[[ $(find "$volume/big" -type f -printf x | wc -c) == 5000 ]] || return 1
	done
}
changing & one=$!
changing & two=$!
ok "also two at a time" wait "$one"
ok "and the second" wait "$two"

# ---- handles
cat >"$WORK/handles.py" <<'PYTHON'
import ctypes, errno, os, struct, sys

libc = ctypes.CDLL(None, use_errno=True)
mount, name = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2])

def handle(flags):
    buf = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    mount_id = ctypes.c_int()
    if libc.name_to_handle_at(-100, name, buf, ctypes.byref(mount_id), flags):
        return None, ctypes.get_errno()
    return buf, 0

def reopen(buf):
    fd = libc.open_by_handle_at(os.open(mount, os.O_RDONLY), buf, os.O_RDONLY)
    return "opened" if fd >= 0 else errno.errorcode[ctypes.get_errno()]

buf, e = handle(0)
print("name_to_handle_at", "gives one" if buf else errno.errorcode[e])
if buf:
    print("open_by_handle_at", reopen(buf))
for kind, size in ((0x81, 12), (0x82, 24), (1, 8)):  # FILEID_INO64_GEN and with parent, FILEID_INO32_GEN
    ino = os.stat(name).st_ino
    raw = struct.pack("<III", ino >> 32, ino & 0xffffffff, 1) * 2
    made = ctypes.create_string_buffer(struct.pack("Ii", size, kind) + raw[:size])
    print("made up", reopen(made))
PYTHON
python3 "$WORK/handles.py" "$mnt" "$volume/docs/letter.txt" >"$WORK/handles"
is "$(grep -c 'opened' "$WORK/handles" || true)" 0 "no handle opens a file"
if ((linux >= 609)); then
	like "$(grep name_to "$WORK/handles")" "name_to_handle_at E(OP)?NOTSUPP?" "none is given"
else
	skip "before Linux 6.9" "none is given"
fi

ok "unmount" unmount_image "$mnt"
is "$(sha256sum "$image"; stat -c '%y %x %z' "$image")" "$before" "the image is as it was, its times too"
done_testing
