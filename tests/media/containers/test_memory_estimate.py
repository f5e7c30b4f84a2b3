"""Memory of decoding children: estimated from the header, limited by a shared budget."""

from __future__ import annotations

import struct
import zlib
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from PIL import Image

from mm.bench.decoding.heif_file import write_heif
from mm.bench.decoding.hostile_sizes import measure_peak_memory
from mm.errors import TooLarge, Unavailable
from mm.media import MediaReader
from mm.media.children.budget import MemoryBudget
from mm.media.containers.memory_estimate import INITIAL_BYTES
from mm.media.types import Limits, Span
from tests.media.children.processes import children
from tests.media_files import Track, number_of, scene, steady, write

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 6000
MIB = 1 << 20


def grey_16(path: Path) -> None:
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint16)).save(path, compress_level=1)


def rotated_tiff(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (SIDE, SIDE)).save(path, exif=exif, compression="tiff_lzw")


LARGE = {
    "grey-16.png": grey_16,
    "rotated.tiff": rotated_tiff,
    "progressive.jpg": lambda path: Image.new("RGB", (SIDE, SIDE)).save(path, progressive=True),
    "fine.jp2": lambda path: Image.new("RGB", (SIDE // 2, SIDE // 2)).save(path),
    "deep.avif": lambda path: Image.new("RGB", (SIDE // 2, SIDE // 2)).save(path, speed=10),
    "tiles.heic": lambda path: path.write_bytes(write_heif(np.zeros((SIDE // 2, SIDE // 2, 3), np.uint8), grid=(6, 6))),
    "plain.bmp": lambda path: Image.new("RGB", (SIDE // 2, SIDE // 2)).save(path),
    "see-through.png": lambda path: Image.new("RGBA", (SIDE, SIDE), (9, 9, 9, 9)).save(path, compress_level=1),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_image_decodes_within_its_estimated_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    LARGE[name](tmp_path / name)
    monkeypatch.setattr("mm.media.children.requests.is_out_of_memory", lambda error: False)
    with MediaReader() as reader:
        side = reader.probe(tmp_path / name, name).width
        assert side in {SIDE, SIDE // 2}
        assert reader.image(tmp_path / name, name).shape == (side, side, 3)


def test_4k_video_decodes_within_its_estimated_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track = Track(steady(25, 30), options={"preset": "ultrafast", "bf": "3", "refs": "4"}, width=3840, height=2160)
    video = write(tmp_path / "video.mp4", track)
    monkeypatch.setattr("mm.media.children.requests.is_out_of_memory", lambda error: False)
    before = {child.pid for child in children()}
    with MediaReader() as reader:
        assert len(list(reader.frames(video, video.name, Span(0.0, 1.2), 1000.0))) == 30
        (child,) = (child for child in children() if child.pid not in before)
        large = child.rlimit(psutil.RLIMIT_AS)[0]
        (tmp_path / "small.png").write_bytes(b"")
        Image.fromarray(scene(1)).save(tmp_path / "small.png")
        reader.probe(tmp_path / "small.png", "small.png")
        (other,) = (other for other in children() if other.pid not in before | {child.pid})
        assert large - other.rlimit(psutil.RLIMIT_AS)[0] > 100 * MIB, "each child has the memory of its own file"


def test_probe_that_exceeds_its_estimate_is_repeated_in_a_larger_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "picture.png")
    monkeypatch.setattr("mm.media.children.requests.INITIAL_BYTES", 8 * MIB)
    with MediaReader() as reader:
        assert reader.probe(tmp_path / "picture.png", "picture.png").width == SIDE


def test_frames_that_exceed_the_estimate_continue_without_repetition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track = Track(steady(25, 30), options={"preset": "ultrafast", "bf": "3", "refs": "4"}, width=1920, height=1080)
    video = write(tmp_path / "video.mp4", track)
    monkeypatch.setattr("mm.media.children.requests.INITIAL_BYTES", 150 * MIB)
    limits = Limits()
    with MediaReader(limits) as reader:
        reader.probe(video, video.name)
    with MediaReader(limits) as reader:
        frames = [(frame.time, number_of(frame.image)) for frame in reader.frames(video, video.name, Span(0.0, 1.2), 1000.0)]
    assert frames == [(pytest.approx(number / 25), number) for number in range(30)]


def test_image_over_the_memory_limit_is_refused_by_its_header(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    (tmp_path / "head.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    message = r"head\.png: its images take 400,000,000 bytes.*MM_SANDBOX_MEMORY"
    with MediaReader(Limits(memory_bytes=200 * MIB)) as reader, pytest.raises(TooLarge, match=message):
        reader.probe(tmp_path / "head.png", "head.png")
    with MediaReader(budget=MemoryBudget(INITIAL_BYTES)) as reader, pytest.raises(TooLarge, match="MM_SANDBOX_TOTAL_MEMORY"):
        reader.probe(tmp_path / "head.png", "head.png")


def test_gif_over_the_limit_of_total_pixels_is_refused(tmp_path: Path) -> None:
    video = write(tmp_path / "video.gif", Track(steady(10, 20), codec="gif", pix_fmt="rgb8"))
    pixels = 20 * 160 * 96
    with MediaReader(Limits(gif_pixels=pixels)) as reader:
        assert reader.probe(video, video.name).kind == "video"
    with MediaReader(Limits(gif_pixels=pixels - 1)) as reader, pytest.raises(TooLarge, match=r"video\.gif.*MM_MEDIA_GIF_PIXELS"):
        reader.probe(video, video.name)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write(tmp_path / "video.mp4", Track(steady(25, 200), options={"preset": "ultrafast"}, width=320, height=192))


def test_readers_with_a_shared_budget_stay_within_its_total(video: Path) -> None:
    budget = MemoryBudget(2 * INITIAL_BYTES)
    limits = Limits(silent_seconds=0.5)
    with MediaReader(limits, budget=budget) as first, MediaReader(limits, budget=budget) as second, ExitStack() as stack:
        for reader in (first, second):
            next(stack.enter_context(closing(reader.frames(video, video.name, Span(0.0, 8.0), 1000.0))))  # type: ignore[type-var]
        assert budget.free == 0
        with pytest.raises(Unavailable, match="MM_SANDBOX_TOTAL_MEMORY"):
            first.probe(video, video.name)
        stack.close()
        assert first.probe(video, video.name).kind == "video"
    assert budget.free == budget.total


def test_idle_child_is_ended_for_a_request_of_another_reader(tmp_path: Path, video: Path) -> None:
    Image.fromarray(scene(1)).save(tmp_path / "picture.png")
    budget = MemoryBudget(INITIAL_BYTES)
    with MediaReader(budget=budget) as first, MediaReader(budget=budget) as second:
        assert first.probe(video, video.name).kind == "video"
        assert budget.free == 0, "its child is idle"
        assert second.probe(tmp_path / "picture.png", "picture.png").kind == "image"
        assert first.probe(video, video.name).kind == "video"
    assert budget.free == budget.total


def test_measure_peak_memory_of_small_files_with_large_images_reports_each() -> None:
    results = {result.name: result for result in measure_peak_memory(Limits(gif_pixels=3_000_000), side=1000, many_bytes=20_000)}
    assert {name for name, result in results.items() if result.result == "read"} == {
        "flat.png",
        "flat-16-bit.png",
        "flat.tiff",
        "one-frame.gif",
        "two-frames.gif",
    }
    assert all("MM_MEDIA_GIF_PIXELS" in results[name].result for name in ("many-frames.gif", "tiny-frames.gif"))
    assert any(result.peak > 0 for result in results.values())
