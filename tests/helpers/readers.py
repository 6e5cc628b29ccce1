#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""readers.py - many readers at once, each byte compared; and the access log compared with them

  readers.py read READERS ROUNDS NOTES FILE=ORACLE...
      READERS processes, each of one kind (pread, readv, private and shared mmap, splice, sendfile),
      read ROUNDS random pieces of the FILEs and compare them with the ORACLEs. NOTES gets what each
      read, as JSON Lines: pid, kind, path, offset, length, result.
  readers.py check NOTES LOG UID MOUNT
      LOG is what `evidencefs audit show --reads --json` printed: each pread and readv must be there
      exactly, and none beside them. Mappings, splice and sendfile go through pages that the kernel
      keeps while a file is open: these are read as whole pages, exactly those that were touched.
  readers.py until STOP READERS NOTES FILE=ORACLE...
      READERS processes that read like this until the file STOP is there, while what serves them is
      killed: a call may fail, a mapping may end its process (another takes its place), but no byte
      may differ. NOTES.N gets each piece before it is asked for, and again with what was received.
  readers.py both LOG ROOT RESENT NOTES...
      LOG and what the readers noted, both ways: whatever a reader received is in the log with its
      uid, process, offset and length; whatever is in the log was asked for by that reader. At most
      RESENT reads are there once more than they were asked for: their answer was lost. ROOT: below
      it FILEs have the paths of the log, in a folder for each user.
"""
import collections
import json
import mmap
import os
import random
import signal
import socket
import sys
import time

PAGE = 4096
MOST = 65536  # more would be several requests of the kernel's


def by_pread(fd, off, n):
    return os.pread(fd, n, off)


def by_readv(fd, off, n):
    cuts = sorted(random.sample(range(1, n), min(3, n - 1)))
    parts = [bytearray(b - a) for a, b in zip([0] + cuts, cuts + [n])]
    got = os.preadv(fd, parts, off)
    return b"".join(parts)[:got]


def drain(fd, n):
    got = b""
    while len(got) < n:
        got += os.read(fd, n - len(got))
    return got


def by_splice(fd, off, n):
    r, w = os.pipe()
    got = b""
    try:
        while len(got) < n:  # a pipe holds 16 pages, whole or not
            got += drain(r, os.splice(fd, w, n - len(got), offset_src=off + len(got)))
        return got
    except OSError:
        if got:
            return got
        raise
    finally:
        os.close(r)
        os.close(w)


def by_sendfile(fd, off, n):
    a, b = socket.socketpair()
    a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MOST)
    try:
        return drain(b.fileno(), os.sendfile(a.fileno(), fd, off, n))
    finally:
        a.close()
        b.close()


PLAIN = {"pread": by_pread, "readv": by_readv, "splice": by_splice, "sendfile": by_sendfile}
MAPPED = {"private": mmap.MAP_PRIVATE, "shared": mmap.MAP_SHARED}
PAGED = ("private", "shared", "splice", "sendfile")
KINDS = ("pread", "private", "splice", "readv", "shared", "sendfile")


def piece(size, kind):
    """Where to read: mostly inside, at times around the end."""
    most = random.choice((1, 100, PAGE, 8000, MOST))
    n = random.randint(1, most)
    off = random.randrange(size)
    if kind in ("pread", "readv") and random.random() < 0.1:
        off = max(0, size - random.randint(0, n))  # reaches past the end, or begins there
    elif off + n > size:
        n = size - off
    return off, n


def read_one(kind, files, number, rounds, out):
    random.seed(number)
    path, oracle = files[number % len(files)]
    fd = os.open(path, os.O_RDONLY)
    raw = os.open(oracle, os.O_RDONLY)
    size = os.fstat(fd).st_size
    if size != os.fstat(raw).st_size:
        return "size"
    view = mmap.mmap(fd, 0, MAPPED[kind], mmap.PROT_READ) if kind in MAPPED else None
    for _ in range(rounds):
        off, n = piece(size, kind)
        got = view[off : off + n] if view else PLAIN[kind](fd, off, n)
        if got != os.pread(raw, n, off):
            return "%s of %d bytes at %d of %s" % (kind, n, off, path)
        note = {"pid": os.getpid(), "kind": kind, "path": path, "offset": off, "length": n, "result": len(got)}
        out.write(json.dumps(note) + "\n")
    return None


def read(readers, rounds, notes, files):
    start, go = os.pipe()
    children = {}
    for number in range(readers):
        pid = os.fork()
        if pid == 0:
            os.close(go)
            os.read(start, 1)  # all begin together: at the end of the pipe
            failed = "died"
            with open("%s.%d" % (notes, number), "w") as out:
                try:
                    failed = read_one(KINDS[number % len(KINDS)], files, number // len(KINDS), rounds, out)
                except OSError as e:
                    failed = "%s: %s" % (KINDS[number % len(KINDS)], e)
            if failed:
                print("reader %d: differs or fails: %s" % (number, failed), flush=True)
            os._exit(1 if failed else 0)
        children[pid] = number
    os.close(go)
    bad = sum(os.waitpid(pid, 0)[1] != 0 for pid in children)
    with open(notes, "w") as out:
        for number in range(readers):
            with open("%s.%d" % (notes, number)) as one:
                out.write(one.read())
            os.unlink("%s.%d" % (notes, number))
    return bad


def rows_of(name):
    with open(name) as f:
        return [json.loads(line) for line in f]


def pages(note):
    return range(note["offset"] // PAGE * PAGE, note["offset"] + note["length"], PAGE)


def check(notes, log, uid, mount):
    faults = []
    wanted = collections.Counter()
    touched = collections.defaultdict(set)
    paging_pids = set()
    pids = set()
    for note in rows_of(notes):
        path = os.path.relpath(note["path"], mount)
        pids.add(note["pid"])
        if note["kind"] in PAGED:
            paging_pids.add(note["pid"])
            touched[path].update(pages(note))
        else:
            wanted[note["pid"], path, note["offset"], note["length"], note["result"]] += 1
    found = collections.Counter()
    loaded = collections.defaultdict(set)
    opens = collections.Counter()
    closes = 0
    for row in rows_of(log):
        if row["pid"] not in pids and row["type"] != "close":
            continue
        if row["uid"] != uid:
            faults.append("uid %s in %s" % (row["uid"], row))
        if row["type"] == "open":
            opens[row["pid"]] += 1
            if "python" not in row["exe"]:
                faults.append("exe %s in an open" % row["exe"])
        closes += row["type"] == "close"
        if row["type"] != "read":
            continue
        if row["pid"] in paging_pids:
            if row["offset"] % PAGE or row["length"] != PAGE:
                faults.append("not one page: %s" % row)
            loaded[row["path"]].add(row["offset"])
        else:
            found[row["pid"], row["path"], row["offset"], row["length"], row["result"]] += 1
    for key, n in (wanted - found).items():
        faults.append("not in the log: %s (%d times)" % (key, n))
    for key, n in (found - wanted).items():
        faults.append("only in the log: %s (%d times)" % (key, n))
    for path, offsets in touched.items():
        if not offsets <= loaded[path]:
            faults.append("%d pages of %s were touched and not recorded" % (len(offsets - loaded[path]), path))
        if not loaded[path] <= offsets:
            faults.append("%d pages of %s were read untouched" % (len(loaded[path] - offsets), path))
    if any(opens[pid] != 1 for pid in pids):
        faults.append("not every reader has exactly one open")
    if closes < len(pids):
        faults.append("%d closes of %d" % (closes, len(pids)))
    for fault in faults[:10]:
        print(fault)
    print("%d reads as they were asked, %d pages, %d faults"
          % (sum(wanted.values()), sum(len(v) for v in loaded.values()), len(faults)))
    return len(faults)


# ---- while what serves is killed ----------------------------------------------------------------


def note_down(out, note):
    os.write(out, (json.dumps(note) + "\n").encode())


def some_pieces(kind, path, oracle, out):
    """Open it, read some pieces. Return: the piece that differs, or None."""
    fd = os.open(path, os.O_RDONLY)
    raw = os.open(oracle, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        view = mmap.mmap(fd, 0, MAPPED[kind], mmap.PROT_READ) if kind in MAPPED else None
        for _ in range(random.randint(1, 30)):
            off, n = piece(size, kind)
            note = {"pid": os.getpid(), "uid": os.getuid(), "kind": kind, "path": path, "offset": off, "length": n}
            note_down(out, note)
            got = view[off : off + n] if view else PLAIN[kind](fd, off, n)
            note_down(out, dict(note, result=len(got)))
            if got != os.pread(raw, len(got), off):
                return note
        return None
    finally:
        os.close(fd)
        os.close(raw)


def one_until(stop, number, notes, files):
    random.seed()
    out = os.open("%s.%d" % (notes, number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    while not os.path.exists(stop) and os.path.isdir(os.path.dirname(stop)):  # a test that fails leaves nothing
        try:
            wrong = some_pieces(random.choice(KINDS), *random.choice(files), out)
        except OSError:
            wrong = None
            time.sleep(0.005)  # what serves is away
        if wrong:
            print("differs: %s" % wrong, flush=True)
            return 1
    return 0


def until(stop, readers, notes, files):
    numbers = {}
    bad = 0

    def begin(number):
        pid = os.fork()
        if pid == 0:
            os._exit(one_until(stop, number, notes, files))
        numbers[pid] = number

    for number in range(readers):
        begin(number)
    while numbers:
        pid, status = os.wait()
        number = numbers.pop(pid)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGBUS and not os.path.exists(stop):
            begin(number)  # its mapping was of a mount that is gone, or could not be recorded
        elif status and not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGBUS):
            bad += 1
    return bad


def both(log, root, resent, names):
    """Reads that are one piece are compared one by one; pages, of which the kernel keeps some, as sets."""
    asked, received, found = collections.Counter(), collections.Counter(), collections.Counter()
    asked_pages, received_pages, found_pages = set(), set(), set()
    uids = set()
    for name in names:
        for note in rows_of(name):
            path = os.path.relpath(note["path"], root).split("/", 2)[2]  # below user and case
            who = (note["uid"], note["pid"], path)
            uids.add(note["uid"])
            if note["kind"] not in PAGED:
                if "result" in note:
                    received[who + (note["offset"], note["length"], note["result"])] += 1
                else:
                    asked[who + (note["offset"], note["length"])] += 1
            elif "result" not in note:
                asked_pages.update(who + (at,) for at in pages(note))
            else:
                got = dict(note, length=note["result"])
                received_pages.update((note["uid"], path, at) for at in pages(got))
    faults = []
    for row in rows_of(log):
        if row["type"] != "read" or row["uid"] not in uids or row["result"] < 0:
            continue
        who = (row["uid"], row["pid"], row["path"])
        if who + (row["offset"], row["length"]) in asked:
            found[who + (row["offset"], row["length"], row["result"])] += 1
        elif all(who + (at,) in asked_pages for at in pages(row)):
            found_pages.update((row["uid"], row["path"], at) for at in pages(row))
        else:
            faults.append("nobody asked for: %s" % row)
    faults += ["received, and not in the log: %s" % (key,) for key in received - found]
    faults += ["touched, and not in the log: %s" % (key,) for key in received_pages - found_pages]
    counts = collections.Counter()
    for key, n in found.items():
        counts[key[:5]] += n
    more = sum((counts - asked).values())
    if more > resent:
        faults.append("%d reads are there more often than they were asked for" % more)
    for fault in faults[:10]:
        print(fault)
    print("%d reads and %d pages received by %d users, %d and %d in the log, %d resent, %d faults"
          % (sum(received.values()), len(received_pages), len(uids), sum(found.values()), len(found_pages), more,
             len(faults)))
    return len(faults) or not received or not received_pages


def main():
    command, args = sys.argv[1], sys.argv[2:]
    if command == "until":
        files = [tuple(pair.split("=", 1)) for pair in args[3:]]
        sys.exit(1 if until(args[0], int(args[1]), args[2], files) else 0)
    if command == "both":
        sys.exit(1 if both(args[0], args[1], int(args[2]), args[3:]) else 0)
    if command == "read":
        files = [tuple(pair.split("=", 1)) for pair in args[3:]]
        sys.exit(1 if read(int(args[0]), int(args[1]), args[2], files) else 0)
    sys.exit(1 if check(args[0], args[1], int(args[2]), args[3]) else 0)


main()
