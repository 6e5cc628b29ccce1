# SPDX-License-Identifier: Apache-2.0
"""A service of the bench's own, with an owner and an analyst.

They are accounts that every Debian has, and nobody logs in to: none is made here.
"""
import os
import subprocess
import time

from .machine import Failed, need, need_root, run, wait_until

OWNER, ANALYST, SERVICE = "daemon", "games", "nobody"

# As the analyst: have every name listed and a file open, say so, then how long, by the clock of
# the machine, until the file is refused, and until a name is gone.
WATCH = """
import os, sys, time
folder, names = sys.argv[1:]
listed = sum(1 for entry in os.scandir(names) if entry.stat())
held = os.open(folder + "/EVIDENCE.txt", os.O_RDONLY)
name = max(os.listdir(names))
print(listed, flush=True)
def until_refused(what):
    while True:
        try:
            what()
        except OSError:
            return time.monotonic()
        time.sleep(0.001)
print(until_refused(lambda: os.pread(held, 100, 0)), flush=True)
print(until_refused(lambda: os.stat(names + "/" + name)), flush=True)
"""


def as_user(user, *cmd):
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *cmd]


class Team:
    def __init__(self, programs, work):
        need_root("a service for several users")
        need("setpriv", "util-linux")
        self.build = programs.build
        self.evidencefs = programs.evidencefs
        self.folder = os.path.join(work, "team")
        self.root = os.path.join(self.folder, "mounts")
        self.socket = os.path.join(self.folder, "socket")
        self.starter = None

    def __enter__(self):
        os.chmod(os.path.dirname(self.folder), 0o711)
        os.mkdir(self.folder)
        settings = {"state_dir": f"{self.folder}/state", "mount_root": self.root,
                    "socket": self.socket, "user": SERVICE, "allow_degraded": "yes"}
        config = f"{self.folder}/evidencefs.conf"
        with open(config, "w", encoding="utf-8") as f:
            f.write("[service]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))
        with open(f"{self.folder}/service.log", "wb") as log:
            self.starter = subprocess.Popen(
                [f"{self.build}/evidencefsd", "--config", config, "--foreground"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.environ["EVIDENCEFS_SOCKET"] = self.socket
        try:
            wait_until(self.answers, 60, "the service")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.starter.terminate()
        self.starter.wait(timeout=120)
        os.environ.pop("EVIDENCEFS_SOCKET", None)

    def answers(self):
        try:
            self.ask(None, "status")
        except Failed:
            return False
        return True

    def ask(self, user, *words):
        """The command, as that user (None: root); what it prints."""
        cmd = [self.evidencefs, *words]
        return run(*(as_user(user, *cmd) if user else cmd)).strip()

    def watch(self, case, name, names):
        """A watcher that has listed the folder `names` of a piece of evidence; how many."""
        folder = f"{self.root}/{ANALYST}/{case}/{name}"
        wait_until(lambda: subprocess.run(as_user(ANALYST, "test", "-d", f"{folder}/{names}"),
                                          check=False).returncode == 0, 60, "the grant")
        watcher = subprocess.Popen(
            as_user(ANALYST, "/usr/bin/python3", "-c", WATCH, folder, f"{folder}/{names}"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        line = watcher.stdout.readline()
        if not line.strip().isdigit():
            raise Failed("the analyst does not see what was granted")
        return watcher, int(line)


def revocation(owner_asks, watcher):
    """Seconds from the beginning of the command until a file is refused, a name gone, it returned."""
    begun = time.monotonic()
    owner_asks()
    returned = time.monotonic()
    refused, gone = (float(watcher.stdout.readline()) for _ in range(2))
    watcher.wait(timeout=60)
    return refused - begun, gone - begun, returned - begun
