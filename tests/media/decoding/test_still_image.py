"""Still images: every accepted format, depth and mode is decoded to upright RGB."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from mm.errors import MediaError, TooLarge
from mm.media import MediaReader
from mm.media.types import Limits, Span
from tests.media_files import Track, number_of, numbered, scene, steady, write

if TYPE_CHECKING:
    from pathlib import Path

SCENE = scene(1)
GREY = SCENE[..., 0]


def saved(path: Path, picture: Image.Image, kind: str, **options: object) -> Path:
    picture.save(path, kind, **options)
    return path


@pytest.mark.parametrize(("kind", "content_type"), [("PNG", "png"), ("TIFF", "tiff"), ("WEBP", "webp"), ("JPEG", "jpeg")])
def test_image_of_each_format_is_probed_and_decoded(reader: MediaReader, tmp_path: Path, kind: str, content_type: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {"quality": 98} if kind == "JPEG" else {}
    path = saved(tmp_path / "picture.txt", Image.fromarray(SCENE), kind, **options)
    info = reader.probe(path, "picture.txt")
    assert (info.kind, info.container, info.content_type) == ("image", content_type, f"image/{content_type}")
    assert (info.width, info.height, info.duration, info.fps) == (160, 96, 0.0, 0.0)
    assert not info.has_audio
    difference = np.abs(reader.image(path, "picture").astype(int) - SCENE)
    assert np.median(difference) <= (4 if kind == "JPEG" else 0)


def test_gif_of_one_frame_is_an_image_and_of_more_a_video(reader: MediaReader, tmp_path: Path) -> None:
    still = saved(tmp_path / "still.gif", Image.fromarray(SCENE), "GIF")
    assert reader.probe(still, "still.gif").kind == "image"
    assert np.median(np.abs(reader.image(still, "still.gif").astype(int) - SCENE)) <= 8
    video = write(tmp_path / "video.gif", Track(steady(10, 5), "gif", pix_fmt="rgb8"))
    info = reader.probe(video, "video.gif")
    assert (info.kind, info.content_type, info.video_codec) == ("video", "image/gif", "gif")
    assert info.duration == pytest.approx(0.5, abs=0.05)


def test_transparent_gif_is_composed_over_white(reader: MediaReader, tmp_path: Path) -> None:
    pictures = []
    for value in (60, 120):
        picture = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
        picture.paste((value, value, value, 255), (0, 0, 20, 40))
        pictures.append(picture)
    path = tmp_path / "video.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100, disposal=2)
    assert reader.probe(path, "video.gif").kind == "video"
    for time, value in ((0.0, 60), (0.15, 120)):
        shown = reader.frame_at(path, "video.gif", time)
        assert np.abs(shown[:, :20].astype(int) - value).max() <= 8
        assert (shown[:, 20:] >= 250).all()


def test_gif_frames_have_their_own_delays(reader: MediaReader, tmp_path: Path) -> None:
    delays = [50, 200, 30, 700, 110, 40, 1000, 60, 90, 300]  # thousandths of a second
    pictures = [Image.fromarray(numbered(number)) for number in range(len(delays))]
    path = tmp_path / "video.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=delays)
    times = [sum(delays[:number]) / 1000 for number in range(len(delays) + 1)]
    info = reader.probe(path, "video.gif")
    assert info.kind == "video"
    assert info.duration == pytest.approx(times[-1], abs=0.001)
    frames = [(frame.time, number_of(frame.image)) for frame in reader.frames(path, "video.gif", Span(0.0, 10.0), 1000.0)]
    assert [number for _, number in frames] == list(range(len(delays)))
    assert [time for time, _ in frames] == pytest.approx(times[:-1], abs=0.001)
    for number, (start, end) in enumerate(pairwise(times)):
        for time in (start + 0.002, (start + end) / 2, end - 0.002):
            assert number_of(reader.frame_at(path, "video.gif", time)) == number


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_image_keeps_its_scale(reader: MediaReader, tmp_path: Path, kind: str) -> None:
    ramp = np.linspace(0, 65535, 96 * 160).astype(np.uint16).reshape(96, 160)
    path = saved(tmp_path / "deep", Image.fromarray(ramp), kind)
    shown = reader.image(path, "deep")
    assert (shown == shown[..., :1]).all()
    assert np.abs(shown[..., 0].astype(float) - ramp / 257).max() <= 0.5


@pytest.mark.parametrize(("mark", "order"), [(b"II", "<"), (b"MM", ">")], ids=["little", "big"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_tiff_is_decoded_in_either_byte_order(
    reader: MediaReader, tmp_path: Path, mark: bytes, order: str, channels: int
) -> None:
    deep = (np.arange(256 * channels, dtype=np.uint16) * 257 // channels).reshape(16, 16, channels)
    path = tmp_path / "deep.tiff"
    path.write_bytes(plain_tiff(deep, mark, order))
    assert np.abs(reader.image(path, "deep.tiff") - deep / 257).max() <= 1


@pytest.mark.parametrize("alpha", [False, True])
def test_16_bit_colour_png_is_decoded_over_white(reader: MediaReader, tmp_path: Path, alpha: bool) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30, 4 if alpha else 3), dtype=np.uint16)
    path = tmp_path / "deep.png"
    path.write_bytes(plain_png(deep))
    colour = deep[..., :3] / 257
    if alpha:
        colour = colour * (deep[..., 3:] / 65535) + 255 * (1 - deep[..., 3:] / 65535)
    shown = reader.image(path, "deep.png")
    assert shown.shape == (20, 30, 3)
    assert np.abs(shown - colour).max() <= (2.0 if alpha else 1.0)


def plain_png(deep: npt.NDArray[np.uint16]) -> bytes:
    """A PNG of 16-bit channels, (height, width, 3 or 4), without filters (ISO 15948, 10 and 11)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width, channels = deep.shape
    head = struct.pack(">IIBBBBB", width, height, 16, 2 if channels == 3 else 6, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def plain_tiff(deep: npt.NDArray[np.uint16], mark: bytes, order: str) -> bytes:
    """A TIFF of one strip of 16-bit channels, (height, width, channels) (TIFF 6.0, section 2)."""
    height, width, channels = deep.shape
    strip = deep.astype(f"{order}u2").tobytes()
    bits = struct.pack(f"{order}3H2x", 16, 16, 16)
    where = 8 + len(strip)
    depth = (258, 3, 1, 16) if channels == 1 else (258, 3, 3, where)
    fields = [(256, 3, 1, width), (257, 3, 1, height), depth, (259, 3, 1, 1), (262, 3, 1, 1 if channels == 1 else 2)]
    fields += [(273, 4, 1, 8), (277, 3, 1, channels), (278, 3, 1, height), (279, 4, 1, len(strip))]
    table = b""
    for tag, kind, count, value in fields:
        short = kind == 3 and count == 1
        table += struct.pack(f"{order}HHI", tag, kind, count) + struct.pack(f"{order}H2x" if short else f"{order}I", value)
    head = mark + struct.pack(f"{order}HI", 42, where + len(bits))
    return head + strip + bits + struct.pack(f"{order}H", len(fields)) + table + bytes(4)


def test_float_tiff_is_stretched_to_8_bits(reader: MediaReader, tmp_path: Path) -> None:
    unit = np.linspace(0, 1, 96 * 160, dtype=np.float32).reshape(96, 160)
    path = saved(tmp_path / "unit.tiff", Image.fromarray(unit), "TIFF")
    assert np.abs(reader.image(path, "unit")[..., 0] - unit * 255).max() <= 0.51
    path = saved(tmp_path / "wide.tiff", Image.fromarray(unit * 5000 - 1000), "TIFF")
    assert np.abs(reader.image(path, "wide")[..., 0] - unit * 255).max() <= 0.51


def test_image_of_each_mode_is_converted_to_rgb(reader: MediaReader, tmp_path: Path) -> None:
    half = Image.fromarray(np.dstack([SCENE, np.full((96, 160), 128, np.uint8)]))
    modes = {
        "grey": (Image.fromarray(GREY), "PNG", np.repeat(GREY[..., None], 3, 2), 0),
        "palette": (Image.fromarray(SCENE).quantize(64), "PNG", SCENE, 16),
        "alpha": (half, "PNG", (SCENE.astype(int) * 128 + 255 * 127) // 255, 1),
        "bits": (Image.fromarray(GREY > 127), "PNG", np.repeat(np.where(GREY > 127, 255, 0)[..., None], 3, 2), 0),
        "cmyk": (Image.fromarray(SCENE).convert("CMYK"), "TIFF", SCENE, 2),
        "cmyk-jpeg": (Image.fromarray(SCENE).convert("CMYK"), "JPEG", SCENE, 12),
    }
    for name, (picture, kind, expected, tolerance) in modes.items():
        path = saved(tmp_path / name, picture, kind)
        shown = reader.image(path, name)
        assert shown.shape == (96, 160, 3)
        assert shown.dtype == np.uint8
        assert np.median(np.abs(shown.astype(int) - expected)) <= tolerance, name


def test_transparent_palette_is_composed_over_white(reader: MediaReader, tmp_path: Path) -> None:
    picture = Image.fromarray(SCENE).quantize(8)
    path = saved(tmp_path / "clear.png", picture, "PNG", transparency=int(np.asarray(picture)[0, 0]))
    assert (reader.image(path, "clear")[0, 0] == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("longest", [None, 48])
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_exif_orientation_is_applied(
    reader: MediaReader, tmp_path: Path, orientation: int, longest: int | None, kind: str
) -> None:
    undo = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](SCENE)))
    options = {"quality": 97} if kind == "JPEG" else {}
    path = saved(tmp_path / "turned.jpg", stored, kind, exif=exif, **options)
    info = reader.probe(path, "turned.jpg")
    assert (info.width, info.height, info.capture.orientation) == (160, 96, orientation)
    shown = reader.image(path, "turned.jpg", longest=longest)
    expected = np.asarray(Image.fromarray(SCENE).resize(shown.shape[1::-1]))
    assert np.median(np.abs(shown.astype(int) - expected)) < 6


def test_multi_page_tiff_shows_its_first_page(reader: MediaReader, tmp_path: Path) -> None:
    path = tmp_path / "pages.tiff"
    Image.fromarray(SCENE).save(path, "TIFF", save_all=True, append_images=[Image.fromarray(scene(2))])
    assert reader.probe(path, "pages").kind == "image"
    assert np.array_equal(reader.image(path, "pages"), SCENE)


def test_image_of_an_animated_webp_is_its_first_frame(reader: MediaReader, tmp_path: Path) -> None:
    path = tmp_path / "video.webp"
    Image.fromarray(SCENE).save(path, "WEBP", save_all=True, append_images=[Image.fromarray(scene(2))], lossless=True)
    assert reader.probe(path, "video.webp").kind == "video"
    assert np.array_equal(reader.image(path, "video.webp"), SCENE)


@pytest.mark.parametrize("longest", [1, 31, 96, 159, 160, 1000])
def test_image_with_longest_is_scaled_down_and_never_up(reader: MediaReader, tmp_path: Path, longest: int) -> None:
    for kind in ("PNG", "JPEG"):
        path = saved(tmp_path / kind, Image.fromarray(SCENE), kind)
        assert max(reader.image(path, kind, longest=longest).shape[:2]) == min(longest, 160)


def test_image_read_as_a_video_has_one_frame_and_no_audio(reader: MediaReader, tmp_path: Path) -> None:
    path = saved(tmp_path / "picture.png", Image.fromarray(SCENE), "PNG")
    (frame,) = reader.frames(path, "picture.png", Span(0.0, 0.0), 2.0)
    assert np.array_equal(frame.image, SCENE)
    assert np.array_equal(reader.frame_at(path, "picture.png", 3.0), SCENE)
    assert reader.keyframes(path, "picture.png") == []
    with pytest.raises(MediaError, match="no audio"):
        reader.waveform(path, "picture.png", Span(0, 1))


def test_image_over_the_pixel_limit_is_refused_before_decoding(tmp_path: Path) -> None:
    path = saved(tmp_path / "large.png", Image.new("1", (20_000, 20_000)), "PNG")
    with MediaReader(Limits(pixels=1000)) as small:
        for call in (lambda: small.probe(path, "large.png"), lambda: small.image(path, "large.png", longest=10)):
            with pytest.raises(TooLarge, match=r"large\.png.*MM_MEDIA_PIXELS"):
                call()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF"])
def test_truncated_image_raises_truncated(reader: MediaReader, tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (96, 160, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind)
    whole = buffer.getvalue()
    path = tmp_path / "cut"
    for size in (len(whole) // 8, len(whole) // 2, len(whole) - 400):
        path.write_bytes(whole[:size])
        for call in (reader.probe, reader.image):
            with pytest.raises(MediaError) as raised:
                call(path, "cut.png")
            assert raised.value.reason == "truncated", (size, str(raised.value))
