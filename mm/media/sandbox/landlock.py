"""Landlock: denies every file, TCP port, socket and process that this process has not open yet.

Source: Documentation/userspace-api/landlock.rst and <linux/landlock.h>.
"""

from __future__ import annotations

import ctypes
import os

from mm.media.sandbox.kernel import address, syscall

CREATE_RULESET, RESTRICT_SELF = 444, 446  # the same on every architecture
VERSION = 1  # flag of CREATE_RULESET that queries the ABI

NUM_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""Number of file rights from each ABI version on: read, write, list, remove, make; link across;
truncate; control devices."""
PORTS_SINCE, PORTS = 4, 0b11  # bind and connect a TCP socket
SCOPES_SINCE, SCOPES = 6, 0b11  # abstract UNIX sockets, signals


class _Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr`; older kernels accept only its first fields."""

    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


def abi() -> int:
    """Version of Landlock in the running kernel, 0 without."""
    try:
        return syscall(CREATE_RULESET, 0, 0, VERSION)
    except OSError:
        return 0


def deny_all(version: int) -> None:
    """Remove every right of this ABI from the calling thread, irrevocably. Raises `OSError`."""
    num_file_rights = max(count for since, count in NUM_FILE_RIGHTS.items() if since <= version)
    ports, scopes = PORTS if version >= PORTS_SINCE else 0, SCOPES if version >= SCOPES_SINCE else 0
    rules = _Ruleset((1 << num_file_rights) - 1, ports, scopes)
    size = 24 if version >= SCOPES_SINCE else 16 if version >= PORTS_SINCE else 8  # bytes of the struct in this ABI
    handle = syscall(CREATE_RULESET, address(rules), size, 0)
    try:
        syscall(RESTRICT_SELF, handle, 0)
    finally:
        os.close(handle)
