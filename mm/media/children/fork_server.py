"""Fork server: imports all that decoding needs and forks one decoding child per request.

    python -m mm.media.children.fork_server JSON

The argument is {"parent", "cpu_seconds", "decoder", "sandbox"}. Standard input is a UNIX socket of
lines of JSON. The first line that the server sends is {"ready": true}, or {"error"} before it
exits. Then it answers requests in order:

    {"do": "fork", "memory_bytes"}    {"pid"} or {"error"}
    {"do": "kill", "pid"}             {}
    {"do": "status", "pid"}           {"status": exit status, -signal or null}

"fork" carries two descriptors: the request socket and the response pipe of the child.

The server opens no media file. It has one thread, so that a fork copies a consistent process. It
exits when the socket is closed; its children die with it.
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
from mm.media.sandbox.rlimits import die_with_parent

if TYPE_CHECKING:
    from typing import Never

    from mm.media.children.wire import Head

MAX_LINE = 65_536  # bytes
LATE_IMPORTS = tuple(
    f"PIL.{name}" for name in ("ImageColor", "ImageFilter", "MpoImagePlugin", "TiffImagePlugin", "WebPImagePlugin")
)
"""Modules that Pillow imports on first use, which the sandbox forbids. PyAV imports most of its
modules that way too."""
NOT_IMPORTED = ("av.__main__", "av.datasets", "mm.media.decoding.dicom_file")
DICOM_IMPORTS = (
    "mm.media.decoding.dicom_file",
    "encodings.iso8859_1",
    "PIL.Jpeg2KImagePlugin",
    "PIL.JpegImagePlugin",
    "pydicom.pixels.decoders.pillow",
    "pydicom.pixels.decoders.rle",
    "pydicom.pixels.decoders.pyjpegls",
    "pydicom.pixels.decoders.pylibjpeg",
)
"""What the decoder "dicom" needs, which takes memory and is not loaded for other media."""


class Config(TypedDict):
    """The argument of the command line."""

    parent: int
    cpu_seconds: int
    decoder: str
    sandbox: dict[str, object]


def main() -> None:
    config: Config = json.loads(sys.argv[1])
    die_with_parent(config["parent"])
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
    gc.freeze()  # otherwise a collection in a child would write to, and so copy, the pages of all imports
    _send(control, {"ready": True})
    Server(control, sandbox, config["cpu_seconds"]).run()


def load_libraries(decoder: str) -> None:
    """Import all that decoding may need: a child inherits it and cannot import in its sandbox."""
    import av
    from PIL import Image

    Image.preinit()
    names = (
        module.name for package in (av, mm.media) for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    )
    for module in (*(name for name in names if not name.startswith((*NOT_IMPORTED, __spec__.name))), *LATE_IMPORTS):
        importlib.import_module(module)
    if decoder == "dicom":
        for module in DICOM_IMPORTS:
            importlib.import_module(module)
    if decoder == "decord":
        from mm.media.decoding.decord_decoder import require_decord

        require_decord()


class Server:
    """Answers requests, one at a time."""

    def __init__(self, control: socket.socket, sandbox: Sandbox, cpu_seconds: int) -> None:
        self._control, self._sandbox, self._cpu_seconds = control, sandbox, cpu_seconds
        self._running: set[int] = set()
        """Children that were not waited for, whose process ids cannot have been reused."""

    def run(self) -> None:
        """Answer requests until the socket is closed."""
        while (received := _receive(self._control)) is not None:
            request, handles = received
            match request["do"]:
                case "fork":
                    response = self._fork(int(str(request["memory_bytes"])), *handles)
                case "kill":
                    response = self._kill(int(str(request["pid"])))
                case _:
                    response = self._status(int(str(request["pid"])))
            _send(self._control, response)

    def _fork(self, memory_bytes: int, requests: int, responses: int) -> Head:
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            return {"error": f"no process can be forked: {error.strerror}"}
        finally:
            if os.getpid() == server:
                os.close(requests)
                os.close(responses)
        if pid == 0:
            self._become_child(server, memory_bytes, requests, responses)
        self._running.add(pid)
        return {"pid": pid}

    def _become_child(self, server: int, memory_bytes: int, requests: int, responses: int) -> Never:
        """In the forked process: keep the two descriptors only, close all others, and serve."""
        status = 1
        try:
            die_with_parent(server)
            os.dup2(requests, sys.stdin.fileno())
            os.dup2(responses, sys.stdout.fileno())
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
            return {"error": f"{pid} is not a child of this process"}
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            return {"status": None}
        self._running.discard(pid)
        return {"status": os.waitstatus_to_exitcode(status)}


def _receive(control: socket.socket) -> tuple[Head, list[int]] | None:
    """Receive one line and its descriptors; None when the socket is closed."""
    line: bytes = b""
    handles: list[int] = []
    while not line.endswith(b"\n"):
        data, received, _, _ = socket.recv_fds(control, MAX_LINE, 2)
        if not data:
            return None
        line, handles = line + data, handles + list(received)
    return json.loads(line), handles


def _send(control: socket.socket, response: Head) -> None:
    control.sendall(json.dumps(response).encode("ascii") + b"\n")


if __name__ == "__main__":
    main()
