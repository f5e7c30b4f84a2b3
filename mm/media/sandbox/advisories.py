"""Known vulnerabilities of the FFmpeg release that decodes here."""

from __future__ import annotations

import re

Version = tuple[int, int, int]

MAGICYUV_FIXES: dict[tuple[int, int], int] = {(7, 1): 5, (8, 0): 3, (8, 1): 2}
"""FFmpeg release line: its first release without CVE-2026-8461. Lines from 8.2 on are not affected;
older lines have no fix."""

DECORD = "MM_DECODER is decord, which contains FFmpeg 4 of 2021 without later security fixes: set it to auto."


def libavcodec_version() -> Version:
    """Version of the libavcodec that PyAV carries."""
    import av

    major, minor, micro = av.library_versions["libavcodec"]
    return (major, minor, micro)


def ffmpeg_version() -> str:
    """Release of the FFmpeg that PyAV carries.

    The version of libavcodec does not always change from one release to the next.
    """
    import av

    return str(av.ffmpeg_version_info)


def known_vulnerabilities(version: str | None = None, *, decoder: str = "auto") -> list[str]:
    """One sentence per known vulnerability of an FFmpeg release and of the decoder MM_DECODER.

    The release is by default the installed one.
    """
    version = ffmpeg_version() if version is None else version
    return _release_vulnerabilities(version) + ([DECORD] if decoder == "decord" else [])


def _release_vulnerabilities(version: str) -> list[str]:
    match = re.match(r"n?(\d+)\.(\d+)(?:\.(\d+))?", version)
    if match is None:
        return [f"The FFmpeg version {version!r} is not a release number: whether it has the fix of CVE-2026-8461 is unknown."]
    major, minor, point = (int(group or 0) for group in match.groups())
    is_fixed = (major, minor) > max(MAGICYUV_FIXES) or point >= MAGICYUV_FIXES.get((major, minor), point + 1)
    if is_fixed:
        return []
    return [
        f"FFmpeg {version} has CVE-2026-8461, a heap overflow in its MagicYUV decoder; 8.1.2, 8.0.3 and 7.1.5 "
        "have the fix. That decoder is never opened here; update the package `av` nevertheless."
    ]
