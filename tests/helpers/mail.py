#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mail.py - mail made by Python, and what Python finds in it and in that of others

    mail.py make DIR            messages (m*.eml) and folders of them (*.mbox), the same each time
    mail.py check LIST FILE...  compare rows of list-members (LIST) with what email and mailbox say
    mail.py readpst LIST DIR    attachments that readpst -S wrote below DIR are among the rows
"""
import email
import email.policy
import hashlib
import mailbox
import os
import random
import re
import sys
from email.message import EmailMessage

WORDS = {"utf-8": "Grüße, 東京, привет", "iso-8859-1": "Grüße à tous", "koi8-r": "привет",
         "iso-2022-jp": "東京と大阪", "gb18030": "北京", "windows-1252": "“quoted” – dash",
         "utf-16": "Grüße, 東京", "us-ascii": "plain words"}
NAMES = ["report.pdf", "Грамота.doc", "a b;c.txt", "../../etc/passwd", "con\u202etxt.exe", "x" * 150]


def sha(data):
    return hashlib.sha256(data).hexdigest()


def message(rng, depth=0):
    m = EmailMessage()
    charset = rng.choice(list(WORDS))
    text = "\n".join(WORDS[charset] for _ in range(rng.randrange(1, 2000))) + "\n"
    m["From"] = "Jürgen <%d@a.example>" % rng.randrange(10 ** 6)
    m["To"] = "b@law.example, c@b.example"
    m["Subject"] = WORDS[charset] + " %d" % rng.randrange(10 ** 6)
    m["Date"] = "Tue, 9 Jun 2009 23:58:45 -0400"
    cte = "base64" if charset == "utf-16" else None
    m.set_content(text, charset=charset, cte=cte)
    if rng.random() < 0.5:
        m.add_alternative("<p>%s</p>" % text, subtype="html", charset=charset, cte=cte)
    for _ in range(rng.randrange(4)):
        data = rng.randbytes(rng.choice([0, 1, 57, 58, 5000, 200000]))
        m.add_attachment(data, maintype="application", subtype="octet-stream",
                         filename=rng.choice(NAMES))
    if rng.random() < 0.3:
        m.add_attachment("From here on\nlines = \n.\n" * 50, subtype="csv", cte="quoted-printable",
                         filename="table.csv")
    if depth < 3 and rng.random() < 0.4:
        m.add_attachment(message(rng, depth + 1))
    return m


def make(folder):
    rng = random.Random(8)
    box = mailbox.mbox(os.path.join(folder, "made.mbox"))
    for i in range(40):
        m = message(rng)
        end = "\r\n" if i % 2 else "\n"
        with open(os.path.join(folder, "m%02d.eml" % i), "wb") as f:
            f.write(m.as_bytes(policy=email.policy.SMTP.clone(linesep=end, max_line_length=78)))
        box.add(m)
    box.flush()
    # Lines that begin as separators do and are none: text of the message they stand in.
    body = b"As agreed.\n\nFrom here on it is ours.\nFrom a@b Mon Jan  1 10:00:00 2001\nwe know.\n"
    head = b"From a@b Mon Jan  1 10:00:00 2001\nFrom: a@b\nSubject: %d\n\n"
    with open(os.path.join(folder, "false.mbox"), "wb") as f:
        f.write(b"".join(head % i + body + b"\n" for i in range(20)))


def leaves(m):
    kind = m.get_content_type()
    if m.get_content_maintype() == "multipart" and m.is_multipart():
        for part in m.get_payload():
            yield from leaves(part)
    elif kind == "message/rfc822" and m.is_multipart():
        yield None  # whole: Python has no bytes of it
    else:
        data = m.get_payload(decode=True) or b""
        both = {sha(data)}
        if kind in ("text/plain", "text/html") and not m.get_filename():
            try:
                both.add(sha(data.decode(m.get_content_charset() or "ascii").encode()))
            except (LookupError, UnicodeError):
                pass
        yield both


def rows(name):
    found = {}
    with open(name, encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            row = line.rstrip("\n").split("\t")
            found.setdefault(row[0], []).append(row)
    return found


def check_message(data, have):
    want = list(leaves(email.message_from_bytes(data)))
    hashes = [r[4] for r in have if r[2] != "headers.txt"]
    lost = [w for w in want if w and not w & set(hashes)]
    return not lost and len(hashes) == len(want)


def without_end(data):
    """The empty line that ends a message, which Python knows as "\\n" only."""
    return data[:-2] if data.endswith(b"\n\r\n") else data


def check(listing, files):
    found = rows(listing)
    good = bad = 0
    for name in files:
        have = found.get(name, [])
        if have and have[0][1] == "mbox":
            box = mailbox.mbox(name, create=False)
            same = sorted(sha(without_end(box.get_bytes(k))) for k in box.keys()) == \
                sorted(r[4] for r in have)
        else:
            with open(name, "rb") as f:
                same = bool(have) and check_message(f.read(), have)
        good, bad = good + same, bad + (not same)
        if not same:
            print("other:", os.path.basename(name))
    print("%d of %d" % (good, good + bad))


def readpst(listing, folder):
    have = {r[4] for v in rows(listing).values() for r in v if len(r) > 4}
    n = lost = messages = 0
    for top, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(top, name), "rb") as f:
                data = f.read()
            if not re.match(r"\d+-", name):
                messages += 1
                continue
            n += 1
            # what ends an RTF in the store is no part of it
            if sha(data) not in have and sha(data.rstrip(b"\0")) not in have:
                lost += 1
                print("# not found:", name)
    print("%d attachments, %d not found, %d items" % (n, lost, messages))


if __name__ == "__main__":
    {"make": lambda a: make(a[0]), "check": lambda a: check(a[0], a[1:]),
     "readpst": lambda a: readpst(*a)}[sys.argv[1]](sys.argv[2:])
