"""Allowlist of system calls for a decoding child, with their numbers on each architecture.

Numbers: syscall_64.tbl (x86-64) and asm-generic/unistd.h (AArch64) of the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

CLONE_THREAD = 0x00010000
CLONE_NEW_ALL = 0x7E020000  # all CLONE_NEW* flags that clone(2) accepts
WORD = 0xFFFFFFFF
PROT_EXEC = 4
AT_EMPTY_PATH = 0x1000
PR_SET_NAME = 15


class SystemCall(NamedTuple):
    """An allowed system call: its number per architecture, None where there is none, and why."""

    name: str
    x86_64: int | None
    aarch64: int | None
    reason: str


class ArgumentCheck(NamedTuple):
    """Requires the bits `mask` of 32 bits of an argument to equal `value`.

    A `value` of None is the process id. `is_upper` selects the upper 32 bits of the argument.
    """

    argument: int
    mask: int
    value: int | None
    is_upper: bool = False


class RestrictedCall(NamedTuple):
    """A system call that is allowed only when its arguments pass all checks."""

    name: str
    x86_64: int
    aarch64: int
    checks: Sequence[ArgumentCheck]
    reason: str


@dataclass(frozen=True, slots=True)
class Architecture:
    """A processor architecture; `audit` is its AUDIT_ARCH constant in <linux/audit.h>."""

    name: Literal["x86_64", "aarch64"]
    audit: int
    seccomp: int  # number of seccomp(2)

    def number(self, call: SystemCall | RestrictedCall) -> int | None:
        """Number of a system call on this architecture, None where there is none."""
        return call.x86_64 if self.name == "x86_64" else call.aarch64


X86_64 = Architecture("x86_64", audit=0xC000003E, seccomp=317)
AARCH64 = Architecture("aarch64", audit=0xC00000B7, seccomp=277)
ARCHITECTURES = {"x86_64": X86_64, "aarch64": AARCH64}

ALLOWED = (
    SystemCall("read", 0, 63, "read the file"),
    SystemCall("write", 1, 64, "write responses to the pipe"),
    SystemCall("close", 3, 57, "close the file after a request"),
    SystemCall("fstat", 5, 80, "size and identity of the open file"),
    SystemCall("lseek", 8, 62, "seek in the file"),
    SystemCall("munmap", 11, 215, "release memory"),
    SystemCall("brk", 12, 214, "grow and shrink the heap"),
    SystemCall("rt_sigaction", 13, 134, "signal handlers of the C library"),
    SystemCall("rt_sigprocmask", 14, 135, "signal mask, changed when a thread starts"),
    SystemCall("rt_sigreturn", 15, 139, "return from a signal handler"),
    SystemCall("pread64", 17, 67, "read the file at an offset"),
    SystemCall("readv", 19, 65, "read into several buffers"),
    SystemCall("writev", 20, 66, "write from several buffers"),
    SystemCall("sched_yield", 24, 124, "spin locks of libraries"),
    SystemCall("mremap", 25, 216, "grow large allocations"),
    SystemCall("madvise", 28, 233, "return unused pages"),
    SystemCall("nanosleep", 35, 101, "waits of libraries"),
    SystemCall("getpid", 39, 172, "process id"),
    SystemCall("recvfrom", 45, 207, "receive a request"),
    SystemCall("recvmsg", 47, 212, "receive the file descriptor of a request"),
    SystemCall("exit", 60, 93, "end a thread"),
    SystemCall("uname", 63, 160, "kernel version, read by libraries"),
    SystemCall("gettimeofday", 96, 169, "clock"),
    SystemCall("getrusage", 98, 165, "processor time, reported after each request"),
    SystemCall("sysinfo", 99, 179, "memory size, read by libraries"),
    SystemCall("getppid", 110, 173, "process id of the parent"),
    SystemCall("sigaltstack", 131, 132, "signal stack of a thread"),
    SystemCall("gettid", 186, 178, "thread id"),
    SystemCall("futex", 202, 98, "locks between threads"),
    SystemCall("sched_getaffinity", 204, 123, "number of usable processors"),
    SystemCall("restart_syscall", 219, 128, "resume a call after the process was stopped"),
    SystemCall("clock_gettime", 228, 113, "clock"),
    SystemCall("clock_getres", 229, 114, "resolution of a clock"),
    SystemCall("clock_nanosleep", 230, 115, "waits of libraries"),
    SystemCall("exit_group", 231, 94, "end the process"),
    SystemCall("set_robust_list", 273, 99, "start of a thread in the C library"),
    SystemCall("getcpu", 309, 168, "current processor, read by allocators"),
    SystemCall("getrandom", 318, 278, "random numbers"),
    SystemCall("membarrier", 324, 283, "memory barriers between threads"),
    SystemCall("rseq", 334, 293, "start of a thread in the C library"),
    SystemCall("ppoll", 271, 73, "wait for a request"),
    SystemCall("poll", 7, None, "wait for a request; AArch64 has only ppoll"),
)

CLONE3 = SystemCall("clone3", 435, 435, "its flags are in memory, which a filter cannot read")
"""Fails with ENOSYS, so that the C library falls back to clone."""

RESTRICTED = (
    RestrictedCall(
        "clone", 56, 220, [ArgumentCheck(0, CLONE_THREAD | CLONE_NEW_ALL, CLONE_THREAD)], "threads; no process, no namespace"
    ),
    RestrictedCall("mmap", 9, 222, [ArgumentCheck(2, PROT_EXEC, 0)], "allocations; no executable memory"),
    RestrictedCall("mprotect", 10, 226, [ArgumentCheck(2, PROT_EXEC, 0)], "stacks and heaps of threads; no executable memory"),
    RestrictedCall("newfstatat", 262, 79, [ArgumentCheck(3, AT_EMPTY_PATH, AT_EMPTY_PATH)], "fstat of the C library; no paths"),
    RestrictedCall("prctl", 157, 167, [ArgumentCheck(0, WORD, PR_SET_NAME)], "names of threads"),
    RestrictedCall(
        "prlimit64",
        302,
        261,
        [ArgumentCheck(2, WORD, 0), ArgumentCheck(2, WORD, 0, is_upper=True)],
        "read limits; sets none, because the pointer to new limits is null",
    ),
    RestrictedCall("tgkill", 234, 131, [ArgumentCheck(0, WORD, None)], "abort; signals to the process itself only"),
)
