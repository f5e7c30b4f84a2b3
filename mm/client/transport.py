"""What both drivers share: the request that a step becomes, the reply that an answer becomes, and
failures in words."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import httpx2

from mm.client.steps import Body, FormFile, Response, Send
from mm.errors import Conflict, InvalidInput, Unavailable

DEFAULT_URL = "http://127.0.0.1:8321"
DEFAULT_SECONDS = 180.0  # longest silence: longer than the service may take to look into an upload
CONNECT_SECONDS = 5.0
KEY_VARIABLE = "MM_API_KEY"
BLOCK_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service is and how long it may be silent."""

    url: str
    seconds: float
    api_key: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str, seconds: float, api_key: str | None = None) -> Address:
        """`api_key` defaults to MM_API_KEY. Raises `InvalidInput` for what is no `http://` or
        `https://` URL, or no key."""
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise InvalidInput(f"{url!r} is no address: {error}.") from error
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise InvalidInput(f"{url!r} is no address; one looks like {DEFAULT_URL}.")
        key = os.environ.get(KEY_VARIABLE, "").strip() if api_key is None else api_key
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise InvalidInput(f"The API key is none: it has characters that no key has. {KEY_VARIABLE} or `api_key` gives it.")
        return cls(url.rstrip("/"), seconds, key)

    @property
    def headers(self) -> dict[str, str]:
        """What every request brings."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    @property
    def timeout(self) -> httpx2.Timeout:
        return httpx2.Timeout(self.seconds, connect=min(CONNECT_SECONDS, self.seconds))

    @property
    def uses_proxy(self) -> bool:
        """Whether the environment's proxies count: never on the way to this machine."""
        host = httpx2.URL(self.url).host
        try:
            return not ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host != "localhost"

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Inside, a failure of the way to the service becomes `Unavailable` with one sentence."""
        try:
            yield
        except httpx2.ConnectError as error:
            raise Unavailable(f"Nothing answers at {self.url}. `mm serve` starts the service there.") from error
        except httpx2.TimeoutException as error:
            raise Unavailable(f"{self.url} did not answer in time (waited {self.seconds:.0f} s).") from error
        except httpx2.LocalProtocolError as error:
            raise Conflict(f"The file changed while it was being sent: {error}.") from error
        except (httpx2.TransportError, httpx2.DecodingError, httpx2.StreamError) as error:
            raise Unavailable(f"The connection to {self.url} broke: {error or type(error).__name__}.") from error


def build_headers(step: Send) -> dict[str, str]:
    """The step's headers, and the length of its body: the service refuses what is too large before
    it is sent."""
    if step.body is None:
        return dict(step.headers)
    return {"Content-Type": "application/octet-stream", **step.headers, "Content-Length": str(step.body.size)}


@contextmanager
def open_form_files(parts: Sequence[FormFile]) -> Iterator[list[tuple[str, tuple[str, bytes | BinaryIO]]] | None]:
    """The files of a form, open for as long as the block lasts; `None` when there are none."""
    with ExitStack() as stack:

        def open_(source: Path | bytes) -> bytes | BinaryIO:
            return source if isinstance(source, bytes) else stack.enter_context(source.open("rb"))

        yield [(part.field, (part.name, open_(part.source))) for part in parts] or None


def blocks(body: Body) -> Iterator[bytes]:
    """The bytes of a body, never all in memory; `on_sent` hears of each block."""
    sent = body.start
    for block in _read(body.source, body.start):
        yield block
        sent += len(block)
        if body.on_sent is not None:
            body.on_sent(sent)


def _read(source: Path | bytes, start: int) -> Iterator[bytes]:
    if isinstance(source, bytes):
        view = memoryview(source)[start:]
        yield from (bytes(view[start : start + BLOCK_BYTES]) for start in range(0, len(view), BLOCK_BYTES))
        return
    with source.open("rb") as file:
        file.seek(start)
        while block := file.read(BLOCK_BYTES):
            yield block


def build_response(response: httpx2.Response, body: bytes) -> Response:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Response(str(response.url), response.status_code, media_type, body, dict(response.headers))
