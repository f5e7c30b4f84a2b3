"""The FFmpeg that decodes here, and what is known against its version."""

from __future__ import annotations

import re

Version = tuple[int, int, int]

MAGICYUV_FIXES: dict[tuple[int, int], int] = {(7, 1): 5, (8, 0): 3, (8, 1): 2}
"""FFmpeg release line: its first release without CVE-2026-8461. Lines from 8.2 on never had it;
older ones are not mended."""

DECORD = "MM_DECODER is decord, which carries an FFmpeg 4 of 2021 without the fixes made since: set it to auto."


def libavcodec_version() -> Version:
    """Version of the libavcodec that PyAV carries."""
    import av

    major, minor, micro = av.library_versions["libavcodec"]
    return (major, minor, micro)


def ffmpeg_version() -> str:
    """Release of the FFmpeg that PyAV carries: libavcodec's own number does not always change from
    one to the next."""
    import av

    return str(av.ffmpeg_version_info)


def known_vulnerabilities(version: str | None = None, *, decoder: str = "auto") -> list[str]:
    """One sentence for each known hole of an FFmpeg release, by default the installed one, and of
    the decoder that is forced."""
    version = ffmpeg_version() if version is None else version
    return _holes_of(version) + ([DECORD] if decoder == "decord" else [])


def _holes_of(version: str) -> list[str]:
    found = re.match(r"n?(\d+)\.(\d+)(?:\.(\d+))?", version)
    if found is None:
        return [f"FFmpeg calls itself {version!r}: whether it has the fix of CVE-2026-8461 cannot be told."]
    major, minor, point = (int(part or 0) for part in found.groups())
    fixed = (major, minor) > max(MAGICYUV_FIXES) or point >= MAGICYUV_FIXES.get((major, minor), point + 1)
    if fixed:
        return []
    return [
        f"FFmpeg {version} has CVE-2026-8461, a heap overflow in its MagicYUV decoder; 8.1.2, 8.0.3 and 7.1.5 "
        "have the fix. That decoder is never opened here; update the package `av` all the same."
    ]
