"""The hostile side of `mm bench flood`: many connections of one kind, all in one process.

python -m mm.bench.flood.attack      # reads an `Attack` as JSON, prints the counts of its answers
as JSON
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
"""Another address than that of the honest client, as an attacker has. Linux gives a machine all of
127.0.0.0/8."""
DRIP_SECONDS = 1.0
REOPEN_SECONDS = 0.05
"""Before a connection that was closed is opened again: it is the service that is to be kept busy,
not this process."""
MAX_ANSWER = 1 << 20


@dataclass(frozen=True, slots=True)
class Attack:
    """What is done, by whom, to what."""

    kind: Kind
    port: int
    key: str
    connections: int
    seconds: float
    film: str
    """An item with pictures."""
    job: str


class Flood:
    """Keeps its connections busy until the time is over."""

    def __init__(self, attack: Attack) -> None:
        self.attack = attack
        self.answers: Counter[str] = Counter()
        self._random = random.Random(0)

    async def run(self) -> None:
        """Attack for as long as it was told to."""
        one: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = {
            "idle heads": self._idle_head,
            "slow bodies": self._slow_body,
            "event streams": self._event_stream,
            "unread downloads": self._unread,
        }.get(self.attack.kind, self._requests)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.attack.seconds):
                await asyncio.gather(*(self._again_and_again(one) for _ in range(self.attack.connections)))

    async def _again_and_again(self, one: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.attack.port, local_addr=(SOURCE, 0))
                try:
                    await one(reader, writer)
                finally:
                    writer.close()
            except (OSError, EOFError, ValueError):
                self.answers["closed"] += 1
            await asyncio.sleep(REOPEN_SECONDS)

    async def _idle_head(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        await self._answer(reader)

    async def _slow_body(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = self._random.choice(["/v1/search", "/v1/media?name=a.png", "/v1/embeddings"])
        writer.write(self._head("POST", path, "Content-Type: application/json", "Content-Length: 100000"))
        answer = asyncio.ensure_future(self._answer(reader))
        try:
            while not answer.done():
                writer.write(b"{")
                await asyncio.wait({answer}, timeout=DRIP_SECONDS)
            await answer
        finally:
            answer.cancel()

    async def _event_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._head("GET", f"/v1/jobs/{self.attack.job}/events"))
        if await self._status(reader) == "200":
            while await reader.read(1 << 16):
                pass

    async def _unread(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._head("GET", f"/v1/media/{self.attack.film}/content"))
        if await self._status(reader) == "200":
            await asyncio.sleep(self.attack.seconds)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One after the other on a connection that stays, refused or not."""
        while True:
            writer.write(self._request())
            await self._answer(reader)

    def _request(self) -> bytes:
        if self.attack.kind == "thumbnails":
            return self._head("GET", f"/v1/media/{self.attack.film}/thumbnail?t={self._random.uniform(0, 300):.3f}")
        if self.attack.kind == "resumable uploads":
            return self._head("POST", "/v1/uploads", "Tus-Resumable: 1.0.0", "Upload-Length: 1000", "Content-Length: 0")
        body = json.dumps({"text": f"a question of number {self._random.randrange(10**6)}"}).encode()
        return self._head("POST", "/v1/search", "Content-Type: application/json", f"Content-Length: {len(body)}") + body

    def _head(self, method: str, path: str, *headers: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self.attack.key}", *headers]
        return "\r\n".join([*lines, "", ""]).encode()

    async def _status(self, reader: asyncio.StreamReader) -> str:
        status = (await reader.readuntil(b"\r\n")).split(b" ")[1].decode()
        self.answers[status] += 1
        return status

    async def _answer(self, reader: asyncio.StreamReader) -> None:
        await self._status(reader)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r")[0]
        await reader.readexactly(min(int(length or b"0"), MAX_ANSWER))


def command() -> list[str]:
    """What starts an attack; it reads `asdict(Attack)` as JSON from its input."""
    return [sys.executable, "-P", "-m", __spec__.name if __spec__ else __name__]


def main() -> None:
    attack = Attack(**json.loads(sys.stdin.readline()))
    flood = Flood(attack)
    asyncio.run(flood.run())
    print(json.dumps({"kind": asdict(attack)["kind"], "answers": flood.answers}))


if __name__ == "__main__":
    main()
