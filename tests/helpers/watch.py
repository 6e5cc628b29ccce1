#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""watch.py PATH OFFSET: how long 512 bytes of an open and mapped file are other than zeros.

Says "ready" while they are; then, for the descriptor and for each mapping, "WHAT TIME" (seconds
since 1970) when they were zeros first. A mapping is looked at through the page it has.
"""
import mmap
import os
import sys
import time


def main():
    fd = os.open(sys.argv[1], os.O_RDONLY)
    offset = int(sys.argv[2])
    page = offset // mmap.PAGESIZE * mmap.PAGESIZE
    maps = {"private": mmap.mmap(fd, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ, offset=page)}
    try:
        maps["shared"] = mmap.mmap(fd, mmap.PAGESIZE, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ, offset=page)
    except OSError:
        pass
    look = {name: (lambda m=m: bytes(m[offset - page:offset - page + 512])) for name, m in maps.items()}
    look["read"] = lambda: os.pread(fd, 512, offset)
    for name, get in look.items():
        if not any(get()):
            sys.exit(f"{name}: zeros already")
    print("ready", flush=True)
    while look:
        for name in list(look):
            if not any(look[name]()):
                print(name, time.time(), flush=True)
                del look[name]
        time.sleep(0.005)


main()
