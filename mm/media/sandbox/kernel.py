"""Linux system calls that Python does not offer, by ctypes.

On other systems each of them raises `OSError`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38  # <linux/prctl.h>
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000  # <linux/sched.h>
CAPABILITY_VERSION_3 = 0x20080522  # <linux/capability.h>

_libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: int | ctypes.c_void_p) -> int:
    """Call a function of the C library with word-sized arguments.

    Raises `OSError` when it returns -1 or does not exist.
    """
    if not sys.platform.startswith("linux"):
        raise OSError(errno.ENOSYS, f"{name} is available on Linux only")
    try:
        function = getattr(_libc, name)
    except AttributeError as error:
        raise OSError(errno.ENOSYS, f"the C library has no {name}") from error
    function.restype = ctypes.c_long
    words = [argument if isinstance(argument, ctypes.c_void_p) else ctypes.c_ulong(argument) for argument in arguments]
    result = int(function(*words))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def syscall(number: int, *arguments: int | ctypes.c_void_p) -> int:
    """Make a system call by its number. Raises `OSError`."""
    return call("syscall", number, *arguments)


def address(value: ctypes.Structure | ctypes.Array[ctypes.c_uint32]) -> ctypes.c_void_p:
    """Address of a value, which the caller must keep alive."""
    return ctypes.c_void_p(ctypes.addressof(value))


def no_new_privileges() -> None:
    """Prevent programs that this process starts from gaining privileges."""
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def leave_network() -> None:
    """Move to empty network and IPC namespaces: there is no interface, not even loopback."""
    call("unshare", CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC)


def drop_capabilities() -> None:
    """Drop all capabilities, those of root included."""
    head, none = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    call("capset", address(head), address(none))


def count_threads() -> int:
    """Number of threads of this process. Landlock binds only the calling thread."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())
