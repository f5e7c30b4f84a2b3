"""Seccomp filter: system calls that are not on the allowlist fail with EPERM.

Classic BPF, for x86-64 and AArch64. A refused call fails instead of killing the process, because C
libraries try calls that they can do without. Source:
Documentation/userspace-api/seccomp_filter.rst, <linux/filter.h>.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from typing import TYPE_CHECKING

from mm.media.sandbox.kernel import address, syscall
from mm.media.sandbox.system_calls import ALLOWED, ARCHITECTURES, CLONE3, RESTRICTED

if TYPE_CHECKING:
    from mm.media.sandbox.system_calls import Architecture, ArgumentCheck

SET_MODE_FILTER, ALL_THREADS = 1, 1  # operation and flag of seccomp(2)
ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050000, 0x80000000  # SECCOMP_RET_*; FAIL carries an errno
LOAD, AND, IF_EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06
NUMBER_OFFSET, ARCHITECTURE_OFFSET, ARGUMENTS_OFFSET = 0, 4, 16  # struct seccomp_data

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, constant."""


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("constant", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.c_void_p))


def current_architecture() -> Architecture | None:
    """The architecture of this process; None where there is no filter for it."""
    return ARCHITECTURES.get(platform.machine()) if sys.maxsize > 1 << 32 else None


def build_program(architecture: Architecture, process: int) -> list[Instruction]:
    """Build the filter for the process with that id.

    Threads may be started, processes and namespaces not; memory is never made executable; signals
    go to the process itself.
    """
    fail, not_implemented = FAIL | errno.EPERM, FAIL | errno.ENOSYS
    program: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE_OFFSET),
        (IF_EQUAL, 1, 0, architecture.audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_OFFSET),
    ]
    for call in ALLOWED:
        if (number := architecture.number(call)) is not None:
            program += [(IF_EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    for restricted in RESTRICTED:
        number = architecture.number(restricted)
        assert number is not None
        checks = [word for check in restricted.checks for word in _fail_unless(check, process, fail)]
        program += [(IF_EQUAL, 0, len(checks) + 1, number), *checks, (RETURN, 0, 0, ALLOW)]
    clone3 = architecture.number(CLONE3)
    assert clone3 is not None
    return [*program, (IF_EQUAL, 0, 1, clone3), (RETURN, 0, 0, not_implemented), (RETURN, 0, 0, fail)]


def _fail_unless(check: ArgumentCheck, process: int, otherwise: int) -> list[Instruction]:
    """Return `otherwise` unless the argument passes the check."""
    return [
        (LOAD, 0, 0, ARGUMENTS_OFFSET + 8 * check.argument + (4 if check.is_upper else 0)),
        (AND, 0, 0, check.mask),
        (IF_EQUAL, 1, 0, process if check.value is None else check.value),
        (RETURN, 0, 0, otherwise),
    ]


def install(architecture: Architecture) -> None:
    """Install the filter on every thread of this process, irrevocably.

    Needs `no_new_privileges`. Raises `OSError`.
    """
    program = build_program(architecture, os.getpid())
    instructions = (_Instruction * len(program))(*(_Instruction(*word) for word in program))
    filter_ = _Program(len(program), ctypes.addressof(instructions))
    syscall(architecture.seccomp, SET_MODE_FILTER, ALL_THREADS, address(filter_))
