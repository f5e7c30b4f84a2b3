"""HEIF and AVIF images without metadata (ISO 23008-12; ISO 14496-12, 8.11).

Items that are no images, such as Exif and XMP, are overwritten and get a type that no reader knows;
the same is done with properties that are not needed to show an image. Nothing moves.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from mm.media.stripping.boxes import Box, BoxReader, Edits
from mm.media.stripping.movie import KEPT_FILE, MovieStripper
from mm.media.stripping.pieces import MAX_PIECES, Edit, NotStripped

META = frozenset(b"hdlr pitm iinf iloc iref iprp idat grpl dinf".split())
IMAGES = frozenset(b"hvc1 hvt1 lhv1 av01 avc1 vvc1 grid iovl iden tmap".split())
PROPERTIES = frozenset(
    b"ispe pixi hvcC lhvC av1C avcC vvcC colr irot imir clap rloc lsel pasp auxC clli mdcv cclv amve a1op a1lx tols oinf".split()
)


class _Item(NamedTuple):
    number: int
    kind: bytes
    kind_at: int
    end: int


class _Extent(NamedTuple):
    item: int
    method: int
    offset: int
    length: int


def strip_heif(file: BinaryIO) -> Edits:
    """The edits of an image, or of a sequence of images. Raises `NotStripped`."""
    movie = MovieStripper(file)
    boxes, end = movie.boxes, 0
    for box in boxes.iterate(0, boxes.size):
        end = box.end
        if box.kind == b"meta":
            _strip_meta(boxes, box, movie.edits)
        elif box.kind in KEPT_FILE:
            movie.strip_box(box)
        else:
            movie.edits.free(box)
    movie.edits.blank(end, boxes.size)
    return movie.edits


def _strip_meta(boxes: BoxReader, meta: Box, edits: Edits) -> None:
    items: list[_Item] = []
    extents: list[_Extent] = []
    store: list[Box] = []
    end = meta.body + 4
    for box in boxes.iterate(meta.body + 4, meta.end):
        end = box.end
        if box.kind not in META:
            edits.free(box)
        elif box.kind == b"hdlr":
            edits.blank(box.body + 12, box.end)
        elif box.kind == b"iinf":
            items += _read_items(boxes, box)
        elif box.kind == b"iloc":
            extents += _read_extents(boxes.read_table(box))
        elif box.kind == b"idat":
            store.append(box)
        elif box.kind == b"iprp":
            _strip_properties(boxes, box, edits)
    edits.blank(end, meta.end)
    hidden = {item.number for item in items if item.kind not in IMAGES}
    for item in items:
        if item.kind == b"jpeg":
            raise NotStripped("has a JPEG in it")
        if item.number in hidden:
            edits.append(Edit(item.kind_at, b"free"))
        edits.blank(item.kind_at + 4, item.end)  # name and type of content
    for extent in extents:
        if extent.item in hidden:
            base = 0
            if extent.method == 1 and store:
                base = store[0].body
            elif extent.method != 0:
                raise NotStripped("has metadata in an unknown place")
            if extent.length == 0:
                raise NotStripped("has metadata of unknown length")
            edits.blank(base + extent.offset, base + extent.offset + extent.length)


def _strip_properties(boxes: BoxReader, iprp: Box, edits: Edits) -> None:
    for box in boxes.iterate(iprp.body, iprp.end):
        if box.kind == b"ipco":
            for part in boxes.iterate(box.body, box.end):
                if part.kind not in PROPERTIES:
                    edits.free(part)


def _read_items(boxes: BoxReader, iinf: Box) -> Iterator[_Item]:
    """Items by their entries (8.11.6)."""
    version = boxes.read(iinf, 0, 1)[0]
    for box in boxes.iterate(iinf.body + (6 if version == 0 else 8), iinf.end):
        width = {2: 2, 3: 4}.get(boxes.read(box, 0, 1)[0])
        if box.kind != b"infe" or width is None:
            raise NotStripped("has an item of an unknown kind")
        number = int.from_bytes(boxes.read(box, 4, width))
        yield _Item(number, boxes.read(box, width + 6, 4), box.body + width + 6, box.end)


def _read_extents(table: bytes) -> Iterator[_Extent]:
    """Where the data of each item is (8.11.3)."""
    try:
        yield from _parse_extents(table)
    except (struct.error, IndexError) as error:
        raise NotStripped("has a damaged table of items") from error


def _parse_extents(table: bytes) -> Iterator[_Extent]:
    version, sizes, more_sizes = table[0], table[4], table[5]
    position = 6

    def read(width: int) -> int:
        nonlocal position
        if position + width > len(table):
            raise IndexError(position)
        position += width
        return int.from_bytes(table[position - width : position])

    offset_bytes, length_bytes = sizes >> 4, sizes & 15
    base_bytes, index_bytes = more_sizes >> 4, more_sizes & 15 if version else 0
    number_bytes = 4 if version == 2 else 2
    num_extents = 0
    for _ in range(read(number_bytes)):
        number = read(number_bytes)
        method = read(2) & 15 if version else 0
        source = read(2)
        base = read(base_bytes)
        count = read(2)
        num_extents += count
        if num_extents > MAX_PIECES:
            raise NotStripped("has too many parts")
        for _ in range(count):
            read(index_bytes)
            offset, length = read(offset_bytes), read(length_bytes)
            yield _Extent(number, method if source == 0 else -1, base + offset, length)
