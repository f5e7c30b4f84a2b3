"""RTSP camera: frames, authentication, interruptions, refusals; a line over it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mm.bench.watch.camera import CameraServer, encode
from mm.errors import InvalidInput
from mm.line.config import LineConfig
from mm.line.line import Line
from mm.line.records.ledger import Ledger
from mm.line.sources.rtsp.address import CameraAddress, authorize, parse_address
from mm.line.sources.rtsp.camera import MAX_WAITING, RtspCamera, UnitQueue
from mm.line.sources.rtsp.packets import AccessUnit
from mm.line.types import Gap, PartRecord, SourceFrame, SourceItem
from mm.media.live import LiveDecoder
from tests.line.conveyor import SpotInspector, num_frames, render
from tests.media_files import number_of, numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def read(server: CameraServer, count: int, camera: RtspCamera | None = None) -> list[SourceItem]:
    """Items up to `count` frames."""
    stop, items, frames = threading.Event(), list[SourceItem](), 0
    camera = camera or RtspCamera(server.url(), LiveDecoder)
    for item in camera.items(0.0, stop, lambda part: False):
        items.append(item)
        frames += isinstance(item, SourceFrame)
        if frames == count:
            stop.set()
    return items


def test_camera_frames_are_decoded_in_order() -> None:
    with CameraServer(encode([numbered(number) for number in range(30)])) as server:
        items = read(server, 30)
    assert [number_of(item.image) for item in items if isinstance(item, SourceFrame)] == list(range(30))
    assert server.requests == ["DESCRIBE", "DESCRIBE", "SETUP", "PLAY"]


def test_camera_with_fewer_frames_a_second_leaves_frames_out_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    with CameraServer(encode([numbered(number) for number in range(30)])) as server:
        camera = RtspCamera(server.url(), LiveDecoder, fps=10.0)
        times = iter(range(1000))
        monkeypatch.setattr(camera, "_next_time", lambda: next(times) / 30)
        stop, numbers = threading.Event(), list[int]()
        for item in camera.items(0.0, stop, lambda part: False):
            assert isinstance(item, SourceFrame)
            numbers.append(number_of(item.image))
            if len(numbers) == 8:
                stop.set()
    assert numbers == list(range(0, 24, 3))


def test_camera_that_drops_is_connected_again_from_a_key_frame() -> None:
    with CameraServer(encode([numbered(number) for number in range(40)]), drop_after=[15]) as server:
        camera = RtspCamera(server.url(), LiveDecoder)
        items = read(server, 35, camera)
    numbers = [number_of(item.image) for item in items if isinstance(item, SourceFrame)]
    assert numbers == [*range(15), *range(20, 40)]  # frames 15 to 19 cannot be decoded without frame 10
    (gap,) = [item for item in items if isinstance(item, Gap) and item.is_over]
    assert items.index(gap) >= 15
    assert gap.seconds > 0
    assert camera.num_lost == 5


def test_camera_counts_frames_that_the_decoder_cannot_decode() -> None:
    units = encode([numbered(number) for number in range(20)])
    units[4] = [unit[:1] + bytes(len(unit) - 1) for unit in units[4]]  # a frame of zeros
    stop, numbers = threading.Event(), list[int]()
    with CameraServer(units, drop_after=[20]) as server:
        camera = RtspCamera(server.url(), LiveDecoder)
        for item in camera.items(0.0, stop, lambda part: False):
            if isinstance(item, Gap):
                stop.set()
            else:
                assert isinstance(item, SourceFrame)
                numbers.append(number_of(item.image))
    assert camera.num_lost == 20 - len(numbers)
    assert camera.num_lost >= 1


def test_camera_wrong_password_is_tried_again_until_stopped(caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()
    with CameraServer(encode([numbered(0)])) as server:
        items = RtspCamera(server.url("wrong"), LiveDecoder).items(0.0, stop, lambda part: False)
        threading.Timer(1.0, stop.set).start()
        assert list(items) == []
    assert len(server.requests) >= 4
    assert "PLAY" not in server.requests


def test_camera_that_sends_nothing_is_connected_again() -> None:
    units = encode([numbered(number) for number in range(10)])
    with CameraServer(units, is_silent=True, is_endless=True) as server:
        stop, found = threading.Event(), list[SourceItem]()
        limit = threading.Timer(60.0, stop.set)
        limit.start()
        for item in RtspCamera(server.url(), LiveDecoder, timeout=0.3).items(0.0, _revive(server, stop), lambda part: False):
            found.append(item)
            stop.set()
        limit.cancel()
    assert isinstance(found[0], SourceFrame)


def _revive(server: CameraServer, stop: threading.Event) -> threading.Event:
    threading.Timer(0.6, lambda: setattr(server, "is_silent", False)).start()
    return stop


class PermittingCamera(RtspCamera):
    """Permits a further frame for each one that was decoded.

    The child that decodes may start later than more frames than the queue holds have arrived.
    """

    def __init__(self, server: CameraServer, permits: threading.Semaphore) -> None:
        super().__init__(server.url(), LiveDecoder)
        self._permits = permits

    def items(self, start: float, stop: threading.Event, is_decided: Callable[[str], bool]) -> Iterator[SourceItem]:
        for item in super().items(start, stop, is_decided):
            self._permits.release()
            yield item


def test_line_over_a_camera_decides_each_part(tmp_path: Path) -> None:
    defects = (False, True)
    units = encode([render(index, defects) for index in range(num_frames(2))], key_interval=20)
    records: list[PartRecord] = []
    permits = threading.Semaphore(MAX_WAITING // 2)
    with CameraServer(units, frame_seconds=0.02, permits=permits) as server, Ledger(tmp_path, []) as ledger:
        config = LineConfig("press", deadline_seconds=None)

        def add(record: PartRecord) -> None:
            records.append(record)
            if len(records) == 2:
                line.stop()

        line = Line(config, PermittingCamera(server, permits), SpotInspector(), ledger, tmp_path, on_verdict=add)
        line.run()
    assert [record.verdict for record in records] == ["PASS", "FAIL"]
    assert "se" + "cret" not in str(records)


def test_camera_frames_that_arrive_together_have_times_of_their_own() -> None:
    camera = RtspCamera("rtsp://127.0.0.1:9/a", LiveDecoder)
    milliseconds = [round(camera._next_time() * 1000) for _ in range(500)]
    assert len(set(milliseconds)) == 500
    assert milliseconds == sorted(milliseconds)


def test_unit_queue_slow_decoder_keeps_whole_recent_frames() -> None:
    queue = UnitQueue(limit=4)
    for number in range(12):
        queue.put(float(number), AccessUnit(b"x", number % 5 == 0))
    queue.close()
    times = [item[0] for item in iter(queue.get, None)]
    assert times == [10.0, 11.0]
    assert queue.num_dropped == 10


@pytest.mark.parametrize("url", ["http://h/x", "rtsp://", "rtsp://h:99999/", "rtsp://h/a b", "rtsp://h/a\r\nX: y"])
def test_parse_address_other_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidInput):
        parse_address(url)


def test_parse_address_password_is_in_no_text() -> None:
    address = parse_address("rtsp://user:hidden@host/stream?channel=1")
    assert address.url == "rtsp://host:554/stream?channel=1"
    assert "hidden" not in repr(address)


def test_authorize_rfc_2617_example_has_the_published_response() -> None:
    from mm.line.sources.rtsp.address import _digest

    challenge = {"realm": "testrealm@host.com", "qop": "auth,auth-int", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"}
    address = CameraAddress("rtsp://h", "h", 1, False, "Mufasa", "Circle Of Life")
    header = _digest(challenge, "GET", "/dir/index.html", address, "0a4f113b")
    assert 'response="6629fae49393a05397450978507c4ef1"' in header


def test_authorize_basic_alone_is_used() -> None:
    address = CameraAddress("rtsp://h", "h", 1, False, "user", "pass")
    assert authorize(['Basic realm="cam"'], "PLAY", "rtsp://h", address) == "Basic dXNlcjpwYXNz"
    assert authorize(["Negotiate"], "PLAY", "rtsp://h", address) is None
