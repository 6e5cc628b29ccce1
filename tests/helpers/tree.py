#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tree.py - fill folders with real files, and say what a tree holds, one line a name

  tree.py fill DEST FILES BYTES SOURCE...
      copies real files (each at most 128 KiB) with links and hard links until there are FILES of
      them or BYTES in them; gives every file a modification time with nanoseconds
  tree.py names DIR COUNT
      makes COUNT empty files in DIR
  tree.py deep DIR LEVELS
      makes that many folders, each in the one before, and a file in the last
  tree.py strange DIR
      makes names with blanks, newlines, UTF-8, bytes that are not UTF-8, and of 255 bytes
  tree.py scatter FILE BLOCKS
      makes FILE of that many blocks of 4 KiB on ext4, each an extent of its own
  tree.py alternate FILE FILE BLOCKS
      makes two files of that many blocks of 4 KiB, every second one first and in turn, so that
      they lie between one another
  tree.py describe ROOT [--shown] [--streams ntfs|xattr] [--tick NS] [--skip GLOB]... [--large BYTES]
      kind, path, size, modification time, links, SHA-256 or target; sorted. --shown: ROOT is a
      mount of evidencefs (targets from the xattr, and none may lead out). --streams: where named
      streams come from. --tick: resolution of times. --skip: paths left out. --large: of files
      larger than that, only samples are hashed
"""
import argparse
import ctypes
import fnmatch
import hashlib
import os
import resource
import stat
import sys

PIECE = 1 << 20
LARGEST = 1 << 17  # of the files that are copied
COLLAPSE_RANGE = 8
TARGET = "system.evidencefs.target"


def escape(name):
    return "".join(chr(c) if 32 < c < 127 and c != 0x25 else "%%%02X" % c for c in name)


# ---- making ------------------------------------------------------------------------------


def odd_time(path, seconds):
    """The time a copy gets: the source's seconds, and nanoseconds made of its name."""
    digest = int.from_bytes(hashlib.sha256(path).digest()[:4], "little")
    return seconds * 10**9 + digest % 10**9


def real_files(sources):
    for source in sources:
        for folder, folders, files in os.walk(os.fsencode(source)):
            folders.sort()
            if b":" in folder:
                continue
            for name in sorted(files):
                if b":" not in name:  # ntfs-3g takes what follows for a stream
                    yield os.path.join(folder, name)


def copy_one(path, copy, made):
    """Bytes copied, or None for what is not copied."""
    st = os.lstat(path)
    if stat.S_ISLNK(st.st_mode):
        os.symlink(os.readlink(path), copy)
        return 0
    if not stat.S_ISREG(st.st_mode) or st.st_size > LARGEST:
        return None
    key = (st.st_dev, st.st_ino)
    if key in made:
        os.link(made[key], copy)
        return 0
    try:
        with open(path, "rb") as source:
            contents = source.read()
    except OSError:
        return None
    with open(copy, "wb") as out:
        out.write(contents)
    when = odd_time(path, int(st.st_mtime))
    os.utime(copy, ns=(when, when))
    if st.st_nlink > 1:
        made[key] = copy
    return len(contents)


def fill(dest, files, size, sources):
    made = {}
    last = None
    count = copied = 0
    for path in real_files(sources):
        copy = os.fsencode(dest) + path
        if os.path.dirname(copy) != last:
            last = os.path.dirname(copy)
            os.makedirs(last, exist_ok=True)
        n = copy_one(path, copy, made)
        if n is None:
            continue
        count += 1
        copied += n
        if count % 100 == 0 and not os.path.islink(copy):
            os.link(copy, copy[:-1] + b".again")
        if count >= files or copied >= size:
            break
    print(count)


def names(folder, count):
    here = os.open(folder, os.O_RDONLY)
    for i in range(count):
        os.close(os.open("name %06d of many" % i, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=here))


def deep(folder, levels):
    here = os.open(folder, os.O_RDONLY)
    for i in range(levels):
        os.mkdir("level %d" % i, dir_fd=here)
        below = os.open("level %d" % i, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    with os.fdopen(os.open("at the bottom", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=here), "w") as f:
        f.write("deep down\n")


def strange(folder):
    wanted = [b" ", b" leading and trailing ", b"new\nline", b"tab\tand \x01\x7f", b"back\\slash",
              "Grüße aus Köln".encode(), "日本語 文書".encode(), "😀".encode(),
              b"latin-1 \xe9\xe8", b"\xff\xfe\x80", b"cut \xe2\x82", b"x" * 255,
              "ü".encode() * 127 + b"y", b"...", b"..x", b"-rf", b"%2F", b"'\"$`*?[", b"con", b"a:b"]
    for name in wanted:
        with open(os.path.join(os.fsencode(folder), name), "wb") as f:
            f.write(b"named " + name + b"\n")


def block(i):
    return hashlib.sha256(b"%d" % i).digest() * 128


def scatter(path, blocks):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    for i in range(2 * blocks):
        os.pwrite(fd, block(i), i * 4096)
    os.fsync(fd)
    for i in reversed(range(blocks)):
        if libc.fallocate(fd, COLLAPSE_RANGE, ctypes.c_long(i * 8192), ctypes.c_long(4096)):
            sys.exit("fallocate: " + os.strerror(ctypes.get_errno()))
    os.fsync(fd)
    os.close(fd)


def alternate(one, other, blocks):
    files = [os.open(path, os.O_CREAT | os.O_RDWR, 0o644) for path in (one, other)]
    for first in (0, 1):
        for i in range(first, blocks, 2):
            for sign, fd in zip((1, -1), files):
                os.pwrite(fd, block(sign * i), i * 4096)
    for fd in files:
        os.close(fd)


# ---- describing ----------------------------------------------------------------------------


def samples(size, large):
    """Pieces of a file that are hashed: all of it, or its ends and some between."""
    if not large or size <= large:
        yield from ((off, PIECE) for off in range(0, size, PIECE))
        return
    yield 0, PIECE
    step = max(size // 64, PIECE) // 4096 * 4096
    yield from ((off, 65536) for off in range(step, size - PIECE, step))
    yield size - PIECE, PIECE


def digest(path, folder, size, large):
    value = hashlib.sha256()
    try:
        fd = os.open(path, os.O_RDONLY, dir_fd=folder)
    except OSError as e:
        return "open: " + e.strerror
    try:
        for off, n in samples(size, large):
            value.update(os.pread(fd, n, off))
        if os.pread(fd, 16, size):
            return "more bytes than its size"
    except OSError as e:
        return "read: " + e.strerror
    finally:
        os.close(fd)
    return value.hexdigest()


def leads_out(target, depth):
    """Does a link's target leave a tree in which its folder is @depth below the root?"""
    if target.startswith(b"/"):
        return True
    for part in target.split(b"/"):
        if part == b"..":
            depth -= 1
        elif part not in (b"", b"."):
            depth += 1
        if depth < 0:
            return True
    return False


def is_container(folder, name):
    """A folder of members: no other file system shows those."""
    try:
        return bool(os.getxattr(b"/proc/self/fd/%d/" % folder + name, "user.evidencefs.container"))
    except OSError:
        return False


class Tree:
    def __init__(self, options):
        self.o = options
        self.lines = []  # (path, words)
        self.first = {}  # inode: path
        self.bad = 0

    def skipped(self, path):
        return any(fnmatch.fnmatchcase(path, os.fsencode(s)) for s in self.o.skip)

    def add(self, path, *words):
        self.lines.append((path, words))

    def time(self, st):
        return str(st.st_mtime_ns // self.o.tick * self.o.tick)

    def link(self, path, name, folder, st, depth):
        target = os.readlink(name, dir_fd=folder)
        if self.o.shown:
            if leads_out(target, depth):
                self.add(path, "LEADS OUT", escape(target))
            if st.st_size != len(target):
                self.add(path, "SIZE OF LINK", str(st.st_size))
            target = os.getxattr(b"/proc/self/fd/%d/" % folder + name, TARGET, follow_symlinks=False)
        self.add(path, "l", self.time(st), escape(target))

    def streams(self, path, name, folder):
        """Named streams of what another file system shows."""
        at = b"/proc/self/fd/%d/" % folder + name
        if self.o.streams == "xattr":
            for key in os.listxattr(at, follow_symlinks=False):
                value = os.getxattr(at, key, follow_symlinks=False)
                self.add(path + b":" + os.fsencode(key), "s", str(len(value)),
                         hashlib.sha256(value).hexdigest())
        elif self.o.streams == "ntfs":
            try:
                found = os.getxattr(at, "ntfs.streams.list", follow_symlinks=False)
            except OSError:
                return
            for key in filter(None, found.split(b"\0")):
                whole = name + b":" + key
                size = os.stat(whole, dir_fd=folder).st_size
                self.add(path + b":" + key, "s", str(size), digest(whole, folder, size, self.o.large))

    def file(self, path, name, folder, st, stream):
        if stat.S_ISREG(st.st_mode):
            size = st.st_size
            value = digest(name, folder, size, self.o.large)
        else:
            size = 0
            value = hashlib.sha256().hexdigest()
        if stream:
            self.add(path, "s", str(size), value)
            return
        words = ["f", str(size), self.time(st), str(st.st_nlink), value]
        if st.st_nlink > 1:
            words.append(st.st_ino)
            self.first[st.st_ino] = min(path, self.first.get(st.st_ino, path))
        self.add(path, *words)

    def walk(self, folder, above, depth):
        entries = os.listdir(folder)
        found = {os.fsencode(e) for e in entries}
        if len(found) != len(entries):
            self.add(above, "A NAME IS LISTED TWICE")
        for name in sorted(found):
            path = above + b"/" + name if above else name
            if self.skipped(path):
                continue
            # "a:b" beside an "a" is a stream, on either side of a comparison
            stream = any(name[:i] in found for i, c in enumerate(name) if c == 0x3A)
            try:
                st = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except OSError as e:
                self.add(path, "stat: " + e.strerror)
                continue
            if self.o.streams and not stream and not self.o.shown and not stat.S_ISLNK(st.st_mode):
                self.streams(path, name, folder)
            if stat.S_ISDIR(st.st_mode):
                if self.o.shown and is_container(folder, name):
                    continue
                self.add(path, "d", self.time(st))
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
                self.walk(below, path, depth + 1)
                os.close(below)
            elif stat.S_ISLNK(st.st_mode):
                self.link(path, name, folder, st, depth)
            else:
                self.file(path, name, folder, st, stream)

    def print(self):
        out = sys.stdout
        for path, words in sorted(self.lines):
            words = [escape(self.first[w]) if isinstance(w, int) else w for w in words]
            out.write("%s %s\n" % (escape(path), " ".join(words)))


def describe(options):
    tree = Tree(options)
    root = os.open(os.fsencode(options.root), os.O_RDONLY | os.O_DIRECTORY)
    tree.walk(root, b"", 0)
    tree.print()


def main():
    sys.setrecursionlimit(10000)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    command, args = sys.argv[1], sys.argv[2:]
    if command == "fill":
        fill(args[0], int(args[1]), int(args[2]), args[3:])
    elif command == "names":
        names(args[0], int(args[1]))
    elif command == "deep":
        deep(args[0], int(args[1]))
    elif command == "strange":
        strange(args[0])
    elif command == "scatter":
        scatter(args[0], int(args[1]))
    elif command == "alternate":
        alternate(args[0], args[1], int(args[2]))
    elif command == "describe":
        p = argparse.ArgumentParser()
        p.add_argument("root")
        p.add_argument("--shown", action="store_true")
        p.add_argument("--streams", choices=("ntfs", "xattr"))
        p.add_argument("--tick", type=int, default=1)
        p.add_argument("--skip", action="append", default=[])
        p.add_argument("--large", type=int, default=0)
        describe(p.parse_args(args))
    else:
        sys.exit("tree.py: no such command: " + command)


main()
