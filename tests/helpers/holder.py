#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds evidence open in every way a program can, and tells when each way ends.

holder.py FILE DIR KEPT

Each way is a process of its own that uses what it holds over and over. Prints
"ready" once all work, then "NAME SECONDS HOW" when one fails: the real time, and
an errno's name or SIGBUS. FILE lies in DIR; KEPT is expected to live on. Ends when
all but `kept` have ended (then prints "kept SECONDS alive") or after 60 seconds.
"""
import ctypes
import errno
import mmap
import os
import signal
import struct
import sys
import time

PAUSE = 0.01
LIMIT = 60


def use_fd(path):
    fd = os.open(path, os.O_RDONLY)
    while True:
        os.pread(fd, 4096, 0)
        yield


def use_end(path):
    """Not from the start: nothing that a cache could have."""
    fd = os.open(path, os.O_RDONLY)
    size = os.fstat(fd).st_size
    while True:
        os.pread(fd, 1, size - 1)
        yield


def use_stat(path):
    fd = os.open(path, os.O_RDONLY)
    while True:
        os.fstat(fd)
        os.getxattr(fd, "user.evidencefs.inode")
        yield


def use_listing(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    while True:
        if not os.listdir(fd):
            raise OSError(errno.ENODATA, "an empty listing")
        yield


def use_cwd(path):
    os.chdir(path)
    while True:
        if not os.listdir("."):
            raise OSError(errno.ENODATA, "an empty listing")
        yield


def use_relative(path):
    os.chdir(os.path.dirname(path))
    while True:
        os.close(os.open(os.path.basename(path), os.O_RDONLY))
        yield


def use_name(path):
    """Refused for the moment in which the kernel still knows the name; then there is none."""
    while True:
        try:
            os.close(os.open(path, os.O_RDONLY))
        except PermissionError:
            pass
        yield


def use_mapping(path, flags):
    fd = os.open(path, os.O_RDONLY)
    m = mmap.mmap(fd, 0, flags=flags, prot=mmap.PROT_READ)
    os.close(fd)
    while True:
        m[0], m[len(m) - 1]
        yield


def use_shared(path):
    return use_mapping(path, mmap.MAP_SHARED)


def use_private(path):
    return use_mapping(path, mmap.MAP_PRIVATE)


def use_aio(path):
    """Linux native AIO: read after read, each submitted and waited for."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    context = ctypes.c_ulong(0)
    buffer = mmap.mmap(-1, 4096)
    address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    if libc.syscall(206, 8, ctypes.byref(context)):  # io_setup
        raise OSError(ctypes.get_errno(), "io_setup")
    while True:
        cb = ctypes.create_string_buffer(
            struct.pack("<QIiHhIQQqQII", 0, 0, 0, 0, 0, fd, address, 4096, 0, 0, 0, 0))
        pointer = ctypes.pointer(cb)
        if libc.syscall(209, context, 1, ctypes.byref(pointer)) != 1:  # io_submit
            raise OSError(ctypes.get_errno(), "io_submit")
        event = ctypes.create_string_buffer(32)
        if libc.syscall(208, context, 1, 1, event, None) != 1:  # io_getevents
            raise OSError(ctypes.get_errno(), "io_getevents")
        result = struct.unpack("<QQqq", event.raw)[2]
        if result < 0:
            raise OSError(-result, "aio read")
        yield


def hold(use, path, ready, done):
    """In a child: use until it fails. Return: how it failed."""
    try:
        for i, _ in enumerate(use(path)):
            if i == 0:
                os.write(ready, b".")
            if i > 0 and done():
                return "alive"
            time.sleep(PAUSE)
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e.errno))
    return "ended"


def main():
    path, directory, kept = sys.argv[1:4]
    ways = {
        "fd": (use_fd, path), "end": (use_end, path), "stat": (use_stat, path),
        "listing": (use_listing, directory), "cwd": (use_cwd, directory),
        "relative": (use_relative, path), "name": (use_name, path),
        "shared": (use_shared, path), "private": (use_private, path),
        "aio": (use_aio, path), "kept": (use_fd, kept),
    }
    ready_read, ready_write = os.pipe()
    children = {}
    for name, (use, what) in ways.items():
        told_read, told_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            stop = []
            signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
            how = hold(use, what, ready_write, lambda: stop)
            os.write(told_write, f"{time.time():.6f} {how}".encode())
            os._exit(0)
        os.close(told_write)
        children[pid] = (name, told_read)
    os.close(ready_write)
    left = len(ways)
    while left:
        got = os.read(ready_read, left)
        if not got:
            print("not ready", flush=True)
            break
        left -= len(got)
    if not left:
        print("ready", flush=True)
    limit = time.time() + LIMIT
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            if len(children) == 1 or time.time() > limit:
                for child in children:
                    os.kill(child, signal.SIGTERM)
            time.sleep(PAUSE)
            continue
        name, told = children.pop(pid)
        words = os.read(told, 100).decode()
        if os.WIFSIGNALED(status):
            words = f"{time.time():.6f} {signal.Signals(os.WTERMSIG(status)).name}"
        print(name, words, flush=True)


main()
