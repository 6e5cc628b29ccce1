#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""stop-thread.py PID NAME - stop one thread of a process, by its name, as long as this program runs

Says "stopped" when it is; the others go on. It goes on itself when this program ends, however it ends.
"""
import ctypes
import os
import signal
import sys

SEIZE, INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, tid):
    if libc.ptrace(request, tid, None, None):
        sys.exit(f"stop-thread: ptrace of {tid}: {os.strerror(ctypes.get_errno())}")


def thread(pid, name):
    for tid in map(int, os.listdir(f"/proc/{pid}/task")):
        with open(f"/proc/{pid}/task/{tid}/comm") as f:
            if f.read().strip() == name:
                return tid
    sys.exit(f"stop-thread: process {pid} has no thread {name}")


tid = thread(int(sys.argv[1]), sys.argv[2])
ptrace(SEIZE, tid)
ptrace(INTERRUPT, tid)
os.waitpid(tid, WALL)
print("stopped", flush=True)
signal.pause()
