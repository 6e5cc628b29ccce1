#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""archives.py - archives that are hard to read, and what others find in archives

  archives.py hostile FOLDER          makes archives with names that lead elsewhere, stand twice, cannot be
  archives.py bombs FOLDER            makes some that expand without end
  archives.py same SHOWN FOLDER       for each archive in FOLDER that bsdtar extracts: what stands in
                                      SHOWN/NAME.d has every one of its contents; else says which lack
"""
import collections
import gzip
import hashlib
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import warnings
import zipfile

NAMES = ["../../up", "/absolute", "a/../b", "twice", "twice", "a//c", "./d", "new\nline", "n" * 255, "n" * 300,
         "a/" * 300 + "deep", "..", "x/..", "tab\there", "twice/below"]


def hostile(folder):
    warnings.simplefilter("ignore")  # of names that stand twice
    with tarfile.open(os.path.join(folder, "hostile.tar"), "w", format=tarfile.PAX_FORMAT) as t:
        for i, name in enumerate(NAMES):
            info = tarfile.TarInfo(name)
            body = b"body %d\n" % i
            info.size = len(body)
            t.addfile(info, io.BytesIO(body))
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        t.addfile(link)
        hard = tarfile.TarInfo("hard")
        hard.type, hard.linkname = tarfile.LNKTYPE, "twice"
        t.addfile(hard)
        fifo = tarfile.TarInfo("fifo")
        fifo.type = tarfile.FIFOTYPE
        t.addfile(fifo)
    with zipfile.ZipFile(os.path.join(folder, "hostile.zip"), "w") as z:
        for i, name in enumerate(NAMES):
            z.writestr(zipfile.ZipInfo(name), "body %d\n" % i)
    with zipfile.ZipFile(os.path.join(folder, "many.zip"), "w") as z:
        for i in range(2000):
            z.writestr(zipfile.ZipInfo("same"), "%d" % i)


def bombs(folder):
    zeros = gzip.compress(bytes(64 << 20), 6)
    with open(os.path.join(folder, "bomb.gz"), "wb") as f:
        for _ in range(24):
            f.write(zeros)
    inner = b"x" * 100
    for _ in range(9):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("1.zip", inner)
            z.writestr("2.zip", inner)
        inner = out.getvalue()
    with open(os.path.join(folder, "deep.zip"), "wb") as f:
        f.write(inner)


def contents(top, shown):
    """How often each content is there; None stands for what cannot be read."""
    found = collections.Counter()
    for folder, folders, files in os.walk(os.fsencode(top)):
        if shown:
            folders[:] = [d for d in folders if not (d.endswith(b".d") and d[:-2] in files)]
        for name in files:
            path = os.path.join(folder, name)
            if not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            try:
                with open(path, "rb") as f:
                    found[hashlib.sha256(f.read()).hexdigest()] += 1
            except OSError:
                found[None] += 1
    return found


def extract(path, to):
    try:
        r = subprocess.run(["bsdtar", "-xf", path, "-C", to, "--no-same-permissions", "--no-same-owner", "--passphrase", "x"],
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    except subprocess.TimeoutExpired:
        return False
    subprocess.run(["chmod", "-R", "u+rwX", to], check=False)
    return r.returncode == 0


# parts of one archive in several files; zips behind what is no program
BUT = {"test_read_format_rar5_multiarchive.part01.rar", "test_read_format_rar5_multiarchive_solid.part01.rar",
       "test_read_format_zip_padded1.zip", "test_read_format_zip_padded2.zip", "test_read_format_zip_padded3.zip"}


def same(shown, folder):
    good = bad = 0
    for name in sorted(set(os.listdir(folder)) - BUT):
        path = os.path.join(folder, name)
        with tempfile.TemporaryDirectory() as to:
            if not os.path.isfile(path) or not extract(path, to):
                continue
            want = contents(to, False)
        if not want:
            continue
        at = os.path.join(shown, name + ".d")
        lack = want - contents(at, True) if os.path.isdir(at) else want
        if lack:
            bad += 1
            print("%r: %d of %d contents are not there" % (name, sum(lack.values()), sum(want.values())))
        else:
            good += 1
    print("%d archives as bsdtar has them, %d not" % (good, bad))
    return bad > 0 or good == 0


if __name__ == "__main__":
    sys.exit({"hostile": hostile, "bombs": bombs, "same": same}[sys.argv[1]](*sys.argv[2:]))
