"""A list of the system calls that decoding needs; every other one fails with EPERM. Classic BPF,
for x86-64 and AArch64.

A call that is refused fails instead of killing, because C libraries try things that they can do
without. Source: Documentation/userspace-api/seccomp_filter.rst, <linux/filter.h>; numbers from the
kernel's syscall_64.tbl and unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from dataclasses import dataclass

from mm.media.sandbox.kernel import address, syscall

SET_MODE_FILTER, ALL_THREADS = 1, 1  # operation and flag of seccomp(2)
ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050000, 0x80000000  # SECCOMP_RET_*; FAIL carries an errno
LOAD, AND, IF_EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16  # struct seccomp_data

CLONE_THREAD = 0x00010000
NAMESPACES = 0x7E020000  # all CLONE_NEW* that clone(2) takes
WORD = 0xFFFFFFFF
PROT_EXEC = 4
AT_EMPTY_PATH = 0x1000
PR_SET_NAME = 15

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, constant."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Numbers of the calls on one architecture. The arguments of those with a name are looked at
    too."""

    audit: int  # <linux/audit.h>
    seccomp: int
    free: tuple[int, ...]
    clone: int
    clone3: int
    mmap: int
    mprotect: int
    newfstatat: int
    prctl: int
    prlimit64: int
    tgkill: int


def numbers(words: str) -> tuple[int, ...]:
    return tuple(map(int, words.split()))


# read write close fstat lseek munmap brk rt_sigaction rt_sigprocmask rt_sigreturn pread64 readv
# writev sched_yield mremap madvise nanosleep getpid recvfrom recvmsg exit uname gettimeofday
# getrusage sysinfo getppid sigaltstack gettid futex sched_getaffinity restart_syscall clock_gettime
# clock_getres clock_nanosleep exit_group set_robust_list getcpu getrandom membarrier rseq ppoll
X86_64 = Machine(
    audit=0xC000003E,
    seccomp=317,
    free=numbers(
        "0 1 3 5 8 11 12 13 14 15 17 19 20 24 25 28 35 39 45 47 60 63 96 98 99 110 131 186 202 204 "
        "219 228 229 230 231 273 309 318 324 334 271 7"  # the last is poll, which AArch64 has not
    ),
    clone=56,
    clone3=435,
    mmap=9,
    mprotect=10,
    newfstatat=262,
    prctl=157,
    prlimit64=302,
    tgkill=234,
)
AARCH64 = Machine(
    audit=0xC00000B7,
    seccomp=277,
    free=numbers(
        "63 64 57 80 62 215 214 134 135 139 67 65 66 124 216 233 101 172 207 212 93 160 169 165 179 173 132 178 98 123 "
        "128 113 114 115 94 99 168 278 283 293 73"
    ),
    clone=220,
    clone3=435,
    mmap=222,
    mprotect=226,
    newfstatat=79,
    prctl=167,
    prlimit64=261,
    tgkill=131,
)
MACHINES = {"x86_64": X86_64, "aarch64": AARCH64}


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("constant", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.c_void_p))


def machine() -> Machine | None:
    """The architecture of this process; None where there is no filter for it."""
    return MACHINES.get(platform.machine()) if sys.maxsize > 1 << 32 else None


def program(known: Machine, process: int) -> list[Instruction]:
    """The filter for the process of that number.

    Threads may be started, processes and namespaces not; memory is never made executable; signals
    go to the process itself.
    """
    fail, not_there = FAIL | errno.EPERM, FAIL | errno.ENOSYS
    words: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (IF_EQUAL, 1, 0, known.audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_AT),
    ]
    for number in known.free:
        words += [(IF_EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    # clone3 keeps its flags in memory, where no filter can look: told that it does not exist, the C
    # library falls back to clone.
    words += [(IF_EQUAL, 0, 1, known.clone3), (RETURN, 0, 0, not_there)]
    for number, checks in (
        (known.clone, [(0, CLONE_THREAD | NAMESPACES, CLONE_THREAD)]),
        (known.mmap, [(2, PROT_EXEC, 0)]),
        (known.mprotect, [(2, PROT_EXEC, 0)]),
        (known.newfstatat, [(3, AT_EMPTY_PATH, AT_EMPTY_PATH)]),  # how the C library asks about an open file
        (known.prctl, [(0, WORD, PR_SET_NAME)]),
        (known.prlimit64, [(2, WORD, 0), (2.5, WORD, 0)]),  # no new limit: it only asks
        (known.tgkill, [(0, WORD, process)]),
    ):
        block = [word for argument, mask, wanted in checks for word in _unless(argument, mask, wanted, fail)]
        words += [(IF_EQUAL, 0, len(block) + 1, number), *block, (RETURN, 0, 0, ALLOW)]
    return [*words, (RETURN, 0, 0, fail)]


def _unless(argument: float, mask: int, wanted: int, otherwise: int) -> list[Instruction]:
    """Fail unless these bits of an argument are as wanted. Half an argument further are its upper
    32 bits."""
    return [
        (LOAD, 0, 0, ARGUMENTS_AT + int(8 * argument)),
        (AND, 0, 0, mask),
        (IF_EQUAL, 1, 0, wanted),
        (RETURN, 0, 0, otherwise),
    ]


def install(known: Machine) -> None:
    """Put the filter on every thread of this process, for good. Needs `no_new_privileges`. Raises
    `OSError`."""
    words = program(known, os.getpid())
    instructions = (_Instruction * len(words))(*(_Instruction(*word) for word in words))
    filter_ = _Program(len(words), ctypes.addressof(instructions))
    syscall(known.seccomp, SET_MODE_FILTER, ALL_THREADS, address(filter_))
