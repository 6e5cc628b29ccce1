#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""delete_exfat.py IMAGE [--cluster-reused WORD] [--slot-reused WORD] WORD...

Take the entries of an exFAT image whose names have one of the WORDs out of use, as a deletion
does, their clusters too. Of --cluster-reused the first cluster is handed out again and zero; of
--slot-reused the place of the second slot in the folder is used by another.
"""
import argparse
import struct

ENTRY, STREAM, BITMAP = 0x85, 0xC0, 0x81


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("image")
    parser.add_argument("words", nargs="+")
    parser.add_argument("--cluster-reused")
    parser.add_argument("--slot-reused")
    o = parser.parse_args()
    f = open(o.image, "r+b")
    data = bytearray(f.read())
    heap = struct.unpack_from("<I", data, 88)[0] << data[108]
    cluster = 1 << data[108] + data[109]
    bitmap = None
    at = heap
    while at < len(data):
        if data[at] == BITMAP and bitmap is None:
            bitmap = heap + (struct.unpack_from("<I", data, at + 20)[0] - 2) * cluster
        if data[at] == ENTRY and data[at + 32] == STREAM:
            n = data[at + 1]
            name = b"".join(bytes(data[at + 32 * i + 2:at + 32 * i + 32]) for i in range(2, n + 1))
            name = name.decode("utf-16-le", "replace").rstrip("\0")
            if any(w in name for w in o.words):
                first, = struct.unpack_from("<I", data, at + 52)
                size, = struct.unpack_from("<Q", data, at + 56)
                for i in range(n + 1):
                    data[at + 32 * i] &= 0x7F
                for c in range(first - 2, first - 2 + -(-size // cluster)):
                    data[bitmap + c // 8] &= ~(1 << c % 8) & 255
                if o.cluster_reused and o.cluster_reused in name:
                    data[bitmap + (first - 2) // 8] |= 1 << (first - 2) % 8
                    place = heap + (first - 2) * cluster
                    data[place:place + cluster] = bytes(cluster)
                if o.slot_reused and o.slot_reused in name:
                    data[at + 32:at + 64] = bytes(32)
            at += 32 * n
        at += 32
    f.seek(0)
    f.write(data)


main()
