"""A minimal tus client."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

VERSION = {"Tus-Resumable": "1.0.0"}
CHUNK_TYPE = "application/offset+octet-stream"


def encode_metadata(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def checksum(data: bytes, algorithm: str = "sha1") -> dict[str, str]:
    return {"Upload-Checksum": f"{algorithm} {encode_metadata(hashlib.new(algorithm, data).digest())}"}


@dataclass
class Tus:
    """Each method sends a request; `headers` replace the defaults, an empty value removes one."""

    client: httpx2.Client

    def send(self, method: str, path: str, own: dict[str, str], headers: dict[str, str], body: bytes = b"") -> httpx2.Response:
        sent = {name: value for name, value in {**VERSION, **own, **headers}.items() if value != ""}
        return self.client.request(method, path, headers=sent, content=body)

    def create(
        self, length: int, name: str = "a.png", tags: str = "", body: bytes | None = None, **headers: str
    ) -> httpx2.Response:
        metadata = f"filename {encode_metadata(name)}" + (f",tags {encode_metadata(tags)}" if tags else "")
        own = {"Upload-Length": str(length), "Upload-Metadata": metadata}
        if body is not None:
            own["Content-Type"] = CHUNK_TYPE
        return self.send("POST", "/v1/uploads", own, _to_headers(headers), body or b"")

    def create_path(self, length: int, name: str = "a.png", tags: str = "") -> str:
        response = self.create(length, name, tags)
        assert response.status_code == 201, response.text
        return str(response.headers["location"])

    def patch(self, path: str, offset: int, data: bytes, **headers: str) -> httpx2.Response:
        return self.send("PATCH", path, {"Content-Type": CHUNK_TYPE, "Upload-Offset": str(offset)}, _to_headers(headers), data)

    def head(self, path: str) -> httpx2.Response:
        return self.send("HEAD", path, {}, {})

    def offset(self, path: str) -> int:
        response = self.head(path)
        assert response.status_code == 200, response.headers
        return int(response.headers["upload-offset"])

    def delete(self, path: str) -> httpx2.Response:
        return self.send("DELETE", path, {}, {})


def _to_headers(headers: dict[str, str]) -> dict[str, str]:
    """Convert Python names to header names."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
