"""An RTSP camera that is simulated: encoded frames over TCP, digest authentication, one client.

The bench and the tests connect to it.
"""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import av

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mm.media.types import RGB

MAX_PAYLOAD = 400  # bytes, so that key frames are fragmented
SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n"
SDP += "m=video 0 RTP/AVP 96\r\na=rtpmap:96 {codec}/90000\r\n"
SDP += "a=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"


def encode(frames: Iterable[RGB], key_interval: int = 10, qp: int = 12) -> list[list[bytes]]:
    """The network units of each frame (height, width, 3), H.264, without start codes."""
    images = iter(frames)
    first = next(images)
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = first.shape[1], first.shape[0], "yuv420p"
    encoder.time_base = Fraction(1, 30)
    encoder.options = {
        "tune": "zerolatency",
        "g": str(key_interval),
        "threads": "1",
        "qp": str(qp),
        "x264-params": "sliced-threads=0:scenecut=0",
    }
    packets: list[bytes] = []
    for index, image in enumerate(chain([first], images)):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        frame.pts = index
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return [[unit for unit in re.split(rb"\x00?\x00\x00\x01", packet) if unit] for packet in packets]


def packetize(units: list[bytes], sequence: int, timestamp: int) -> list[bytes]:
    """RTP packets of one frame (RFC 6184): small units together, large ones in fragments."""
    payloads: list[bytes] = []
    small = [unit for unit in units if len(unit) <= 60]
    if len(small) > 1:
        payloads.append(bytes([0x78]) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in small))
    for unit in units:
        if len(small) > 1 and len(unit) <= 60:
            continue
        if len(unit) <= MAX_PAYLOAD:
            payloads.append(unit)
            continue
        body = [unit[start : start + MAX_PAYLOAD] for start in range(1, len(unit), MAX_PAYLOAD)]
        for index, part in enumerate(body):
            flags = (0x80 if index == 0 else 0) | (0x40 if index == len(body) - 1 else 0)
            payloads.append(bytes([unit[0] & 0xE0 | 28, flags | unit[0] & 31]) + part)
    packets = []
    for index, payload in enumerate(payloads):
        marker = 0x80 if index == len(payloads) - 1 else 0
        head = bytes([0x80, marker | 96]) + ((sequence + index) & 0xFFFF).to_bytes(2, "big")
        packets.append(head + (timestamp & 0xFFFFFFFF).to_bytes(4, "big") + b"SSRC" + payload)
    return packets


@dataclass
class CameraServer:
    """Plays `frames` from where the last connection ended; drops after each of `drop_after`.

    With `is_endless` they are repeated. Their times are 1/30 s apart, or `frame_ticks` of 90 kHz.
    """

    frames: Sequence[list[bytes]]
    frame_seconds: float = 0.01
    frame_ticks: int = 3000
    is_endless: bool = False
    drop_after: list[int] = field(default_factory=list)
    password: str = "se:cret"
    codec: str = "H264"
    is_silent: bool = False
    requests: list[str] = field(default_factory=list)
    position: int = 0
    permits: threading.Semaphore | None = None
    """Acquired before each frame, so that a client that releases them is never sent more than it
    can take."""
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __enter__(self) -> CameraServer:
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.permits is not None:
            self.permits.release(len(self.frames))
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join()

    def url(self, password: str = "se%3Acret") -> str:
        return f"rtsp://user:{password}@127.0.0.1:{self.listener.getsockname()[1]}/stream"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                try:
                    if self._answer_until_play(connection, stream):
                        self._play(connection)
                except (OSError, ValueError, KeyError):  # a client that times out leaves half a request
                    continue

    def _answer_until_play(self, connection: socket.socket, stream: BinaryIO) -> bool:
        while line := stream.readline():
            method, url, _ = line.decode().split(" ", 2)
            headers: dict[str, str] = {}
            while (text := stream.readline().decode().strip()) and ":" in text:
                name, _, value = text.partition(": ")
                headers[name] = value
            self.requests.append(method)
            if not self._is_authorized(method, url, headers.get("Authorization", "")):
                challenge = 'WWW-Authenticate: Basic realm="cam"\r\nWWW-Authenticate: Digest realm="cam", nonce="n1", qop="auth"'
                connection.sendall(f"RTSP/1.0 401 Unauthorized\r\nCSeq: {headers['CSeq']}\r\n{challenge}\r\n\r\n".encode())
                continue
            extra, body = "", ""
            if method == "DESCRIBE":
                body = SDP.format(codec=self.codec)
                extra = f"Content-Base: {url}/\r\nContent-Length: {len(body)}\r\n"
            if method == "SETUP":
                extra = "Session: 42;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            connection.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {headers['CSeq']}\r\n{extra}\r\n{body}".encode())
            if method == "PLAY":
                return True
        return False

    def _is_authorized(self, method: str, url: str, header: str) -> bool:
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', header))

        def digest(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        first, second = digest(f"user:cam:{self.password}"), digest(f"{method}:{url}")
        expected = digest(f"{first}:n1:{fields.get('nc')}:{fields.get('cnonce')}:auth:{second}")
        return fields.get("response") == expected

    def _play(self, connection: socket.socket) -> None:
        sequence, sent, limit = 65_530, 0, self.drop_after.pop(0) if self.drop_after else None
        start, first = time.monotonic(), self.position
        while self.is_endless or self.position < len(self.frames):
            if self.is_silent:
                connection.recv(1)
                return
            if self.permits is not None:
                self.permits.acquire()
            units = self.frames[self.position % len(self.frames)]
            for packet in packetize(units, sequence, 90_000 + self.frame_ticks * self.position):
                sequence += 1
                connection.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)
            connection.sendall(b"$\1\0\4RTCP")
            self.position, sent = self.position + 1, sent + 1
            if limit is not None and sent >= limit:
                return
            # An endless stream keeps its rate; others send no burst after a pause of this process.
            ahead = start + (self.position - first) * self.frame_seconds - time.monotonic()
            time.sleep(max(0.0, ahead) if self.is_endless else self.frame_seconds)
