#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hashes.py - hashes that a mount tells of, against those of the bytes it gives

  hashes.py compare MOUNTPOINT
      reads every file. One that can be read must tell the SHA-256 of its bytes, any other none. Prints
      `hashed N, unreadable N`; exits 1 after naming each that is wrong
  hashes.py rows STATE
      what the tables of hashes in STATE hold: `ID SHA256`, in order of ids
  hashes.py forget STATE (files | SEED)
      takes out of them the hashes of all files; or the totals, and those of some files that the seed draws
"""
import glob
import hashlib
import os
import random
import sqlite3
import sys

ATTRIBUTE = b"user.evidencefs.sha256"


def hash_of(path):
    """Of its bytes; None: not all can be read."""
    made = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as f:
            while piece := f.read(1 << 20):
                made.update(piece)
    except OSError:
        return None
    return made.hexdigest()


def told(path):
    try:
        return os.getxattr(path, ATTRIBUTE, follow_symlinks=False).decode()
    except OSError:
        return None


def compare(mount):
    hashed = unreadable = wrong = 0
    for folder, _, names in os.walk(mount):
        evidence = os.path.dirname(folder) == mount
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isfile(path) or os.path.getsize(path) == 0:
                continue
            # byte streams and the text that the mount adds; what is as large as the volume and all zeros
            if folder == mount or evidence or name == b"$BadClus:$Bad":
                continue
            want, got = hash_of(path), told(path)
            hashed += want is not None
            unreadable += want is None
            if want != got:
                wrong += 1
                print(f"{path!r}: told {got}, bytes {want}")
    print(f"hashed {hashed}, unreadable {unreadable}")
    return wrong == 0 and hashed > 0


def tables(state):
    for path in sorted(glob.glob(os.path.join(state, "evidence", "*", "hashes.db"))):
        yield sqlite3.connect(path)


def rows(state):
    for db in tables(state):
        for number, value in db.execute("SELECT id, sha256 FROM trace ORDER BY id"):
            print(number, value.hex() if value else "none")
    return True


def forget(state, what):
    for db in tables(state):
        ids = [row[0] for row in db.execute("SELECT id FROM trace")]
        if what == "files":
            gone = ids
        else:
            gone = random.Random(int(what)).sample(ids, len(ids) // 2)
            db.execute("DELETE FROM total")
        db.executemany("DELETE FROM trace WHERE id=?", ((i,) for i in gone))
        db.execute("DELETE FROM state")
        db.commit()
    return True


DO = {"compare": lambda a: compare(os.fsencode(a[0])), "rows": lambda a: rows(a[0]), "forget": lambda a: forget(*a)}
sys.exit(0 if DO[sys.argv[1]](sys.argv[2:]) else 1)
