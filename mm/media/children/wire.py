"""Messages between a reader and its decoding child: a JSON head and raw bytes, length-prefixed.

Pickle is never used.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mm.media.types import RGB

Head = dict[str, object]

LENGTHS = struct.Struct("<IQ")  # bytes of the head, bytes of the body
MAX_HEAD = 64 << 20
"""Bytes. The longest heads list the key frames of a video in which every frame is one."""


class BrokenMessage(Exception):
    """A message is malformed or over a size limit."""


def send(stream: BinaryIO, head: Mapping[str, object], body: bytes | memoryview = b"") -> None:
    """Write one message and flush it."""
    text = json.dumps(head).encode("ascii")
    stream.write(LENGTHS.pack(len(text), len(body)) + text)
    stream.write(body)
    stream.flush()


def parse_image(head: Mapping[str, object], body: bytearray) -> RGB:
    """The image of a message whose head has its `shape`. Raises `ValueError` and `KeyError`."""
    height, width, channels = (int(side) for side in head["shape"])  # type: ignore[attr-defined]
    if channels != 3:
        raise ValueError(f"an image of {channels} channels")
    return np.frombuffer(body, np.uint8).reshape(height, width, channels)


def receive(read: Callable[[int], bytearray], max_body: int) -> tuple[Head, bytearray]:
    """Read one message. `read(n)` returns exactly n bytes.

    Raises `BrokenMessage` when a length is over its limit or the head is not a JSON object.
    """
    head_size, body_size = LENGTHS.unpack(read(LENGTHS.size))
    if head_size > MAX_HEAD or body_size > max_body:
        raise BrokenMessage(f"a message of {head_size} + {body_size} bytes")
    try:
        head = json.loads(bytes(read(head_size)))
    except ValueError as error:
        raise BrokenMessage("a head that is not JSON") from error
    if not isinstance(head, dict):
        raise BrokenMessage("a head that is not an object")
    return head, read(body_size)
