"""Formats of cameras, phones and programs: probed, decoded, upright, or refused by name."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from mm.bench.decoding.heif_file import box, write_heif
from mm.errors import MediaError, TooLarge, UnsupportedMedia
from mm.media import MediaReader
from mm.media.types import Limits, Span
from tests.media_files import number_of, numbered, scene

if TYPE_CHECKING:
    from pathlib import Path

SCENE = scene(1)
TURNS = {  # Exif orientation -> the stored image as shown
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}
FINE = {"quality": 95, "subsampling": "4:4:4"}
MILLISECONDS = [100, 200, 100, 50, 100, 100]
NUMBERS = [number * 37 + 1 for number in range(len(MILLISECONDS))]


def encode(kind: str, image: npt.NDArray[np.uint8] | Image.Image = SCENE, **options: object) -> bytes:
    out = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(out, kind, **options)
    return out.getvalue()


def stored(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def assert_shows(image: npt.NDArray[np.uint8], expected: npt.NDArray[np.uint8], tolerance: float = 2.0) -> None:
    assert image.shape == expected.shape
    assert np.median(np.abs(image.astype(int) - expected)) <= tolerance


FILES = {
    "BMP": (lambda: encode("BMP"), "bmp", "image/bmp"),
    "JPEG 2000": (lambda: encode("JPEG2000"), "jpeg2000", "image/jp2"),
    "JPEG 2000 codestream": (lambda: encode("JPEG2000", no_jp2=True), "jpeg2000", "image/jp2"),
    "AVIF": (lambda: encode("AVIF", **FINE), "avif", "image/avif"),
    "HEIC": (lambda: write_heif(SCENE), "heif", "image/heic"),
    "HEIC of 10 bits": (lambda: write_heif(SCENE, pix_fmt="yuv420p10le"), "heif", "image/heic"),
    "HEIC of a general brand": (lambda: write_heif(SCENE, brand=b"mif1"), "heif", "image/heic"),
    "HEIC of tiles": (lambda: write_heif(np.kron(SCENE, np.ones((2, 2, 1), np.uint8)), grid=(2, 2)), "heif", "image/heic"),
}


@pytest.mark.parametrize("name", FILES)
def test_image_of_each_format_is_probed_and_decoded(reader: MediaReader, tmp_path: Path, name: str) -> None:
    make, container, content_type = FILES[name]
    path = stored(tmp_path, "picture.txt", make())
    info = reader.probe(path, "picture.txt")
    assert (info.kind, info.container, info.content_type) == ("image", container, content_type)
    scale = 2 if "tiles" in name else 1
    assert (info.width, info.height) == (160 * scale, 96 * scale)
    assert_shows(reader.image(path, "picture.txt", longest=160), SCENE)


@pytest.mark.parametrize("name", FILES)
def test_truncated_image_of_each_format_is_refused(reader: MediaReader, tmp_path: Path, name: str) -> None:
    data = FILES[name][0]()
    path = stored(tmp_path, "picture", data[: len(data) * 3 // 4])
    with pytest.raises(MediaError, match="picture: ") as error:
        reader.probe(path, "picture")
    assert error.value.reason == "truncated"


@pytest.mark.parametrize("orientation", TURNS)
def test_orientation_of_avif_is_applied_once(reader: MediaReader, tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = stored(tmp_path, "turned.avif", encode("AVIF", exif=exif, **FINE))
    assert_shows(reader.image(path, "turned.avif"), TURNS[orientation](SCENE))
    info = reader.probe(path, "turned.avif")
    assert (info.width, info.height) == ((96, 160) if orientation >= 5 else (160, 96))


@pytest.mark.parametrize(
    ("properties", "orientation"),
    [((b"irot\1",), 8), ((b"irot\2",), 3), ((b"irot\3",), 6), ((b"imir\1",), 2), ((b"imir\0",), 4), ((b"irot\1", b"imir\1"), 7)],
)
def test_transformations_of_heic_are_applied_once(
    reader: MediaReader, tmp_path: Path, properties: tuple[bytes, ...], orientation: int
) -> None:
    boxes = [box(item[:4], item[4:]) for item in properties]
    path = stored(tmp_path, "turned.heic", write_heif(SCENE, properties=boxes))
    shown = SCENE
    for item in properties:
        shown = np.rot90(shown, item[4]) if item.startswith(b"irot") else shown[:, ::-1] if item[4] else shown[::-1]
    assert_shows(shown, TURNS[orientation](SCENE), 0)
    assert_shows(reader.image(path, "turned.heic"), shown)


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000", "WEBP", "PNG"])
def test_transparent_image_is_shown_over_white(reader: MediaReader, tmp_path: Path, kind: str) -> None:
    image = np.dstack([SCENE, np.full(SCENE.shape[:2], 128, np.uint8)])
    options: dict[str, object] = FINE if kind == "AVIF" else {"lossless": True} if kind == "WEBP" else {}
    path = stored(tmp_path, "glass", encode(kind, image, **options))
    assert_shows(reader.image(path, "glass"), ((SCENE * 128.0 + 255 * 127) / 255).astype(np.uint8))


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 98}), ("TIFF", {}), ("JPEG2000", {})])
def test_image_of_four_inks_is_converted_to_rgb(
    reader: MediaReader, tmp_path: Path, kind: str, options: dict[str, object]
) -> None:
    path = stored(tmp_path, "print", encode(kind, Image.fromarray(SCENE).convert("CMYK"), **options))
    assert_shows(reader.image(path, "print"), SCENE)


def test_grey_jpeg_2000_of_16_bits_keeps_its_scale(reader: MediaReader, tmp_path: Path) -> None:
    path = stored(tmp_path, "deep.jp2", encode("JPEG2000", Image.fromarray(SCENE[..., 0].astype(np.uint16) * 257)))
    assert_shows(reader.image(path, "deep.jp2"), np.repeat(SCENE[..., :1], 3, 2), 0)


def animation(kind: str, milliseconds: list[int]) -> bytes:
    frames = [Image.fromarray(numbered(number)) for number in NUMBERS]
    options = {"lossless": True} if kind == "WEBP" else {}
    return encode(kind, frames[0], save_all=True, append_images=frames[1:], duration=milliseconds, **options)


@pytest.mark.parametrize(("kind", "content_type"), [("GIF", "gif"), ("PNG", "apng"), ("WEBP", "webp"), ("AVIF", "avif")])
def test_animated_image_is_a_short_video(reader: MediaReader, tmp_path: Path, kind: str, content_type: str) -> None:
    path = stored(tmp_path, "moves", animation(kind, MILLISECONDS))
    info = reader.probe(path, "moves")
    assert (info.kind, info.content_type, info.width, info.height) == ("video", f"image/{content_type}", 160, 96)
    assert info.duration == pytest.approx(0.65)
    frames = [(frame.time, number_of(frame.image)) for frame in reader.every_frame(path, "moves", Span(0.0, 9.0), 1000.0)]
    times = np.cumsum([0, *MILLISECONDS[:-1]]) / 1000
    assert frames == [(pytest.approx(time), number) for time, number in zip(times, NUMBERS, strict=True)]
    assert number_of(reader.frame_at(path, "moves", 0.35)) == NUMBERS[2]
    assert number_of(reader.frame_at(path, "moves", 99.0)) == NUMBERS[-1]
    assert [number_of(frame.image) for frame in reader.frames(path, "moves", Span(0.3, 0.5), 1000.0)] == NUMBERS[2:5]
    assert reader.thumbnail(path, "moves", 0.4, longest=80).shape == (48, 80, 3)
    assert reader.keyframes(path, "moves")[0] == 0.0


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animated_image_over_the_limit_of_total_pixels_is_refused(tmp_path: Path, kind: str) -> None:
    path = stored(tmp_path, "moves", animation(kind, MILLISECONDS))
    pixels = len(NUMBERS) * 160 * 96
    with MediaReader(Limits(gif_pixels=pixels)) as reader:
        assert reader.probe(path, "moves").kind == "video"
    with MediaReader(Limits(gif_pixels=pixels - 1)) as reader, pytest.raises(TooLarge, match="MM_MEDIA_GIF_PIXELS"):
        reader.probe(path, "moves")


def test_webp_frames_without_a_duration_are_shown_as_browsers_do(reader: MediaReader, tmp_path: Path) -> None:
    path = stored(tmp_path, "moves.webp", animation("WEBP", [0] * len(NUMBERS)))
    assert reader.probe(path, "moves.webp").duration == pytest.approx(0.1 * len(NUMBERS))


REFUSED = {
    "a PDF document": (b"%PDF-1.7\n", "Export its pages as images"),
    "a Photoshop document": (b"8BPS\0\1" + bytes(100), "Accepted are JPEG"),
    "Motion JPEG 2000 video": (b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"ftyp", b"mjp2" + bytes(8)), "Accepted are JPEG"),
    "a HEIF image of an unknown codec": (box(b"ftyp", b"mif1\0\0\0\0mif1avci"), "Convert it to JPEG"),
}


@pytest.mark.parametrize("description", REFUSED)
def test_file_of_no_accepted_type_is_refused_with_advice(reader: MediaReader, tmp_path: Path, description: str) -> None:
    data, advice = REFUSED[description]
    path = stored(tmp_path, "file", data)
    with pytest.raises(UnsupportedMedia, match=rf"file: this is {description}.*{advice}"):
        reader.probe(path, "file")
