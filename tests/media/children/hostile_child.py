"""A decoding child with a compromised decoder: the name of the probed file selects its attempt.

Tests start it instead of `mm.media.children.fork_server`.
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


def send_file() -> None:
    with socket.socket(fileno=os.dup(ALREADY_OPEN)) as back:
        socket.send_fds(back, [b"F"], [ALREADY_OPEN])


def run_program() -> None:
    subprocess.run(["/bin/true"], check=False)


def replace_itself() -> None:
    os.execv(sys.executable, [sys.executable, "-c", "pass"])


def start_thread() -> None:
    """Start and join a thread, which decoders may do."""
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
    blocks = []
    while True:
        blocks.append(bytearray(64 << 20))


def open_without_end() -> None:
    sockets = []
    while True:
        sockets.append(socket.socketpair())


def run_without_end() -> None:
    while True:
        pass


def send_oversized_response() -> None:
    wire.send(sys.stdout.buffer, {"what": "info"}, bytes(1 << 20))


def send_heartbeats_without_end() -> None:
    while True:
        wire.send(sys.stdout.buffer, {"what": "alive"})


KEPT: list[bytes] = []
"""Contents of the files that this process has received so far."""
NUMBER: list[str] = []
"""A random number of this process, drawn at the first request: process ids are reused."""


def keep(opened: OpenedFile) -> Never:
    """Disclose the contents of earlier files, and keep those of this one."""
    KEPT.append(opened.file.read())
    raise UnsupportedMedia(f"Kept: {KEPT}")


def disclose_process_number(opened: OpenedFile) -> Never:
    """Disclose a number that no other process has."""
    NUMBER.append(os.urandom(16).hex())
    raise UnsupportedMedia(f"Number: {NUMBER[0]}")


def disclose_open_descriptors(opened: OpenedFile) -> Never:
    """Disclose the open descriptors, without that of the file."""
    handles = []
    for handle in range(64):
        with suppress(OSError):
            os.fstat(handle)
            handles.append(handle)
    raise UnsupportedMedia(f"Handles: {sorted(set(handles) - {opened.file.fileno()})}")


DISCLOSURES = {"keep": keep, "who": disclose_process_number, "handles": disclose_open_descriptors}
ATTEMPTS: dict[str, Callable[[], object]] = {
    "read": lambda: OUTSIDE.read_bytes(),
    "read-by-handle": lambda: os.open("/proc/self/fd/0", os.O_RDONLY),
    "list": lambda: os.scandir("/"),
    "write": lambda: Path("/tmp/mm-sandbox").write_bytes(b"x"),
    "unlink": lambda: OUTSIDE.with_name("nothing").unlink(),
    "rename": lambda: OUTSIDE.with_name("nothing").rename(OUTSIDE.with_name("other")),
    "socket": connect,
    "send-a-file": send_file,
    "fork": os.fork,
    "program": run_program,
    "exec": replace_itself,
    "ptrace": trace_the_parent,
    "kill": lambda: os.kill(os.getppid(), 0),
    "executable": make_memory_executable,
    "thread": start_thread,
    "memory": allocate_without_end,
    "open": open_without_end,
    "processor": run_without_end,
    "output": send_oversized_response,
    "talk": send_heartbeats_without_end,
}


def probe_compromised(opened: OpenedFile) -> Never:
    if opened.name in DISCLOSURES:
        DISCLOSURES[opened.name](opened)
    ATTEMPTS[opened.name]()
    raise UnsupportedMedia("It went through.")


if __name__ == "__main__":
    opened_file.OpenedFile.probe = probe_compromised  # type: ignore[method-assign, assignment]
    fork_server.main()
