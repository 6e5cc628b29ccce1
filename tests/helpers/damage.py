#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""damage.py - spoil images, and see what can still be read

  damage.py chunk E01 NUMBER
      changes a byte in the middle of that chunk's stored data; prints its file offset
  damage.py compare FILE ORACLE CHUNK [BAD...]
      reads FILE chunk by chunk: the BAD ones must answer EIO, all others the ORACLE's bytes. Reads
      across the edges of a bad one give what lies before it, never anything of it
"""
import errno
import os
import struct
import sys


def sections(f):
    """Type, offset and length of each section of a segment file."""
    at = 13
    while True:
        f.seek(at)
        head = f.read(76)
        kind = head[:16].rstrip(b"\0").decode()
        following, length = struct.unpack("<QQ", head[16:32])
        yield kind, at, length
        if kind in ("done", "next") or following <= at:
            return
        at = following


def chunks(f):
    """Offset and length of each chunk stored in a segment file."""
    for kind, at, _ in list(sections(f)):
        if kind == "sectors":
            after = at + _
        if kind != "table":
            continue
        f.seek(at + 76)
        head = f.read(24)
        count, base = struct.unpack("<I", head[:4])[0], struct.unpack("<Q", head[8:16])[0]
        entries = struct.unpack("<%dI" % count, f.read(4 * count))
        offsets = [base + (e & 0x7FFFFFFF) for e in entries] + [after]
        yield from ((a, b - a) for a, b in zip(offsets, offsets[1:]))


def spoil(path, number):
    with open(path, "r+b") as f:
        off, length = list(chunks(f))[number]
        off += length // 2
        f.seek(off)
        byte = f.read(1)[0]
        f.seek(off)
        f.write(bytes([byte ^ 0x55]))
        print(off)


def try_read(fd, n, off):
    try:
        return os.pread(fd, n, off)
    except OSError as e:
        return e.errno


def compare(path, oracle, size, bad):
    faults = []
    fd = os.open(path, os.O_RDONLY)
    with open(oracle, "rb") as f:
        whole = f.read()
    if os.fstat(fd).st_size != len(whole):
        faults.append("size %d" % os.fstat(fd).st_size)
    for i in range(0, (len(whole) + size - 1) // size):
        got = try_read(fd, size, i * size)
        want = errno.EIO if i in bad else whole[i * size : (i + 1) * size]
        if got != want:
            faults.append("chunk %d: %s" % (i, got if isinstance(got, int) else "%d bytes" % len(got)))
    for i in bad:
        first, end = i * size, (i + 1) * size
        for off, n in ((first, 1), (end - 1, 1), (first + 100, 10)):
            if try_read(fd, n, off) != errno.EIO:
                faults.append("%d bytes at %d within chunk %d are readable" % (n, off, i))
        if try_read(fd, 1, end) != whole[end : end + 1] or try_read(fd, 1, first - 1) != whole[first - 1 : first]:
            faults.append("a neighbour of chunk %d is not readable" % i)
        got = try_read(fd, 300, first - 200)
        if got not in (whole[first - 200 : first], errno.EIO):
            faults.append("a read into chunk %d gives %r" % (i, got))
        if try_read(fd, 300, end - 100) != errno.EIO:
            faults.append("a read out of chunk %d does not fail" % i)
    for fault in faults[:10]:
        print(fault)
    sys.exit(1 if faults else 0)


if sys.argv[1] == "chunk":
    spoil(sys.argv[2], int(sys.argv[3]))
else:
    compare(sys.argv[2], sys.argv[3], int(sys.argv[4]), [int(n) for n in sys.argv[5:]])
