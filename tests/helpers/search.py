#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""search.py DIR [--text FILE]... [--name WORD]...: what of it can be read below DIR?

Every byte of every file that can be opened is looked at, and every name. Of a FILE all
pieces of 24 bytes are looked for that begin at a multiple of 24; of a WORD its bytes as
UTF-8 and as UTF-16LE, in any case. Prints "PATH: what" for each find; exits 1 if there is one.
"""
import argparse
import os
import sys

PIECE = 24
CHUNK = 1 << 16


def pieces(path):
    data = open(path, "rb").read()
    found = {data[i:i + PIECE] for i in range(0, len(data) - PIECE + 1, PIECE)}
    return {p for p in found if len(set(p)) > 4}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir")
    parser.add_argument("--text", action="append", default=[])
    parser.add_argument("--name", action="append", default=[])
    args = parser.parse_args()
    text = set().union(*(pieces(p) for p in args.text)) if args.text else set()
    words = [w.lower() for w in args.name]
    names = [w.encode() for w in words] + [w.encode("utf-16-le") for w in words]
    finds = 0
    files = 0

    def report(path, what):
        nonlocal finds
        finds += 1
        if finds < 40:
            print(f"{os.path.relpath(path, args.dir)}: {what}")

    for top, dirs, here in os.walk(args.dir):
        for name in dirs + here:
            if any(w in name.lower() for w in words):
                report(os.path.join(top, name), "by name")
        for name in here:
            path = os.path.join(top, name)
            if os.path.islink(path):
                if any(w in os.readlink(path).lower() for w in words):
                    report(path, "by target")
                continue
            try:
                f = open(path, "rb", buffering=0)
            except OSError:
                continue
            files += 1
            at = 0
            tail = b""
            while True:
                try:
                    chunk = f.read(CHUNK)
                except OSError:
                    break
                if not chunk:
                    break
                data = tail + chunk
                lower = data.lower()
                for n in names:
                    i = lower.find(n)
                    if i >= 0:
                        report(path, f"{n!r} at {at - len(tail) + i}")
                for p in text if data.strip(b"\0") else ():
                    i = data.find(p)
                    if i >= 0:
                        report(path, f"contents at {at - len(tail) + i}: {p!r}")
                        break
                at += len(chunk)
                tail = data[-256:]
            f.close()
    print(f"{files} files looked at")
    sys.exit(finds > 0)


main()
