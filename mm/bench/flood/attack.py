"""The hostile client of `mm bench flood`: many connections of one kind in one process.

python -m mm.bench.flood.attack    # reads an `Attack` as JSON, prints the response counts as JSON
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Literal

Kind = Literal["idle heads", "slow bodies", "thumbnails", "event streams", "resumable uploads", "searches", "unread downloads"]
SOURCE = "127.0.0.2"
"""An address other than that of the honest client; Linux has all of 127.0.0.0/8 as loopback."""
BYTE_SECONDS = 1.0
REOPEN_SECONDS = 0.05
"""Pause before a closed connection is reopened, so that this process does not use the CPU."""
MAX_RESPONSE = 1 << 20


@dataclass(frozen=True, slots=True)
class Attack:
    """Kind, credentials and targets of an attack."""

    kind: Kind
    port: int
    key: str
    connections: int
    seconds: float
    video: str
    """Id of a video item."""
    job: str


class Flood:
    """Keeps all connections busy for the duration of the attack."""

    def __init__(self, attack: Attack) -> None:
        self.attack = attack
        self.responses: Counter[str] = Counter()
        self._random = random.Random(0)

    async def run(self) -> None:
        """Attack for `Attack.seconds`."""
        use_connection: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = {
            "idle heads": self._idle_head,
            "slow bodies": self._slow_body,
            "event streams": self._event_stream,
            "unread downloads": self._unread,
        }.get(self.attack.kind, self._requests)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.attack.seconds):
                await asyncio.gather(*(self._reconnect(use_connection) for _ in range(self.attack.connections)))

    async def _reconnect(self, use_connection: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.attack.port, local_addr=(SOURCE, 0))
                try:
                    await use_connection(reader, writer)
                finally:
                    writer.close()
            except (OSError, EOFError, ValueError):
                self.responses["closed"] += 1
            await asyncio.sleep(REOPEN_SECONDS)

    async def _idle_head(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        await self._read_response(reader)

    async def _slow_body(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = self._random.choice(["/v1/search", "/v1/media?name=a.png", "/v1/embeddings"])
        writer.write(self._head("POST", path, "Content-Type: application/json", "Content-Length: 100000"))
        response = asyncio.ensure_future(self._read_response(reader))
        try:
            while not response.done():
                writer.write(b"{")
                await asyncio.wait({response}, timeout=BYTE_SECONDS)
            await response
        finally:
            response.cancel()

    async def _event_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._head("GET", f"/v1/jobs/{self.attack.job}/events"))
        if await self._status(reader) == "200":
            while await reader.read(1 << 16):
                pass

    async def _unread(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._head("GET", f"/v1/media/{self.attack.video}/content"))
        if await self._status(reader) == "200":
            await asyncio.sleep(self.attack.seconds)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send requests on one connection, whether they are refused or not."""
        while True:
            writer.write(self._request())
            await self._read_response(reader)

    def _request(self) -> bytes:
        if self.attack.kind == "thumbnails":
            return self._head("GET", f"/v1/media/{self.attack.video}/thumbnail?t={self._random.uniform(0, 300):.3f}")
        if self.attack.kind == "resumable uploads":
            return self._head("POST", "/v1/uploads", "Tus-Resumable: 1.0.0", "Upload-Length: 1000", "Content-Length: 0")
        body = json.dumps({"text": f"query number {self._random.randrange(10**6)}"}).encode()
        return self._head("POST", "/v1/search", "Content-Type: application/json", f"Content-Length: {len(body)}") + body

    def _head(self, method: str, path: str, *headers: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self.attack.key}", *headers]
        return "\r\n".join([*lines, "", ""]).encode()

    async def _status(self, reader: asyncio.StreamReader) -> str:
        status = (await reader.readuntil(b"\r\n")).split(b" ")[1].decode()
        self.responses[status] += 1
        return status

    async def _read_response(self, reader: asyncio.StreamReader) -> None:
        await self._status(reader)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r")[0]
        await reader.readexactly(min(int(length or b"0"), MAX_RESPONSE))


def command() -> list[str]:
    """Command of an attack process, which reads `asdict(Attack)` as JSON from its input."""
    return [sys.executable, "-P", "-m", __spec__.name if __spec__ else __name__]


def main() -> None:
    attack = Attack(**json.loads(sys.stdin.readline()))
    flood = Flood(attack)
    asyncio.run(flood.run())
    print(json.dumps({"kind": asdict(attack)["kind"], "responses": flood.responses}))


if __name__ == "__main__":
    main()
