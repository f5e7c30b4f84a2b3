"""HDR, wide gamut, colour matrices and ranges, and interlaced video."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.filter import Graph

from mm.bench.decoding.folder import read_folder, summarize
from mm.errors import InvalidInput
from mm.media.decoding.hdr import PEAK, WHITE, pq_code, pq_light, to_sdr
from mm.media.types import Span
from tests.media_files import Clicks, Track, number_of, numbered, steady, write

if TYPE_CHECKING:
    from pathlib import Path

    from mm.media import MediaReader

WIDTH, HEIGHT = 320, 192
PQ, HLG = 16, 18  # ITU-T H.273, table 3
LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 9: (0.2627, 0.0593)}  # matrix: weights of red and blue


def code_of(light: float) -> int:
    """16-bit PQ code of a light in cd/m2."""
    return round(65535 * float(pq_code(np.array(light))))


def grey(code: int) -> npt.NDArray[np.uint16]:
    return np.full((1, 1, 3), code, np.uint16)


def test_pq_code_inverts_pq_light_and_matches_the_standard() -> None:
    codes = np.linspace(0, 1, 101)
    assert pq_code(pq_light(codes)) == pytest.approx(codes, abs=1e-6)
    assert pq_light(np.array([1.0])) == pytest.approx([10_000])
    assert pq_code(np.array([100.0, 203.0, 1000.0])) == pytest.approx([0.508, 0.581, 0.752], abs=0.001)  # BT.2408, table 1


@pytest.mark.parametrize("light", [0.0, 1.0, 20.0, 90.0])
def test_to_sdr_keeps_light_below_the_knee(light: float) -> None:
    assert to_sdr(grey(code_of(light)), "pq")[0, 0].astype(int) == pytest.approx(255 * (light / WHITE) ** (1 / 2.4), abs=1)


def test_to_sdr_is_monotonic_up_to_white() -> None:
    shown = [int(to_sdr(grey(code_of(light)), "pq")[0, 0, 1]) for light in (90, 120, 203, 400, PEAK, 10_000)]
    assert shown == sorted(shown)
    assert shown[-2:] == [255, 255]
    assert shown[2] > 215  # diffuse white stays nearly white
    assert to_sdr(grey(65535), "hlg")[0, 0].astype(int) == pytest.approx([255] * 3, abs=1)


def test_to_sdr_of_pq_and_hlg_agree_on_white() -> None:
    assert to_sdr(grey(round(0.75 * 65535)), "hlg")[0, 0, 0] == pytest.approx(
        int(to_sdr(grey(code_of(203)), "pq")[0, 0, 0]), abs=2
    )


def test_to_sdr_converts_primaries_in_linear_light() -> None:
    red = np.array([0.6274, 0.0691, 0.0164])  # BT.709's red in BT.2020 (BT.2087, table 3)
    codes = np.rint(65535 * red ** (1 / 2.4)).astype(np.uint16)[None, None]
    assert to_sdr(codes, "sdr")[0, 0].astype(int) == pytest.approx([255, 0, 0], abs=12)
    assert to_sdr(grey(32768), "sdr", "p3")[0, 0].astype(int) == pytest.approx([128] * 3, abs=1)


def video_of(colour: tuple[int, int, int], path: Path, codec: str, pix_fmt: str, **marks: int) -> Path:
    """Write a video of one Y'CbCr colour with the given colour metadata."""
    with av.open(str(path), "w", format="matroska") as output:
        options = {"x265-params": "log-level=none:crf=4"} if codec == "libx265" else {"crf": "4"}
        stream = output.add_stream(codec, rate=25, options={"preset": "ultrafast", **options})
        stream.width, stream.height, stream.pix_fmt = 64, 64, pix_fmt
        for name, value in marks.items():
            setattr(stream.codec_context, name, value)
        for index in range(5):
            frame = av.VideoFrame(64, 64, pix_fmt)
            for plane, value in zip(frame.planes, colour, strict=True):
                wide = np.uint16 if "10" in pix_fmt else np.uint8
                plane.update(np.full(plane.buffer_size // np.dtype(wide).itemsize, value, wide).tobytes())
            for name, value in marks.items():
                setattr(frame, name, value)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("matrix", LUMA)
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
def test_image_of_a_video_obeys_its_matrix_and_range(reader: MediaReader, tmp_path: Path, matrix: int, full: bool) -> None:
    y, u, v = 150, 110, 150
    marks = {"colorspace": matrix, "color_range": 2 if full else 1, "color_primaries": 1, "color_trc": 1}
    path = video_of((y, u, v), tmp_path / "video", "libx264", "yuv420p", **marks)
    luma = y / 255 if full else (y - 16) / 219
    cb, cr = ((u - 128) / 255, (v - 128) / 255) if full else ((u - 128) / 224, (v - 128) / 224)
    red_weight, blue_weight = LUMA[matrix]
    red, blue = luma + 2 * (1 - red_weight) * cr, luma + 2 * (1 - blue_weight) * cb
    green = (luma - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    assert reader.image(path, "video")[32, 32].astype(int) == pytest.approx([255 * red, 255 * green, 255 * blue], abs=3)


@pytest.mark.parametrize(("transfer", "name"), [(PQ, "pq"), (HLG, "hlg")])
@pytest.mark.parametrize(("codec", "pix_fmt"), [("libx265", "yuv420p10le"), ("libx265", "yuv420p")])
def test_image_of_an_hdr_video_is_sdr(
    reader: MediaReader, tmp_path: Path, transfer: int, name: str, codec: str, pix_fmt: str
) -> None:
    unit = 4 if "10" in pix_fmt else 1
    marks = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": transfer}
    path = video_of((120 * unit, 118 * unit, 140 * unit), tmp_path / "video", codec, pix_fmt, **marks)
    luma, cb, cr = (120 - 16) / 219, (118 - 128) / 224, (140 - 128) / 224
    red, blue = luma + 1.4746 * cr, luma + 1.8814 * cb
    green = (luma - 0.2627 * red - 0.0593 * blue) / 0.678
    codes = np.rint(65535 * np.array([[[red, green, blue]]])).astype(np.uint16)
    expected = to_sdr(codes, "pq" if name == "pq" else "hlg")[0, 0].astype(int)
    assert reader.image(path, "video")[32, 32].astype(int) == pytest.approx(expected, abs=4)
    assert reader.image(path, "video", longest=20).shape == (20, 20, 3)


def interlaced(path: Path, container: str, order: str, *, moving: bool) -> Path:
    """Write a video of 25 frames whose fields carry the numbers 2k and 2k + 1 in temporal order.

    Without `moving`, both fields carry k.
    """
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream("libx264", rate=25, options={"preset": "veryfast", "g": "12", "flags": "+ildct+ilme"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        graph = Graph()
        source = graph.add_buffer(width=WIDTH, height=HEIGHT, format=av.VideoFormat("yuv420p"), time_base=Fraction(1, 25))
        marker, sink = graph.add("setfield", order), graph.add("buffersink")
        source.link_to(marker)
        marker.link_to(sink)
        graph.configure()
        for index in range(25):
            first, second = (2 * index, 2 * index + 1) if moving else (index, index)
            top, bottom = (first, second) if order == "tff" else (second, first)
            picture = numbered(top, WIDTH, HEIGHT)
            picture[1::2] = numbered(bottom, WIDTH, HEIGHT)[1::2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p", interpolation="POINT")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            source.push(frame)
            output.mux(stream.encode(sink.pull()))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("container", ["mp4", "mpegts"])
def test_interlaced_frame_shows_its_first_field_at_its_time(
    reader: MediaReader, tmp_path: Path, container: str, order: str
) -> None:
    path = interlaced(tmp_path / "video", container, order, moving=True)
    frames = list(reader.frames(path, "video", Span(0.0, 10.0), 1000.0))
    assert [number_of(frame.image) for frame in frames] == [2 * index for index in range(25)]
    assert [frame.time for frame in frames] == pytest.approx([float(time) for time in steady(25, 25)], abs=0.001)
    assert frames[0].image.shape == (HEIGHT, WIDTH, 3)


def test_progressive_video_marked_as_interlaced_keeps_its_lines(reader: MediaReader, tmp_path: Path) -> None:
    path = interlaced(tmp_path / "video", "mp4", "tff", moving=False)
    picture = reader.frame_at(path, "video", 0.2)
    difference = np.abs(picture.astype(int) - numbered(5, WIDTH, HEIGHT))
    assert np.median(difference) < 6
    assert difference[:, :, 1].mean() < 8  # with half of the lines the edges of the cells would be blurred


def test_read_folder_reports_each_file_as_read_refused_or_empty(reader: MediaReader, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no files"):
        next(read_folder(reader, tmp_path))
    write(tmp_path / "video.mp4", Track(steady(25, 50)), Clicks([0.5, 1.5], 2.0), container="mp4")
    write(tmp_path / "quiet.wav", None, Clicks([], 1.0, "pcm_s16le"))
    (tmp_path / "notes.txt").write_text("a video will come")
    notes, quiet, video = rows = list(read_folder(reader, tmp_path))
    assert video.frames
    assert video.audio_seconds == pytest.approx(1.0, abs=0.05)
    assert "notes.txt: this is text" in notes.line()
    assert quiet.is_silently_empty
    assert "EMPTY" in quiet.line()
    assert summarize(rows) == "3 files: 1 read, 1 refused by a named error, 1 silently empty"
