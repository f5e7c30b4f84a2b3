"""The seccomp filter, run by an interpreter of classic BPF, and its table of system calls."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from mm.media.sandbox import seccomp
from mm.media.sandbox.seccomp import ALLOW, FAIL, KILL, build_program
from mm.media.sandbox.system_calls import AARCH64, ALLOWED, CLONE3, RESTRICTED, X86_64, Architecture

PROCESS = 4321
BOTH = pytest.mark.parametrize("architecture", [X86_64, AARCH64], ids=["x86_64", "aarch64"])
CALLS = {call.name: call for call in (*ALLOWED, *RESTRICTED, CLONE3)}
NUMBERS = {
    "x86_64": (
        "0 1 3 5 8 11 12 13 14 15 17 19 20 24 25 28 35 39 45 47 60 63 96 98 99 110 131 186 202 204 "
        "219 228 229 230 231 273 309 318 324 334 271 7"
    ),
    "aarch64": (
        "63 64 57 80 62 215 214 134 135 139 67 65 66 124 216 233 101 172 207 212 93 160 169 165 179 173 132 178 98 123 "
        "128 113 114 115 94 99 168 278 283 293 73"
    ),
}
RESTRICTED_NUMBERS = {
    "x86_64": {"clone": 56, "mmap": 9, "mprotect": 10, "newfstatat": 262, "prctl": 157, "prlimit64": 302, "tgkill": 234},
    "aarch64": {"clone": 220, "mmap": 222, "mprotect": 226, "newfstatat": 79, "prctl": 167, "prlimit64": 261, "tgkill": 131},
}
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def number_of(architecture: Architecture, name: str) -> int:
    number = architecture.number(CALLS[name])
    assert number is not None
    return number


def allowed_numbers(architecture: Architecture) -> list[int]:
    return [number for call in ALLOWED if (number := architecture.number(call)) is not None]


def verdict(architecture: Architecture, number: int, arguments: tuple[int, ...] = (), audit: int | None = None) -> int:
    """Result of the filter for a system call, by an interpreter of BPF."""
    data = {0: number, 4: architecture.audit if audit is None else audit}
    for index in range(6):
        value = arguments[index] if index < len(arguments) else 0
        data[16 + 8 * index], data[20 + 8 * index] = value & 0xFFFFFFFF, value >> 32
    program, position, accumulator = build_program(architecture, PROCESS), 0, 0
    while True:
        code, yes, no, constant = program[position]
        position += 1
        match code:
            case seccomp.LOAD:
                accumulator = data[constant]
            case seccomp.AND:
                accumulator &= constant
            case seccomp.IF_EQUAL:
                position += yes if accumulator == constant else no
            case seccomp.RETURN:
                return constant


@BOTH
def test_seccomp_filter_allows_only_listed_calls_and_arguments(architecture: Architecture) -> None:
    fail, thread, fork = FAIL | errno.EPERM, 0x3D0F00, 0x1200011
    allowed = allowed_numbers(architecture)

    def verdict_of(name: str, *arguments: int) -> int:
        return verdict(architecture, number_of(architecture, name), arguments)

    assert verdict(architecture, allowed[0], audit=0x40000003) == KILL, "another architecture"
    assert all(verdict(architecture, number) == ALLOW for number in allowed)
    assert verdict(architecture, allowed[0] | 0x40000000) == fail, "x32"
    assert verdict_of("clone", thread) == ALLOW
    assert verdict_of("clone", fork) == fail
    assert verdict_of("clone", thread | 0x40000000) == fail, "a thread in a network of its own"
    assert verdict_of("clone3") == FAIL | errno.ENOSYS
    assert verdict_of("mmap", 0, 4096, 3) == ALLOW
    assert verdict_of("mmap", 0, 4096, 7) == fail
    assert verdict_of("mprotect", 0, 4096, 5) == fail
    assert verdict_of("newfstatat", 3, 0, 0, 0x1000) == ALLOW
    assert verdict_of("newfstatat", 3, 0, 0, 0) == fail
    assert verdict_of("prlimit64", 0, 3, 0, 99) == ALLOW
    assert verdict_of("prlimit64", 0, 3, 1 << 40, 99) == fail
    assert verdict_of("tgkill", PROCESS, 5, 6) == ALLOW
    assert verdict_of("tgkill", 1, 5, 6) == fail
    refused = {
        X86_64.audit: (2, 41, 42, 57, 58, 59, 62, 82, 87, 101, 257, 437),
        AARCH64.audit: (56, 35, 38, 117, 129, 198, 203, 221),
    }
    assert all(verdict(architecture, number) == fail for number in refused[architecture.audit])


@BOTH
def test_system_call_table_allows_exactly_the_reviewed_set(architecture: Architecture) -> None:
    assert allowed_numbers(architecture) == [int(number) for number in NUMBERS[architecture.name].split()]
    assert {call.name: architecture.number(call) for call in RESTRICTED} == RESTRICTED_NUMBERS[architecture.name]
    assert len(CALLS) == len(ALLOWED) + len(RESTRICTED) + 1, "no name occurs twice"
    assert all(call.reason for call in CALLS.values())


@BOTH
def test_system_call_numbers_are_those_of_the_kernel_headers(architecture: Architecture) -> None:
    header = HEADERS[architecture.name]
    if not header.exists():
        pytest.skip(f"{header} is not installed")
    defined = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\s", header.read_text()))
    defined.setdefault("newfstatat", defined.get("fstatat", ""))  # its name in the generic table
    numbers = {name: architecture.number(call) for name, call in CALLS.items()}
    assert {name: int(defined[name]) for name, number in numbers.items() if number is not None} == {
        name: number for name, number in numbers.items() if number is not None
    }
    assert int(defined["seccomp"]) == architecture.seccomp
