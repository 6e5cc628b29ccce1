#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hostile.py - make of a sound file system one that nobody made in good faith

  hostile.py tree DIR COUNT LEVELS
      many/dup-0001 ... COUNT, garbage/garb-0 ..., LEVELS folders in each other below deep,
      cyclea/cycleb/cyclec, all with names that the other commands look for
  hostile.py names IMAGE
      every dup-NNNN becomes dup-0000, garb-N becomes what no name should be
  hostile.py cycle FAT|ISO|NTFS|EXFAT|HFS IMAGE
      the entry cyclec is made to lead to cyclea
Names are changed where they stand, in ASCII and in both orders of UTF-16, with checksums left as they
were: the file systems must be ones that have none over names.
"""
import os
import re
import struct
import sys

GARBAGE = [  # as many characters as garb-N has
    "\n\n\n\n\n\n",
    "\x1b[2J\x07\x08",
    "\u202eexe.g",
    "\x01\x02\x03\x04\x05\x06",
    "\x7f\ufffe\uffff\u2066\u200f ",
    "\ud800\udc00\udfff\ud800a\udbff",
    "a\x00b\x00c/",
    "../../",
    "......",
]


def tree(top, count, levels):
    os.makedirs(top + "/many")
    os.makedirs(top + "/garbage")
    os.makedirs(top + "/cyclea/cycleb/cyclec")
    for i in range(1, count + 1):
        with open("%s/many/dup-%04d" % (top, i), "w") as f:
            if i % 100 == 0:
                f.write("number %d\n" % i)
    for i in range(len(GARBAGE)):
        with open("%s/garbage/garb-%d" % (top, i), "w") as f:
            f.write("garbage %d\n" % i)
    path = top + "/deep"
    os.mkdir(path)
    for _ in range(levels):
        path += "/d"
        os.mkdir(path)
    with open(path + "/bottom", "w") as f:
        f.write("deep down\n")


def eight_bit(text):
    """The same as bytes, of the same number: what is not Latin becomes what is not UTF-8."""
    return bytes(ord(c) if ord(c) < 256 else 0x80 | ord(c) & 0x7F for c in text)


def at_sector_end(match):
    """Where NTFS keeps its update sequence in place of what the name has."""
    return match.start() // 512 != (match.end() + 1) // 512


def names(image):
    with open(image, "rb") as f:
        data = f.read()
    changed = 0
    for wide in (None, "utf-16-le", "utf-16-be"):
        def spell(text):
            return text.encode(wide) if wide else text.encode()

        digit = b"[0-9]" if not wide else (b"[0-9]\0" if wide == "utf-16-le" else b"\0[0-9]")
        for stem in ("dup-", "DUP-"):
            new = spell(stem + "0000")
            data, n = re.subn(re.escape(spell(stem)) + digit * 4, lambda m: m[0] if at_sector_end(m) else new, data)
            changed += n
        for stem in ("garb-", "GARB-"):
            for i, garbage in enumerate(GARBAGE):
                new = garbage.encode(wide, "surrogatepass") if wide else eight_bit(garbage)
                n = data.count(spell(stem + str(i)))
                data = data.replace(spell(stem + str(i)), new)
                changed += n
    with open(image, "wb") as f:
        f.write(data)
    print(changed)
    return 0 if changed else 1


def places(data, needle):
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)


def link(data, name, entry, parts):
    """Copy the parts of the entry of cyclea into that of cyclec; entry() finds it from its name's place."""
    found = {}
    for letter in "ac":
        for at in places(data, name("cycle" + letter)):
            start = entry(at)
            if start is not None:
                found.setdefault(letter, []).append(start)
    for to in found["c"]:
        for off, n in parts:
            data[to + off : to + off + n] = data[found["a"][0] + off : found["a"][0] + off + n]
    return len(found["c"])


def cycle(kind, image):
    with open(image, "rb") as f:
        data = bytearray(f.read())
    if kind == "FAT":
        n = link(data, lambda s: s.upper().encode().ljust(11), lambda at: at if at % 32 == 0 else None, [(20, 2), (26, 2)])
    elif kind == "ISO":
        n = link(data, lambda s: s.upper().encode(), lambda at: at - 33 if data[at - 1] == 6 and data[at - 33] > 38 else None, [(2, 16)])
    elif kind == "NTFS":
        n = link(data, lambda s: s.encode("utf-16-le"),
                 lambda at: at - 82 if struct.unpack_from("<H", data, at - 72)[0] == 78 else None, [(0, 8)])
    elif kind == "EXFAT":
        n = link(data, lambda s: s.encode("utf-16-le"),
                 lambda at: at - 34 if data[at - 2] == 0xC1 and data[at - 34] == 0xC0 else None, [(1, 1), (8, 24)])
    else:
        n = link(data, lambda s: s.encode("utf-16-be"),
                 lambda at: at - 8 if data[at - 8 : at - 6] == b"\0\x12" and data[at + 12 : at + 14] == b"\0\1" else None, [(28, 4)])
    with open(image, "wb") as f:
        f.write(data)
    print(n)
    return 0 if n else 1


def main():
    if sys.argv[1] == "tree":
        return tree(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    if sys.argv[1] == "names":
        return names(sys.argv[2])
    return cycle(sys.argv[2], sys.argv[3])


if __name__ == "__main__":
    sys.exit(main())
