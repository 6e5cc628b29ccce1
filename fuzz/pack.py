#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pack.py [--flags N] [--drop FROM:TO]... [--keep-fill] IMAGE INPUT: an image as an input
pack.py --unpack INPUT IMAGE: the image an input stands for

Inputs are as fuzz/sparse.h says. What is zero is left out, and so are runs of 512 bytes or more
of 0xff (an empty NTFS log) unless --keep-fill is given. Bytes FROM to TO are taken as zeros.
"""
import argparse
import re
import struct

GAP = 8  # zeros that cost less than a new block


def pack(data, flags, drop, keep_fill):
    if len(data) % 512:
        data = data + bytes(512 - len(data) % 512)
    data = bytearray(data)
    for start, end in drop:
        data[start:end] = bytes(len(data[start:end]))
    if not keep_fill:
        for run in re.finditer(rb"\xff{512,}", bytes(data)):
            data[run.start():run.end()] = bytes(run.end() - run.start())
    out = bytearray(struct.pack("<BI", flags, len(data) // 512))
    for run in re.finditer(rb"[^\0](?:\0{0,%d}[^\0])*" % GAP, bytes(data)):
        for at in range(run.start(), run.end(), 65535):
            piece = data[at:min(at + 65535, run.end())]
            out += struct.pack("<IH", at, len(piece)) + piece
    return bytes(out)


def unpack(data):
    out = bytearray(struct.unpack_from("<I", data, 1)[0] * 512)
    at = 5
    while len(data) - at > 6:
        where, length = struct.unpack_from("<IH", data, at)
        piece = data[at + 6:at + 6 + length]
        at += 6 + length
        if where < len(out):
            piece = piece[:len(out) - where]
            out[where:where + len(piece)] = piece
    return bytes(out)


def span(text):
    start, _, end = text.partition(":")
    return int(start, 0), int(end, 0)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--unpack", action="store_true")
    p.add_argument("--flags", type=int, default=0)
    p.add_argument("--drop", type=span, action="append", default=[])
    p.add_argument("--keep-fill", action="store_true")
    p.add_argument("source")
    p.add_argument("target")
    a = p.parse_args()
    with open(a.source, "rb") as f:
        data = f.read()
    out = unpack(data) if a.unpack else pack(data, a.flags, a.drop, a.keep_fill)
    with open(a.target, "wb") as f:
        f.write(out)


if __name__ == "__main__":
    main()
