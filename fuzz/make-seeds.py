#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-seeds.py WORK CORPUS [KIND]...: small volumes of each kind, packed as inputs (sparse.h)

Needs e2fsprogs, dosfstools, mtools, exfatprogs, ntfs-3g (and /dev/fuse), makefs, xorriso,
genisoimage, mkapfs (apfsprogs) and sfdisk. WORK is an empty folder for images; an input goes to
CORPUS/KIND/seed-NAME. YAFFS2 has no maker: its volume is written here.
"""
import os
import pathlib
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pack  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
UPCASE = struct.pack("<8H", *range(8))  # how NTFS' $UpCase begins, 128 KiB that nothing reads
os.environ["PATH"] += ":/sbin:/usr/sbin"


def run(command):
    subprocess.run(["bash", "-euc", command], check=True, stdout=subprocess.DEVNULL)


def make_tree():
    run("""mkdir -p tree/sub/deeper tree/empty
        printf 'some words\\n' >tree/short.txt
        : >tree/nothing
        seq 1 900 >tree/sub/numbers.txt
        head -c 3000 /dev/zero | tr '\\0' x >tree/sub/deeper/x.bin
        printf 'name\\n' >"tree/sub/a name that is rather long for eight and three.text"
        printf 'umlaut\\n' >tree/sub/Grüße.txt
        ln -s ../short.txt tree/sub/link
        ln tree/short.txt tree/sub/hard
        mkfifo tree/fifo
        truncate -s 40000 tree/sparse; echo end >>tree/sparse
        find tree -exec touch -h -d '2024-03-05 08:31:10' {} +
        cp -r tree plain; rm plain/fifo plain/sub/link""")


def seed(corpus, kind, name, image, flags=0, drop=(), keep_fill=False):
    data = pathlib.Path(image).read_bytes()
    drop = list(drop)
    at = data.find(UPCASE)
    if kind == "ntfs" and at >= 0:
        drop.append((at, at + 131072))
    folder = pathlib.Path(corpus) / kind
    folder.mkdir(parents=True, exist_ok=True)
    out = pack.pack(data, flags, drop, keep_fill)
    (folder / f"seed-{name}").write_bytes(out)
    print(f"{kind}/seed-{name}: {len(out)} bytes")


def ext(corpus):
    kinds = {"ext2": "-t ext2 -b 1024 -I 128", "ext3": "-t ext3 -b 1024 -J size=1",
             "ext4": "-t ext4 -b 1024 -O ^has_journal",
             "ext4-inline": "-t ext4 -b 4096 -I 256 -O inline_data,^has_journal,^metadata_csum",
             "ext4-bigalloc": "-t ext4 -b 1024 -O bigalloc,^has_journal,^resize_inode -C 4096"}
    for name, options in kinds.items():
        size = "3M" if name == "ext3" else "1M"
        run(f"""rm -f e.img; truncate -s {size} e.img
            mke2fs -q -F {options} -N 64 -d tree e.img
            printf 'a value' >value
            debugfs -w -f - e.img >/dev/null 2>&1 <<'END' || true
            ea_set -f value short.txt user.one
            ea_set -f value sub user.two
            rm sub/numbers.txt
            symlink long {'l' * 90}
            mknod dev c 4 5
END""")
        seed(corpus, "ext", name, "e.img", 2 if name == "ext2" else 0)
    run("""rm -rf many e.img; mkdir many; for i in {1..120}; do : >many/"name number $i"; done
        truncate -s 1M e.img; mke2fs -q -F -t ext4 -b 1024 -O ^has_journal -N 160 -d many e.img
        e2fsck -fyD e.img >/dev/null 2>&1 || true""")
    seed(corpus, "ext", "ext4-index", "e.img")
    # what is told as places: sums over names and attributes, a block of attributes, what was deleted
    run("""rm -f e.img; truncate -s 1M e.img
        mke2fs -q -F -t ext4 -b 1024 -I 256 -O metadata_csum,^has_journal -N 160 -d many e.img
        e2fsck -fyD e.img >/dev/null 2>&1 || true
        head -c 500 /dev/zero | tr '\\0' v >value
        debugfs -w -f - e.img >/dev/null 2>&1 <<'END' || true
        ea_set -f value "/name number 1" user.large
        ea_set "/name number 2" user.small v
        rm "/name number 3"
END""")
    seed(corpus, "ext", "ext4-sums", "e.img")


def fat(corpus):
    for bits, size, options in (12, "512K", "-s 1"), (16, "2300K", "-s 1"), (32, "33M", "-s 1"):
        run(f"""rm -f f.img; truncate -s {size} f.img; mkfs.vfat -F {bits} {options} f.img
            mcopy -i f.img -s -m plain/* ::
            mcopy -i f.img -m plain/short.txt "::a name of more than one hundred and ninety-five {'characters ' * 15}.txt"
            mdel -i f.img ::sub/numbers.txt
            mdeltree -i f.img ::sub/deeper""")
        if bits == 32:
            # cut off behind its files: a whole one is large
            with open("f.img", "r+b") as f:
                f.truncate(700 << 10)
                f.seek(32)
                f.write(struct.pack("<I", 1400))
        seed(corpus, "fat", f"fat{bits}", "f.img", 2 if bits == 12 else 0)


def exfat(corpus):
    for name, size, options in ("small", "1M", "-c 4K -b 4K"), ("large", "9M", "-c 32K -b 64K"):
        run(f"""rm -f x.img; truncate -s {size} x.img; mkfs.exfat {options} -L lab x.img
            python3 {HERE}/../tests/helpers/fill_exfat.py x.img plain""")
        seed(corpus, "exfat", name, "x.img", 2 if name == "small" else 0)
        data = bytearray(pathlib.Path("x.img").read_bytes())
        at = data.index("numbers.txt".encode("utf-16-le")) - 2
        for i in range(at - 64, at + 32, 32):  # deleted
            data[i] &= 0x7F
        pathlib.Path("x.img").write_bytes(data)
        seed(corpus, "exfat", f"{name}-deleted", "x.img")


def ntfs(corpus):
    run("""rm -f n.img; truncate -s 1536K n.img; mkntfs -q -Q -F -c 1024 -L lab n.img >/dev/null 2>&1
        mkdir -p mnt; ntfs-3g -o streams_interface=xattr,compression n.img mnt
        cp -r plain/. mnt/
        mkdir mnt/packed; setfattr -h -v 0x00000800 -n system.ntfs_attrib_be mnt/packed
        head -c 20000 /dev/zero | tr '\\0' y >mnt/packed/y.bin
        seq 1 3000 >mnt/packed/numbers
        setfattr -n user.stream -v words mnt/short.txt
        setfattr -n user.stream -v words mnt/sub
        for i in {1..60}; do : >mnt/sub/deeper/"name number $i"; done
        ln -s short.txt mnt/link
        rm mnt/sub/numbers.txt; rm -r mnt/empty
        umount mnt; sync n.img""")
    seed(corpus, "ntfs", "filled", "n.img")
    # a list of attributes, hard links, a large index of which most is deleted
    run("""rm -f n.img; truncate -s 1536K n.img; mkntfs -q -Q -F -c 1024 n.img >/dev/null 2>&1
        ntfs-3g -o streams_interface=windows n.img mnt
        printf words >mnt/file
        for i in {1..12}; do printf words >"mnt/file:stream number $i"; ln mnt/file "mnt/link number $i"; done
        mkdir mnt/large; for i in {1..90}; do : >mnt/large/"name number $i"; done
        umount mnt; ntfs-3g n.img mnt; rm mnt/large/*[1-8]; umount mnt; sync n.img""")
    seed(corpus, "ntfs", "lists", "n.img")
    run("""rm -f n.img; truncate -s 3M n.img; mkntfs -q -Q -F -c 4096 n.img >/dev/null 2>&1
        ntfscp -f n.img plain/sub/numbers.txt numbers.txt
        ntfscp -f -N stream n.img plain/short.txt numbers.txt""")
    seed(corpus, "ntfs", "small", "n.img", 2)


def hfsplus(corpus):
    run("""rm -f h.iso; xorriso -as mkisofs -quiet -r -hfsplus -V volume -o h.iso tree 2>/dev/null""")
    data = pathlib.Path("h.iso").read_bytes()
    at = next(i for i in range(0, len(data) - 1028, 512) if data[i + 1024:i + 1028] == b"H+\0\4")
    pathlib.Path("h.img").write_bytes(data[at:])
    seed(corpus, "hfsplus", "xorriso", "h.img")
    run("""rm -f h.iso; xorriso -as mkisofs -quiet -r -hfsplus -V v -o h.iso many 2>/dev/null"""
        if os.path.isdir("many") else "true")


def iso9660(corpus):
    run("mkdir -p nest/1/2/3/4/5/6/7/8/9; echo x >nest/1/2/3/4/5/6/7/8/9/x")
    makers = {"rock": "xorriso -as mkisofs -quiet -r -V lab -o i.iso tree",
              "joliet": "genisoimage -quiet -J -o i.iso plain",
              "both": "genisoimage -quiet -r -J -l -o i.iso tree",
              "plain": "genisoimage -quiet -o i.iso plain",
              "deep": "genisoimage -quiet -r -o i.iso nest"}
    for name, command in makers.items():
        run(f"rm -f i.iso; {command} 2>/dev/null")
        seed(corpus, "iso9660", name, "i.iso", 2 if name == "deep" else 0)


def ufs(corpus):
    for version in "12":
        for order in "le", "be":
            run(f"rm -f u.img; makefs -t ffs -B {order} -s 1m -o version={version},bsize=8192,fsize=1024 u.img tree")
            seed(corpus, "ufs", f"ufs{version}-{order}", "u.img", 2 if version + order == "1le" else 0)


def apfs(corpus):
    # smaller ones are not made; what it writes stands at the beginning
    run("rm -f a.img; truncate -s 512M a.img; mkapfs -L made a.img >/dev/null 2>&1; truncate -s 88M a.img")
    seed(corpus, "apfs", "mkapfs", "a.img")


class Yaffs:
    """Pages of 2,048 bytes and 64 of tags, in blocks of 64 pages."""

    def __init__(self):
        self.pages = []

    def page(self, data, object_id, chunk, used):
        tags = struct.pack("<IIII", 0x1000 + len(self.pages) // 64, object_id, chunk, used)
        self.pages.append(data.ljust(2048, b"\xff") + tags.ljust(64, b"\xff"))

    def header(self, object_id, kind, parent, name, size=0, target=b"", same=0):
        head = struct.pack("<IIH256sH", kind, parent, 0xffff, name, 0xffff)
        mode = {1: 0o100644, 2: 0o120777, 3: 0o040755, 4: 0, 5: 0o010644}[kind]
        head += struct.pack("<IIIIIIII", mode, 1, 2, 1700000000, 1700000001, 1700000002, size, same)
        head += target.ljust(160, b"\0") + struct.pack("<I", 0)
        self.page(head, object_id, 0, 0xffff)

    def file(self, object_id, parent, name, data):
        self.header(object_id, 1, parent, name)
        for i in range(0, len(data), 2048):
            piece = data[i:i + 2048]
            self.page(piece, object_id, 1 + i // 2048, len(piece))
        self.header(object_id, 1, parent, name, len(data))


def yaffs2(corpus):
    y = Yaffs()
    y.header(1, 3, 1, b"")
    y.header(257, 3, 1, b"sub")
    y.file(258, 1, b"short.txt", b"some words\n")
    y.file(259, 257, b"long.txt", b"words " * 900)
    y.header(260, 2, 257, b"link", target=b"../short.txt")
    y.header(261, 4, 1, b"hard", same=258)
    y.header(262, 5, 1, b"fifo")
    y.file(263, 257, b"gone.txt", b"gone\n")
    y.header(263, 1, 4, b"deleted")
    for i in range(60):
        y.file(300 + i, 257, b"name %d" % i, b"%d\n" % i)
    while len(y.pages) % 64:
        y.pages.append(b"\xff" * 2112)
    pathlib.Path("y.img").write_bytes(b"".join(y.pages))
    seed(corpus, "yaffs2", "made", "y.img", keep_fill=False)


def volumes(corpus):
    run("rm -f f.img; truncate -s 128K f.img; mkfs.vfat -F 12 f.img; mcopy -i f.img plain/short.txt ::")
    tables = {"dos": "label: dos\nstart=64, size=256, type=1\nstart=512, size=256, type=83\n"
                     "start=1024, size=2048, type=5\nstart=1088, size=256, type=1\nstart=1536, size=256, type=1\n",
              "gpt": "label: gpt\nstart=64, size=256, name=\"first\"\nstart=512, size=256\n",
              "sun": "label: sun\nstart=64, size=256\n",
              "sgi": "label: sgi\nstart=64, size=256\n"}
    for name, table in tables.items():
        run(f"""rm -f d.img; truncate -s 2M d.img
            sfdisk -q --wipe never --no-tell-kernel d.img <<'END' >/dev/null 2>&1 || true
{table}END
            dd if=f.img of=d.img bs=512 seek=64 conv=notrunc status=none
            dd if=f.img of=d.img bs=512 seek=1088 conv=notrunc status=none""")
        seed(corpus, "volumes", name, "d.img", 2 if name == "dos" else 0)
    seed(corpus, "volumes", "none", "f.img")
    # Apple's map, as xorriso writes it beside a GPT; and a GPT of large sectors
    run("rm -f i.iso; xorriso -as mkisofs -quiet -r -hfsplus -apm-block-size 512 -o i.iso plain/sub/deeper 2>/dev/null")
    data = bytearray(pathlib.Path("i.iso").read_bytes())
    pathlib.Path("m.img").write_bytes(data)
    seed(corpus, "volumes", "mac", "m.img")
    data = bytearray(1 << 20)
    entry = bytes.fromhex("af3dc60f838472478e793d69d8477de4") + b"\x11" * 16
    entry += struct.pack("<QQQ", 10, 41, 0) + "large".encode("utf-16-le").ljust(72, b"\0")
    data[4096:4188] = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, 255, 6, 250,
                                  b"\x22" * 16, 2, 8, 128, 0)
    data[8192:8192 + len(entry)] = entry
    data[446:462] = bytes.fromhex("000002ff eeffffff 01000000 ff000000".replace(" ", ""))
    data[510:512] = b"\x55\xaa"
    image = pathlib.Path("f.img").read_bytes()
    data[40960:40960 + len(image)] = image
    pathlib.Path("g.img").write_bytes(data)
    seed(corpus, "volumes", "gpt-4096", "g.img")


def main():
    work, corpus = sys.argv[1], os.path.abspath(sys.argv[2])
    makers = [apfs, exfat, ext, fat, hfsplus, iso9660, ntfs, ufs, volumes, yaffs2]
    wanted = sys.argv[3:]
    os.chdir(work)
    make_tree()
    for maker in makers:
        if not wanted or maker.__name__ in wanted:
            maker(corpus)


if __name__ == "__main__":
    main()
