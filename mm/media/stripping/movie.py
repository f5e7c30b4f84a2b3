"""MP4 and QuickTime movies without metadata (ISO 14496-12; Apple, QuickTime File Format).

Boxes that players need are kept; every other box becomes free space of the same length: user data,
metadata, XMP and boxes of makers. The times of creation, the names of handlers and of encoders are
overwritten, and so are all tracks that are neither video nor sound, with their samples: these hold
positions, time codes and texts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

from mm.media.stripping.boxes import Box, BoxReader, Edits
from mm.media.stripping.pieces import NotStripped

SHOWN = frozenset({b"vide", b"soun", b"pict", b"auxv"})
"""Handlers of tracks that are kept."""
KEPT_FILE = frozenset(b"ftyp styp moov moof mdat mfra sidx ssix pdin".split())
KEPT: dict[bytes, frozenset[bytes]] = {
    b"moov": frozenset(b"mvhd trak mvex".split()),
    b"mvex": frozenset(b"mehd trex leva".split()),
    b"trak": frozenset(b"tkhd mdia edts tref tapt".split()),
    b"mdia": frozenset(b"mdhd hdlr minf elng".split()),
    b"minf": frozenset(b"vmhd smhd nmhd hdlr dinf stbl".split()),
    b"stbl": frozenset(
        b"stsd stts ctts cslg stsc stsz stz2 stco co64 stss stsh stps padb stdp sdtp sbgp sgpd subs saiz saio".split()
    ),
    b"moof": frozenset(b"mfhd traf".split()),
    b"traf": frozenset(b"tfhd tfdt trun sdtp sbgp sgpd subs saiz saio".split()),
}
"""Boxes that are kept, by the box that they are in; the others become free space."""
TIMED = frozenset({b"mvhd", b"tkhd", b"mdhd"})
COMPRESSED = b"cmov"
VIDEO_ENTRY_BYTES = 86
"""Of a sample entry of video with its header, without its boxes (14496-12, 12.1.3)."""
VENDOR, COMPRESSOR = (20, 24), (50, 82)
"""Where in it QuickTime has the maker and the name of the encoder."""


class MovieStripper:
    """Collects the edits of one file."""

    def __init__(self, file: BinaryIO) -> None:
        self.boxes, self.edits = BoxReader(file), Edits()
        self._has_fragments = self._has_hidden_track = self._is_video = False

    def strip(self) -> Edits:
        """The edits of a movie. Raises `NotStripped`."""
        end = 0
        for box in self.boxes.iterate(0, self.boxes.size):
            end = box.end
            if box.kind not in KEPT_FILE:
                self.edits.free(box)
            else:
                self.strip_box(box)
        self.edits.blank(end, self.boxes.size)
        return self.edits

    def strip_box(self, box: Box) -> None:
        """Add the edits of a box at the level of the file."""
        if box.kind in KEPT:
            self._strip_children(box)
        self._has_fragments = self._has_fragments or box.kind == b"moof"
        if self._has_fragments and self._has_hidden_track:
            raise NotStripped("has fragments and a track that is neither video nor sound")

    def _strip_children(self, parent: Box) -> None:
        end = parent.body
        for box in self.boxes.iterate(parent.body, parent.end):
            end = box.end
            if box.kind == COMPRESSED:
                raise NotStripped("has a compressed header")
            if box.kind not in KEPT[parent.kind]:
                self.edits.free(box)
            elif box.kind == b"trak" and not self._is_shown(box):
                self._hide_track(box)
            elif box.kind in KEPT:
                self._strip_children(box)
            else:
                self._strip_leaf(box)
        self.edits.blank(end, parent.end)

    def _strip_leaf(self, box: Box) -> None:
        if box.kind in TIMED:
            is_long = self.boxes.read(box, 0, 1) == b"\1"
            self.edits.blank(box.body + 4, min(box.body + (20 if is_long else 12), box.end))
        elif box.kind == b"hdlr":  # maker and name; the types before them are kept
            self.edits.blank(box.body + 12, box.end)
        elif box.kind == b"dinf":
            self._strip_references(box)
        elif box.kind == b"stsd":
            self._strip_entries(box)

    def _strip_references(self, dinf: Box) -> None:
        """Blank references to files, which QuickTime writes with the names of folders."""
        for dref in self.boxes.iterate(dinf.body, dinf.end):
            if dref.kind != b"dref":
                self.edits.free(dref)
                continue
            for entry in self.boxes.iterate(dref.body + 8, dref.end):
                self.edits.blank(entry.body + 4, entry.end)

    def _strip_entries(self, stsd: Box) -> None:
        """Blank maker and name of the encoder in sample entries of video, which name their size."""
        for entry in self.boxes.iterate(stsd.body + 8, stsd.end):
            if entry.end - entry.start >= VIDEO_ENTRY_BYTES and self._is_video:
                for start, end in (VENDOR, COMPRESSOR):
                    self.edits.blank(entry.start + start, entry.start + end)

    def _is_shown(self, track: Box) -> bool:
        handlers = [
            self.boxes.read(hdlr, 8, 4)
            for mdia in self.boxes.children(track, b"mdia")
            for hdlr in self.boxes.children(mdia, b"hdlr")
        ]
        self._is_video = bool(handlers) and handlers[0] != b"soun"
        return bool(handlers) and set(handlers) <= SHOWN

    def _hide_track(self, track: Box) -> None:
        """Turn a track into free space, and overwrite its samples."""
        self._has_hidden_track = True
        for mdia in self.boxes.children(track, b"mdia"):
            for minf in self.boxes.children(mdia, b"minf"):
                for stbl in self.boxes.children(minf, b"stbl"):
                    for start, length in _locate_samples(self._read_tables(stbl)):
                        self.edits.blank(start, start + length)
        self.edits.free(track)

    def _read_tables(self, stbl: Box) -> dict[bytes, bytes]:
        kinds = {b"stsc", b"stsz", b"stz2", b"stco", b"co64"}
        return {box.kind: self.boxes.read_table(box) for box in self.boxes.iterate(stbl.body, stbl.end) if box.kind in kinds}


def strip_movie(file: BinaryIO) -> Edits:
    """The edits of a movie. Raises `NotStripped`."""
    return MovieStripper(file).strip()


def _locate_samples(tables: dict[bytes, bytes]) -> Iterator[tuple[int, int]]:
    """Offset and length of each chunk of a track (14496-12, 8.7). Raises `NotStripped`."""
    try:
        yield from _locate_chunks(tables)
    except (struct.error, IndexError, KeyError) as error:
        raise NotStripped("has damaged tables of samples") from error


def _locate_chunks(tables: dict[bytes, bytes]) -> Iterator[tuple[int, int]]:
    form, width, name = (">I", 4, b"stco") if b"stco" in tables else (">Q", 8, b"co64")
    (num_chunks,) = struct.unpack_from(">I", tables[name], 4)
    if num_chunks == 0:
        return
    (num_runs,) = struct.unpack_from(">I", tables[b"stsc"], 4)
    runs = [struct.unpack_from(">II", tables[b"stsc"], 8 + 12 * index) for index in range(num_runs)]
    if b"stsz" not in tables:
        raise NotStripped("has a table of compact sizes of samples")
    size, num_samples = struct.unpack_from(">II", tables[b"stsz"], 4)
    sample = 0
    for (first, per_chunk), (stop, _) in pairwise([*runs, (num_chunks + 1, 0)]):
        if not 1 <= first <= stop <= num_chunks + 1:
            raise NotStripped("has damaged tables of samples")
        for chunk in range(first - 1, stop - 1):
            (offset,) = struct.unpack_from(form, tables[name], 8 + width * chunk)
            count = min(per_chunk, num_samples - sample)
            length = size * count if size else sum(struct.unpack_from(f">{count}I", tables[b"stsz"], 12 + 4 * sample))
            yield offset, length
            sample += count
    if sample != num_samples:
        raise NotStripped("has damaged tables of samples")
