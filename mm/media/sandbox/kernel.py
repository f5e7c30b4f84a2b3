"""Calls to the Linux kernel that Python has no name for, by ctypes. Elsewhere than on Linux each of
them raises `OSError`."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38  # <linux/prctl.h>
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000  # <linux/sched.h>
CAPABILITY_VERSION_3 = 0x20080522  # <linux/capability.h>

_c = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: int | ctypes.c_void_p) -> int:
    """A function of the C library with word-sized arguments. Raises `OSError` when it gives -1 or
    is not there."""
    if not sys.platform.startswith("linux"):
        raise OSError(errno.ENOSYS, f"{name} is Linux only")
    try:
        function = getattr(_c, name)
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
    """A system call by its number. Raises `OSError`."""
    return call("syscall", number, *arguments)


def address(value: ctypes.Structure | ctypes.Array[ctypes.c_uint32]) -> ctypes.c_void_p:
    """Where a value lies. It must be kept alive by the caller."""
    return ctypes.c_void_p(ctypes.addressof(value))


def no_new_privileges() -> None:
    """From here on no program that is started gains a right that this process has not."""
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def leave_the_network() -> None:
    """Move to empty namespaces of network and IPC: there is no interface to talk through, not even
    loopback."""
    call("unshare", CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC)


def drop_capabilities() -> None:
    """Give up every right of an administrator, also that of root."""
    head, none = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    call("capset", address(head), address(none))


def threads() -> int:
    """Threads of this process: what is taken from one of them alone does not bind the others."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())
