"""Write encoded segments as shards, and read them back.

A shard has one matrix of vectors for each kind of evidence, one for the frames, and a JSON list of
the segments:

    {"start", "end", "shot", "evidence": [{"kind", "start", "end", "text", "row"}],
     "frames": [{"time", "cut_time", "motion"}], "unread": [[time, start, end]], "read"}

`row` is the row in the matrix of its kind. The frames of all segments, in order, are the rows of
the matrix `frames`; `cut_time` is null for a frame that begins no shot. `unread` has the images
whose text was not recognized, and `read` the number of those whose text was; both are absent where
there are none. `unread` was true in earlier versions, for the middle of the segment. Evidence of
speech also has "language" and "is_identified".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from indexes.catalog.records import NewEvidence, NewSegment
from mm.spaces.encode.evidence import EncodedFrame, TextImage

if TYPE_CHECKING:
    import numpy.typing as npt

    from indexes.storage.shards import Shard, ShardStore
    from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
    from mm.spaces.types import SpaceId

    Rows = list[npt.NDArray[np.float32]]
    Record = dict[str, Any]

FRAMES = "frames"
"""Name of the matrix of the frames' vectors."""
MOTION_DIGITS = 4
"""Decimal places that are stored of a frame's motion."""


def write_segments(store: ShardStore, space: SpaceId, segments: Sequence[EncodedSegment]) -> str:
    """Write one shard and return its id. Equal segments give the same id."""
    rows: dict[str, Rows] = {}
    records = [_segment_record(segment, rows) for segment in segments]
    return store.write(space, {kind: np.stack(vectors).astype(np.float16) for kind, vectors in rows.items()}, records)


def read_segments(store: ShardStore, space: SpaceId, shard_ids: Sequence[str]) -> list[NewSegment]:
    """Read the segments of consecutive shards; shots are numbered over all of them.

    Two chunks have no shot in common. Raises `Corrupt`, `MissingData`, `SpaceMismatch`.
    """
    segments: list[NewSegment] = []
    first_shot = 0
    for shard_id in shard_ids:
        records: list[Record] = store.read(shard_id, space).segments
        for record in records:
            evidence = [NewEvidence(shard_id=shard_id, **piece) for piece in record["evidence"]]
            start, end, shot = record["start"], record["end"], first_shot + record["shot"]
            unread = _unread_images(record)
            segments.append(NewSegment(start, end, shot, evidence, unread=unread, num_read=record.get("read", 0)))
        first_shot += 1 + max((record["shot"] for record in records), default=-1)
    return segments


def read_frames(store: ShardStore, space: SpaceId, shard_ids: Sequence[str]) -> list[EncodedFrame]:
    """Read the frames of consecutive shards.

    Empty for audio, and for shards written by a version that stored no frames. The first frame of a
    shard begins a shot at the start of the shard where it has no cut of its own: its chunk was
    encoded without the frames before it, and these may be seconds earlier in a still shot. Raises
    `Corrupt`, `MissingData`, `SpaceMismatch`.
    """
    frames: list[EncodedFrame] = []
    for shard_id in shard_ids:
        shard = store.read(shard_id, space)
        if FRAMES in shard.vectors:
            frames += _frames(shard)
    return frames


def _frames(shard: Shard) -> list[EncodedFrame]:
    records: list[Record] = [frame for segment in shard.segments for frame in segment["frames"]]
    if records[0]["cut_time"] is None:
        records[0]["cut_time"] = shard.segments[0]["start"]
    return [
        EncodedFrame(
            record["time"],
            vector,
            cut=record["cut_time"] is not None,
            cut_time=np.nan if record["cut_time"] is None else record["cut_time"],
            motion=np.array(record["motion"], np.float32),
        )
        for record, vector in zip(records, shard.vectors[FRAMES].astype(np.float32), strict=True)
    ]


def _segment_record(segment: EncodedSegment, rows: dict[str, Rows]) -> Record:
    """The JSON record; the vectors are appended to the rows of their kinds."""
    record: Record = {
        "start": segment.start,
        "end": segment.end,
        "shot": segment.shot,
        "evidence": [_evidence_record(piece, rows.setdefault(piece.kind, [])) for piece in segment.evidence],
        "frames": [_frame_record(frame, rows.setdefault(FRAMES, [])) for frame in segment.frames],
    }
    if segment.unread:
        record["unread"] = [[image.time, image.start, image.end] for image in segment.unread]
    if segment.num_read:
        record["read"] = segment.num_read
    return record


def _unread_images(record: Record) -> list[TextImage]:
    unread = record.get("unread", [])
    if unread is True:
        return [TextImage((record["start"] + record["end"]) / 2, record["start"], record["end"])]
    return [TextImage(*image) for image in unread]


def _evidence_record(evidence: EncodedEvidence, rows: Rows) -> Record:
    rows.append(evidence.vector)
    record: Record = {
        "kind": evidence.kind,
        "start": evidence.start,
        "end": evidence.end,
        "text": evidence.text,
        "row": len(rows) - 1,
    }
    if evidence.language is not None:
        record |= {"language": evidence.language, "is_identified": evidence.is_identified}
    return record


def _frame_record(frame: EncodedFrame, rows: Rows) -> Record:
    rows.append(frame.vector)
    motion = [round(float(value), MOTION_DIGITS) for value in frame.motion]
    return {"time": frame.time, "cut_time": frame.cut_time if frame.cut else None, "motion": motion}
