# SPDX-License-Identifier: Apache-2.0
"""The machine: programs with a deadline, mounts and loop devices that go away again.

Every mount, loop device and process made here is ended by its own mount point, name
or pid, by whatever road the bench ends. Daemons that detach come back to this
process as their subreaper, so that their pids are known.
"""
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PR_SET_CHILD_SUBREAPER = 36
LONG = 1800  # seconds; the deadline of anything that may take long


class Missing(Exception):
    """Something that cannot be measured here, and why."""


class Failed(Exception):
    """A program failed, or delivered something else than it should."""


def setup():
    """Once: adopt daemons; make every signal that ends us unwind the stack."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    os.environ.update(LC_ALL="C.UTF-8", TZ="UTC0")

    def stop(number, _frame):
        raise KeyboardInterrupt(signal.Signals(number).name)

    # in the background SIGINT is ignored unless it is asked for
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def awake():
    """Processors do not halt until what this returns is closed: src/mount/awake.h has why."""
    need_root("--awake")
    try:
        device = open("/dev/cpu_dma_latency", "wb", 0)
        device.write((0).to_bytes(4, sys.byteorder))
    except OSError as why:
        raise Missing(f"--awake: {why}") from None
    return device


def need_root(what):
    if os.geteuid() != 0:
        raise Missing(f"{what} needs root")


def need(program, package):
    if shutil.which(program) is None:
        raise Missing(f"{program} is not installed (Debian: {package})")
    return program


# ---- programs ----------------------------------------------------------------------


def one_line(output):
    """The end of what a program said, for an error message."""
    return " ".join(output.decode(errors="replace").split())[-200:]


def run(*cmd, timeout=LONG, cwd=None):
    """Run to the end; its standard output as text."""
    cmd = [str(word) for word in cmd]
    with tempfile.TemporaryFile() as errors:
        try:
            done = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=errors, timeout=timeout, cwd=cwd, check=False)
        except subprocess.TimeoutExpired:
            raise Failed(f"{cmd[0]}: not done after {timeout} s") from None
        if done.returncode != 0:
            errors.seek(0)
            said = one_line(errors.read() + done.stdout)
            raise Failed(f"{' '.join(cmd[:4])}: status {done.returncode}: {said}")
    return done.stdout.decode(errors="replace")


def timed(*cmd, timeout=LONG, out=subprocess.DEVNULL):
    """Seconds a program takes; what it prints goes to the file `out`, or nowhere."""
    cmd = [str(word) for word in cmd]
    begun = time.perf_counter()
    with subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=out,
                          stderr=subprocess.DEVNULL) as p:
        # not wait(timeout): that looks every 50 ms only
        end = os.pidfd_open(p.pid)
        try:
            ended, _, _ = select.select([end], [], [], timeout)
            seconds = time.perf_counter() - begun
        finally:
            os.close(end)
            if p.poll() is None:
                p.kill()
    if not ended:
        raise Failed(f"{cmd[0]}: not done after {timeout} s")
    if p.returncode != 0:
        raise Failed(f"{' '.join(cmd[:4])}: status {p.returncode}")
    return seconds


def children_of(parent):
    """Pids whose parent is this one."""
    found = set()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.add(int(name))
    return found


def family_of(pid):
    """A process and all that descend from it."""
    pids = {pid}
    for child in children_of(pid):
        pids |= family_of(child)
    return pids


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"{what}: not after {seconds} s")
        time.sleep(0.005)


def _gone(pid):
    try:
        os.waitpid(pid, os.WNOHANG)  # a daemon that we adopted
    except ChildProcessError:
        pass
    return not os.path.exists(f"/proc/{pid}")


class quietly:
    """Within it Ctrl-C waits: for what undoes things."""

    def __init__(self):
        self.old = None

    def __enter__(self):
        self.old = signal.signal(signal.SIGINT, signal.SIG_IGN)

    def __exit__(self, *_):
        signal.signal(signal.SIGINT, self.old)


# ---- mounts -------------------------------------------------------------------------


def mounts():
    """Every mount point of this machine."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as f:
        return [line.split()[4].replace("\\040", " ") for line in f]


def is_mounted(path):
    return os.path.abspath(path) in mounts()


def remove_folder(path):
    """Remove a folder of ours, unless something is still mounted in it."""
    with quietly():
        left = [m for m in mounts() if m.startswith(os.path.abspath(path) + "/")]
        if left:
            raise Failed(f"still mounted, so not removed: {left[0]}")
        shutil.rmtree(path)


class Mount:
    """A mount that a program makes: `with Mount(cmd, dir) as dir`."""

    def __init__(self, cmd, path, unmount=None, seconds=120):
        self.cmd = [str(word) for word in cmd]
        self.path = str(path)
        self.unmount = unmount
        self.seconds = seconds
        self.pids = set()
        self.said = ""

    def __enter__(self):
        os.makedirs(self.path, exist_ok=True)
        before = children_of(os.getpid())
        try:
            self._start()
        except BaseException:
            self.pids = children_of(os.getpid()) - before
            self.__exit__()
            raise
        self.pids = children_of(os.getpid()) - before
        return self.path

    def _start(self):
        with tempfile.TemporaryFile() as errors:
            # pylint: disable-next=consider-using-with
            p = subprocess.Popen(self.cmd, stdin=subprocess.DEVNULL, stdout=errors,
                                 stderr=errors, start_new_session=True)
            end = time.monotonic() + self.seconds
            while True:
                status = p.poll()
                # a program that detaches is done with its work when it returns
                if is_mounted(self.path) and (status == 0 or self.in_foreground()):
                    errors.seek(0)
                    self.said = errors.read().decode(errors="replace")
                    return
                if status not in (None, 0) or time.monotonic() > end:
                    errors.seek(0)
                    raise Failed(f"{self.cmd[0]}: does not mount: {one_line(errors.read())}")
                time.sleep(0.002)

    def in_foreground(self):
        return os.path.basename(self.cmd[0]) in ("bench-null", "xmount")

    def __exit__(self, *_):
        with quietly():
            for _ in range(100):
                if self._is_gone():
                    break
                self._umount(*(self.unmount or ["umount", self.path]))
                time.sleep(0.05)
            else:
                self._umount("umount", "-l", self.path)
            for pid in self.pids:
                self._end(pid)
            if not self._is_gone():
                raise Failed(f"{self.path} cannot be unmounted")

    def _is_gone(self):
        """Not mounted, which only the end of its folder proves."""
        if is_mounted(self.path):
            return False
        try:
            os.rmdir(self.path)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True

    @staticmethod
    def _umount(*cmd):
        subprocess.run(cmd, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=120)

    @staticmethod
    def _end(pid):
        try:
            wait_until(lambda: _gone(pid), 60, f"end of process {pid}")
        except Failed:
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: _gone(pid), 60, f"end of process {pid}")


class Loop:
    """A loop device over a part of a file: `with Loop(file, offset, size) as device`."""

    def __init__(self, path, offset=0, size=0, writable=False):
        self.cmd = ["losetup", "--find", "--show", "-o", str(offset)]
        if size:
            self.cmd += ["--sizelimit", str(size)]
        if not writable:
            self.cmd.append("-r")
        self.cmd.append(str(path))
        self.device = None

    def __enter__(self):
        need_root("a loop device")
        self.device = run(*self.cmd, timeout=60).strip()
        return self.device

    def __exit__(self, *_):
        with quietly():
            for _ in range(50):
                if not os.path.exists(f"/sys/block/{os.path.basename(self.device)}/loop"):
                    break
                subprocess.run(["losetup", "-d", self.device], check=False, timeout=60,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(0.05)


# ---- caches and memory ----------------------------------------------------------------


def drop_caches():
    """Make the page cache, names and inodes cold, for every mount on this machine."""
    need_root("a cold page cache")
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("3\n")


def warm(*paths):
    """Have these files in the page cache."""
    for path in paths:
        with open(path, "rb", buffering=0) as f:
            while f.read(1 << 22):
                pass


def memory_of(pids):
    """MiB that processes hold together: shared pages once (PSS), files' pages not at all."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                values = dict(line.split(":") for line in f if line.startswith("Pss_"))
        except OSError:
            continue
        total += sum(int(values[key].split()[0]) for key in ("Pss_Anon", "Pss_Shmem"))
    return total / 1024


def load_average():
    return os.getloadavg()[0]
