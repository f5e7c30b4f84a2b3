"""A minimal tus client."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

VERSION = {"Tus-Resumable": "1.0.0"}
PIECE = "application/offset+octet-stream"


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def checksum(data: bytes, algorithm: str = "sha1") -> dict[str, str]:
    return {"Upload-Checksum": f"{algorithm} {encoded(hashlib.new(algorithm, data).digest())}"}


@dataclass
class Tus:
    """Each method sends a request; `headers` replace the defaults, an empty value removes one."""

    client: httpx2.Client

    def ask(self, method: str, path: str, own: dict[str, str], headers: dict[str, str], body: bytes = b"") -> httpx2.Response:
        sent = {name: value for name, value in {**VERSION, **own, **headers}.items() if value != ""}
        return self.client.request(method, path, headers=sent, content=body)

    def create(
        self, length: int, name: str = "a.png", tags: str = "", body: bytes | None = None, **headers: str
    ) -> httpx2.Response:
        metadata = f"filename {encoded(name)}" + (f",tags {encoded(tags)}" if tags else "")
        own = {"Upload-Length": str(length), "Upload-Metadata": metadata}
        if body is not None:
            own["Content-Type"] = PIECE
        return self.ask("POST", "/v1/uploads", own, _named(headers), body or b"")

    def created(self, length: int, name: str = "a.png", tags: str = "") -> str:
        answer = self.create(length, name, tags)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"])

    def patch(self, where: str, offset: int, data: bytes, **headers: str) -> httpx2.Response:
        return self.ask("PATCH", where, {"Content-Type": PIECE, "Upload-Offset": str(offset)}, _named(headers), data)

    def head(self, where: str) -> httpx2.Response:
        return self.ask("HEAD", where, {}, {})

    def offset(self, where: str) -> int:
        answer = self.head(where)
        assert answer.status_code == 200, answer.headers
        return int(answer.headers["upload-offset"])

    def delete(self, where: str) -> httpx2.Response:
        return self.ask("DELETE", where, {}, {})


def _named(headers: dict[str, str]) -> dict[str, str]:
    """Convert Python names to header names."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
