"""The accepted types of files: by which library each is opened, and the table of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal


@dataclass(frozen=True, slots=True)
class FileType:
    """An accepted container and the library that opens it."""

    container: str
    opened_by: Literal["pillow", "libav"]
    format: str  # the name that Pillow or libavformat uses
    content_type: str


JPEG = FileType("jpeg", "pillow", "JPEG", "image/jpeg")
PNG = FileType("png", "pillow", "PNG", "image/png")
WEBP = FileType("webp", "pillow", "WEBP", "image/webp")
TIFF = FileType("tiff", "pillow", "TIFF", "image/tiff")
GIF = FileType("gif", "pillow", "GIF", "image/gif")
BMP = FileType("bmp", "pillow", "BMP", "image/bmp")
JPEG_2000 = FileType("jpeg2000", "pillow", "JPEG2000", "image/jp2")
AVIF = FileType("avif", "pillow", "AVIF", "image/avif")
HEIF = FileType("heif", "pillow", "HEIF", "image/heic")
DNG = FileType("dng", "pillow", "JPEG", "image/x-adobe-dng")
CR2 = FileType("cr2", "pillow", "JPEG", "image/x-canon-cr2")
CR3 = FileType("cr3", "pillow", "JPEG", "image/x-canon-cr3")
NEF = FileType("nef", "pillow", "JPEG", "image/x-nikon-nef")
ARW = FileType("arw", "pillow", "JPEG", "image/x-sony-arw")
RAW = FileType("raw", "pillow", "JPEG", "image/x-raw")  # another raw file that is built as TIFF
ANIMATED_GIF = FileType("gif", "libav", "gif", "image/gif")
ANIMATED_PNG = FileType("apng", "libav", "apng", "image/apng")
ANIMATED_AVIF = FileType("avif", "libav", "mov", "image/avif")
MP4 = FileType("mp4", "libav", "mov", "video/mp4")
MOV = FileType("mov", "libav", "mov", "video/quicktime")
MATROSKA = FileType("matroska", "libav", "matroska", "video/x-matroska")
WEBM = FileType("webm", "libav", "matroska", "video/webm")
AVI = FileType("avi", "libav", "avi", "video/x-msvideo")
MPEGTS = FileType("mpegts", "libav", "mpegts", "video/mp2t")
MPEGPS = FileType("mpeg", "libav", "mpeg", "video/mpeg")
WAV = FileType("wav", "libav", "wav", "audio/wav")
MP3 = FileType("mp3", "libav", "mp3", "audio/mpeg")
FLAC = FileType("flac", "libav", "flac", "audio/flac")
OGG = FileType("ogg", "libav", "ogg", "audio/ogg")
AAC = FileType("aac", "libav", "aac", "audio/aac")

RAW_TYPES = (DNG, CR2, CR3, NEF, ARW, RAW)
RAW_CONTAINERS = frozenset(kind.container for kind in RAW_TYPES)
RAW_NOTE = "Of a raw photo, the preview that its camera stored is shown and searched, not the values of the sensor."


def describe_reading(content_type: str) -> list[str]:
    """What of a file of this type is not read, in sentences for the person who added it."""
    return [RAW_NOTE] if any(kind.content_type == content_type for kind in RAW_TYPES) else []


@dataclass(frozen=True, slots=True)
class FormatRow:
    """One row of the table of accepted formats."""

    name: str
    suffixes: str
    decoder: str
    remark: str = ""
    package: str = ""  # an optional package that the format needs, as pip and as Python call it

    @property
    def missing_package(self) -> str:
        """The package that the format needs and that is not installed; empty if none."""
        return self.package if self.package and find_spec(self.package.replace("-", "_")) is None else ""


FORMATS = (
    FormatRow("JPEG", ".jpg .jpeg", "Pillow", "grey, colour, CMYK"),
    FormatRow("PNG", ".png", "Pillow", "to 16 bits; with several frames (APNG) a short video, by libav"),
    FormatRow("WebP", ".webp", "Pillow", "with several frames a short video"),
    FormatRow("TIFF", ".tif .tiff", "Pillow", "to 32 bits, CMYK; the first page"),
    FormatRow("BMP", ".bmp", "Pillow"),
    FormatRow("JPEG 2000", ".jp2 .j2k .jpx", "Pillow", "to 16 bits"),
    FormatRow("AVIF", ".avif", "Pillow", "8 bits are used; with several frames a short video, by libav"),
    FormatRow("HEIC, HEIF", ".heic .heif .hif", "libheif", "8 bits are used; of several images the primary one", "pi-heif"),
    FormatRow("GIF", ".gif", "Pillow", "with several frames a short video, by libav"),
    FormatRow("raw photos", ".dng .cr2 .cr3 .nef .arw", "Pillow", "the JPEG preview in the file"),
    FormatRow("MP4, MOV, M4A", ".mp4 .mov .m4v .m4a .3gp", "libav"),
    FormatRow("Matroska, WebM", ".mkv .webm", "libav"),
    FormatRow("AVI", ".avi", "libav"),
    FormatRow("MPEG-TS, MPEG-PS", ".ts .mts .m2ts .mpg .vob", "libav"),
    FormatRow("WAV", ".wav", "libav"),
    FormatRow("MP3", ".mp3", "libav"),
    FormatRow("FLAC", ".flac", "libav"),
    FormatRow("Ogg", ".ogg .oga .opus", "libav"),
    FormatRow("AAC", ".aac", "libav"),
)
"""All formats that are read; `mm formats` and docs/uploads.md print them."""
ACCEPTED = ", ".join(row.name for row in FORMATS)
"""The names of all formats, for messages about files that are refused."""
