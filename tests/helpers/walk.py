#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""walk.py - go through a mount as whoever examines it does, and find what must not be

  walk.py MOUNTPOINT

Every folder is listed, every entry is looked at, every file is read to its end (of more than 64 MiB
the begin and the end). A file may answer EIO: it is damaged. All else is a fault: a name that is
listed and not there, a listing that breaks off, a name twice in a folder, a folder within itself, a
file that is shorter or longer than it says (but EVIDENCE.txt, which grows). Prints the faults, then `entries N, bytes N, unreadable N`;
exits 1 if there was one.
"""
import errno
import os
import stat
import sys

LARGE = 64 << 20
PIECE = 1 << 20
faults = []
entries = total = unreadable = 0


def fault(path, words):
    faults.append("%r: %s" % (path, words))


def read_range(fd, path, off, end):
    """Whether it is all there."""
    global total
    while off < end:
        try:
            n = len(os.pread(fd, min(PIECE, end - off), off))
        except OSError as e:
            if e.errno != errno.EIO:
                fault(path, "read at %d: %s" % (off, e.strerror))
            return False
        if n == 0 and path.endswith(b"/EVIDENCE.txt"):
            return True
        if n == 0:
            fault(path, "ends at %d, not at %d" % (off, end))
            return False
        total += n
        off += n
    return True


def read_file(where, name, path, size):
    global unreadable
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=where)
    except OSError as e:
        if e.errno != errno.EIO:
            fault(path, "open: " + e.strerror)
        unreadable += 1
        return
    if size <= LARGE:
        whole = read_range(fd, path, 0, size)
    else:
        whole = all([read_range(fd, path, 0, PIECE), read_range(fd, path, size - PIECE, size)])
    if whole and os.pread(fd, 1, size) and name != b"EVIDENCE.txt":
        fault(path, "goes on behind its end")
    unreadable += not whole
    os.close(fd)


def look(where, name, path):
    global entries
    entries += 1
    try:
        st = os.lstat(name, dir_fd=where)
    except OSError as e:
        return fault(path, "listed, but: " + e.strerror)
    if stat.S_ISREG(st.st_mode):
        read_file(where, name, path, st.st_size)
    elif stat.S_ISLNK(st.st_mode):
        try:
            os.readlink(name, dir_fd=where)
        except OSError as e:
            fault(path, "readlink: " + e.strerror)
    return st


def walk(top):
    """With a stack of its own, and by descriptors: trees may be deep, and paths long."""
    stack = [(os.open(top, os.O_RDONLY | os.O_DIRECTORY), top, None)]
    seen = set()
    while stack:
        fd, path, rest = stack.pop()
        if rest is None:
            try:
                rest = sorted(os.listdir(fd), reverse=True)
            except OSError as e:
                fault(path, "listing: " + e.strerror)
                rest = []
            rest = [os.fsencode(n) for n in rest]
            if len(set(rest)) != len(rest):
                fault(path, "a name twice")
        if not rest:
            os.close(fd)
            continue
        name = rest.pop()
        stack.append((fd, path, rest))
        below = path + b"/" + name
        st = look(fd, name, below)
        if not st or not stat.S_ISDIR(st.st_mode):
            continue
        if st.st_ino in seen:
            fault(below, "a folder that has been met before")
            continue
        seen.add(st.st_ino)
        try:
            stack.append((os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd), below, None))
        except OSError as e:
            fault(below, "open: " + e.strerror)


def main():
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    walk(os.fsencode(sys.argv[1]))
    for line in faults[:20]:
        print(line)
    print("entries %d, bytes %d, unreadable %d" % (entries, total, unreadable))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
