"""What a file takes is known from its header, and no more than that is ever given out."""

from __future__ import annotations

import struct
import zlib
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from PIL import Image

from mm.bench.decoding.hostile_sizes import measure_peak_memory
from mm.errors import TooLarge, Unavailable
from mm.media import MediaReader
from mm.media.children.budget import MemoryBudget
from mm.media.containers.memory_estimate import INITIAL_BYTES
from mm.media.types import Limits, Span
from tests.media.children.test_child import children
from tests.media_files import Track, number_of, scene, steady, write

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 6000
MIB = 1 << 20


def grey_16(path: Path) -> None:
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint16)).save(path, compress_level=1)


def turned_tiff(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (SIDE, SIDE)).save(path, exif=exif, compression="tiff_lzw")


LARGE = {
    "grey-16.png": grey_16,
    "turned.tiff": turned_tiff,
    "progressive.jpg": lambda path: Image.new("RGB", (SIDE, SIDE)).save(path, progressive=True),
    "see-through.png": lambda path: Image.new("RGBA", (SIDE, SIDE), (9, 9, 9, 9)).save(path, compress_level=1),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_picture_is_read_in_the_memory_that_its_header_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    LARGE[name](tmp_path / name)
    monkeypatch.setattr("mm.media.children.requests.is_out_of_memory", lambda error: False)
    with MediaReader() as reader:
        assert reader.probe(tmp_path / name, name).width == SIDE
        assert reader.image(tmp_path / name, name).shape == (SIDE, SIDE, 3)


def test_film_of_4k_is_read_in_the_memory_that_its_header_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track = Track(steady(25, 30), options={"preset": "ultrafast", "bf": "3", "refs": "4"}, width=3840, height=2160)
    film = write(tmp_path / "film.mp4", track)
    monkeypatch.setattr("mm.media.children.requests.is_out_of_memory", lambda error: False)
    before = {child.pid for child in children()}
    with MediaReader() as reader:
        assert len(list(reader.frames(film, film.name, Span(0.0, 1.2), 1000.0))) == 30
        (child,) = (child for child in children() if child.pid not in before)
        large = child.rlimit(psutil.RLIMIT_AS)[0]
        (tmp_path / "small.png").write_bytes(b"")
        Image.fromarray(scene(1)).save(tmp_path / "small.png")
        reader.probe(tmp_path / "small.png", "small.png")
        (other,) = (other for other in children() if other.pid not in before | {child.pid})
        assert large - other.rlimit(psutil.RLIMIT_AS)[0] > 100 * MIB, "each has what its own file takes"


def test_file_that_takes_more_than_its_header_names_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "picture.png")
    monkeypatch.setattr("mm.media.children.requests.INITIAL_BYTES", 8 * MIB)
    with MediaReader() as reader:
        assert reader.probe(tmp_path / "picture.png", "picture.png").width == SIDE


def test_film_that_takes_more_in_the_middle_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track = Track(steady(25, 30), options={"preset": "ultrafast", "bf": "3", "refs": "4"}, width=1920, height=1080)
    film = write(tmp_path / "film.mp4", track)
    monkeypatch.setattr("mm.media.children.requests.INITIAL_BYTES", 150 * MIB)
    limits = Limits()
    with MediaReader(limits) as reader:
        reader.probe(film, film.name)
    with MediaReader(limits) as reader:
        seen = [(frame.time, number_of(frame.image)) for frame in reader.frames(film, film.name, Span(0.0, 1.2), 1000.0)]
    assert seen == [(pytest.approx(number / 25), number) for number in range(30)]


def test_picture_is_refused_by_arithmetic_before_its_bytes_are_decoded(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    (tmp_path / "head.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    said = r"head\.png: its images take 400,000,000 bytes.*MM_SANDBOX_MEMORY"
    with MediaReader(Limits(memory_bytes=200 * MIB)) as reader, pytest.raises(TooLarge, match=said):
        reader.probe(tmp_path / "head.png", "head.png")
    with MediaReader(budget=MemoryBudget(INITIAL_BYTES)) as reader, pytest.raises(TooLarge, match="MM_SANDBOX_TOTAL_MEMORY"):
        reader.probe(tmp_path / "head.png", "head.png")


def test_gif_of_many_frames_is_refused_before_they_are_decoded(tmp_path: Path) -> None:
    film = write(tmp_path / "film.gif", Track(steady(10, 20), codec="gif", pix_fmt="rgb8"))
    pixels = 20 * 160 * 96
    with MediaReader(Limits(gif_pixels=pixels)) as reader:
        assert reader.probe(film, film.name).kind == "video"
    with MediaReader(Limits(gif_pixels=pixels - 1)) as reader, pytest.raises(TooLarge, match=r"film\.gif.*MM_MEDIA_GIF_PIXELS"):
        reader.probe(film, film.name)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write(tmp_path / "film.mp4", Track(steady(25, 200), options={"preset": "ultrafast"}, width=320, height=192))


def test_children_of_all_readers_share_one_total(film: Path) -> None:
    budget = MemoryBudget(2 * INITIAL_BYTES)
    limits = Limits(silent_seconds=0.5)
    with MediaReader(limits, budget=budget) as one, MediaReader(limits, budget=budget) as other, ExitStack() as stack:
        for reader in (one, other):
            next(stack.enter_context(closing(reader.frames(film, film.name, Span(0.0, 8.0), 1000.0))))  # type: ignore[type-var]
        assert budget.free == 0
        with pytest.raises(Unavailable, match="MM_SANDBOX_TOTAL_MEMORY"):
            one.probe(film, film.name)
        stack.close()
        assert one.probe(film, film.name).kind == "video"
    assert budget.free == budget.total


def test_idle_child_gives_way_to_the_file_of_another_reader(tmp_path: Path, film: Path) -> None:
    Image.fromarray(scene(1)).save(tmp_path / "picture.png")
    budget = MemoryBudget(INITIAL_BYTES)
    with MediaReader(budget=budget) as one, MediaReader(budget=budget) as other:
        assert one.probe(film, film.name).kind == "video"
        assert budget.free == 0, "its child waits"
        assert other.probe(tmp_path / "picture.png", "picture.png").kind == "image"
        assert one.probe(film, film.name).kind == "video"
    assert budget.free == budget.total


def test_small_files_of_large_pictures_are_measured() -> None:
    taken = {one.name: one for one in measure_peak_memory(Limits(gif_pixels=3_000_000), side=1000, many_bytes=20_000)}
    assert {name for name, one in taken.items() if one.result == "read"} == {
        "flat.png",
        "flat-16-bit.png",
        "flat.tiff",
        "one-frame.gif",
        "two-frames.gif",
    }
    assert all("MM_MEDIA_GIF_PIXELS" in taken[name].result for name in ("many-frames.gif", "tiny-frames.gif"))
    assert any(one.peak > 0 for one in taken.values())
