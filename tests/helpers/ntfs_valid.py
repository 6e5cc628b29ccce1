#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ntfs_valid.py IMAGE NAME LENGTH - give the one file of that name a valid data length

What a program leaves that makes a file larger and has not written all of it: size and runs are
whole, but only LENGTH bytes ("initialized size") were ever written. No tool of Linux makes one, so
the field is set in the file's record in the MFT.
"""
import struct
import sys

RECORD = 1024
NAME, DATA = 0x30, 0x80


def attributes(record):
    at = struct.unpack_from("<H", record, 20)[0]
    while True:
        kind, length = struct.unpack_from("<II", record, at)
        if kind == 0xFFFFFFFF or length == 0:
            return
        yield at, kind
        at += length


def is_named(record, name):
    for at, kind in attributes(record):
        if kind == NAME:
            value = at + struct.unpack_from("<H", record, at + 20)[0]
            n = record[value + 64]
            if record[value + 66 : value + 66 + 2 * n].decode("utf-16-le", "replace") == name:
                return True
    return False


def main():
    path, name, length = sys.argv[1], sys.argv[2], int(sys.argv[3])
    wanted = name.encode("utf-16-le")
    with open(path, "r+b") as f:
        at = 0
        while True:
            f.seek(at)
            piece = f.read(1 << 20)
            if not piece:
                sys.exit("ntfs_valid.py: no such file in the image")
            for i in range(0, len(piece), RECORD):
                record = bytearray(piece[i : i + RECORD])
                if record[:4] != b"FILE" or wanted not in record or not is_named(record, name):
                    continue
                for a, kind in attributes(record):
                    if kind == DATA and record[a + 8] and record[a + 9] == 0:
                        struct.pack_into("<Q", record, a + 56, length)
                        # the field must not lie where the record's fixups are kept
                        assert not any(a + 56 < end and a + 64 > end - 2 for end in (512, 1024))
                        f.seek(at + i)
                        f.write(record)
                        return
            at += len(piece)


main()
