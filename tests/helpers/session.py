#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In place of the starter: mounts for a user, keeps the kernel's end, starts what serves.

session.py SERVER STATE IMAGE COPY MOUNTPOINT UID GID RESTLESS [KILLS]

COPY is the folder the image was made from, with docs/, other/ and many/. Prints TAP for
tests/71-session.sh. Uses of evidence are processes of the user that go on when asked.
"""
import ctypes
import errno
import hashlib
import json
import mmap
import os
import random  # for restless.py, which may not be able to import it
import signal
import socket
import stat
import subprocess
import sys
import time

SERVER, STATE, IMAGE, COPY, MOUNT = sys.argv[1:6]
UID, GID = int(sys.argv[6]), int(sys.argv[7])
RESTLESS = sys.argv[8]
WORKER = os.path.join(os.path.dirname(SERVER), "../../evidencefs-worker")
KILLS = int(sys.argv[9]) if len(sys.argv) > 9 else 40
DISK = MOUNT + "/case-042/disk"
VOLUME = DISK + "/p0-ext4"
NO_RESEND, NO_EPOCH = 0x8, 0x10

libc = ctypes.CDLL(None, use_errno=True)
points = failures = 0


def ok(good, name, detail=""):
    global points, failures
    points += 1
    failures += not good
    print(f"{'' if good else 'not '}ok {points} - {name}", flush=True)
    if not good and detail != "":
        print(f"# {detail}", flush=True)


def equal(got, want, name):
    ok(got == want, name, f"got {got!r}, want {want!r}")


class Mount:
    """A mount, its table and its INIT request, and whoever serves it now."""

    kept = []

    def __init__(self):
        self.fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        data = (f"fd={self.fuse},rootmode=40000,user_id={UID},group_id={GID},"
                "default_permissions").encode()
        flags = 1 | 2 | 4 | 8  # read-only, no suid, dev, exec
        if libc.mount(b"evidencefs", MOUNT.encode(), b"fuse.evidencefs", flags, data):
            raise OSError(ctypes.get_errno(), "mount")
        self.table = os.memfd_create("table")
        self.init = os.memfd_create("init")
        os.write(self.init, os.read(self.fuse, 65536))
        Mount.kept = [self.fuse, self.table, self.init]
        self.served = False
        self.server = None

    def serve(self, view="all", degraded=0, begun=None):
        told = begun or ("begun" if self.served else "new")
        high = [os.dup(fd) for fd in (self.fuse, self.table, self.init)]

        def fds():  # in the child: to 3, 4, 5, from where none of them is
            safe = [os.dup2(fd, 200 + i) for i, fd in enumerate(high)]
            for i, fd in enumerate(safe):
                os.dup2(fd, 3 + i)

        self.server = subprocess.Popen(
            [SERVER, STATE, IMAGE, str(UID), str(GID), told, str(degraded)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, close_fds=False,
            preexec_fn=fds, env={**os.environ, "SERVE_VIEW": view,
                                     "SERVE_WORKER": WORKER})
        for fd in high:
            os.close(fd)
        word = self.server.stdout.readline()
        if word != "ready\n":
            raise RuntimeError(f"the server says {word!r}")
        self.served = True

    def ask(self, words):
        """Return: the last word of the answer, milliseconds."""
        self.server.stdin.write(words + "\n")
        self.server.stdin.flush()
        answer = self.server.stdout.readline()
        if not answer:
            raise RuntimeError(f"{words}: the server ended: {self.server.wait()}")
        if answer.startswith("failed"):
            raise RuntimeError(f"{words}: {answer!r}")
        return float(answer.split()[-1])

    def kill(self):
        self.server.kill()
        self.server.wait()

    def end(self, how="end"):
        if self.server.poll() is None:
            self.ask("stop " + how)
            self.server.wait()
        libc.umount2(MOUNT.encode(), 2)
        self.close()

    def close(self):
        for fd in Mount.kept:
            os.close(fd)
        Mount.kept = []


def how_it_went(use):
    try:
        return use() or "fine"
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e.errno))


class Use:
    """A process of the user that holds something, and uses it whenever it is asked."""

    all = []

    def __init__(self, name, begin, uid=UID, gid=GID):
        self.name = name
        self.here, there = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self.here.close()
            for fd in Mount.kept:  # the kernel's end is the starter's alone
                os.close(fd)
            try:
                self.child(begin, there, uid, gid)
            except BaseException as e:  # pylint: disable=broad-except
                there.send(f"raised {e!r}".encode())
            os._exit(0)
        there.close()
        Use.all.append(self)
        self.begun = self.answer()

    @staticmethod
    def child(begin, there, uid, gid):
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        use = begin()
        there.send(how_it_went(use).encode())
        while there.recv(1):
            there.send(how_it_went(use).encode())

    def ask(self):
        self.here.send(b".")

    def answer(self, seconds=10):
        self.here.settimeout(seconds)
        try:
            return self.here.recv(4000).decode()
        except socket.timeout:
            return "no answer"

    def again(self):
        self.ask()
        return self.answer()

    def end(self):
        self.here.close()
        os.waitpid(self.pid, 0)


def end_uses():
    while Use.all:
        Use.all.pop().end()


def as_user(do, uid=UID, gid=GID):
    """Do it once, as the user. Return: what it returns, or an errno's name."""
    use = Use("once", lambda: lambda: json.dumps(do()), uid, gid)
    Use.all.remove(use)
    use.end()
    try:
        return json.loads(use.begun)
    except ValueError:
        return use.begun


# ---- ways to hold evidence -------------------------------------------------------------


def held_fd(path):
    fd = os.open(path, os.O_RDONLY)
    return lambda: os.pread(fd, 4096, 0) and None


def held_end(path):
    fd = os.open(path, os.O_RDONLY)
    size = os.fstat(fd).st_size
    return lambda: os.pread(fd, 1, size - 1) and None


def held_stat(path, flags=os.O_RDONLY):
    fd = os.open(path, flags)
    return lambda: os.fstat(fd) and None


def held_xattr(path):
    fd = os.open(path, os.O_RDONLY)
    return lambda: os.getxattr(fd, "user.evidencefs.inode") and None


def held_listing(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    return lambda: None if os.listdir(fd) else "an empty listing"


def held_folder(path):
    os.chdir(path)
    return lambda: os.listdir(".") and None


def held_name(path):
    return lambda: os.close(os.open(path, os.O_RDONLY))


def held_relative(path):
    os.chdir(os.path.dirname(path))
    return held_name(os.path.basename(path))


def held_mapping(path, flags):
    fd = os.open(path, os.O_RDONLY)
    m = mmap.mmap(fd, 0, flags=flags, prot=mmap.PROT_READ)
    os.close(fd)

    def look():
        pid = os.fork()  # a mapping is inherited; who dies of it is not who is asked
        if pid == 0:
            os._exit((m[0], m[len(m) - 1]) == ())
        status = os.waitpid(pid, 0)[1]
        return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else None

    m[0], m[len(m) - 1]  # the pages are there
    return look


WAYS = {
    "a descriptor": (held_fd, {"EACCES"}),
    "its end": (held_end, {"EACCES"}),
    "fstat": (held_stat, {"EACCES", "ESTALE"}),
    "fstat of a path descriptor": (lambda p: held_stat(p, os.O_PATH), {"EACCES", "ESTALE"}),
    "an attribute": (held_xattr, {"EACCES", "ESTALE"}),
    "a name": (held_name, {"ENOENT"}),
    "a relative name": (held_relative, {"ENOENT", "EACCES", "ESTALE"}),
    "a shared mapping": (lambda p: held_mapping(p, mmap.MAP_SHARED), {"SIGBUS"}),
    "a private mapping": (lambda p: held_mapping(p, mmap.MAP_PRIVATE), {"SIGBUS"}),
}
FOLDER_WAYS = {
    "a listing": (held_listing, {"EACCES"}),
    "the working directory": (held_folder, {"ESTALE", "ENOENT", "EACCES"}),
}


def hold_all(path):
    uses = {n: Use(n, lambda b=b: b(path)) for n, (b, _) in WAYS.items()}
    folder = os.path.dirname(path)
    uses.update({n: Use(n, lambda b=b: b(folder)) for n, (b, _) in FOLDER_WAYS.items()})
    return uses


def check_dead(uses, what):
    for name, use in uses.items():
        want = {**WAYS, **FOLDER_WAYS}[name][1]
        got = use.again()
        ok(use.begun == "fine" and got in want, f"{what}: {name}: {'/'.join(sorted(want))}",
           f"{use.begun} at first, now {got}")


def walk(top):
    """Everything below but the many and the slow: names, and a digest of what is in files."""
    found = {}
    for folder, names, files in os.walk(top):
        names[:] = [n for n in names if n not in ("many", "lost+found")]
        for name in names:
            found[os.path.relpath(os.path.join(folder, name), top)] = None
        for name in files:
            path = os.path.join(folder, name)
            if name != "slow" and not os.path.islink(path):
                with open(path, "rb") as f:
                    found[os.path.relpath(path, top)] = hashlib.sha256(f.read()).hexdigest()
    return found


# ---- tests -------------------------------------------------------------------------------


def test_places(m):
    equal(as_user(lambda: sorted(os.listdir(MOUNT))), ["PRIVACY.txt", "case-042"], "the root")
    equal(as_user(lambda: sorted(os.listdir(MOUNT + "/case-042"))), ["ACCESS.txt", "disk"],
          "a case's folder")
    equal(as_user(lambda: open(MOUNT + "/PRIVACY.txt").read()),
          "What is recorded: everything.\n", "PRIVACY.txt")
    equal(as_user(lambda: open(MOUNT + "/case-042/ACCESS.txt").read()), "You may see: all\n",
          "ACCESS.txt")
    equal(as_user(lambda: os.stat(MOUNT + "/case-042/ACCESS.txt").st_size), 17, "its size")
    equal(as_user(lambda: list(os.stat(MOUNT + "/case-042"))[:1] +
                  list(os.stat(MOUNT + "/case-042"))[3:7]),
          [stat.S_IFDIR | 0o500, 1, UID, GID, 4096], "a case's folder: mode, links, owner, size")
    equal(as_user(lambda: os.listxattr(MOUNT + "/case-042")), [], "it has no attributes")
    equal(as_user(lambda: os.mkdir(MOUNT + "/x")), "EROFS", "nothing can be made")
    equal(as_user(lambda: os.stat(MOUNT + "/case-043") and 0), "ENOENT", "another case")
    equal(as_user(lambda: os.listdir(MOUNT), UID + 1, GID + 1), "EACCES", "another user")
    equal(as_user(lambda: os.statvfs(MOUNT)[2:8]), [0, 0, 0, 0, 0, 0], "statfs tells nothing")
    equal(as_user(lambda: walk(VOLUME)), walk(COPY), "every name and byte is right")


def test_partly(m):
    m.ask("view p0-ext4/docs")
    equal(as_user(lambda: sorted(os.listdir(DISK))), ["EVIDENCE.txt", "p0-ext4"],
          "partly: only what leads somewhere")
    equal(as_user(lambda: os.listdir(VOLUME)), ["docs"], "partly: only what is granted")
    equal(as_user(lambda: os.stat(VOLUME + "/other") and 0), "ENOENT", "partly: no other name")
    equal(as_user(lambda: open(DISK + "/image.raw") and 0), "ENOENT", "partly: no image.raw")
    equal(as_user(lambda: len(open(VOLUME + "/docs/a.txt").read()) > 0), True, "partly: a file")
    equal(as_user(lambda: os.stat(VOLUME + "/docs/hard").st_nlink), 1,
          "partly: hidden names are not counted")
    equal(as_user(lambda: os.stat(VOLUME).st_mtime == os.stat(DISK).st_mtime), True,
          "partly: what leads somewhere has no time of its own")
    equal(as_user(lambda: os.listxattr(VOLUME)), [], "partly: nor attributes")
    equal(as_user(lambda: os.stat(VOLUME + "/docs/away") and 0), "ENOENT",
          "partly: a link out of it leads nowhere")
    text = as_user(lambda: open(DISK + "/EVIDENCE.txt").read())
    ok("problems outside this view are not listed" in text and "allocated" not in text,
       "partly: EVIDENCE.txt tells no counts", text)
    equal(as_user(lambda: os.stat(DISK + "/EVIDENCE.txt").st_size), len(text), "and its size fits")
    equal(as_user(lambda: open(MOUNT + "/case-042/ACCESS.txt").read()),
          "You may see: p0-ext4/docs\n", "ACCESS.txt is the new one")
    m.ask("view all")
    equal(as_user(lambda: os.stat(VOLUME + "/docs/hard").st_nlink), 2, "wholly: both names count")


def test_names(m):
    m.ask("view names")
    equal(as_user(lambda: sorted(n for n in os.listdir(VOLUME) if n != "lost+found")),
          ["docs", "many", "other"], "names: directories are listed")
    equal(as_user(lambda: os.listdir(VOLUME + "/docs")), ["sub"], "names: and no files")
    equal(as_user(lambda: open(VOLUME + "/docs/a.txt") and 0), "ENOENT", "names: a file is not")
    equal(as_user(lambda: os.readlink(VOLUME + "/docs/away")), "ENOENT", "names: nor a link")
    equal(as_user(lambda: os.listxattr(VOLUME + "/docs")), [], "names: no attributes")
    equal(as_user(lambda: os.path.exists(DISK + "/EVIDENCE.txt")), False, "names: no text")
    m.ask("view all")


def test_revoke(m):
    for view, what in (("p0-ext4/other", "another part"), ("nothing", "no evidence"),
                       ("none", "nothing at all"), ("names", "names only")):
        m.ask("view all")
        uses = hold_all(VOLUME + "/docs/sub/big")
        kept = Use("kept", lambda: held_fd(VOLUME + "/other/kept"))
        took = m.ask("view " + view)
        if what == "names only":  # directories are still there, by name
            del uses["a listing"], uses["the working directory"]
        check_dead(uses, what)
        ok(took < 500, f"{what}: at once", f"{took} ms")
        if view == "p0-ext4/other":
            equal(kept.again(), "fine", f"{what}: what is still granted lives on")
        end_uses()
    m.ask("view all")
    equal(as_user(lambda: open(VOLUME + "/docs/a.txt").read(2)), "a ", "granted again, it is there")


def test_passage(m):
    inside = Use("cwd", lambda: (os.chdir(VOLUME), lambda: " ".join(sorted(os.listdir("."))))[1])
    handle = Use("listing", lambda: (lambda fd: lambda: " ".join(sorted(os.listdir(fd))))(
        os.open(VOLUME, os.O_RDONLY)))
    cwd = Use("getcwd", lambda: (os.chdir(VOLUME), os.getcwd)[1])
    m.ask("view p0-ext4/docs")
    equal(inside.again(), "docs", "a directory that leads on: the cwd stays, with what is granted")
    equal(handle.again(), "docs", "and so does a listing")
    equal(cwd.again(), VOLUME, "and it has its name")
    end_uses()
    m.ask("view all")


def test_passed_on(m):
    """A descriptor given to another user is refused; it comes from who may hold it."""
    here, there = socket.socketpair()

    def give():
        fd = os.open(VOLUME + "/docs/a.txt", os.O_RDONLY)
        socket.send_fds(there, [b"."], [fd])
        return lambda: os.pread(fd, 10, 0) and None

    def take():
        fd = socket.recv_fds(here, 1, 1)[1][0]
        return lambda: os.pread(fd, 10, 0) and None

    giver = Use("giver", give)
    taker = Use("taker", take, UID + 1, GID + 1)
    equal((giver.begun, taker.begun), ("fine", "EACCES"), "a descriptor passed to another user")
    give_again = Use("giver", give)
    same = Use("same", take)
    equal(same.begun, "fine", "to another process of the same user")
    m.ask("view none")
    equal((give_again.again(), same.again()), ("EACCES", "EACCES"), "and it ends for both")
    end_uses()
    m.ask("view all")


def workers_of(pid):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as f:
                if int(f.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def test_in_flight(m):
    """Workers stand still: a read waits for its bytes while the right to them ends."""
    offset = 3 << 20  # nothing has read there yet
    use = Use("slow", lambda: slow_read(offset))
    mapped = Use("slow page", lambda: slow_page(offset + (1 << 20)))
    workers = workers_of(m.server.pid)
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    use.ask()
    mapped.ask()
    time.sleep(0.3)
    took = m.ask("view p0-ext4/other")
    got = use.answer(2), mapped.answer(2)
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    ok(workers and got == ("EACCES", "SIGBUS"), "reads whose bytes were being fetched are refused",
       f"{len(workers)} workers, {got}")
    ok(took < 500, "without waiting for them", f"{took} ms")
    end_uses()
    m.ask("view all")
    equal(as_user(lambda: len(open(VOLUME + "/docs/sub/slow", "rb").read())), 8 << 20,
          "and all goes on")


def slow_read(offset):
    fd = os.open(VOLUME + "/docs/sub/slow", os.O_RDONLY)
    first = [1]
    return lambda: None if first and first.pop() else os.pread(fd, 4096, offset) and None


def slow_page(offset):
    fd = os.open(VOLUME + "/docs/sub/slow", os.O_RDONLY)
    m = mmap.mmap(fd, 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
    first = [1]

    def look():
        if first:
            first.pop()
            return None
        pid = os.fork()
        if pid == 0:
            os._exit(m[offset] == 256)
        status = os.waitpid(pid, 0)[1]
        return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else None

    return look


def test_many(m):
    def hold_many():
        names = [f.path for d in os.scandir(VOLUME + "/many") for f in os.scandir(d.path)]
        for name in names:
            os.stat(name)
        fds = [os.open(name, os.O_RDONLY) for name in names[:1000]]

        def look():
            refused = 0
            for fd in fds:
                try:
                    os.pread(fd, 10, 0)
                except OSError as e:
                    refused += e.errno == errno.EACCES
            return f"{len(names)} {refused}"
        return look

    use = Use("many", hold_many)
    count = int(use.begun.split()[0])
    took = m.ask("view p0-ext4/docs")
    equal(use.again(), f"{count} 1000", f"{count} nodes, 1,000 open files: all are refused")
    ok(took < 1000, f"within a second: {took:.0f} ms", took)
    end_uses()
    m.ask("view all")


def test_timeouts(m):
    m.ask("until 1.5")
    uses = {n: Use(n, lambda b=b: b(VOLUME + "/docs/sub/big"))
            for n, (b, _) in WAYS.items() if n in ("fstat", "a name")}
    equal({u.begun for u in uses.values()}, {"fine"}, "with an end in sight")
    m.ask("until 0")
    end_uses()


def test_restart(m):
    """Everything held lives on; what the kernel waits for comes again."""
    uses = hold_all(VOLUME + "/docs/sub/big")
    cwd = Use("getcwd", lambda: (os.chdir(VOLUME + "/docs/sub"), os.getcwd)[1])
    text = Use("text", lambda: held_fd(MOUNT + "/case-042/ACCESS.txt"))
    m.kill()
    for use in uses.values():
        use.ask()
    cwd.ask()
    text.ask()
    time.sleep(0.1)
    m.serve("all")
    got = {n: u.answer() for n, u in uses.items()}
    equal(set(got.values()), {"fine"}, "after kill -9: everything held lives on")
    equal(cwd.answer(), VOLUME + "/docs/sub", "and the working directory has its name")
    equal(text.answer(), "fine", "and an open text is there")
    m.kill()
    m.serve("p0-ext4/other")
    check_dead(uses, "a right that ended while nobody served")
    end_uses()
    m.kill()
    m.serve("", begun="wait")
    use = Use("later", lambda: lambda: None)
    first = os.fork()
    if first == 0:
        os.setresgid(GID, GID, GID)
        os.setresuid(UID, UID, UID)
        os._exit(0 if os.listdir(DISK) else 1)
    time.sleep(0.2)
    equal(os.waitpid(first, os.WNOHANG), (0, 0), "before the first view nothing is answered")
    m.ask("view all")
    equal(os.waitpid(first, 0)[1], 0, "and then it is")
    use.end()
    Use.all.clear()
    m.ask("stop keep")
    m.server.wait()
    m.serve("all")
    equal(as_user(lambda: open(VOLUME + "/docs/a.txt").read(2)), "a ", "an orderly restart too")


def test_killed(m):
    """tests/helpers/restless.py never rests while the server is killed over and over."""
    out = os.path.join(STATE, "out")
    os.makedirs(out, exist_ok=True)
    os.chmod(STATE, 0o711)
    os.chown(out, UID, GID)
    for name in os.listdir(out):
        os.unlink(os.path.join(out, name))
    with open(RESTLESS, encoding="utf-8") as f:
        program = compile(f.read(), RESTLESS, "exec")
    restless = os.fork()
    if restless == 0:  # in here: the user need not be able to start this python
        os.dup2(os.open(out + "/said", os.O_WRONLY | os.O_CREAT, 0o600), 2)
        os.setgroups([])
        os.setresgid(GID, GID, GID)
        os.setresuid(UID, UID, UID)
        sys.argv[1:] = [VOLUME + "/docs/sub", COPY + "/docs/sub", out]
        exec(program, {"random": random})  # pylint: disable=exec-used
        os._exit(0)

    def ended():
        return os.waitid(os.P_PID, restless, os.WEXITED | os.WNOHANG | os.WNOWAIT)

    while not os.path.exists(out + "/reads.7") and not ended():
        time.sleep(0.05)
    longest = 0.0
    for _ in range(KILLS):
        if ended():
            break
        begun = time.monotonic()
        m.kill()
        m.serve("all")
        longest = max(longest, time.monotonic() - begun)
        time.sleep(0.02)
    open(out + "/stop", "w").close()
    limit = time.monotonic() + 60
    while not ended() and time.monotonic() < limit:
        time.sleep(0.05)
    if not ended():
        os.kill(restless, signal.SIGKILL)
    status = os.waitpid(restless, 0)[1]
    with open(out + "/said", encoding="utf-8", errors="replace") as f:
        equal((status, f.read()), (0, ""),
              f"killed {KILLS} times: nobody sees an error or another byte")
    print(f"# longest without a server: {longest * 1000:.0f} ms, with its start")


def test_end(m):
    m.ask("view all")
    uses = hold_all(VOLUME + "/docs/sub/big")
    m.ask("stop end")
    m.server.wait()
    libc.umount2(MOUNT.encode(), 2)
    m.close()
    for name in ("a shared mapping", "a private mapping"):
        equal(uses[name].again(), "SIGBUS", f"unmounted: {name} is dead")
    end_uses()


def test_degraded():
    m = Mount()
    m.serve("all", NO_EPOCH)
    uses = hold_all(VOLUME + "/docs/sub/big")
    m.ask("view p0-ext4/other")
    time.sleep(1.1)  # how long names are kept
    check_dead(uses, "no epochs")
    end_uses()
    m.end()
    m = Mount()
    m.serve("all", NO_RESEND)
    use = Use("fd", lambda: held_fd(VOLUME + "/docs/sub/big"))
    m.kill()
    use.ask()
    time.sleep(0.1)
    m.serve("all", NO_RESEND)
    ok(use.answer() in ("fine", "EIO"), "no resend: what was asked is answered")
    equal(use.again(), "fine", "no resend: and then all is well")
    end_uses()
    m.end()


def main():
    m = Mount()
    try:
        m.serve()
        for test in (test_places, test_partly, test_names, test_revoke, test_passage,
                     test_passed_on, test_in_flight, test_many, test_timeouts, test_restart,
                     test_killed, test_end):
            begun = time.monotonic()
            test(m)
            print(f"# {test.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
        test_degraded()
    finally:
        libc.umount2(MOUNT.encode(), 2)
    print(f"1..{points}")
    sys.exit(failures != 0)


main()
