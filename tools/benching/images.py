# SPDX-License-Identifier: Apache-2.0
"""The images: made once, kept in the cache, with what is known to be in them.

The disk has an NTFS and an ext4 volume with a tree `data` each: files of /usr of this
machine, made-up files of the compressibility that text, databases and pictures have,
and one large file. What was written is the truth that every mount is compared with:
a digest of the whole disk, and one of every path with its contents.
"""
import hashlib
import json
import os
import random
import shutil
import stat

from .machine import Failed, Loop, Mount, need, need_root, remove_folder, run

VERSION = 1  # of the images: another one is made anew
MIB = 1 << 20
SECTOR = 512
FIRST_BYTE = MIB
POOL = 16 * MIB

# volume MiB, files, MiB of contents, MiB of the large file
FULL = {"ntfs": (2048, 58000, 1650, 256), "ext4": (1408, 44000, 1050, 192)}
SMALL = {"ntfs": (176, 4600, 120, 24), "ext4": (128, 3500, 80, 16)}

DIRECTORY_ENTRIES = 100000
RUNS = 65000


def digest_of_tree(root, names):
    """One digest over paths and contents; also the bytes read."""
    total = hashlib.sha256()
    size = 0
    for name in names:
        one = hashlib.sha256()
        with open(os.path.join(os.fsencode(root), name), "rb", buffering=0) as f:
            while block := f.read(MIB):
                one.update(block)
                size += len(block)
        total.update(name + b"\0" + one.digest())
    return total.hexdigest(), size


def digest_of_file(path):
    with open(path, "rb", buffering=0) as f:
        total = hashlib.sha256()
        while block := f.read(4 * MIB):
            total.update(block)
    return total.hexdigest()


def names_below(root):
    """Regular files as paths below `root`, and how many directories; both sorted by path."""
    files, dirs = [], 0
    base = os.fsencode(root)
    for folder, subs, names in os.walk(base):
        subs.sort()
        dirs += len(subs)
        files += [os.path.relpath(os.path.join(folder, name), base) for name in names]
    return sorted(files), dirs


# ---- contents ----------------------------------------------------------------------------


def _pools(rng):
    """Bytes to cut made-up files from: text, tables, pictures."""
    words = ["".join(rng.choices("etaoinshrdlucmfwypvbgk", k=rng.randint(2, 9)))
             for _ in range(4000)]
    text = " ".join(rng.choices(words, k=POOL // 7)).encode()
    table = b"".join(rng.randrange(1 << 22).to_bytes(8, "little") + b"\0" * 8 +
                     rng.choice(words).encode().ljust(16) for _ in range(POOL // 32))
    return [text, table, rng.randbytes(POOL)]


def _real_files(rng, count, size):
    """Files of this machine, whole directories at a time; the same as long as /usr is."""
    folders = []
    for folder, subs, names in os.walk("/usr"):
        subs.sort()
        found = []
        for name in sorted(names):
            path = os.path.join(folder, name)
            info = os.lstat(path)
            if stat.S_ISREG(info.st_mode) and 0 < info.st_size <= 2 * MIB and path.isprintable():
                found.append((path, info.st_size))
        folders.append(found)
    rng.shuffle(folders)
    taken = []
    for path, length in (one for found in folders for one in found):
        if len(taken) == count or size <= 0:
            break
        taken.append(path)
        size -= length
    return taken


def fill(root, count, size, large, seed):
    """Write a tree of `count` files and about `size` bytes to `root`/data."""
    rng = random.Random(seed)
    pools = _pools(rng)
    data = os.path.join(root, "data")
    real = _real_files(rng, count // 2, (size - large) // 2)
    left = size - large
    for path in real:
        to = os.path.join(data, path[1:])
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copyfile(path, to)
        left -= os.path.getsize(to)
    made = count - len(real) - 1
    lengths = [rng.lognormvariate(8.5, 1.5) for _ in range(made)]
    scale = max(left, made * 512) / sum(lengths)
    for i, length in enumerate(lengths):
        pool = pools[rng.choices((0, 1, 2), (5, 3, 2))[0]]
        length = min(int(length * scale), POOL // 2)
        begin = rng.randrange(len(pool) - length)
        to = os.path.join(data, "made", f"{i // 400:03d}", f"document {i:05d}.bin")
        if i % 400 == 0:
            os.makedirs(os.path.dirname(to))
        with open(to, "wb") as f:
            f.write(pool[begin:begin + length])
    with open(os.path.join(data, "large.bin"), "wb") as f:
        for i in range(large // (4 * MIB)):
            pool = pools[i % 3]
            begin = rng.randrange(len(pool) - 4 * MIB)
            f.write(pool[begin:begin + 4 * MIB])


# ---- volumes and the disk -----------------------------------------------------------------


def _truth(tree, out, kind):
    names, dirs = names_below(tree)
    digest, size = digest_of_tree(tree, names)
    with open(os.path.join(out, f"{kind}.list"), "wb") as f:
        f.write(b"".join(name + b"\0" for name in names))
    return {"files": len(names), "dirs": dirs, "bytes": size, "digest": digest}


def _make_ntfs(out, spec):
    need("mkntfs", "ntfs-3g")
    need_root("writing the NTFS volume (ntfs-3g)")
    mib, count, contents, large = spec
    volume = os.path.join(out, "ntfs.part")
    with open(volume, "wb") as f:
        f.truncate(mib * MIB)
    run("mkntfs", "-Q", "-F", "-q", "-s", SECTOR, "-p", FIRST_BYTE // SECTOR,
        "-H", 255, "-S", 63, volume)
    with Mount(["ntfs-3g", volume, os.path.join(out, "ntfs.mnt")], f"{out}/ntfs.mnt") as tree:
        fill(tree, count, contents * MIB, large * MIB, "ntfs")
        return volume, _truth(f"{tree}/data", out, "ntfs")


def _make_ext4(out, spec):
    need("mke2fs", "e2fsprogs")
    mib, count, contents, large = spec
    volume = os.path.join(out, "ext4.part")
    tree = os.path.join(out, "ext4.tree")
    os.mkdir(tree)
    fill(tree, count, contents * MIB, large * MIB, "ext4")
    truth = _truth(f"{tree}/data", out, "ext4")
    inodes = truth["files"] + truth["dirs"] + 1000
    run("mke2fs", "-q", "-t", "ext4", "-b", 4096, "-N", inodes, "-E", "root_owner=0:0",
        "-d", tree, volume, f"{mib}M")
    shutil.rmtree(tree)
    return volume, truth


def _join(parts, disk):
    """A GPT disk of volume images, one behind the other."""
    need("sgdisk", "gdisk")
    at = FIRST_BYTE
    places = []
    for volume in parts:
        places.append((at, os.path.getsize(volume)))
        at += os.path.getsize(volume)
    with open(disk, "wb", buffering=0) as f:
        f.truncate(at + MIB)
        for volume, (offset, size) in zip(parts, places):
            with open(volume, "rb", buffering=0) as v:
                f.seek(offset)
                done = 0
                while done < size:
                    done += os.sendfile(f.fileno(), v.fileno(), done, size - done)
    cmd = ["sgdisk", "-a", "1"]
    for n, (offset, size) in enumerate(places, 1):
        cmd += ["-n", f"{n}:{offset // SECTOR}:{(offset + size) // SECTOR - 1}"]
    run(*cmd, disk)
    return places


def acquire(disk, prefix):
    need("ewfacquire", "ewf-tools")
    run("ewfacquire", "-q", "-u", "-t", prefix, "-f", "encase6", "-c", "fast", "-S", "7EiB",
        "-m", "fixed", "-M", "physical", "-C", "c", "-D", "d", "-e", "e", "-E", "1", "-N", "n",
        disk)
    return f"{prefix}.E01"


def _make_disk(out, sizes):
    ntfs, ntfs_truth = _make_ntfs(out, sizes["ntfs"])
    ext4, ext4_truth = _make_ext4(out, sizes["ext4"])
    disk = os.path.join(out, "disk.dd")
    places = _join([ntfs, ext4], disk)
    os.unlink(ntfs)
    os.unlink(ext4)
    acquire(disk, os.path.join(out, "disk"))
    return {
        "size": os.path.getsize(disk),
        "packed": os.path.getsize(os.path.join(out, "disk.E01")),
        "digest": digest_of_file(disk),
        "ntfs": dict(ntfs_truth, offset=places[0][0], length=places[0][1], shown="p1-ntfs"),
        "ext4": dict(ext4_truth, offset=places[1][0], length=places[1][1], shown="p2-ext4"),
    }


# ---- single volumes with one odd thing ------------------------------------------------------


def _make_on_ext4(out, name, mib, options, write):
    """A file system without partition table, filled by `write(root)` through the kernel."""
    need_root("filling ext4 through the kernel")
    volume = os.path.join(out, name)
    run("mke2fs", "-q", "-t", "ext4", *options, volume, f"{mib}M")
    path = f"{out}/{name}.mnt"
    with Loop(volume, writable=True) as device, \
            Mount(["mount", "-t", "ext4", device, path], path) as root:
        write(root)


def _make_many(out, name, count):
    def write(root):
        os.mkdir(f"{root}/many")
        top = os.open(f"{root}/many", os.O_RDONLY)
        for i in range(count):
            os.close(os.open(f"file-{i:06d}", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=top))
        os.close(top)

    inodes = count + count // 10
    options = ["-b", "4096", "-I", "128", "-N", str(inodes)]
    _make_on_ext4(out, name, 64 + inodes * 3 // 8192, options, write)
    return {"entries": count}


def _make_runs(out, name, count):
    def write(root):
        block = b"run " * 256
        with open(f"{root}/runs.bin", "wb", buffering=0) as f:
            for i in range(count):
                os.pwrite(f.fileno(), block, 2 * i * len(block))

    _make_on_ext4(out, name, 32 + count // 512, ["-b", "1024"], write)
    return {"runs": count}


# ---- the cache ---------------------------------------------------------------------------------


class Images:
    """What is made so far, below the cache directory. Each is made when first asked for."""

    def __init__(self, cache, small, say):
        self.small = small
        self.dir = os.path.join(cache, f"{'small' if small else 'full'}-{VERSION}")
        self.say = say
        self.failed = {}
        os.makedirs(self.dir, exist_ok=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def kept(self, kind, make):
        """What `make(folder)` said when it made the folder of this kind; made once."""
        out = self.path(kind)
        about = os.path.join(out, "about.json")
        if kind in self.failed:
            raise self.failed[kind]
        if not os.path.exists(about):
            self.say(f"making the image {kind} in {out}")
            if os.path.exists(out):
                remove_folder(out)  # begun, and not finished
            os.makedirs(out)
            try:
                known = make(out)
            except (Failed, OSError) as why:
                self.failed[kind] = Failed(f"making the image {kind}: {why}")
                raise self.failed[kind] from None
            with open(about, "w", encoding="utf-8") as f:
                json.dump(known, f)
        with open(about, encoding="utf-8") as f:
            return json.load(f)

    def disk(self):
        """disk/disk.dd, disk/disk.E01, disk/{ntfs,ext4}.list"""
        return self.kept("disk", lambda out: _make_disk(out, SMALL if self.small else FULL))

    def many(self):
        """many/many.dd: a directory of 100,000 entries"""
        return self.kept("many", lambda out: _make_many(out, "many.dd", DIRECTORY_ENTRIES))

    def million(self):
        """million/million.dd: a directory of a million names"""
        count = 200000 if self.small else 1000000
        return self.kept("million", lambda out: _make_many(out, "million.dd", count))

    def runs(self):
        """runs/runs.dd: a file of 65,000 runs"""
        return self.kept("runs", lambda out: _make_runs(out, "runs.dd", RUNS))
