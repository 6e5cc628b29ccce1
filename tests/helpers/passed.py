#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Passes an open file from one user to another, who reads it.

passed.py FILE UID GID OTHER_UID OTHER_GID; as root. Exits 0 when the second one is
refused with EACCES though the first one could read.
"""
import array
import errno
import os
import socket
import sys


def become(uid, gid):
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


path, (uid, gid, other, other_gid) = sys.argv[1], map(int, sys.argv[2:6])
here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
if os.fork() == 0:
    become(uid, gid)
    fd = os.open(path, os.O_RDONLY)
    ok = bool(os.pread(fd, 10, 0))
    there.sendmsg([b"x" if ok else b"-"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    os._exit(0)
become(other, other_gid)
data, ancillary, _, _ = here.recvmsg(1, socket.CMSG_LEN(4))
fd = array.array("i", ancillary[0][2])[0]
if data != b"x":
    sys.exit(2)
try:
    os.pread(fd, 10, 0)
except OSError as e:
    sys.exit(0 if e.errno == errno.EACCES else 3)
sys.exit(4)
