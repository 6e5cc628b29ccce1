#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""documents.py DIR - fill DIR with documents that ordinary programs read; everything in them is made up.

Only what Python's standard library can make: text, mail, a PDF of two pages, a zip archive, an SQLite
database, one in WAL mode whose log was never taken in, pictures, programs. What is made is the same each time.
"""
import os
import random
import sqlite3
import struct
import sys
import zipfile
import zlib

top = sys.argv[1]
chance = random.Random(42)
words = "quay cargo invoice harbour crane ledger paid Friday contract lamp desk bill".split()


def put(name, data):
    path = os.path.join(top, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def prose(lines):
    return "".join(" ".join(chance.choices(words, k=9)) + "\n" for _ in range(lines))


def pdf(pages, pad=0):
    """A PDF of one line of text a page, with its table of objects; pad: bytes of contents that mean nothing."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>",
               b"<< /Type /Pages /Count %d /Kids [%s] >>"
               % (len(pages), b" ".join(b"%d 0 R" % (4 + 2 * i) for i in range(len(pages)))),
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    for i, text in enumerate(pages):
        shown = b"BT /F1 18 Tf 72 720 Td (%s) Tj ET\n" % text.encode()
        shown += b"".join(b"%% %s\n" % chance.randbytes(30).hex().encode() for _ in range(pad // 63))
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R"
                       b" /Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * i))
        objects.append(b"<< /Length %d >>\nstream\n%sendstream" % (len(shown), shown))
    out = b"%PDF-1.4\n"
    offsets = []
    for i, body in enumerate(objects):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i + 1, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % o for o in offsets)
    return out + (b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))


def png(width, height, colour):
    """A PNG: a sun over the sea."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b""
    for y in range(height):
        rows += b"\0"
        for x in range(width):
            if y > height * 2 // 3:
                rows += bytes((20, 60 + (x + y) % 40, 140))
            elif (x - width // 2) ** 2 + (y - height // 3) ** 2 < (height // 6) ** 2:
                rows += bytes((250, 210, 60))
            else:
                rows += bytes(c * (height + y) // (2 * height) for c in colour)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def ledger(name, rows):
    path = os.path.join(top, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE payments (id INTEGER PRIMARY KEY, payee TEXT, euro INTEGER)")
    pay(db, rows)
    return db, path


def pay(db, rows):
    db.executemany("INSERT INTO payments (payee, euro) VALUES (?, ?)",
                   [(chance.choice(words), chance.randrange(1000)) for _ in range(rows)])
    db.commit()


put("Documents/plan.txt", "Move the office by the end of May. Ask Bob for the floor plan.\n")
put("Documents/prose.txt", prose(20000))
put("Documents/Grüße aus Köln, ganz kurz.txt", "Viele Grüße, und die Ladung liegt am Kai.\n")
put("Documents/.hidden notes", "the key is under the lamp\n")
put("Documents/empty.txt", "")
put("Documents/report.pdf", pdf(["The cargo leaves the quay on Friday.", "Paid in full."]))
put("Documents/scan.pdf", pdf(["A drawing of the harbour."], 400000))
put("Mail/offer.eml", "From: Alice Example <alice@example.org>\nTo: Bob Example <bob@example.org>\n"
    "Subject: the offer\nDate: Tue, 5 Mar 2024 08:31:07 +0000\n\nThe offer is in my documents.\n")
put("Pictures/sunset.png", png(320, 240, (240, 120, 60)))
put("Pictures/morning.png", png(320, 240, (120, 180, 240)))
put("Programs/run.sh", "#!/bin/sh\necho this came from evidence\n")
put("Programs/noise.bin", chance.randbytes(3000000))
# what our own signature calls malware
put("Downloads/invoice.exe", b"MZ" + chance.randbytes(20000))
put("Downloads/harmless.exe", b"MZ" + chance.randbytes(20000))
os.makedirs(os.path.join(top, "Empty folder"))
for i in range(300):
    put("Many/letter %03d.txt" % i, "letter %d\n" % i + prose(i % 7))

with zipfile.ZipFile(os.path.join(top, "Documents/letters.zip"), "w", zipfile.ZIP_DEFLATED) as z:
    for i in range(5):
        z.writestr(zipfile.ZipInfo("letters/%d.txt" % i, (2024, 3, 5, 8, 31, 10)), prose(100))

ledger("Data/ledger.sqlite", 5000)[0].close()
# as it lies on a disk that lost power: 10 rows in the database, 20 more only in the log beside it
db, path = ledger("Data/live.sqlite", 10)
db.execute("PRAGMA journal_mode=WAL")
pay(db, 20)
with open(path, "rb") as f, open(path + "-wal", "rb") as w:
    kept = f.read(), w.read()
db.close()
for name, data in zip(("Data/live.sqlite", "Data/live.sqlite-wal"), kept):
    put(name, data)
