#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reader.py FILE... - open files and keep them open; for each line of input, read them again

Says "ready", then for each line of input a line of one word for each file: ok (its first bytes as at the
open), other, or the error.
"""
import errno
import os
import sys

SIZE = 4096


def read(fd):
    try:
        return os.pread(fd, SIZE, 0)
    except OSError as e:
        return errno.errorcode[e.errno]


fds = [os.open(path, os.O_RDONLY) for path in sys.argv[1:]]
first = [read(fd) for fd in fds]
print("ready", flush=True)
for _ in sys.stdin:
    now = [read(fd) for fd in fds]
    print(" ".join(n if isinstance(n, str) else "ok" if n == f else "other" for n, f in zip(now, first)), flush=True)
