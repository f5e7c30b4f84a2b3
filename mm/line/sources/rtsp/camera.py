"""An RTSP camera as a source: it is connected again when it drops."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import structlog

from mm.errors import MediaError
from mm.line.sources.rtsp.address import make_key, parse_address, resolve
from mm.line.sources.rtsp.packets import AccessUnit, Depacketizer, parse_packet
from mm.line.sources.rtsp.session import ConnectionLost, RtspSession
from mm.line.types import Gap, SourceFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from mm.line.sources.rtsp.sdp import VideoStream
    from mm.line.types import SourceItem
    from mm.media.live import LiveCodec, LiveDecoder

log = structlog.get_logger()
FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.5, 10.0
MAX_FPS = 30.0
MAX_WAITING = 60  # access units between the network and the decoder: two seconds at 30 frames/s
OPEN_ERRORS = (ConnectionLost, MediaError)


class UnitQueue:
    """Access units between the thread that receives and the one that decodes.

    When the decoder is too slow, all waiting units are dropped, and further ones up to a key unit:
    what is decoded is always whole and recent.
    """

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self._units: deque[tuple[float, AccessUnit]] = deque()
        self._limit, self._changed = limit, threading.Condition()
        self._waits_for_key, self._is_closed = False, False
        self.num_dropped, self.num_taken = 0, 0

    def put(self, time: float, unit: AccessUnit) -> None:
        """Add a unit; never blocks."""
        with self._changed:
            if len(self._units) >= self._limit:
                self.num_dropped += len(self._units)
                self._units.clear()
                self._waits_for_key = True
            if self._waits_for_key and not unit.is_key:
                self.num_dropped += 1
                return
            self._waits_for_key = False
            self._units.append((time, unit))
            self._changed.notify_all()

    def get(self) -> tuple[float, AccessUnit] | None:
        """The next unit; None after `close` when all were taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._units or self._is_closed)
            self.num_taken += bool(self._units)
            return self._units.popleft() if self._units else None

    def close(self) -> None:
        """No further unit follows."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


class RtspCamera:
    """Frames of an RTSP address, with the times of their arrival in seconds since 1970.

    `open_decoder` makes the decoder of a codec, for a stream of a name. Every frame is decoded, as
    others depend on it; of these at most `fps` a second are passed on. Raises `InvalidInput` and
    `Unavailable` for the host; a camera that drops or is off is tried again until `stop` is set.
    """

    def __init__(
        self, url: str, open_decoder: Callable[[LiveCodec, str], LiveDecoder], timeout: float = 10.0, fps: float = MAX_FPS
    ) -> None:
        self._address = parse_address(url)
        self._open_decoder, self._timeout = open_decoder, timeout
        self._interval = 0.0 if fps >= MAX_FPS else 1.0 / fps
        self._peer = resolve(self._address)
        self.key = make_key(self._address)
        self._last_ms = 0
        self._num_lost = 0  # in connections that have ended
        self._losses: tuple[UnitQueue, Depacketizer] | None = None  # of the present connection

    @property
    def num_lost(self) -> int:
        """Frames lost on the network, before a slow decoder, or that could not be decoded.

        Those of the last kind are counted when the connection ends.
        """
        if self._losses is None:
            return self._num_lost
        queue, depacketizer = self._losses
        return self._num_lost + queue.num_dropped + depacketizer.num_lost

    @property
    def is_live(self) -> bool:
        return True

    @property
    def has_part_ids(self) -> bool:
        return False

    def items(self, start: float, stop: threading.Event, is_decided: Callable[[str], bool]) -> Iterator[SourceItem]:
        last_frame: float | None = None  # monotonic
        is_lost, delay, due = False, FIRST_RETRY_SECONDS, 0.0
        while not stop.is_set():
            try:
                with closing(self._frames(stop)) as frames:
                    for frame in frames:
                        if is_lost and last_frame is not None:
                            yield Gap(frame.time, frame.received - last_frame)
                        is_lost, delay, last_frame = False, FIRST_RETRY_SECONDS, frame.received
                        if frame.time >= due - self._interval / 4:  # frames are not evenly spaced
                            due = max(due + self._interval, frame.time + self._interval / 2)
                            yield frame
                        if stop.is_set():
                            return
            except OPEN_ERRORS as error:
                log.warning("camera lost", camera=self._address.name, error=str(error))
            is_lost = True
            if stop.wait(delay):
                return
            if last_frame is not None:
                yield Gap(time.time(), time.monotonic() - last_frame, is_over=False)
            delay = min(2 * delay, MAX_RETRY_SECONDS)

    def _frames(self, stop: threading.Event) -> Generator[SourceFrame, None, None]:
        """Frames of one connection."""
        with RtspSession(self._address, self._peer, self._timeout) as session:
            video = session.play()
            with self._open_decoder(video.codec, self._address.name) as decoder:
                queue, errors, num_decoded = UnitQueue(), list[Exception](), 0
                depacketizer = Depacketizer(video.codec, self._address.name)
                self._losses = queue, depacketizer
                receiving = threading.Thread(
                    target=self._receive, args=(session, video, depacketizer, queue, errors, stop), name="rtsp-receive"
                )
                writing = threading.Thread(target=_write, args=(decoder, queue), name="rtsp-decode")
                receiving.start()
                writing.start()
                try:
                    for frame in decoder.frames():
                        num_decoded += 1
                        yield SourceFrame(frame.time, frame.image, time.monotonic())
                finally:
                    session.shutdown()
                    receiving.join()
                    decoder.close()
                    writing.join()
                    undecoded = 0 if stop.is_set() else max(0, queue.num_taken - num_decoded)  # else they were on their way
                    self._num_lost, self._losses = self.num_lost + undecoded, None
                    if self._num_lost:
                        log.warning("camera frames lost", camera=self._address.name, count=self._num_lost)
            if errors:
                raise errors[0]

    def _next_time(self) -> float:
        """The time of a frame that arrives now: whole milliseconds, later than the last frame.

        Ids of parts have milliseconds, and frames that waited in the network arrive together.
        """
        self._last_ms = max(round(time.time() * 1000), self._last_ms + 1)
        return self._last_ms / 1000

    def _receive(
        self,
        session: RtspSession,
        video: VideoStream,
        depacketizer: Depacketizer,
        queue: UnitQueue,
        errors: list[Exception],
        stop: threading.Event,
    ) -> None:
        try:
            for data in session.packets():
                if stop.is_set():
                    session.close_politely()
                    return
                packet = parse_packet(data)
                if packet is None or packet.payload_type != video.payload_type:
                    continue
                for unit in depacketizer.push(packet):
                    sets = video.parameter_sets if unit.is_key else b""
                    queue.put(self._next_time(), AccessUnit(sets + unit.data, unit.is_key, unit.timestamp))
        except OPEN_ERRORS as error:
            errors.append(error)
        finally:
            queue.close()


def _write(decoder: LiveDecoder, queue: UnitQueue) -> None:
    with suppress(BrokenPipeError, OSError):  # the decoder has ended; its error is raised where frames are read
        while (item := queue.get()) is not None:
            decoder.write(item[0], item[1].data)
    decoder.end()
