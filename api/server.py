"""uvicorn's server without its ten wake-ups per second, and with a file of its address."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.server import ServerState

from mm.files import write_atomic

if TYPE_CHECKING:
    import socket
    from pathlib import Path
    from types import FrameType

Headers = list[tuple[bytes, bytes]]
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class DatedState(ServerState):
    """Computes the `Date` header when a response needs it; uvicorn updates it in a loop."""

    def __init__(self) -> None:
        self._second = 0
        self._headers: Headers = []
        super().__init__()

    @property
    def default_headers(self) -> Headers:
        if (second := int(time.time())) != self._second:
            self._headers = [(b"date", formatdate(second, usegmt=True).encode())]
            self._second = second
        return self._headers

    @default_headers.setter
    def default_headers(self, headers: Headers) -> None:
        pass


class Server(uvicorn.Server):
    """Waits for a signal without a timer. Writes `run/api.json` in the home folder when it accepts
    requests, and deletes it at the end."""

    def __init__(self, config: uvicorn.Config, address_file: Path, address: tuple[str, int]) -> None:
        super().__init__(config)
        self.server_state = DatedState()
        self._address_file = address_file
        self._address = address
        self._exit = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            write_address_file(self._address_file, self._address)

    async def main_loop(self) -> None:
        """Wait for a stop signal. Only a handler of the event loop wakes the loop."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        if not self.should_exit:  # a signal may have arrived before
            await self._exit.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._exit.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._address_file.unlink(missing_ok=True)
        await super().shutdown(sockets)


def write_address_file(path: Path, address: tuple[str, int]) -> None:
    """Write process id, host and port as JSON, atomically."""
    write_atomic(path, json.dumps({"pid": os.getpid(), "host": address[0], "port": address[1]}).encode())
