"""Compressed frames of an RTSP camera, for a program that keeps them as they are."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mm.errors import MediaError
from mm.line.sources.rtsp.address import make_key, parse_address, resolve
from mm.line.sources.rtsp.packets import AccessUnit, Depacketizer, parse_packet
from mm.line.sources.rtsp.session import TIMEOUT_SECONDS, ConnectionLost, RtspSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.media.live import LiveCodec

FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.5, 10.0
STOP_SECONDS = 0.2  # after which a session without packets notices that it is to end


@dataclass(frozen=True, slots=True)
class LiveUnit:
    """A compressed frame and when it arrived."""

    time: float  # seconds since 1970
    unit: AccessUnit
    codec: LiveCodec
    parameter_sets: bytes  # of the session description, Annex B; cameras may repeat or replace them


@dataclass(frozen=True, slots=True)
class ConnectionEnd:
    """The connection ended, or could not be made; it is tried again."""

    time: float
    reason: str


class CameraUnits:
    """Frames as the camera sends them, nothing decoded; it is connected again when it drops.

    The only connection is to the address of the host at the start. Frames that need a lost packet
    are left out up to the next key frame. Raises `InvalidInput` and `Unavailable` for the address.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        self._address = parse_address(url)
        self._peer, self._timeout = resolve(self._address), timeout
        self.key = make_key(self._address)
        self.num_lost = 0  # frames that were left out

    @property
    def name(self) -> str:
        """The address without user, password and query."""
        return self._address.name

    def items(self, stop: threading.Event) -> Iterator[LiveUnit | ConnectionEnd]:
        """Yield frames until `stop`; between connections, why the last one ended."""
        delay = FIRST_RETRY_SECONDS
        while not stop.is_set():
            try:
                for unit in self._receive(stop):
                    delay = FIRST_RETRY_SECONDS
                    yield unit
            except (ConnectionLost, MediaError) as error:
                if stop.is_set():
                    return
                yield ConnectionEnd(time.time(), str(error))
            stop.wait(delay)
            delay = min(2 * delay, MAX_RETRY_SECONDS)

    def _receive(self, stop: threading.Event) -> Iterator[LiveUnit]:
        with RtspSession(self._address, self._peer, self._timeout) as session:
            ended = threading.Event()
            thread = threading.Thread(target=_end_at, args=(session, stop, ended), name="rtsp-stop")
            thread.start()
            depacketizer: Depacketizer | None = None
            try:
                video = session.play()
                depacketizer = Depacketizer(video.codec, self.name)
                for data in session.packets():
                    packet = parse_packet(data)
                    if packet is None or packet.payload_type != video.payload_type:
                        continue
                    for unit in depacketizer.push(packet):
                        yield LiveUnit(time.time(), unit, video.codec, video.parameter_sets)
            finally:
                self.num_lost += depacketizer.num_lost if depacketizer else 0
                ended.set()
                thread.join()


def _end_at(session: RtspSession, stop: threading.Event, ended: threading.Event) -> None:
    """End a session that waits for the camera once `stop` is set."""
    while not ended.wait(STOP_SECONDS):
        if stop.is_set():
            session.close_politely()
            session.shutdown()
            return
