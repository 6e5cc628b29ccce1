#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write an EWF2-Ex01 image of a raw one, from the specification alone (J. Metz, "Expert
Witness Compression Format version 2 specification"), since nothing in Debian writes one.

    ex01.py RAW OUT [sectors=N] [per-chunk=N] [per-table=N] [per-segment=N] [method=N]
            [pack=deflate|plain|bare|mixed] [encrypted] [sha1=no]

OUT.Ex01, OUT.Ex02 ...: a segment after every per-segment chunks. mixed: each chunk
otherwise than the one before, and chunks of one pattern of 8 bytes are not stored.
"""
import hashlib
import struct
import sys
import zlib

DEVICE, CASE, SECTORS, TABLE, ERRORS, MD5, SHA1, NEXT, DONE = 1, 2, 3, 4, 5, 8, 9, 13, 15
COMPRESSED, CHECKSUM, PATTERN = 1, 2, 4


def adler(data):
    return struct.pack("<I", zlib.adler32(data))


def padded(data):
    return data + bytes(-len(data) % 16)


class Segment:
    def __init__(self, number, group, method):
        self.data = bytearray(struct.pack("<8sBBHI16s", b"EVF2\r\n\x81\0", 2, 1, method, number, group))
        self.previous = 0

    def section(self, kind, data, flags=0):
        body = padded(data)
        self.data += body
        self.describe(kind, len(body), len(body) - len(data), flags)

    def describe(self, kind, size, padding, flags=0):
        at = len(self.data)
        head = struct.pack("<IIQQII16s12x", kind, flags, self.previous, size, 64, padding, bytes(16))
        self.data += head + adler(head)
        self.previous = at


def text(keys, values):
    lines = "\ufeff1\nmain\n" + "\t".join(keys) + "\n" + "\t".join(values) + "\n\n"
    return zlib.compress(lines.encode("utf-16-le"))


def pack(chunk, how):
    """Bytes to store, entry's size, flags, and the pattern instead of an offset."""
    pattern = chunk[:8]
    if how == "mixed" and len(chunk) % 8 == 0 and chunk == pattern * (len(chunk) // 8):
        return b"", 0, COMPRESSED | PATTERN, struct.unpack("<Q", pattern)[0]
    if how == "plain":
        return chunk + adler(chunk), len(chunk) + 4, CHECKSUM, None
    if how == "bare":
        return chunk, len(chunk), 0, None
    packed = zlib.compress(chunk, 1)
    return packed, len(packed), COMPRESSED, None


def write_chunks(segment, chunks, first, how):
    begin = len(segment.data)
    entries = b""
    for i, chunk in enumerate(chunks):
        kind = ("deflate", "plain", "bare")[i % 3] if how == "mixed" else how
        if how == "mixed" and chunk == chunk[:8] * (len(chunk) // 8):
            kind = how
        data, size, flags, pattern = pack(chunk, kind)
        entries += struct.pack("<QII", len(segment.data) if pattern is None else pattern, size, flags)
        segment.data += padded(data)
    segment.describe(SECTORS, len(segment.data) - begin, 0)
    head = struct.pack("<QII", first, len(chunks), 0)
    segment.section(TABLE, head + adler(head) + bytes(12) + entries + adler(entries))


def main():
    raw = open(sys.argv[1], "rb").read()
    out = sys.argv[2]
    o = dict(a.partition("=")[::2] for a in sys.argv[3:])
    per_chunk = int(o.get("per-chunk", 64))
    per_table = int(o.get("per-table", 1000))
    per_segment = int(o.get("per-segment", 1 << 30))
    flags = 2 if "encrypted" in o else 0
    size = per_chunk * 512
    chunks = [raw[i:i + size] for i in range(0, len(raw), size)]
    sectors = int(o.get("sectors", len(raw) // 512))
    group = hashlib.md5(out.encode()).digest()
    parts = [chunks[i:i + per_segment] for i in range(0, len(chunks), per_segment)]
    first = 0
    for number, part in enumerate(parts, 1):
        s = Segment(number, group, int(o.get("method", 1)))
        s.section(DEVICE, text(["sn", "md", "lb", "ts", "dt", "bp", "ph"],
                               ["S\u00e9rie 7", "Disk", "label", str(sectors), "f", "512", "1"]), flags)
        s.section(CASE, text(["nm", "cn", "en", "ex", "nt", "av", "os", "tt", "at", "tb", "cp", "sb", "gr"],
                             ["a disk", "case 42", "e7", "\u0141ucja", "a note", "7.04", "Windows",
                              "1703051193", "1703051194", str(len(chunks)), "1", str(per_chunk), "64"]))
        for i in range(0, len(part), per_table):
            write_chunks(s, part[i:i + per_table], first, o.get("pack", "deflate"))
            first += len(part[i:i + per_table])
        if number == len(parts):
            runs = struct.pack("<QIIQII", 8, 3, 0, 100, 4, 0)
            head = struct.pack("<I12x", 2)
            s.section(ERRORS, head + adler(head) + bytes(12) + runs + adler(runs))
            md5 = hashlib.md5(raw).digest()
            s.section(MD5, md5 + adler(md5))
            if o.get("sha1") != "no":
                sha1 = hashlib.sha1(raw).digest()
                s.section(SHA1, sha1 + adler(sha1))
        s.describe(DONE if number == len(parts) else NEXT, 0, 0)
        suffix = f"{number:02d}" if number < 100 else \
            chr(65 + (number - 100) // 26 % 26) + chr(65 + (number - 100) % 26)
        with open(f"{out}.Ex{suffix}", "wb") as f:
            f.write(s.data)


main()
