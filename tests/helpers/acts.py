#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""acts.py - rows of a catalog, by docs/FORMAT.catalog.md alone

acts.py check DB LOG TOOL     each row is what the log recorded (TOOL: tools/evidencefs-verify, which reads logs)
acts.py names DB LOG TOOL SHOWN
                              each access is to the name that `audit show --json` shows for it (SHOWN)
acts.py refusals DB LOG TOOL  how often the log has that rows were not what it recorded
acts.py edit DB WHERE SET     change the row WHERE (SQL) as SET says, its sum made good; the table is as before
acts.py remove DB WHERE       take it out
acts.py add DB WHERE SEQ SET  a copy of it with another number
acts.py swap DB SEQ SEQ       two rows change their numbers and times
"""
import collections
import hashlib
import hmac
import importlib.machinery
import importlib.util
import json
import sqlite3
import struct
import sys

COLUMNS = (
    "seq secret ns boot_ns boot_id by_uid by_name kind case_id object who_kind who_typed who_name who_id name title reason path "
    "rights future from_ns until_ns covers image dir types digest md5 sha1 sha256 totals mismatch_accepted matched idle_days trace "
    "inode mark_state mark_origin with_members basis text"
).split()
TYPES = {3: "open", 4: "read", 5: "list", 6: "xattr", 7: "readlink", 8: "close", 9: "lookup"}
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


def names(db, log, tool, shown):
    """The secrets are those of the acts that added evidence; the rest stands in the records."""
    keys = {row["digest"][:16]: hmac.digest(row["secret"], b"evidencefs names v1", "sha256") for row in rows(db, "kind = 5")}
    paths = {row["seq"]: row["path"] for row in map(json.loads, open(shown)) if row.get("path")}
    seen, other = collections.Counter(), 0
    for seq, r, *_ in reader(tool)(log):
        if not 3 <= r[4] <= 9 or len(r) < 240 or not any(r[160:192]):
            continue
        if seq not in paths:  # a name that whoever asked may not see
            other += 1
            continue
        salt = hmac.digest(keys[r[80:96]], r[80:104], "sha256")
        name = paths[seq].rsplit("/", 1)[-1].encode()
        if hashlib.sha256(salt + name).digest() != r[160:192]:
            sys.exit(f"the name of record {seq} is not {name}")
        seen[TYPES[r[4]]] += 1
    print(*(f"{n} {what}" for what, n in sorted(seen.items())), f"{other} not shown")


def main(what, path, *rest):
    db = sqlite3.connect(path)
    if what == "check":
        check(db, *rest)
    elif what == "names":
        names(db, *rest)
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
