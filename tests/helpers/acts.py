#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""acts.py - rows of a catalog, by docs/FORMAT.catalog.md alone

acts.py check DB LOG TOOL     each row is what the log recorded (TOOL: tools/evidencefs-verify, which reads logs)
acts.py refusals DB LOG TOOL  how often the log has that rows were not what it recorded
acts.py edit DB WHERE SET     change the row WHERE (SQL) as SET says, its sum made good; the table is as before
acts.py remove DB WHERE       take it out
acts.py add DB WHERE SEQ SET  a copy of it with another number
acts.py swap DB SEQ SEQ       two rows change their numbers and times
"""
import hashlib
import hmac
import importlib.machinery
import importlib.util
import sqlite3
import struct
import sys

COLUMNS = (
    "seq secret ns boot_ns boot_id by_uid by_name kind case_id object who_kind who_typed who_name who_id name title reason path "
    "rights future from_ns until_ns covers image dir types digest md5 sha1 sha256 totals mismatch_accepted matched idle_days trace "
    "inode mark_state mark_origin with_members basis text"
).split()
FIXED = {"secret": 32, "digest": 32, "md5": 16, "sha1": 20, "sha256": 32}
TEXTS = set("boot_id by_name who_typed who_name name title reason path covers image dir types basis text".split())


def crc32c(data):
    crc = 0xFFFFFFFF
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def field(name, v):
    if name in FIXED:
        return v if v is not None else bytes(FIXED[name])
    if name in TEXTS:
        v = v.encode() if isinstance(v, str) else v
        if v is None or name == "covers" and not v:
            return b"\0"
        return b"\1" + struct.pack("<Q", len(v)) + v
    return struct.pack("<q", v)


def rows(db, where="1"):
    for r in db.execute(f"SELECT {', '.join(COLUMNS)} FROM acts WHERE {where} ORDER BY seq").fetchall():
        yield dict(zip(COLUMNS, r))


def sum_of(row):
    return crc32c(b"".join(field(c, row[c]) for c in COLUMNS))


def change(db, todo):
    """Without the triggers, which are put back as they were."""
    triggers = [r[0] for r in db.execute("SELECT sql FROM sqlite_master WHERE type='trigger' ORDER BY name").fetchall()]
    for name in ("acts_update", "acts_delete", "acts_insert"):
        db.execute(f"DROP TRIGGER {name}")
    todo()
    for row in rows(db):
        db.execute("UPDATE acts SET sum = ? WHERE seq = ?", (sum_of(row), row["seq"]))
    for sql in triggers:
        db.execute(sql)
    db.commit()


def reader(tool):
    loader = importlib.machinery.SourceFileLoader("verify", tool)
    verify = importlib.util.module_from_spec(importlib.util.spec_from_loader("verify", loader))
    loader.exec_module(verify)
    return verify.records


def check(db, log, tool):
    recorded = {seq: r[160:192] for seq, r, *_ in reader(tool)(log) if len(r) >= 240 and 10 <= r[4] <= 20}
    before, n = (0, bytes(32)), 0
    for row in rows(db):
        salt = hmac.digest(row["secret"], b"evidencefs act v1", "sha256")
        said = struct.pack("<Q", before[0]) + before[1] + b"".join(field(c, row[c]) for c in COLUMNS[2:])
        before = (row["seq"], hashlib.sha256(salt + said).digest())
        if recorded.get(row["seq"]) != before[1]:
            sys.exit(f"the row of record {row['seq']} is not what was recorded")
        n += 1
    print(n)


def main(what, path, *rest):
    db = sqlite3.connect(path)
    if what == "check":
        check(db, *rest)
    elif what == "refusals":
        print(sum(r[4] == 18 and r[6] == 3 for _, r, *_ in reader(rest[1])(rest[0])))
    elif what == "edit":
        change(db, lambda: db.execute(f"UPDATE acts SET {rest[1]} WHERE {rest[0]}").rowcount == 1 or sys.exit("not one row"))
    elif what == "remove":
        change(db, lambda: db.execute(f"DELETE FROM acts WHERE {rest[0]}").rowcount == 1 or sys.exit("not one row"))
    elif what == "add":
        every = ", ".join(COLUMNS[1:] + ["sum"])
        sql = f"INSERT INTO acts(seq, {every}) SELECT {rest[1]}, {every} FROM acts WHERE {rest[0]}"
        db.execute("DROP INDEX acts_begun")
        change(db, lambda: (db.execute(sql), db.execute(f"UPDATE acts SET {rest[2]} WHERE seq = {rest[1]}")))
        db.execute("CREATE UNIQUE INDEX acts_begun ON acts(object) WHERE kind IN (1, 5, 9, 10, 12, 13)")
        db.commit()
    elif what == "swap":
        a, b = (next(rows(db, f"seq = {s}")) for s in rest)
        moves = ((a["seq"], -1, b["ns"]), (b["seq"], a["seq"], a["ns"]), (-1, b["seq"], b["ns"]))
        change(db, lambda: [db.execute("UPDATE acts SET seq = ?, ns = ? WHERE seq = ?", (to, ns, at)) for at, to, ns in moves])


main(*sys.argv[1:])
