"""A decoding child whose decoder was taken over: the name of the file that it is to probe says what
it tries.

Tests start it in the place of `mm.media.children.fork_server`; nothing else knows it.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import UnsupportedMedia
from mm.media.children import fork_server, wire
from mm.media.decoding import opened_file
from mm.media.sandbox.kernel import syscall

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Never

    from mm.media.decoding.opened_file import OpenedFile

OUTSIDE = Path(__file__)
ALREADY_OPEN = 0


def connect() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).connect(("127.0.0.1", 1))


def send_a_file() -> None:
    with socket.socket(fileno=os.dup(ALREADY_OPEN)) as back:
        socket.send_fds(back, [b"F"], [ALREADY_OPEN])


def run_a_program() -> None:
    subprocess.run(["/bin/true"], check=False)


def replace_itself() -> None:
    os.execv(sys.executable, [sys.executable, "-c", "pass"])


def start_a_thread() -> None:
    """What decoders do all the time."""
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def trace_the_parent() -> None:
    syscall({"x86_64": 101, "aarch64": 117}[os.uname().machine], 16, os.getppid(), 0, 0)  # PTRACE_ATTACH


def make_memory_executable() -> None:
    page = ctypes.c_void_p()
    ctypes.CDLL(None).posix_memalign(ctypes.byref(page), 4096, 4096)
    syscall({"x86_64": 10, "aarch64": 226}[os.uname().machine], page, 4096, 7)  # mprotect


def allocate_without_end() -> None:
    held = []
    while True:
        held.append(bytearray(64 << 20))


def open_without_end() -> None:
    held = []
    while True:
        held.append(socket.socketpair())


def run_without_end() -> None:
    while True:
        pass


def answer_without_end() -> None:
    wire.send(sys.stdout.buffer, {"what": "info"}, bytes(1 << 20))


def talk_without_end() -> None:
    while True:
        wire.send(sys.stdout.buffer, {"what": "alive"})


KEPT: list[bytes] = []
"""What this process has been given so far, and a number of its own, drawn at the first request:
process ids come again."""
NUMBER: list[str] = []


def keep(opened: OpenedFile) -> Never:
    """Give away what was kept of files before, and keep this one too."""
    KEPT.append(opened.file.read())
    raise UnsupportedMedia(f"Kept: {KEPT}")


def say_who(opened: OpenedFile) -> Never:
    """A number that no other process has."""
    NUMBER.append(os.urandom(16).hex())
    raise UnsupportedMedia(f"Number: {NUMBER[0]}")


def list_handles(opened: OpenedFile) -> Never:
    """Handles that are open, without the file that was given."""
    found = []
    for handle in range(64):
        with suppress(OSError):
            os.fstat(handle)
            found.append(handle)
    raise UnsupportedMedia(f"Handles: {sorted(set(found) - {opened.file.fileno()})}")


REQUESTS = {"keep": keep, "who": say_who, "handles": list_handles}
TRIES: dict[str, Callable[[], object]] = {
    "read": lambda: OUTSIDE.read_bytes(),
    "read-by-handle": lambda: os.open("/proc/self/fd/0", os.O_RDONLY),
    "list": lambda: os.scandir("/"),
    "write": lambda: Path("/tmp/mm-sandbox").write_bytes(b"x"),
    "unlink": lambda: OUTSIDE.with_name("nothing").unlink(),
    "rename": lambda: OUTSIDE.with_name("nothing").rename(OUTSIDE.with_name("other")),
    "socket": connect,
    "send-a-file": send_a_file,
    "fork": os.fork,
    "program": run_a_program,
    "exec": replace_itself,
    "ptrace": trace_the_parent,
    "kill": lambda: os.kill(os.getppid(), 0),
    "executable": make_memory_executable,
    "thread": start_a_thread,
    "memory": allocate_without_end,
    "open": open_without_end,
    "processor": run_without_end,
    "output": answer_without_end,
    "talk": talk_without_end,
}


def taken_over(opened: OpenedFile) -> Never:
    if opened.name in REQUESTS:
        REQUESTS[opened.name](opened)
    TRIES[opened.name]()
    raise UnsupportedMedia("It went through.")


if __name__ == "__main__":
    opened_file.OpenedFile.probe = taken_over  # type: ignore[method-assign, assignment]
    fork_server.main()
