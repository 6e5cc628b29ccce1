#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""parse_back.py - exports of the access log, read by the parsers of others

    parse_back.py tree DIR                 files with names that are meant to break out of every format
    parse_back.py FORMAT FILE DIR PREFIX   FORMAT: json ecs ocsf cef csv html. Whether the names of the
                                           files in DIR, below PREFIX, come back whole, and nothing else

Prints what is wrong, and exits 1.
"""
import csv
import html.parser
import io
import json
import os
import re
import sys

NAMES = [b"a\nb", b"tab\there", b"cr\rlf\n", b'"quoted", and more', b"it's", b"=cmd|' C calc'!A0", b"@SUM(A1)",
         b"+1+1", b"-1+1", b"%00", b"a|b|c", b"key=value msg=injected", b"back\\slash\\", b"\\x41",
         b"<script>alert(1)<", b"<img src=x onerror=alert(1)>", b"&lt;b&gt;", b"]]>", b"'); DROP TABLE x;--",
         b"\x1b[31mred\x1b[0m", b"bell\x07", b"bidi\xe2\x80\xaetxt.exe", b"\xe2\x81\xa6iso", b"zero\xef\xbb\xbfwidth",
         b"bad\xff\xfeutf8", b"\xc3", b"\xed\xa0\x80", b"\xef\xbc\x9dwide", b"caf\xc3\xa9", "日本".encode(),
         b"${jndi:ldap:x}", b"{{7*7}}", b" lead", b"trail ", b"\xe2\x80\xa8line", b"CEF:0|x|y|1|a|b|9|rt=0", b"a,b;c",
         b"\xc2\x85nel"]


def undo(text):
    """What text_escape() of the program did, undone: written from the manual's two sentences."""
    out = bytearray()
    i = 0
    while i < len(text):
        if text[i] != "\\":
            out += text[i].encode()
            i += 1
        elif text[i + 1] == "\\":
            out += b"\\"
            i += 2
        elif text[i + 1] == "x":
            out.append(int(text[i + 2:i + 4], 16))
            i += 4
        else:
            raise ValueError(f"an escape that is none in {text!r}")
    return bytes(out)


def from_json(data, get):
    rows = [json.loads(line) for line in data.decode().splitlines()]
    return [get(r) for r in rows]


def from_cef(data):
    paths = []
    for line in data.decode().split("\n")[:-1]:
        head = re.match(r"((?:[^|\\]|\\.)*\|){7}", line)
        if not head or not line.startswith("CEF:0|evidencefs|evidencefs|"):
            raise ValueError(f"no head: {line!r}")
        rest = line[head.end():]
        found = list(re.finditer(r"(?:^| )([A-Za-z0-9]+)=", re.sub(r"\\.", "__", rest)))
        fields = {}
        for i, m in enumerate(found):
            end = found[i + 1].start() if i + 1 < len(found) else len(rest)
            if m.group(1) in fields:
                raise ValueError(f"{m.group(1)} twice: {line!r}")
            fields[m.group(1)] = re.sub(r"\\(.)", r"\1", rest[m.end():end])
        if not set(fields) <= {"rt", "externalId", "dvchost", "act", "outcome", "reason", "suser", "suid", "spid",
                               "sproc", "filePath", "out", "cnt", "cs1", "cs1Label", "cs2", "cs2Label", "cs3",
                               "cs3Label", "cn1", "cn1Label", "cn2", "cn2Label", "cn3", "cn3Label"}:
            raise ValueError(f"a field that nobody wrote: {line!r}")
        paths.append(fields.get("filePath"))
    return paths


def from_csv(data):
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))
    if data.count(b"\r\n") != len(rows) + 1 or data.count(b"\n") != len(rows) + 1:
        raise ValueError("a line end within a cell")
    for row in rows:
        if None in row or None in row.values():
            raise ValueError(f"too many or too few cells: {row}")
        for key, cell in row.items():
            number = re.fullmatch(r"-?[0-9]+", cell) and key not in ("path", "exe", "case", "user")
            if cell[:1] in tuple("=+-@|%\uff1d\uff0b\uff0d\uff20") and cell and not number:
                raise ValueError(f"a formula: {cell!r}")
    return [re.sub(r"^'(?=[=+@|%\uff1d\uff0b\uff0d\uff20-])", "", r["path"]) or None for r in rows]


class Page(html.parser.HTMLParser):
    TAGS = set("html head meta title style body main header div h1 h2 p b table thead tbody tr th td span wbr section "
               "ul li footer br".split())
    VOID = {"meta", "wbr", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.section, self.cell, self.cells, self.policy = [], None, None, [], None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in self.TAGS:
            raise ValueError(f"<{tag}>")
        if not set(attrs) <= {"class", "id", "lang", "charset", "name", "content", "http-equiv"}:
            raise ValueError(f"<{tag} {attrs}>")
        if attrs.get("http-equiv") == "Content-Security-Policy":
            self.policy = attrs["content"]
        if tag == "section":
            self.section = attrs.get("id")
        if tag == "td":
            self.cell = ""
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            raise ValueError(f"</{tag}> where it does not belong")
        if tag == "td":
            self.cells.append((self.section, self.cell))
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data


def from_html(data):
    page = Page()
    page.feed(data.decode())
    page.close()
    if page.open or not page.policy or "default-src 'none'" not in page.policy:
        raise ValueError("not whole, or without its policy")
    if re.search(rb"https?:|url\(|@import|javascript:", data):
        raise ValueError("something from outside")
    return [cell for section, cell in page.cells if section == "trace"]


def main():
    if sys.argv[1] == "tree":
        for name in NAMES:
            with open(os.path.join(sys.argv[2].encode(), name), "wb") as f:
                f.write(b"text of " + name)
        return 0
    kind, path, tree, prefix = sys.argv[1:]
    with open(path, "rb") as f:
        data = f.read()
    data.decode()  # valid UTF-8
    controls = set(re.findall(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", data))
    if controls:
        raise ValueError(f"control characters: {controls}")
    read = {"json": lambda: from_json(data, lambda r: r["path"]),
            "ecs": lambda: from_json(data, lambda r: r.get("file", {}).get("path")),
            "ocsf": lambda: from_json(data, lambda r: r.get("file", {}).get("path")),
            "cef": lambda: from_cef(data), "csv": lambda: from_csv(data), "html": lambda: from_html(data)}[kind]
    got = {undo(p)[len(prefix):] for p in read() if p and undo(p).startswith(prefix.encode())}
    want = set(os.listdir(tree.encode()))
    for name in sorted(want - got):
        print(f"{kind}: {name!r} is not there")
    for name in sorted(got - want - {b""}):
        print(f"{kind}: {name!r} is none of them")
    return 1 if want ^ (got - {b""}) else 0


try:
    sys.exit(main())
except ValueError as e:
    print(f"{sys.argv[1]}: {e}")
    sys.exit(1)
