#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads, lists and maps a mounted folder without rest, and compares with a copy of it.

restless.py MOUNTED COPY OUT

Eight readers hold one file each open all along; two list by name and by descriptor,
one opens and closes, one has a mapping and drops its pages. Any error or other byte
ends it with 1 and a line on stderr. Each read is noted in OUT/reads.N as
"NAME OFFSET LENGTH". Ends with 0 when the file OUT/stop is there.
"""
import mmap
import os
import random
import sys
import time

mounted, copy, out = sys.argv[1:4]
names = sorted(n for n in os.listdir(copy) if os.path.isfile(os.path.join(copy, n)))


def stopped():
    return os.path.exists(os.path.join(out, "stop"))


def whole(name):
    with open(os.path.join(copy, name), "rb") as f:
        return f.read()


def read(number):
    rng = random.Random(number)
    name = names[number % len(names)]
    data = whole(name)
    fd = os.open(os.path.join(mounted, name), os.O_RDONLY)
    with open(os.path.join(out, f"reads.{number}"), "w") as notes:
        while not stopped():
            offset = rng.randrange(len(data))
            length = rng.randrange(1, 65536)
            got = os.pread(fd, length, offset)
            if got != data[offset:offset + length]:
                raise ValueError(f"{name}: other bytes at {offset} of {length}")
            notes.write(f"{name} {offset} {length}\n")
            time.sleep(0.001)


def list_names(number):
    fd = os.open(mounted, os.O_RDONLY | os.O_DIRECTORY)
    while not stopped():
        for what in (mounted, fd):
            got = sorted(n for n in os.listdir(what) if ":" not in n)
            missing = set(names) - set(got)
            if missing:
                raise ValueError(f"a listing lacks {missing}")
        os.stat(os.path.join(mounted, random.choice(names)))


def open_close(number):
    while not stopped():
        name = random.choice(names)
        fd = os.open(os.path.join(mounted, name), os.O_RDONLY)
        if os.pread(fd, 100, 0) != whole(name)[:100]:
            raise ValueError(f"{name}: other bytes")
        os.close(fd)


def map_pages(number):
    data = whole(names[0])
    fd = os.open(os.path.join(mounted, names[0]), os.O_RDONLY)
    m = mmap.mmap(fd, 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
    os.chdir(mounted)
    while not stopped():
        at = random.randrange(len(data) - 16)
        if m[at:at + 16] != data[at:at + 16]:
            raise ValueError(f"{names[0]}: other bytes in the mapping at {at}")
        m.madvise(mmap.MADV_DONTNEED)
        if os.getcwd() != mounted:
            raise ValueError(f"the working directory is {os.getcwd()}")


def main():
    children = []
    for number, work in enumerate([read] * 8 + [list_names] * 2 + [open_close, map_pages]):
        pid = os.fork()
        if pid == 0:
            try:
                work(number)
            except Exception as e:  # pylint: disable=broad-except
                print(f"{work.__name__} {number}: {e!r}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        children.append(pid)
    failed = 0
    for pid in children:
        failed += os.waitpid(pid, 0)[1] != 0
    sys.exit(1 if failed else 0)


main()
