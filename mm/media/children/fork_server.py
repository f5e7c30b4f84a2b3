"""The fork server: imports all that decoding needs, sees no file, and forks one decoding child for
each request to do so.

    python -m mm.media.children.fork_server JSON

The argument is {"parent", "cpu_seconds", "decoder", "sandbox"}. Standard input is a UNIX socket of
lines of JSON. The first line that it sends is {"ready": true}, or {"error"} before it ends. Then it
answers, in turn:

    {"do": "fork", "memory_bytes"}    {"pid"} or {"error"}
    {"do": "kill", "pid"}             {}
    {"do": "status", "pid"}           {"status": exit status, -signal or null}

With "fork" come two descriptors: the child's request socket and its answer pipe.

It has one thread, so that a fork copies a consistent process, and ends when the socket is closed;
its children end with it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
from typing import TYPE_CHECKING, TypedDict

import mm.media
from mm.errors import Unavailable
from mm.media.sandbox.layers import Sandbox, refuse_vulnerable_decoder
from mm.media.sandbox.rlimits import die_with

if TYPE_CHECKING:
    from typing import Never

    from mm.media.children.wire import Head

MOST_LINE = 65_536  # bytes
LATE_IMPORTS = tuple(
    f"PIL.{name}" for name in ("ImageColor", "ImageFilter", "MpoImagePlugin", "TiffImagePlugin", "WebPImagePlugin")
)
"""What Pillow imports when a picture needs it, which a child behind its layers cannot; PyAV does
the same with most modules."""
NOT_IMPORTED = ("av.__main__", "av.datasets")


class Config(TypedDict):
    """The argument of the command line."""

    parent: int
    cpu_seconds: int
    decoder: str
    sandbox: dict[str, object]


def main() -> None:
    config: Config = json.loads(sys.argv[1])
    die_with(config["parent"])
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    try:
        load_libraries(config["decoder"])
        sandbox = Sandbox(**config["sandbox"])  # type: ignore[arg-type]
        refuse_vulnerable_decoder(sandbox)
    except Unavailable as error:
        _send(control, {"error": str(error)})
        sys.exit(1)
    except (ImportError, OSError, ValueError) as error:
        _send(control, {"error": f"{type(error).__name__}: {error}"})
        sys.exit(1)
    gc.collect()
    gc.freeze()  # a collection in a child would write to, and so copy, the pages of all that was imported
    _send(control, {"ready": True})
    Server(control, sandbox, config["cpu_seconds"]).run()


def load_libraries(decoder: str) -> None:
    """Import all that decoding may need: behind the layers nothing can be imported, and each child
    has it at once."""
    import av
    from PIL import Image

    Image.preinit()
    names = (part.name for package in (av, mm.media) for part in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
    for module in (*(name for name in names if not name.startswith((*NOT_IMPORTED, __spec__.name))), *LATE_IMPORTS):
        importlib.import_module(module)
    if decoder == "decord":
        from mm.media.decoding.decord_decoder import require_decord

        require_decord()


class Server:
    """Answers one request after another."""

    def __init__(self, control: socket.socket, sandbox: Sandbox, cpu_seconds: int) -> None:
        self._control, self._sandbox, self._cpu_seconds = control, sandbox, cpu_seconds
        self._running: set[int] = set()
        """Children that were not waited for: their process ids belong to nobody else."""

    def run(self) -> None:
        """Until the socket is closed."""
        while (received := _receive(self._control)) is not None:
            request, handles = received
            match request["do"]:
                case "fork":
                    answer = self._fork(int(str(request["memory_bytes"])), *handles)
                case "kill":
                    answer = self._kill(int(str(request["pid"])))
                case _:
                    answer = self._status(int(str(request["pid"])))
            _send(self._control, answer)

    def _fork(self, memory_bytes: int, requests: int, answers: int) -> Head:
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            return {"error": f"no process can be forked: {error.strerror}"}
        finally:
            if os.getpid() == server:
                os.close(requests)
                os.close(answers)
        if pid == 0:
            self._become_child(server, memory_bytes, requests, answers)
        self._running.add(pid)
        return {"pid": pid}

    def _become_child(self, server: int, memory_bytes: int, requests: int, answers: int) -> Never:
        """In the forked process: keep the two handles and nothing else of the server's, then serve
        one file."""
        status = 1
        try:
            die_with(server)
            os.dup2(requests, sys.stdin.fileno())
            os.dup2(answers, sys.stdout.fileno())
            self._control.detach()
            os.closerange(sys.stderr.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
            from mm.media.children import child

            status = child.serve(self._sandbox, memory_bytes, self._cpu_seconds)
        finally:
            os._exit(status)

    def _kill(self, pid: int) -> Head:
        if pid in self._running:
            os.kill(pid, signal.SIGKILL)
        return {}

    def _status(self, pid: int) -> Head:
        if pid not in self._running:
            return {"error": f"{pid} is no child of this process"}
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            return {"status": None}
        self._running.discard(pid)
        return {"status": os.waitstatus_to_exitcode(status)}


def _receive(control: socket.socket) -> tuple[Head, list[int]] | None:
    """One line and the handles that came with it; None at the end."""
    line: bytes = b""
    handles: list[int] = []
    while not line.endswith(b"\n"):
        data, got, _, _ = socket.recv_fds(control, MOST_LINE, 2)
        if not data:
            return None
        line, handles = line + data, handles + list(got)
    return json.loads(line), handles


def _send(control: socket.socket, answer: Head) -> None:
    control.sendall(json.dumps(answer).encode("ascii") + b"\n")


if __name__ == "__main__":
    main()
