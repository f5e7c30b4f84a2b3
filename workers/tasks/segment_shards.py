"""Encoded segments to a shard and back: vectors by kind of evidence, and beside them what each of
their rows is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NotRequired, TypedDict

import numpy as np

from indexes.catalog.records import NewEvidence, NewSegment
from mm.schemas import EvidenceKind
from mm.spaces.encode.scenes import Frames

if TYPE_CHECKING:
    import numpy.typing as npt

    from indexes.storage.shards import ShardStore
    from mm.spaces.encode.evidence import EncodedEvidence, EncodedFrame, EncodedSegment
    from mm.spaces.types import SpaceId


FRAMES = "frames"
"""Name of the matrix of frames' vectors, beside those of the kinds of evidence."""
MOTION_DIGITS = 4


class StoredEvidence(TypedDict):
    kind: EvidenceKind
    start: float
    end: float
    text: str | None
    row: int  # of the shard's matrix of this kind


class StoredFrame(TypedDict):
    time: float
    cut_time: float | None  # of the shot that begins with it
    motion: list[float]


class StoredSegment(TypedDict):
    start: float
    end: float
    shot: int  # counted within the chunk
    evidence: list[StoredEvidence]
    frames: list[StoredFrame]  # those of all segments are the rows of the matrix FRAMES
    unread: NotRequired[bool]  # there, and true, where the text of a picture was not read


def write_segments(store: ShardStore, space: SpaceId, segments: Sequence[EncodedSegment]) -> str:
    """Write one shard and return its id. The same segments give the same shard."""
    rows: dict[str, list[npt.NDArray[np.float32]]] = {}
    stored: list[StoredSegment] = []
    for segment in segments:
        evidence = [_store(part, rows.setdefault(part.kind, [])) for part in segment.evidence]
        frames = [_store_frame(frame, rows.setdefault(FRAMES, [])) for frame in segment.frames]
        one: StoredSegment = {
            "start": segment.start,
            "end": segment.end,
            "shot": segment.shot,
            "evidence": evidence,
            "frames": frames,
        }
        stored.append({**one, "unread": True} if segment.unread else one)
    return store.write(space, {kind: np.stack(vectors).astype(np.float16) for kind, vectors in rows.items()}, stored)


def read_segments(store: ShardStore, space: SpaceId, shard_ids: Sequence[str]) -> list[NewSegment]:
    """Segments of consecutive shards, with shots numbered through: two chunks never share one.

    Raises `Corrupt`, `SpaceMismatch`.
    """
    segments: list[NewSegment] = []
    first_shot = 0
    for shard_id in shard_ids:
        stored: list[StoredSegment] = store.read(shard_id, space).segments
        for segment in stored:
            evidence = [NewEvidence(shard_id=shard_id, **part) for part in segment["evidence"]]
            shot, unread = first_shot + segment["shot"], segment.get("unread", False)
            segments.append(NewSegment(segment["start"], segment["end"], shot, evidence, unread=unread))
        first_shot += 1 + max((segment["shot"] for segment in stored), default=-1)
    return segments


def read_frames(store: ShardStore, space: SpaceId, shard_ids: Sequence[str]) -> Frames | None:
    """The frames of consecutive shards, None where there are none: of sounds, and of shards that an
    earlier version wrote.

    The first frame of a shard has the start of the shard as its cut time, as its chunk was encoded
    without the frames before it, and these may be seconds away where a picture stands still. Raises
    `Corrupt`, `SpaceMismatch`.
    """
    told: list[StoredFrame] = []
    vectors: list[npt.NDArray[np.float32]] = []
    for shard_id in shard_ids:
        shard = store.read(shard_id, space)
        if FRAMES in shard.vectors:
            vectors.append(shard.vectors[FRAMES].astype(np.float32))
            told += _frames(shard.segments)
    if not told:
        return None
    cut_times = np.array([np.nan if frame["cut_time"] is None else frame["cut_time"] for frame in told])
    times, motion = np.array([frame["time"] for frame in told]), np.array([frame["motion"] for frame in told], np.float32)
    return Frames(times, np.concatenate(vectors), motion, cut_times)


def _frames(segments: Sequence[StoredSegment]) -> list[StoredFrame]:
    """The frames of a shard; the first has the start of the shard as its cut time, where it has
    none of its own."""
    first, *rest = (frame for segment in segments for frame in segment["frames"])
    cut_time = segments[0]["start"] if first["cut_time"] is None else first["cut_time"]
    return [{"time": first["time"], "cut_time": cut_time, "motion": first["motion"]}, *rest]


def _store_frame(frame: EncodedFrame, rows: list[npt.NDArray[np.float32]]) -> StoredFrame:
    rows.append(frame.vector)
    motion = [round(float(value), MOTION_DIGITS) for value in frame.motion]
    return {"time": frame.time, "cut_time": frame.cut_time if frame.cut else None, "motion": motion}


def _store(evidence: EncodedEvidence, rows: list[npt.NDArray[np.float32]]) -> StoredEvidence:
    rows.append(evidence.vector)
    return {
        "kind": evidence.kind,
        "start": evidence.start,
        "end": evidence.end,
        "text": evidence.text,
        "row": len(rows) - 1,
    }
