# SPDX-License-Identifier: Apache-2.0
"""Who is compared: each a context manager that mounts afresh and gives a path.

A path is the whole media as one file, or the tree `data` of one volume. Whatever
a peer lacks on this machine is Missing, with the reason.
"""
import contextlib
import os
import shutil

from .machine import Failed, Loop, Missing, Mount, need, need_root, run, wait_until

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Programs:
    """This project's programs, from a build; the bench's own, from there or compiled here."""

    def __init__(self, build, work):
        self.build = build
        self.evidencefs = os.path.join(build, "evidencefs")
        self.worker = os.path.join(build, "evidencefs-worker")
        self.own = os.path.join(work, "programs")
        self.nolog_dir = os.path.join(work, "nolog")
        os.mkdir(self.own)
        for path in (self.evidencefs, self.worker):
            if not os.access(path, os.X_OK):
                raise Failed(f"{path} is not there: build the project first (./configure && make), "
                             "or say where with --build")

    def tool(self, name):
        """Where bench-NAME is."""
        built = os.path.join(self.build, "tools", name)
        if os.access(built, os.X_OK):
            return built
        own = os.path.join(self.own, name)
        if not os.path.exists(own):
            self._compile(name, own)
        return own

    def _compile(self, name, out):
        objects, libraries, flags = [], ["fuse3"], []
        if name in ("bench-index", "bench-nolog"):
            objects = [os.path.join(self.build, lib) for lib in ("libservice.a", "libcore.a")]
            libraries += ["sqlite3", "libcrypto", "liblzma", "libxxhash"]
        if name == "bench-ewf":
            libraries = ["libdeflate"]
        if name == "bench-nolog":
            objects.insert(0, os.path.join(self.build, "src/cmd/main.o"))
            flags = ["-Wl,--wrap=gate_record"]
        need("cc", "gcc")
        need("pkg-config", "pkg-config")
        for path in objects:
            if not os.path.exists(path):
                raise Missing(f"{self.build} has no {os.path.basename(path)}, which {name} needs")
        run("cc", "-O2", "-std=gnu11", "-pthread", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64",
            f"-I{SOURCE}/src", *run("pkg-config", "--cflags", *libraries).split(), *flags,
            f"{SOURCE}/tools/{name}.c", *objects,
            *run("pkg-config", "--libs", *libraries).split(), "-o", out)

    def nolog(self):
        """The program that keeps no log, under the name and with the worker it expects."""
        program = os.path.join(self.nolog_dir, "evidencefs")
        if not os.path.exists(program):
            tool = self.tool("bench-nolog")
            os.makedirs(self.nolog_dir, exist_ok=True)
            shutil.copy(tool, program)
            shutil.copy(self.worker, self.nolog_dir)
        return program


class Mounts:
    def __init__(self, programs, images, work):
        self.programs = programs
        self.images = images
        self.work = work
        self.count = 0

    def new_dir(self):
        self.count += 1
        return os.path.join(self.work, f"mnt-{self.count}")

    def disk(self, kind):
        """The disk as "raw" or "e01"."""
        self.images.disk()
        return self.images.path("disk/disk.dd" if kind == "raw" else "disk/disk.E01")

    # ---- this project ----------------------------------------------------------------

    def service(self, image, state=None, program=None, options=("--no-hash",)):
        """The mount itself (machine.Mount): its pids are those of the service."""
        program = program or self.programs.evidencefs
        path = self.new_dir()
        return Mount([program, "mount", *options, "--state",
                      state or os.path.join(self.work, "state"), image, path], path,
                     unmount=[program, "unmount", path])

    @contextlib.contextmanager
    def ours(self, image, **options):
        """The folder of the image, once its index has been checked behind the mount."""
        with self.service(image, **options) as path:
            top = os.path.join(path, os.path.splitext(os.path.basename(image))[0])
            wait_until(lambda: "not hashed" in read_text(f"{top}/EVIDENCE.txt"), 120,
                       "the check of the index")
            yield top

    @contextlib.contextmanager
    def our_media(self, kind, **options):
        with self.ours(self.disk(kind), **options) as top:
            yield f"{top}/image.raw"

    @contextlib.contextmanager
    def our_tree(self, kind, volume, **options):
        with self.ours(self.disk(kind), **options) as top:
            yield f"{top}/{self.images.disk()[volume]['shown']}/data"

    # ---- whole media ------------------------------------------------------------------

    @contextlib.contextmanager
    def ewfmount(self):
        need("ewfmount", "ewf-tools")
        path = self.new_dir()
        with Mount(["ewfmount", self.disk("e01"), path], path):
            yield f"{path}/ewf1"

    @contextlib.contextmanager
    def xmount(self):
        need("xmount", "xmount")
        path = self.new_dir()
        options = [] if os.geteuid() == 0 else ["-o", "no_allow_other"]
        with Mount(["xmount", *options, "--in", "aewf", self.disk("e01"), path], path):
            yield only_file(path, ".dd")

    @contextlib.contextmanager
    def affuse(self):
        need("affuse", "afflib-tools")
        path = self.new_dir()
        image = f"{path}.raw"  # it knows raw images by this ending
        os.symlink(self.disk("raw"), image)
        with Mount(["affuse", image, path], path):
            yield only_file(path, ".raw")

    @contextlib.contextmanager
    def null(self, size, entries):
        """The ceiling. Gives its root: `large` and `many`."""
        path = self.new_dir()
        with Mount([self.programs.tool("bench-null"), size, entries, path], path):
            yield path

    # ---- trees -------------------------------------------------------------------------

    @contextlib.contextmanager
    def _media(self, kind):
        if kind == "raw":
            yield self.disk("raw")
        else:
            with self.ewfmount() as path:
                yield path

    @contextlib.contextmanager
    def _mounted(self, kind, volume, cmd):
        """A driver on a loop device over the volume; over ewfmount for an E01."""
        need_root("a loop device")
        about = self.images.disk()[volume]
        path = self.new_dir()
        with self._media(kind) as media, Loop(media, about["offset"], about["length"]) as device, \
                Mount([*cmd, device, path], path):
            yield f"{path}/data"

    def ntfs3g(self, kind):
        need("ntfs-3g", "ntfs-3g")
        return self._mounted(kind, "ntfs", ["ntfs-3g", "-o", "ro"])

    def fuse2fs(self, kind):
        need("fuse2fs", "fuse2fs")
        return self._mounted(kind, "ext4", ["fuse2fs", "-o", "ro"])

    def kernel_ext4(self, kind):
        return self._mounted(kind, "ext4", ["mount", "-t", "ext4", "-o", "ro,noload"])


def read_text(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def only_file(folder, ending):
    names = [name for name in os.listdir(folder) if name.endswith(ending)]
    if len(names) != 1:
        raise Missing(f"{folder} has {len(names)} files *{ending}")
    return os.path.join(folder, names[0])
