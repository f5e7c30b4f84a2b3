"""File type detection by the first bytes of a file; its name is not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.errors import MediaError, UnsupportedMedia
from mm.media.containers.file_types import (
    AAC,
    ACCEPTED,
    AVI,
    AVIF,
    BMP,
    CR3,
    FLAC,
    GIF,
    HEIF,
    JPEG,
    JPEG_2000,
    MATROSKA,
    MOV,
    MP3,
    MP4,
    MPEGPS,
    MPEGTS,
    OGG,
    PNG,
    TIFF,
    WAV,
    WEBM,
    WEBP,
    FileType,
)
from mm.media.containers.raw_preview import find_raw_type

if TYPE_CHECKING:
    from typing import BinaryIO

HEAD_BYTES = 4096
CR3_BRAND = b"crx "
PACKET_SIZES = (188, 192, 204)  # MPEG-TS: plain, with a time code (M2TS), with error correction


PREFIXES = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"\xff\x4f\xff\x51", JPEG_2000),  # a bare codestream
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"fLaC", FLAC),
    (b"OggS", OGG),
    (b"\0\0\x01\xba", MPEGPS),
)
RIFF_KINDS = {b"WEBP": WEBP, b"AVI ": AVI, b"WAVE": WAV}
JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
JP2_BRANDS = {b"jp2 ", b"jpx ", b"jpm ", b"jph "}
AVIF_BRANDS = {b"avif", b"avis"}
HEVC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
HEIF_BRANDS = {b"mif1", b"mif2", b"msf1"}  # of any codec: the compatible brands name it
BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}  # bytes of the header that follows the 14 bytes of the file header
MOV_ATOMS = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}  # first atom of a QuickTime file without `ftyp`
PDF_HINT = "Export its pages as images, for example as PNG, and add those."
CONVERT_HINT = "Convert it to JPEG or PNG, and add that."
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
    (b"\0\0\0\x0cjxl \r\n", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cjp  \r\n", "Motion JPEG 2000 video"),
    (b"8bps", "a Photoshop document"),
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
        raise UnsupportedMedia(f"{name}: this is {describe_refusal(describe_bytes(head))}")
    return find_raw_type(file) or kind if kind is TIFF else kind


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
    if head.startswith(JP2_SIGNATURE):
        return JPEG_2000 if head[20:24] in JP2_BRANDS else None
    if head[:2] == b"BM":
        return BMP if int.from_bytes(head[14:18], "little") in BMP_HEADERS else None
    if head[4:8] == b"ftyp":
        return _iso_type(head)
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
        return "a HEIF image of an unknown codec"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return "text" if error.start > len(head) - 4 and b"\0" not in head else "an unknown format"
    return "an unknown format" if b"\0" in head else "text"


def describe_refusal(description: str) -> str:
    """Rest of the message about a file of no accepted type: what is accepted, and what to do."""
    hint = PDF_HINT if description == "a PDF document" else CONVERT_HINT if "image" in description or "raw" in description else ""
    return f"{description}, not an image, video or audio file of an accepted type. {hint}".rstrip() + f" Accepted are {ACCEPTED}."


def _iso_type(head: bytes) -> FileType | None:
    """Type of a file of the ISO base media format, by the brands of its `ftyp` box (14496-12, 4.3).

    A HEIF file may have a major brand of any codec, and names its own among the compatible brands.
    """
    brand = head[8:12]
    compatible = head[16 : max(min(int.from_bytes(head[:4]), len(head)), 16)]
    brands = {compatible[at : at + 4] for at in range(0, len(compatible) - 3, 4)} if brand in HEIF_BRANDS else {brand}
    if brands & AVIF_BRANDS:
        return AVIF
    if brands & HEVC_BRANDS:
        return HEIF
    if brand in HEIF_BRANDS:
        return None
    if brand == CR3_BRAND:
        return CR3
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
