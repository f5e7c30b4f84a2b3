"""RTP packets and session descriptions: losses, fragments, malformed data."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.bench.watch.camera import SDP, packetize
from mm.errors import MediaError
from mm.line.sources.rtsp.packets import START_CODE, AccessUnit, Depacketizer, RtpPacket, parse_packet
from mm.line.sources.rtsp.sdp import parse_video

KEY, DELTA = 0x65, 0x41  # headers of H.264 units
BASE = "rtsp://camera:554/stream"


def frame(header: int, size: int, fill: int = 7) -> list[bytes]:
    return [bytes([header]) + bytes([fill]) * size]


def join(packets: list[bytes], codec: str = "h264") -> tuple[list[AccessUnit], int]:
    depacketizer = Depacketizer(codec, "camera")  # type: ignore[arg-type]
    units = []
    for data in packets:
        packet = parse_packet(data)
        assert packet is not None
        units += depacketizer.push(packet)
    return units, depacketizer.num_lost


@given(st.lists(st.lists(st.integers(1, 1500), min_size=1, max_size=4), min_size=1, max_size=5), st.integers(0, 0xFFFF))
def test_depacketizer_any_sizes_returns_the_units_that_were_sent(sizes: list[list[int]], sequence: int) -> None:
    frames = [[bytes([KEY]) + bytes([3]) * size for size in unit] for unit in sizes]
    packets = []
    for index, units in enumerate(frames):
        packets += packetize(units, sequence + len(packets), index * 3000)
    found, lost = join(packets)
    assert lost == 0
    expected = [sorted(units) for units in frames]
    assert [sorted(unit.data.split(START_CODE)[1:]) for unit in found] == expected


@pytest.mark.parametrize("lost", [0, 1, 3, 4])
def test_depacketizer_lost_packet_leaves_out_frames_up_to_a_key_frame(lost: int) -> None:
    packets: list[bytes] = []
    for index, header in enumerate((KEY, DELTA, DELTA, KEY, DELTA)):
        packets += packetize(frame(header, 900, index), len(packets), index * 3000)  # three packets each
    del packets[lost]
    units, _ = join(packets)
    numbers = [unit.data[-1] for unit in units]
    assert numbers == ([3, 4] if lost < 3 else [0, 3, 4])


def test_depacketizer_frame_without_a_marker_ends_with_the_next_time() -> None:
    depacketizer = Depacketizer("h264", "camera")
    assert depacketizer.push(RtpPacket(96, 1, 10, False, frame(KEY, 5)[0])) == []
    (unit,) = depacketizer.push(RtpPacket(96, 2, 20, False, frame(DELTA, 5)[0]))
    assert unit.is_key


def test_depacketizer_interleaved_mode_is_refused() -> None:
    with pytest.raises(MediaError, match="interleaved"):
        Depacketizer("h264", "camera").push(RtpPacket(96, 1, 10, True, bytes([25, 0, 0])))


def test_depacketizer_h265_fragments_and_aggregates_are_joined() -> None:
    key = bytes([19 << 1, 1]) + b"k" * 20  # IDR_W_RADL
    sets = [bytes([kind << 1, 1]) + b"p" for kind in (32, 33, 34)]
    aggregate = bytes([48 << 1, 1]) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in sets)
    fragments = [bytes([49 << 1, 1, flags | 19]) + part for flags, part in ((0x80, key[2:10]), (0, key[10:15]), (0x40, key[15:]))]
    depacketizer = Depacketizer("hevc", "camera")
    units = []
    for index, payload in enumerate([aggregate, *fragments]):
        units += depacketizer.push(RtpPacket(96, index, 0, index == 3, payload))
    (unit,) = units
    assert unit.is_key
    assert unit.data.split(START_CODE)[1:] == [*sets, key]


@given(st.binary(max_size=40))
def test_depacketizer_any_bytes_raise_nothing_but_media_errors(data: bytes) -> None:
    packet = parse_packet(data)
    for codec in ("h264", "hevc"):
        if packet is not None:
            try:
                Depacketizer(codec, "camera").push(packet)  # type: ignore[arg-type]
            except MediaError:
                continue


def test_parse_video_finds_the_stream_and_its_parameter_sets() -> None:
    text = SDP.format(codec="H264").replace("packetization-mode=1", "packetization-mode=1;sprop-parameter-sets=Z0I=,aM4=")
    video = parse_video(text, BASE, "camera")
    assert (video.codec, video.payload_type, video.control_url) == ("h264", 96, f"{BASE}/track1")
    assert video.parameter_sets == START_CODE + b"gB" + START_CODE + b"h\xce"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v=0\r\n", "no video"),
        (SDP.format(codec="JPEG"), "H264 and H265 are accepted"),
        (SDP.format(codec="H264").replace("track1", "rtsp://other/track1"), "another host"),
    ],
)
def test_parse_video_unusable_description_is_refused(text: str, message: str) -> None:
    with pytest.raises(MediaError, match=re.escape(message)):
        parse_video(text, BASE, "camera")
