# SPDX-License-Identifier: Apache-2.0
"""The rows: what is measured, on which mounts, against whom, and the goal.

Each row is a function that gives its contests, one after the other. A contestant mounts afresh for
every sample; mounting and unmounting are not timed unless the row is about them.
Before a row is timed, each of its mounts has to deliver the bytes that were written
when the image was made.
"""
import json
import os
import random
import shutil
import tempfile
import time

from .contest import OURS, Contest
from .images import DIRECTORY_ENTRIES, MIB, RUNS, digest_of_file, digest_of_tree
from .machine import (Failed, Missing, drop_caches, family_of, memory_of, need, run, timed,
                      wait_until, warm)
from .mounts import read_text
from .team import ANALYST, OWNER, Team, revocation

ROWS = {}
PAGE = 4096
AGAIN_BYTES = 32 * MIB  # half of the default cache
QUICK = 10  # scattered()
SECONDS_ENOUGH = 10     # what "in seconds" is taken to mean
MOUNT_SECONDS = 0.1
MEMORY_MIB = 512
SHARE_SECONDS = 10
FLAT = 1 / 1.5          # a cost that grows less than this counts as flat


def readers_of(count):
    return "1 reader" if count == 1 else f"{count} readers"


def row(name, title):
    def keep(function):
        ROWS[name] = (title, function)
        return function
    return keep


class Bench:
    """What rows need: the images, the mounts, how many rounds; who was found right."""

    def __init__(self, images, mounts, work, rounds):
        self.images = images
        self.mounts = mounts
        self.work = work
        self.rounds = rounds
        self.right = {}
        self.images_warm = False

    def contest(self, name, title=None, unit="s"):
        return Contest(name, title or ROWS[name][0], unit)

    def list_of(self, volume):
        self.images.disk()
        return self.images.path(f"disk/{volume}.list")

    # ---- what is timed ---------------------------------------------------------------

    def load(self, *args):
        """(seconds, bytes, items) of bench-load."""
        fields = run(self.mounts.programs.tool("bench-load"), *args).split()
        return float(fields[0]), int(fields[1]), int(fields[2])

    def seq(self, path, length=0):
        seconds, size, _ = self.load("seq", MIB, length, path)
        if size != (length or os.path.getsize(path)):
            raise Failed(f"{path}: {size} bytes came")
        return seconds

    def scattered(self, readers, path, times=1):
        """Seconds per 4 KiB read, over all readers. Where a read takes microseconds there are
        `times` as many: what begins with a mount would count for much of a tenth of a second."""
        count = (3000 if self.images.small else 10000) * times
        seconds, size, items = self.load("random", readers, PAGE, count, path)
        if size != items * PAGE:
            raise Failed(f"{path}: {size} bytes came of {items} reads")
        return seconds / items

    def tree(self, readers, volume, path):
        seconds, size, _ = self.load("files", readers, self.list_of(volume), path)
        if size != self.images.disk()[volume]["bytes"]:
            raise Failed(f"{path}: {size} bytes came")
        return seconds

    def walk(self, volume, path):
        about = self.images.disk()[volume]
        with tempfile.TemporaryFile(dir=self.work) as out:
            seconds = timed("find", path, "-printf", "%i %m %s %T@\\n", out=out)
            out.seek(0)
            entries = sum(1 for _ in out)
        whole = about["files"] + about["dirs"] + 1
        # ours has what is in containers, too
        more = os.path.exists(f"{path}/../../EVIDENCE.txt")
        if entries < whole or (entries > whole and not more):
            raise Failed(f"{path}: find saw {entries} entries of {whole}")
        return seconds

    # ---- on what ----------------------------------------------------------------------

    def on(self, view, work, before=None, cold=False):
        """A sample: mount, `before` (not timed), make cold, `work`."""
        def once():
            if not cold and not self.images_warm:
                warm(self.mounts.disk("raw"), self.mounts.disk("e01"))
                self.images_warm = True
            with view() as path:
                if before:
                    before(path)
                if cold:
                    drop_caches()
                    self.images_warm = False
                return work(path)
        return once

    def check(self, contest, name, view, volume=None):
        """Once for each view: does it deliver what was written? Else it takes no part."""
        key = (name, volume, contest.name.split("-")[0])
        if key not in self.right:
            try:
                self.right[key] = self._check(view, volume)
            except Missing as why:
                self.right[key] = f"n/a: {why}"
            except (Failed, OSError) as why:
                self.right[key] = f"failed: {why}"
        if self.right[key]:
            contest.lacking[name] = self.right[key]

    def _check(self, view, volume):
        about = self.images.disk()
        with view() as path:
            if volume is None:
                got, want = digest_of_file(path), about["digest"]
            else:
                with open(self.list_of(volume), "rb") as f:
                    names = f.read().split(b"\0")[:-1]
                got, want = digest_of_tree(path, names)[0], about[volume]["digest"]
        return None if got == want else "failed: it delivers other bytes than were written"

    def contest_of(self, name, title, views, work, volume=None, **how):
        """Everybody in `views` does `work`, once each has been found right."""
        c = self.contest(name, title)
        for who, view in views.items():
            self.check(c, who, view, volume)
            c.add(who, self.on(view, work, **how))
        return c.run(self.rounds)


# ---- E01 --------------------------------------------------------------------------------


@row("e01-seq", "E01, sequential, 1 MiB reads, one reader")
def e01_seq(b):
    m = b.mounts
    views = {OURS: lambda: m.our_media("e01"), "ewfmount": m.ewfmount, "xmount": m.xmount}
    c = b.contest_of("e01-seq", None, views, b.seq)
    return [c.against("ewfmount", 4).against("xmount", 2.5)]


@row("e01-again", "E01, 32 MiB read a second time")
def e01_again(b):
    m = b.mounts
    views = {OURS: lambda: m.our_media("e01"), "ewfmount": m.ewfmount, "xmount": m.xmount}

    def work(path):
        return b.seq(path, AGAIN_BYTES)

    c = b.contest_of("e01-again", None, views, work, before=work)
    return [c.against("ewfmount", 10).against("xmount", 0)]


@row("e01-random", "E01, 4 KiB random reads, nothing inflated before")
def e01_random(b):
    m = b.mounts
    views = {OURS: lambda: m.our_media("e01"), "ewfmount": m.ewfmount, "xmount": m.xmount}
    for readers, times in ((1, 2), (4, 3.5)):
        c = b.contest_of("e01-random", f"{ROWS['e01-random'][0]}, {readers_of(readers)}", views,
                         lambda path, n=readers: b.scattered(n, path))
        yield c.against("ewfmount", times).against("xmount", 0)


@row("e01-share", "E01, 64 readers at once, 32 sequential and 32 random")
def e01_share(b):
    """How much more than the slowest reader of a kind the mean one gets; and memory."""
    samples = []
    for _ in range(b.rounds):
        mount = b.mounts.service(b.mounts.disk("e01"))
        with mount as top:
            path = f"{top}/disk/image.raw"
            fields = run(b.mounts.programs.tool("bench-load"), "share", 64,
                         SHARE_SECONDS, path).split()
            pids = set().union(*(family_of(pid) for pid in mount.pids))
            samples.append((float(fields[0]), float(fields[1]), memory_of(pids)))
    for i, (title, unit, limit) in enumerate((("the mean sequential reader over the slowest", "x", 2),
                                              ("the mean random reader over the slowest", "x", 2),
                                              ("memory of service and workers", "MiB",
                                               MEMORY_MIB))):
        c = b.contest("e01-share", f"E01, 64 readers: {title}", unit)
        c.put(OURS, [sample[i] for sample in samples])
        yield c.at_most(limit)


def e01_tree(b, name, volume, peer, view, goals):
    views = {OURS: lambda: b.mounts.our_tree("e01", volume), peer: view}
    for readers, times in goals:
        c = b.contest_of(name, f"{ROWS[name][0]}, {readers_of(readers)}", views,
                         lambda path, n=readers: b.tree(n, volume, path), volume)
        yield c.against(peer, times)


@row("e01-tree-ntfs", "E01, read the whole tree, NTFS")
def e01_tree_ntfs(b):
    return e01_tree(b, "e01-tree-ntfs", "ntfs", "ewfmount + ntfs-3g",
                    lambda: b.mounts.ntfs3g("e01"), ((1, 1.5), (4, 2.5)))


@row("e01-tree-ext4", "E01, read the whole tree, ext4")
def e01_tree_ext4(b):
    return e01_tree(b, "e01-tree-ext4", "ext4", "ewfmount + kernel ext4",
                    lambda: b.mounts.kernel_ext4("e01"), ((1, 2.2), (4, 3.5)))


@row("e01-walk-ntfs", "E01, walk the tree, NTFS, cold")
def e01_walk_ntfs(b):
    views = {OURS: lambda: b.mounts.our_tree("e01", "ntfs"),
             "ewfmount + ntfs-3g": lambda: b.mounts.ntfs3g("e01")}
    c = b.contest_of("e01-walk-ntfs", None, views, lambda path: b.walk("ntfs", path), "ntfs",
                     cold=True)
    return [c.against("ewfmount + ntfs-3g", 1)]


# ---- raw ----------------------------------------------------------------------------------


@row("raw-seq-image", "raw, sequential through image.raw, 1 MiB reads")
def raw_seq_image(b):
    size = b.images.disk()["size"]
    views = {OURS: lambda: b.mounts.our_media("raw"), "affuse": b.mounts.affuse}
    c = b.contest("raw-seq-image")
    for who, view in views.items():
        b.check(c, who, view)
        c.add(who, b.on(view, b.seq))
    c.add("empty FUSE", b.on(lambda: b.mounts.null(size, 0), lambda p: b.seq(f"{p}/large")))
    c.run(b.rounds)
    return [c.against("empty FUSE", 0.85).against("affuse", 0)]


@row("raw-seq-file", "raw, sequential through a large file, 1 MiB reads")
def raw_seq_file(b):
    c = b.contest("raw-seq-file")

    def view():
        return b.mounts.our_tree("raw", "ntfs")

    b.check(c, OURS, view, "ntfs")
    c.add(OURS, b.on(view, lambda p: b.seq(f"{p}/large.bin")))
    with view() as path:
        size = os.path.getsize(f"{path}/large.bin")
    c.add("empty FUSE", b.on(lambda: b.mounts.null(size, 0), lambda p: b.seq(f"{p}/large")))
    c.run(b.rounds)
    return [c.against("empty FUSE", 0.85)]


@row("raw-random", "raw, 4 KiB random reads")
def raw_random(b):
    size = b.images.disk()["size"]
    for readers in (1, 4):
        c = b.contest("raw-random", f"{ROWS['raw-random'][0]}, {readers_of(readers)}")
        b.check(c, OURS, lambda: b.mounts.our_media("raw"))
        c.add(OURS, b.on(lambda: b.mounts.our_media("raw"),
                         lambda p, n=readers: b.scattered(n, p, QUICK)))
        c.add("empty FUSE", b.on(lambda: b.mounts.null(size, 0),
                                 lambda p, n=readers: b.scattered(n, f"{p}/large", QUICK)))
        yield c.run(b.rounds).against("empty FUSE", 0)


def raw_tree(b, name, volume, peers):
    """Cold against each peer cold; warm against the peers' warm page cache."""
    views = {OURS: lambda: b.mounts.our_tree("raw", volume), **{p: v for p, v, _ in peers}}
    for readers in (1, 4):
        def work(path, n=readers):
            return b.tree(n, volume, path)

        title = f"{ROWS[name][0]}, {readers_of(readers)}"
        c = b.contest_of(name, f"{title}, cold", views, work, volume, cold=True)
        for peer, _, goals in peers:
            c.against(peer, goals[0])
        yield c
        c = b.contest_of(name, f"{title}, warm", views, work, volume, before=work)
        for peer, _, goals in peers:
            c.against(peer, goals[1])
        yield c


@row("raw-tree-ntfs", "raw, read the whole tree, NTFS")
def raw_tree_ntfs(b):
    return raw_tree(b, "raw-tree-ntfs", "ntfs",
                    [("ntfs-3g", lambda: b.mounts.ntfs3g("raw"), (1, 1 / 1.5))])


@row("raw-tree-ext4", "raw, read the whole tree, ext4")
def raw_tree_ext4(b):
    return raw_tree(b, "raw-tree-ext4", "ext4",
                    [("fuse2fs", lambda: b.mounts.fuse2fs("raw"), (1, 0)),
                     ("kernel ext4", lambda: b.mounts.kernel_ext4("raw"), (0, 0))])


# ---- names -----------------------------------------------------------------------------------


@row("dir-list", "a directory of 100,000 entries, first ls -l")
def dir_list(b):
    b.images.many()
    image = b.images.path("many/many.dd")
    c = b.contest("dir-list")

    def work(path):
        return timed("ls", "-l", path)

    def ours():
        with b.mounts.ours(image) as top:
            return work(f"{top}/p0-ext4/many")

    def null():
        with b.mounts.null(0, DIRECTORY_ENTRIES) as path:
            return work(f"{path}/many")

    c.add(OURS, ours)
    c.add("empty FUSE", null)
    return [c.run(b.rounds).against("empty FUSE", 0.5)]


@row("dir-lookup", "a directory of 100,000 entries, one lookup in it")
def dir_lookup(b):
    b.images.many()
    image = b.images.path("many/many.dd")
    names = os.path.join(b.work, "lookups.list")
    picks = random.Random(7).sample(range(DIRECTORY_ENTRIES), 2000)
    with open(names, "wb") as f:
        f.write(b"".join(b"file-%06d\0" % i for i in picks))
    c = b.contest("dir-lookup")

    def work(path):
        seconds, _, items = b.load("stat", 1, names, path)
        return seconds / items

    def ours():
        with b.mounts.ours(image) as top:
            return work(f"{top}/p0-ext4/many")

    def null():
        with b.mounts.null(0, DIRECTORY_ENTRIES) as path:
            return work(f"{path}/many")

    c.add(OURS, ours)
    c.add("empty FUSE", null)
    return [c.run(b.rounds).against("empty FUSE", 0.5)]


@row("walk-ntfs", "raw, walk with find, NTFS")
def walk_ntfs(b):
    views = {OURS: lambda: b.mounts.our_tree("raw", "ntfs"),
             "ntfs-3g": lambda: b.mounts.ntfs3g("raw")}
    return walks(b, "walk-ntfs", "ntfs", views, {"ntfs-3g": (1, 1)})


@row("walk-ext4", "raw, walk with find, ext4")
def walk_ext4(b):
    views = {OURS: lambda: b.mounts.our_tree("raw", "ext4"),
             "kernel ext4": lambda: b.mounts.kernel_ext4("raw"),
             "fuse2fs": lambda: b.mounts.fuse2fs("raw")}
    return walks(b, "walk-ext4", "ext4", views, {"kernel ext4": (0, 0.5), "fuse2fs": (1, 1)})


def walks(b, name, volume, views, goals):
    def work(path):
        return b.walk(volume, path)

    cold = b.contest_of(name, f"{ROWS[name][0]}, cold", views, work, volume, cold=True)
    hot = b.contest_of(name, f"{ROWS[name][0]}, warm", views, work, volume, before=work)
    for peer, (first, second) in goals.items():
        cold.against(peer, first)
        hot.against(peer, second)
    return [cold, hot]


# ---- the log -----------------------------------------------------------------------------------


@row("log", "the log on against off")
def log(b):
    m = b.mounts
    works = [
        ("E01, sequential", lambda **o: m.our_media("e01", **o), b.seq, None),
        ("E01, 4 KiB random, 4 readers", lambda **o: m.our_media("e01", **o),
         lambda p: b.scattered(4, p), None),
        ("raw, sequential", lambda **o: m.our_media("raw", **o), b.seq, None),
        ("raw, 4 KiB random, 4 readers", lambda **o: m.our_media("raw", **o),
         lambda p: b.scattered(4, p, QUICK), None),
        ("raw, read the tree, NTFS, 1 reader", lambda **o: m.our_tree("raw", "ntfs", **o),
         lambda p: b.tree(1, "ntfs", p), None),
        ("raw, read the tree, NTFS, 4 readers", lambda **o: m.our_tree("raw", "ntfs", **o),
         lambda p: b.tree(4, "ntfs", p), None),
        ("raw, walk, NTFS, warm", lambda **o: m.our_tree("raw", "ntfs", **o),
         lambda p: b.walk("ntfs", p), lambda p: b.walk("ntfs", p)),
    ]
    with tempfile.TemporaryDirectory(prefix="evidencefs-bench.", dir="/dev/shm") as memory:
        for title, view, work, before in works:
            c = b.contest("log", f"{ROWS['log'][0]}: {title}")
            c.add(OURS, b.on(view, work, before))
            c.add("no log", b.on(lambda v=view: v(program=m.programs.nolog()), work, before))
            c.add("log on tmpfs", b.on(lambda v=view: v(state=memory), work, before))
            yield c.run(b.rounds).against("no log", 0.95).against("log on tmpfs", 0)


# ---- ingest --------------------------------------------------------------------------------------


def fresh_state(b):
    return tempfile.TemporaryDirectory(prefix="state.", dir=b.work)


def ingest_once(b, image, entries):
    """Seconds from the command to a tree that can be read, the image never seen before."""
    with fresh_state(b) as state:
        mount = b.mounts.service(image, state=state, options=("--no-hash", "--json"))
        begun = time.perf_counter()
        with mount:
            seconds = time.perf_counter() - begun
    # lines of progress may stand before it
    (found,) = [line for line in mount.said.splitlines() if line.startswith("{")]
    traces = json.loads(found)["traces"]
    if traces < entries:
        raise Failed(f"{image}: {traces} traces for {entries} entries")
    return seconds


@row("ingest", "ingest --no-hash, raw")
def ingest(b):
    about = b.images.disk()
    disk = b.mounts.disk("raw")

    def fls():
        need("fls", "sleuthkit")
        return sum(timed("fls", "-r", "-p", "-l", "-o", about[v]["offset"] // 512, disk)
                   for v in ("ntfs", "ext4"))

    def loaddb():
        need("tsk_loaddb", "sleuthkit")
        with fresh_state(b) as folder:
            return timed("tsk_loaddb", "-d", f"{folder}/tsk.db", disk)

    c = b.contest("ingest")
    warm(disk)
    entries = sum(about[v][kind] for v in ("ntfs", "ext4") for kind in ("files", "dirs"))
    c.add(OURS, lambda: ingest_once(b, disk, entries))
    c.add("fls -r -p -l", fls)
    c.add("tsk_loaddb", loaddb)
    return [c.run(b.rounds).against("tsk_loaddb", 10).against("fls -r -p -l", 1)]


@row("ingest-odd", "a directory of a million names; a file of 65,000 runs")
def ingest_odd(b):
    entries = b.images.million()["entries"]
    b.images.runs()
    for title, image, least in (
            (f"ingest, a directory of {entries:,} names", "million/million.dd", entries),
            (f"ingest, a file of {RUNS:,} runs", "runs/runs.dd", 1)):
        path = b.images.path(image)
        c = b.contest("ingest-odd", title)
        warm(path)
        c.add(OURS, lambda p=path, n=least: ingest_once(b, p, n))
        yield c.run(b.rounds).at_most(SECONDS_ENOUGH)


@row("ingest-hash", "ingest with all hashes, E01")
def ingest_hash(b):
    disk = b.mounts.disk("e01")
    name = "disk"

    def ours():
        with fresh_state(b) as state:
            mount = b.mounts.service(disk, state=state, options=())
            begun = time.perf_counter()
            with mount as path:
                def done():
                    text = read_text(f"{path}/{name}/EVIDENCE.txt")
                    if "FAILED" in text:
                        raise Failed("hashing failed: " + text)
                    return "hashing is complete" in text

                wait_until(done, 3600, "hashing")
                return time.perf_counter() - begun

    def verify():
        need("ewfverify", "ewf-tools")
        return timed("ewfverify", "-q", disk)

    c = b.contest("ingest-hash")
    warm(disk)
    c.add(OURS, ours)
    c.add("ewfverify", verify)
    return [c.run(b.rounds).against("ewfverify", 1)]


@row("extract", "copy the NTFS tree out of the raw disk, to memory")
def extract(b):
    about = b.images.disk()["ntfs"]
    disk = b.mounts.disk("raw")
    if about["bytes"] * 1.2 > shutil.disk_usage("/dev/shm").free:
        raise Missing("/dev/shm has no room for the tree")

    def checked(root):
        with open(b.list_of("ntfs"), "rb") as f:
            names = f.read().split(b"\0")[:-1]
        if digest_of_tree(root, names)[0] != about["digest"]:
            raise Failed("other bytes than were written")

    def ours():
        with tempfile.TemporaryDirectory(prefix="evidencefs-bench.", dir="/dev/shm") as out, \
                b.mounts.our_tree("raw", "ntfs") as tree:
            seconds = timed("cp", "-r", tree, out)
            checked(f"{out}/data")
            return seconds

    def recover():
        need("tsk_recover", "sleuthkit")
        with tempfile.TemporaryDirectory(prefix="evidencefs-bench.", dir="/dev/shm") as out:
            seconds = timed("tsk_recover", "-a", "-o", about["offset"] // 512, disk, out)
            checked(f"{out}/data")
            return seconds

    c = b.contest("extract")
    warm(disk)
    c.add(OURS, ours)
    c.add("tsk_recover", recover)
    return [c.run(b.rounds).against("tsk_recover", 0)]


# ---- scale ---------------------------------------------------------------------------------------


def made_index(b, files, kind="raw", size=(8 << 40) - (64 << 20)):
    """(image, state, about) of an empty disk with an index of `files` made-up files."""
    name = f"made-{files}" if kind == "raw" else f"made-{kind}-{files}"
    image = f"{b.images.path(name)}/image." + ("dd" if kind == "raw" else "E01")

    def make(out):
        raw = f"{out}/image.dd"
        with open(raw, "wb") as f:
            f.truncate(size)
        run("sgdisk", "-n", "1:2048:0", raw)
        if kind == "e01":
            run(b.mounts.programs.tool("bench-ewf"), raw, image)
            os.unlink(raw)
        with b.mounts.service(image, state=f"{out}/state"):
            pass
        folder = f"{out}/state/evidence"
        (key,) = [n for n in os.listdir(folder) if os.path.isdir(f"{folder}/{n}")]
        seconds = timed(b.mounts.programs.tool("bench-index"), files, f"{folder}/{key}")
        return {"seconds": seconds, "index": os.path.getsize(f"{folder}/{key}/volume-0.idx")}

    about = b.images.kept(name, make)
    return image, f"{b.images.path(name)}/state", about


def picked(files):
    """100 directories of 100 files, and 20 files of each: the same work at every size."""
    rng = random.Random(files)
    dirs = sorted(rng.sample(range(files // 100), 100))
    folders = [b"d%07d/d%07d" % (d // 100, d) for d in dirs]
    names = [folder + b"/f%07d" % (d * 100 + i)
             for d, folder in zip(dirs, folders) for i in rng.sample(range(100), 20)]
    rng.shuffle(names)
    return folders, names


def lists_of(b, files):
    """The files that have what is picked."""
    paths = [os.path.join(b.work, f"{files}.{kind}") for kind in ("dirs", "files")]
    for path, names in zip(paths, picked(files)):
        with open(path, "wb") as f:
            f.write(b"".join(name + b"\0" for name in names))
    return paths


def scale_sample(b, image, state, lists):
    """One mount: seconds to mount, per lookup, per open-read-close, per listed entry; MiB."""
    mount = b.mounts.service(image, state=state)
    begun = time.perf_counter()
    with mount as path:
        mounted = time.perf_counter() - begun
        root = f"{path}/image/made"
        wait_until(lambda: "not hashed" in read_text(f"{path}/image/EVIDENCE.txt"), 600,
                   "the check of the index")
        b.load("stat", 1, lists[0], root)
        seconds, _, items = b.load("stat", 1, lists[1], root)
        lookup = seconds / items
        seconds, _, items = b.load("head", 1, lists[1], root)
        read = seconds / items
        with open(lists[0], "rb") as f:
            folders = [os.path.join(root, n.decode()) for n in f.read().split(b"\0")[:-1]]
        listed = timed("find", *folders, "-printf", "%s\n") / 10000
        pids = set().union(*(family_of(pid) for pid in mount.pids))
        return mounted, lookup, read, listed, memory_of(pids)


@row("scale", "made-up indexes of 10 thousand to 10 million traces")
def scale(b):
    sizes = [10 ** 4, 10 ** 5, 10 ** 6] + ([] if b.images.small else [10 ** 7])
    need("sgdisk", "gdisk")
    places = {files: made_index(b, files) for files in sizes}
    samples = {files: [] for files in sizes}
    lists = {files: lists_of(b, files) for files in sizes}
    for _ in range(b.rounds):
        for files in sizes:
            samples[files].append(scale_sample(b, *places[files][:2], lists[files]))
    most, least = f"{sizes[-1]:,} traces", f"{sizes[0]:,} traces"
    measures = (("mount of an indexed image", "s"), ("one lookup", "s"),
                ("open, 4 KiB read, close", "s"), ("one entry of a listing", "s"),
                ("memory of service and workers", "MiB"))
    for i, (title, unit) in enumerate(measures):
        c = b.contest("scale", title, unit)
        for files in sizes:
            c.put(f"{files:,} traces", [sample[i] for sample in samples[files]])
        if i == 0:
            c.at_most(MOUNT_SECONDS, most)
        elif unit == "MiB":
            c.at_most(MEMORY_MIB, most)
        else:
            c.against(least, FLAT, most)
        yield c
    c = b.contest("scale", "building the index: the ingest's writer alone, per trace")
    for files in sizes:
        c.put(f"{files:,} traces", [places[files][2]["seconds"] / files])
        size = places[files][2]["index"] / MIB
        c.note(f"{files:,} traces: index of {size:.0f} MiB")
    yield c.against(least, FLAT, most)


@row("scale-e01", "an E01 of 8 TB (15 GB on the disk) with 10 million traces")
def scale_e01(b):
    need("sgdisk", "gdisk")
    files, size = (10 ** 5, 80 * 10 ** 9) if b.images.small else (10 ** 7, 8 * 10 ** 12)
    image, state, _ = made_index(b, files, "e01", size)
    lists = lists_of(b, files)
    samples = [scale_sample(b, image, state, lists) for _ in range(b.rounds)]
    c = b.contest("scale-e01", "memory of service and workers", unit="MiB")
    c.put(OURS, [sample[4] for sample in samples])
    yield c.at_most(MEMORY_MIB)
    c = b.contest("scale-e01", "mount of the indexed image")
    c.put(OURS, [sample[0] for sample in samples])
    yield c.at_most(MOUNT_SECONDS)


@row("revoke", "policy change and revocation at 100,000 cached nodes")
def revoke(b):
    b.images.many()
    granted, samples = [], []
    with Team(b.mounts.programs, b.work) as team:
        team.ask(None, "case", "create", "c1", "--owner", OWNER)
        team.ask(None, "add", "c1", b.images.path("many/many.dd"))
        team.ask(OWNER, "release", "c1", "many", "--reason", "bench")
        for _ in range(b.rounds):
            begun = time.perf_counter()
            grant = team.ask(OWNER, "grant", "c1", ANALYST, "many", "--role", "analyst",
                             "--reason", "bench")
            granted.append(time.perf_counter() - begun)
            watcher, names = team.watch("c1", "many", "p0-ext4/many")
            if names != DIRECTORY_ENTRIES:
                raise Failed(f"the analyst sees {names} names")
            samples.append(revocation(lambda g=grant: team.ask(
                OWNER, "revoke", "c1", g, "--reason", "bench"), watcher))
    measures = (("a grant: the command", granted), ("revoked: an open file is refused",
                [s[0] for s in samples]), ("revoked: a name that the kernel knew is gone",
                [s[1] for s in samples]), ("revoked: the command", [s[2] for s in samples]))
    for title, seconds in measures:
        c = b.contest("revoke", title)
        c.put(OURS, seconds)
        yield c.at_most(1)
