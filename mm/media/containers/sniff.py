"""File type detection by the first bytes of a file; its name is not used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mm.errors import MediaError, UnsupportedMedia

if TYPE_CHECKING:
    from typing import BinaryIO

HEAD_BYTES = 4096
PACKET_SIZES = (188, 192, 204)  # MPEG-TS: plain, with a time code (M2TS), with error correction


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
ANIMATED_GIF = FileType("gif", "libav", "gif", "image/gif")
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

PREFIXES = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"fLaC", FLAC),
    (b"OggS", OGG),
    (b"\0\0\x01\xba", MPEGPS),
)
RIFF_KINDS = {b"WEBP": WEBP, b"AVI ": AVI, b"WAVE": WAV}
IMAGE_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis", b"jpx "}
MOV_ATOMS = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}  # first atom of a QuickTime file without `ftyp`
DESCRIPTIONS = (
    (b"#EXTM3U", "a playlist"),
    (b"ffconcat", "a playlist"),
    (b"[playlist]", "a playlist"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"<svg", "an SVG drawing"),
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
    (b"BM", "a BMP image"),
    (b"{", "JSON text"),
)


def detect_type(file: BinaryIO, name: str) -> FileType:
    """Type of an open file.

    Raises `MediaError` for an empty file, `UnsupportedMedia` for bytes of no accepted type.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if not head:
        raise MediaError(name, "empty", "the file has no bytes")
    file.seek(id3_tag_size(head))
    kind = sniff_type(head, file.read(HEAD_BYTES))
    if kind is None:
        raise UnsupportedMedia(f"{name}: this is {describe_bytes(head)}, not an image, video or audio file of an accepted type.")
    return kind


def sniff_type(head: bytes, after_tag: bytes = b"") -> FileType | None:
    """Type of a file that starts with `head`, None if it is not accepted.

    `after_tag` are the bytes after its ID3 tag: see `id3_tag_size`.
    """
    for prefix, kind in PREFIXES:
        if head.startswith(prefix):
            return kind
    if head[:4] in {b"RIFF", b"RF64"}:
        return RIFF_KINDS.get(head[8:12])
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return WEBM if b"webm" in head[:64] else MATROSKA
    if head[4:8] == b"ftyp":
        return _iso_type(head[8:12])
    if head[4:8] in MOV_ATOMS:
        return MOV
    if head.startswith(b"ID3"):
        return FLAC if after_tag.startswith(b"fLaC") else _bare_audio_type(after_tag) or MP3
    return _bare_audio_type(head) or (MPEGTS if find_packet_layout(head) else None)


def id3_tag_size(head: bytes) -> int:
    """Bytes of the ID3v2 tag at the start of `head`, 0 without one (id3.org, section 3.1)."""
    if not head.startswith(b"ID3") or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return size + 10


def describe_bytes(head: bytes) -> str:
    """Describe bytes of no accepted type, for an error message."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    for prefix, description in DESCRIPTIONS:
        if start.startswith(prefix.lower()):
            return description
    if head[4:8] == b"ftyp":
        return "a HEIF or AVIF image"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return "text" if error.start > len(head) - 4 and b"\0" not in head else "an unknown format"
    return "an unknown format" if b"\0" in head else "text"


def _iso_type(brand: bytes) -> FileType | None:
    if brand in IMAGE_BRANDS:
        return None
    return MOV if brand == b"qt  " else MP4


def _bare_audio_type(head: bytes) -> FileType | None:
    """Type of bare MP3 or ADTS frames: a second header follows where the first frame ends."""
    if len(head) < 8 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return AAC if _repeats_header(head, _adts_frame_bytes(head)) else None
    return MP3 if _repeats_header(head, _mpeg_audio_frame_bytes(head)) else None


def _repeats_header(head: bytes, size: int) -> bool:
    return size > 0 and (len(head) < size + 2 or (head[size] == 0xFF and head[size + 1] & 0xFE == head[1] & 0xFE))


def _adts_frame_bytes(head: bytes) -> int:
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return size if size > 7 and head[2] >> 2 & 15 < 13 else 0


def _mpeg_audio_frame_bytes(head: bytes) -> int:
    """Bytes of the MPEG audio layer III frame at the start, 0 if none (ISO 11172-3, 2.4.2.3)."""
    version, layer, rate, sampling = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    if head[1] & 0xE0 != 0xE0 or version == 1 or layer != 1 or rate in {0, 15} or sampling == 3:
        return 0
    is_mpeg_1 = version == 3
    rates = (
        (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
        if is_mpeg_1
        else (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    )
    hertz = (44100, 48000, 32000)[sampling] >> {3: 0, 2: 1, 0: 2}[version]
    return (144 if is_mpeg_1 else 72) * rates[rate - 1] * 1000 // hertz + (head[2] >> 1 & 1)


def find_packet_layout(head: bytes) -> tuple[int, int] | None:
    """Packet size of a transport stream and offset of its first whole packet; None for other bytes.

    Sync bytes are one packet size apart; a recording may start anywhere within a packet.
    """
    for size in PACKET_SIZES:
        for start in range(size):
            sync = head[start : start + 5 * size : size]
            if len(sync) >= min(5, len(head) // size) and len(sync) > 1 and sync == b"\x47" * len(sync):
                return size, start
    return None
