#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scan-corpus.py - mail in bulk with a known list of lawyers, documents, and what a scan must find

    make DIR COUNT     DIR/tree (files), DIR/rules, DIR/truth.json: {rule: [names that are to be marked]}
    check TRUTH MARKS  precision and recall for each rule, of `marks --json`; exit 1 unless both are 1

A message is known by its number, which is in its subject; a document by its name.
"""
import hashlib
import io
import json
import os
import random
import re
import sys
import zipfile
from base64 import b64encode

LAWYERS = ["anna.vermeer@recht.example", "j.deboer@advocaten.example", "Kanzlei@xn--rcht-5qa.example"]
FIRMS = ["lawfirm.example", "*.counsel.example"]
STAFF = ["piet@bouw.example", "info@shop.example", "kees@bouw.example", "news@list.example"]
DECOYS = ["anna.vermeer@recht.example.org", "vermeer@recht.example", "x@notlawfirm.example", "y@lawfirm.example.net",
          "z@counsel.example"]
FIELDS = ["From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-From", "Resent-To", "Resent-Cc", "Return-Path",
          "Delivered-To", "X-Original-To", "Disposition-Notification-To", "Errors-To"]
WORDS = ["kluis", "contract", "offerte", "levering", "planning", "bouw", "factuur", "beton", "steiger"]


def shown(rng, address):
    """One way in which people's programs write an address."""
    return rng.choice([
        address, "<%s>" % address, '"Mr. X, LL.M." <%s>' % address, "=?utf-8?q?J=C3=BCrgen?= <%s>" % address,
        "=?utf-8?b?%s?= <%s>" % (b64encode("Zoë van Dijk".encode()).decode(), address), "(a lawyer) %s" % address,
        "<%s>" % address.upper(), "friends: a@b.example, <%s>, c@d.example;" % address,
        "piet@bouw.example,\r\n\t<%s>" % address
    ])


def message(rng, number, hit=None, field="To", decoy=None, inner=None):
    """`hit`: an address that is in `field`."""
    head = {"From": "piet@bouw.example", "To": rng.choice(STAFF)}
    if hit:
        head[field] = "<%s>" % hit if field in ("Return-Path", "Delivered-To", "X-Original-To") else shown(rng, hit)
    if decoy and not hit:
        head["Cc"] = shown(rng, decoy)
    head["Message-ID"] = "<%d.%d@%s>" % (number, rng.randrange(10**9), rng.choice(["lawfirm.example", "bouw.example"]))
    if rng.random() < 0.2:
        head["References"] = "<1.2@lawfirm.example>"
    head["Date"] = "Tue, 02 Mar 2021 10:%02d:%02d +0100" % (number // 60 % 60, number % 60)
    head["Subject"] = "msg %05d %s" % (number, rng.choice(WORDS))
    body = " ".join(rng.choice(WORDS) for _ in range(60))
    if rng.random() < 0.1:
        body += "\r\n> mail to %s or www.lawfirm.example" % rng.choice(LAWYERS)
    lines = ["%s: %s" % kv for kv in head.items()]
    if inner:
        lines += ["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b%d" % number, "", "--b%d" % number,
                  "Content-Type: text/plain", "", body, "--b%d" % number, "Content-Type: message/rfc822", ""]
        return "\r\n".join(lines).encode() + b"\r\n" + inner + ("\r\n--b%d--\r\n" % number).encode()
    return "\r\n".join(lines + ["", body, ""]).encode()


def rules_for(address):
    """Which rules the address meets."""
    out = ["address " + a for a in LAWYERS if a.lower() == address.lower()]
    domain = address.split("@")[1].lower()
    out += ["domain lawfirm.example"] if domain == "lawfirm.example" else []
    out += ["domain *.counsel.example -> confirmed"] if domain.endswith(".counsel.example") else []
    return out


def some_hit(rng):
    return rng.choice(LAWYERS + ["partner@lawfirm.example", "office@nl.counsel.example"])


def docx(text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("[Content_Types].xml", '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/'
                   'package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Override '
                   'PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
                   'wordprocessingml.document.main+xml"/></Types>')
        z.writestr("word/document.xml", '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/'
                   'wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>%s</w:t></w:r></w:p></w:body></w:document>' % text)
    return out.getvalue()


def documents(tree, truth):
    """Keywords and phone numbers: what has them, and what only looks like it."""
    word, phone = "keyword Geheimhouding", "phone 0201234567"
    files = {
        "plain.txt": ("onder GEHEIMHOUDING, bel 020-123 45 67", word, phone),
        "page.html": ("<html><body><p>onder <b>geheim</b>houding</p><i>+31 (0)20 1234567</i></body></html>", word, phone),
        "numbers.txt": ("tel. 0031 20 123.45.67\n", phone),
        "not.txt": ("geheimhoudingsplicht; 02012345678; 0201234568; 020123456"),
        "name geheimhouding.bin": (b"\x00\x01\x02" * 50, word),
        "utf16.txt": ("De CAFÉ van Zürich".encode("utf-16"), "keyword café"),
        "latin.txt": ("het café\n".encode("latin-1") * 30, "keyword café"),
        "letter.docx": (docx("geheimhouding en 020 1234567"), word, phone),
    }
    os.makedirs(tree + "/docs")
    for name, what in files.items():
        what = what if isinstance(what, tuple) else (what,)
        data = what[0] if isinstance(what[0], bytes) else what[0].encode()
        with open(os.path.join(tree, "docs", name), "wb") as f:
            f.write(data)
        for rule in what[1:]:
            truth.setdefault(rule, []).append(name)
    with open(tree + "/docs/not.txt", "rb") as f:
        truth["sha256 " + hashlib.sha256(f.read()).hexdigest()] = ["not.txt"]
    os.makedirs(tree + "/legal/deep")
    for name in ("legal/a.bin", "legal/deep/b.bin"):
        with open(os.path.join(tree, name), "wb") as f:
            f.write(name.encode())
    truth["path disk/*/legal"] = ["legal"]


def make(top, count):
    rng = random.Random(11)
    tree = top + "/tree"
    truth = {"address nobody@nowhere.example": []}
    os.makedirs(tree + "/mail")
    documents(tree, truth)
    box = open(tree + "/mail/box.mbox", "wb")
    archive = zipfile.ZipFile(tree + "/mail/old.zip", "w", zipfile.ZIP_DEFLATED)
    for i in range(count):
        number, field, inner = 2 * i + 1, FIELDS[i % len(FIELDS)], None
        hit = some_hit(rng) if rng.random() < 0.1 else None
        if rng.random() < 0.03:
            within = some_hit(rng) if rng.random() < 0.5 else None
            inner = message(rng, number + 1, within, rng.choice(FIELDS))
            for rule in rules_for(within) if within else []:
                truth.setdefault(rule, []).append(number + 1)
        m = message(rng, number, hit, field, rng.choice(DECOYS) if rng.random() < 0.1 else None, inner)
        for rule in rules_for(hit) if hit else []:
            truth.setdefault(rule, []).append(number)
        if i % 10 < 7:
            box.write(b"From piet@bouw.example Tue Mar  2 10:00:00 2021\n" + m.replace(b"\r\n", b"\n") + b"\n")
        elif i % 10 < 9:
            with open("%s/mail/msg %05d.eml" % (tree, number), "wb") as f:
                f.write(m)
        else:
            archive.writestr("msg %05d.eml" % number, m)
    box.close()
    archive.close()
    with open(top + "/truth.json", "w") as f:
        json.dump(truth, f)
    with open(top + "/rules", "w") as f:
        f.write("# lawyers\n" + "".join(rule + "\n" for rule in truth) + "\n")
    print(sum(len(v) for v in truth.values()))


def known_as(path):
    numbers = re.findall(r"msg (\d{5})", path)
    return int(numbers[-1]) if numbers else path.rsplit("/", 1)[1]


def check(truth, marks):
    with open(truth) as f:
        truth = json.load(f)
    found = {}
    with open(marks) as f:
        for m in map(json.loads, f):
            if m["origin"] == "rule":
                found.setdefault(m["basis"], []).append(known_as(m["path"]))
    good = not set(found) - set(truth)
    for rule, want in truth.items():
        got = found.get(rule, [])
        right = len(set(got) & set(want))
        precision = right / len(got) if got else 1.0
        recall = right / len(set(want)) if want else 1.0
        print("# %-60s %4d precision %.3f recall %.3f" % (rule[:60], len(want), precision, recall))
        if precision < 1 or recall < 1:
            good = False
            print("#   too many: %s, missing: %s" % (sorted(map(str, set(got) - set(want)))[:5],
                                                  sorted(map(str, set(want) - set(got)))[:5]))
    sys.exit(not good)


if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]))
else:
    check(sys.argv[2], sys.argv[3])
