#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fill_exfat.py IMAGE FOLDER: put a folder's tree into a new, empty exFAT image.

For tests: exfat-fuse cannot mount a plain file, and exfatprogs has no tool that writes.
The folder at the top must fit into one cluster. Times are written as UTC.
Source: Microsoft, exFAT file system specification, sections 3, 6 and 7.
"""
import os
import struct
import sys
import time


def rotate_sum(data, skip=()):
    total = 0
    for i, byte in enumerate(data):
        if i not in skip:
            total = (((total & 1) << 15) | (total >> 1)) + byte & 0xFFFF
    return total


def upper(name):
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in name)


def stamp(seconds):
    t = time.gmtime(seconds)
    return (t.tm_year - 1980) << 25 | t.tm_mon << 21 | t.tm_mday << 16 | t.tm_hour << 11 | t.tm_min << 5 | t.tm_sec // 2


class Volume:
    def __init__(self, path):
        self.file = open(path, "r+b")
        boot = self.file.read(512)
        heap, self.count, self.root = struct.unpack_from("<III", boot, 88)
        sector = 1 << boot[108]
        self.cluster = sector << boot[109]
        self.heap = heap * sector
        root = self.read(self.root)
        self.used = next(i for i in range(0, len(root), 32) if root[i] == 0)
        bitmap = next(root[i:i + 32] for i in range(0, len(root), 32) if root[i] == 0x81)
        self.bitmap, self.bitmap_len = struct.unpack_from("<IQ", bitmap, 20)
        self.file.seek(self.place(self.bitmap))
        self.bits = bytearray(self.file.read(self.bitmap_len))
        self.next = 2 + max(i for i in range(self.count) if self.bits[i // 8] >> i % 8 & 1) + 1

    def place(self, cluster):
        return self.heap + (cluster - 2) * self.cluster

    def read(self, cluster):
        self.file.seek(self.place(cluster))
        return self.file.read(self.cluster)

    def store(self, data):
        """data in clusters of its own, side by side: the first of them, 0 if none"""
        need = -(-len(data) // self.cluster)
        first = self.next
        if first - 2 + need > self.count:
            sys.exit("fill_exfat: the volume is full")
        for i in range(first - 2, first - 2 + need):
            self.bits[i // 8] |= 1 << i % 8
        self.next += need
        self.file.seek(self.place(first))
        self.file.write(data)
        return first if need else 0

    def entry(self, path, name):
        info = os.stat(path)
        folder = os.path.isdir(path)
        if folder:
            data = self.listing(path)
            data += bytes(-len(data) % self.cluster or (0 if data else self.cluster))
        else:
            with open(path, "rb") as f:
                data = f.read()
        units = name.encode("utf-16-le")
        length = len(units) // 2
        when = stamp(info.st_mtime)
        names = b"".join(b"\xc1\0" + units[i:i + 30].ljust(30, b"\0") for i in range(0, len(units), 30))
        head = struct.pack("<BBHHHIIIBBBBB7x", 0x85, 1 + len(names) // 32, 0, 0x10 if folder else 0x20, 0,
                           when, when, when, 0, 0, 0x80, 0x80, 0x80)
        stream = struct.pack("<BBBBHHQIIQ", 0xC0, 3 if data else 1, 0, length,
                             rotate_sum(upper(name).encode("utf-16-le")), 0,
                             len(data), 0, self.store(data), len(data))
        whole = bytearray(head + stream + names)
        struct.pack_into("<H", whole, 2, rotate_sum(whole, (2, 3)))
        return bytes(whole)

    def listing(self, folder):
        return b"".join(self.entry(os.path.join(folder, n), n) for n in sorted(os.listdir(folder)))

    def fill(self, folder):
        data = self.listing(folder)
        if self.used + len(data) > self.cluster:
            sys.exit("fill_exfat: too many entries at the top")
        self.file.seek(self.place(self.root) + self.used)
        self.file.write(data)
        self.file.seek(self.place(self.bitmap))
        self.file.write(self.bits)
        self.file.close()


if __name__ == "__main__":
    sys.setrecursionlimit(5000)  # trees 300 levels deep
    if len(sys.argv) != 3:
        sys.exit("usage: fill_exfat.py IMAGE FOLDER")
    Volume(sys.argv[1]).fill(sys.argv[2])
