"""Session description of a camera (RFC 8866): the first video stream of a known codec."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from mm.errors import MediaError

if TYPE_CHECKING:
    from mm.media.live import LiveCodec

CODECS: dict[str, LiveCodec] = {"H264": "h264", "H265": "hevc"}
START_CODE = b"\0\0\0\1"


@dataclass(frozen=True, slots=True)
class VideoStream:
    """What a client needs to know to play a stream."""

    codec: LiveCodec
    payload_type: int
    control_url: str
    parameter_sets: bytes  # Annex B, to be decoded before the first frame


def parse_video(text: str, base_url: str, name: str) -> VideoStream:
    """Find the video stream in a session description; its control URL is relative to `base_url`.

    Raises `MediaError` when there is none, it has another codec or it names another host.
    """
    sections = ["v=0", *text.replace("\r\n", "\n").split("\nm=")]
    for section in sections[2:]:
        lines = section.split("\n")
        media = lines[0].split()
        if len(media) < 4 or media[0] != "video":
            continue
        attributes = [line[2:].partition(":") for line in lines[1:] if line.startswith("a=")]
        maps = {value.split()[0]: value.split()[1] for key, _, value in attributes if key == "rtpmap" and len(value.split()) > 1}
        for payload_type in media[3:]:
            encoding = maps.get(payload_type, "").split("/")[0].upper()
            if encoding not in CODECS or not payload_type.isdigit():
                continue
            control = next((value.strip() for key, _, value in attributes if key == "control"), "")
            formats = [value for key, _, value in attributes if key == "fmtp" and value.split()[:1] == [payload_type]]
            url = _resolve(control, base_url, name)
            return VideoStream(CODECS[encoding], int(payload_type), url, _parameter_sets(formats))
        raise MediaError(name, "unsupported", f"its video is {', '.join(maps.values()) or 'unknown'}; H264 and H265 are accepted")
    raise MediaError(name, "no-streams", "it has no video")


def _resolve(control: str, base_url: str, name: str) -> str:
    if control in ("", "*"):
        return base_url
    url = control if "://" in control else urljoin(base_url if base_url.endswith("/") else base_url + "/", control)
    if urlsplit(url).hostname != urlsplit(base_url).hostname:
        raise MediaError(name, "forbidden", "it refers to another host")
    return url


def _parameter_sets(formats: list[str]) -> bytes:
    """Parameter sets of H.264 (RFC 6184, 8.1) and H.265 (RFC 7798, 7.1) in the form of a stream."""
    values: dict[str, str] = {}
    for text in formats:
        for item in text.partition(" ")[2].split(";"):
            key, _, value = item.strip().partition("=")
            values[key.lower()] = value
    units = b""
    for key in ("sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets"):
        for encoded in filter(None, values.get(key, "").split(",")):
            try:
                units += START_CODE + base64.b64decode(encoded, validate=True)
            except binascii.Error:
                continue  # cameras repeat the sets in the stream
    return units
