#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""witness.py - a witness of checkpoints, by C2SP tlog-cosignature alone, with openssl

witness.py key NAME PEM           its verifier key
witness.py sign NAME PEM FILE     FILE with its cosignature
"""
import base64
import hashlib
import struct
import subprocess
import sys
import tempfile


def key_of(name, pem):
    der = subprocess.run(["openssl", "pkey", "-in", pem, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    key = b"\x04" + der[-32:]
    return key, hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]


what, name, pem, *rest = sys.argv[1:]
key, key_hash = key_of(name, pem)
if what == "key":
    print(f"{name}+{key_hash.hex()}+{base64.b64encode(key).decode()}")
else:
    note = open(rest[0], "rb").read()
    when = 1800000000
    said = b"cosignature/v1\ntime %d\n" % when + note[: note.index(b"\n\n") + 1]
    with tempfile.NamedTemporaryFile() as f:
        f.write(said)
        f.flush()
        sign = ["openssl", "pkeyutl", "-sign", "-inkey", pem, "-rawin", "-in", f.name]
        signature = subprocess.run(sign, check=True, capture_output=True).stdout
    line = base64.b64encode(key_hash + struct.pack(">Q", when) + signature)
    sys.stdout.buffer.write(note + "\u2014 ".encode() + name.encode() + b" " + line + b"\n")
