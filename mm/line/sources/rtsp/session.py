"""RTSP session with one camera: DESCRIBE, SETUP, PLAY, and RTP interleaved in the connection."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from mm.errors import MediaError
from mm.line.sources.rtsp.address import authorize
from mm.line.sources.rtsp.sdp import VideoStream, parse_video

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from mm.line.sources.rtsp.address import CameraAddress

TIMEOUT_SECONDS = 10.0
MAX_LINE, MAX_LINES, MAX_BODY = 8192, 100, 1 << 16
DEFAULT_SESSION_SECONDS = 60
MAGIC = b"$"
VIDEO_CHANNEL = 0


class ConnectionLost(Exception):
    """The camera cannot be reached, closed the connection, or sent nothing for a while."""


class Response(NamedTuple):
    status: int
    headers: dict[str, list[str]]  # names in lower case
    body: bytes

    def first(self, name: str) -> str:
        return self.headers.get(name, [""])[0]


class RtspSession:
    """One connection. Raises `ConnectionLost`, and `MediaError` when the camera refuses."""

    def __init__(self, address: CameraAddress, peer: str, timeout: float = TIMEOUT_SECONDS) -> None:
        """Connect to the IP address `peer`; the host name of `address` is not resolved again."""
        self._address, self._sequence, self._authorization = address, 0, list[str]()
        self._session, self._keep_alive_seconds = "", DEFAULT_SESSION_SECONDS / 2
        try:
            self._socket = socket.create_connection((peer, address.port), timeout)
            if address.is_tls:
                self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=address.host)
        except OSError as error:
            raise ConnectionLost(f"The camera {address.name} does not respond: {error.strerror or error}.") from error
        self._stream: BinaryIO = self._socket.makefile("rb")

    def __enter__(self) -> RtspSession:
        return self

    def __exit__(self, cls: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stream.close()
        self._socket.close()

    def play(self) -> VideoStream:
        """Start the first video stream and return its description."""
        description = self._request("DESCRIBE", self._address.url, {"Accept": "application/sdp"})
        base = description.first("content-base") or description.first("content-location") or self._address.url
        video = parse_video(description.body.decode("utf-8", "replace"), base.strip(), self._address.name)
        transport = {"Transport": f"RTP/AVP/TCP;unicast;interleaved={VIDEO_CHANNEL}-{VIDEO_CHANNEL + 1}"}
        setup = self._request("SETUP", video.control_url, transport)
        if "interleaved" not in setup.first("transport").lower():
            raise MediaError(self._address.name, "unsupported", "it does not send video over the connection (RTP over TCP)")
        self._session, _, parameters = setup.first("session").partition(";")
        seconds = parameters.strip().removeprefix("timeout=")
        self._keep_alive_seconds = max(5.0, (int(seconds) if seconds.isdigit() else DEFAULT_SESSION_SECONDS) / 2)
        self._request("PLAY", base.strip(), {"Range": "npt=0.000-"})
        return video

    def packets(self) -> Iterator[bytes]:
        """RTP packets of the video, until the connection is lost; keeps the session alive."""
        next_keep_alive = time.monotonic() + self._keep_alive_seconds
        while True:
            if time.monotonic() >= next_keep_alive:
                self._send("GET_PARAMETER", self._address.url, {})
                next_keep_alive = time.monotonic() + self._keep_alive_seconds
            first = self._read(1)
            if first == MAGIC:
                channel, packet = self._read_interleaved()
                if channel == VIDEO_CHANNEL:
                    yield packet
            else:
                self._read_response(first)  # to GET_PARAMETER

    def shutdown(self) -> None:
        """End the connection; a thread in `packets` receives `ConnectionLost`."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close_politely(self) -> None:
        """Request the end of the session, without waiting for the response."""
        try:
            self._send("TEARDOWN", self._address.url, {})
        except ConnectionLost:
            return

    def _request(self, method: str, url: str, headers: dict[str, str]) -> Response:
        for attempt in range(2):
            self._send(method, url, headers)
            first = self._read(1)
            while first == MAGIC:
                self._read_interleaved()
                first = self._read(1)
            response = self._read_response(first)
            challenges = response.headers.get("www-authenticate", [])
            if response.status == 401 and attempt == 0 and challenges and self._address.user:
                self._authorization = challenges
                continue
            break
        if response.status != 200:
            raise MediaError(self._address.name, "forbidden" if response.status in {401, 403} else "unreadable",
                             f"the camera answers {method} with status {response.status}")  # fmt: skip
        return response

    def _send(self, method: str, url: str, headers: dict[str, str]) -> None:
        self._sequence += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._sequence}", "User-Agent: mm"]
        if self._session:
            lines.append(f"Session: {self._session}")
        if self._authorization:
            header = authorize(self._authorization, method, url, self._address)
            lines += [f"Authorization: {header}"] if header else []
        lines += [f"{name}: {value}" for name, value in headers.items()]
        text = "\r\n".join([*lines, "", ""])
        if any(ord(char) < 32 and char not in "\r\n" for char in text) or "\n" in url:
            raise MediaError(self._address.name, "forbidden", "it sent an address with control characters")
        try:
            self._socket.sendall(text.encode())
        except OSError as error:
            raise ConnectionLost(f"The connection to the camera {self._address.name} was lost.") from error

    def _read(self, count: int) -> bytes:
        try:
            data = self._stream.read(count)
        except (OSError, ValueError) as error:
            raise ConnectionLost(f"The camera {self._address.name} sent nothing for a while.") from error
        if len(data) < count:
            raise ConnectionLost(f"The camera {self._address.name} closed the connection.")
        return data

    def _read_interleaved(self) -> tuple[int, bytes]:
        head = self._read(3)
        return head[0], self._read(int.from_bytes(head[1:], "big"))

    def _read_response(self, first: bytes) -> Response:
        line = first + self._read_line()
        words = line.split(b" ", 2)
        if not line.startswith(b"RTSP/") or len(words) < 2 or not words[1].strip().isdigit():
            raise MediaError(self._address.name, "unreadable", "it does not speak RTSP")
        headers: dict[str, list[str]] = {}
        for _ in range(MAX_LINES):
            text = self._read_line().decode("latin-1").strip()
            if not text:
                break
            name, _, value = text.partition(":")
            headers.setdefault(name.strip().lower(), []).append(value.strip())
        else:
            raise MediaError(self._address.name, "too-large", f"it sent more than {MAX_LINES} headers")
        length = headers.get("content-length", ["0"])[0]
        if not length.isdigit() or int(length) > MAX_BODY:
            raise MediaError(self._address.name, "too-large", f"it sent a description of more than {MAX_BODY} bytes")
        return Response(int(words[1]), headers, self._read(int(length)))

    def _read_line(self) -> bytes:
        try:
            line = self._stream.readline(MAX_LINE)
        except (OSError, ValueError) as error:
            raise ConnectionLost(f"The camera {self._address.name} sent nothing for a while.") from error
        if not line.endswith(b"\n"):
            raise ConnectionLost(f"The camera {self._address.name} closed the connection.")
        return line
