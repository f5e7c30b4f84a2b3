"""Read the annotation files of ActivityNet 1.3 (Caba Heilbron et al. 2015) and ActivityNet Captions
(Krishna et al. 2017, arXiv:1705.00754).

`activity_net.v1-3.min.json` has the keys database, taxonomy and version. `train.json`, `val_1.json`
and `val_2.json` have a duration, timestamps and sentences for each video. Times are in seconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mm.data.sets.types import Moment
from mm.errors import InvalidInput

PREFIX = "v_"
"""Of the names of videos and of the keys of captions; the database has ids without it."""
SUBSETS = ("training", "validation", "testing")
SIMULATED = "simulated"
"""Key of a database whose videos were rendered by `mm data simulate`; no other file has it."""


@dataclass(frozen=True, slots=True)
class Video:
    """An entry of the database."""

    subset: str
    duration: float
    activities: tuple[Moment, ...]
    """Spans with their class; empty in the subset testing."""


@dataclass(frozen=True, slots=True)
class Database:
    """The content of the JSON file."""

    videos: dict[str, Video]
    """By id with the prefix `v_`."""
    parents: dict[str, str]
    """Of each node of the taxonomy but the root, the node above; empty without a taxonomy."""
    is_simulated: bool
    num_left_out: int = 0
    """Spans that do not end after their start inside the video; they are left out."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Leaves of the taxonomy, or without one the classes that occur, by name."""
        if self.parents:
            return tuple(sorted(set(self.parents) - set(self.parents.values())))
        return tuple(sorted({moment.label for video in self.videos.values() for moment in video.activities}))


@dataclass(frozen=True, slots=True)
class Captions:
    """The sentences of one annotator for each video, by id with the prefix `v_`."""

    moments: dict[str, tuple[Moment, ...]] = field(default_factory=dict)
    durations: dict[str, float] = field(default_factory=dict)
    num_left_out: int = 0
    """Sentences whose span does not end after its start inside the video; they are left out."""


def read_database(path: Path) -> Database:
    """Read the database. Raises `InvalidInput` that names the file and the place of the fault."""
    content = read_json(path)
    entries = content.get("database")
    if not isinstance(entries, dict):
        raise InvalidInput(f"{path}: there is no object 'database'; the file is not that of ActivityNet 1.3.")
    videos: dict[str, Video] = {}
    num_left_out = 0
    for name, entry in entries.items():
        try:
            subset, duration = str(entry["subset"]), float(entry["duration"])
            spans = [(*_span(each["segment"], duration), str(each["label"])) for each in entry.get("annotations", ())]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(
                f"{path}: the entry '{name}' of database needs subset, duration and annotations of segment and label: {error!r}."
            ) from error
        if subset not in SUBSETS:
            raise InvalidInput(f"{path}: the entry '{name}' has the subset '{subset}'. Subsets are: {', '.join(SUBSETS)}.")
        activities = tuple(Moment(start, end, label=label) for start, end, label in spans if end > start)
        num_left_out += len(spans) - len(activities)
        videos[PREFIX + name] = Video(subset, duration, activities)
    return Database(videos, _parents(path, content.get("taxonomy", [])), bool(content.get(SIMULATED)), num_left_out)


def read_captions(path: Path) -> Captions:
    """Read a file of captions. Raises `InvalidInput` as `read_database`."""
    moments: dict[str, tuple[Moment, ...]] = {}
    durations: dict[str, float] = {}
    num_left_out = 0
    for name, entry in read_json(path).items():
        try:
            durations[name] = duration = float(entry["duration"])
            spans, sentences = [_span(span, duration) for span in entry["timestamps"]], list(map(str, entry["sentences"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"{path}: the entry '{name}' needs duration, timestamps and sentences: {error!r}.") from error
        if len(spans) != len(sentences):
            raise InvalidInput(f"{path}: the entry '{name}' has {len(spans)} timestamps and {len(sentences)} sentences.")
        described = [
            Moment(start, end, text=" ".join(sentence.split()))
            for (start, end), sentence in zip(spans, sentences, strict=True)
            if end > start and sentence.strip()
        ]
        num_left_out += len(spans) - len(described)
        moments[name] = tuple(described)
    return Captions(moments, durations, num_left_out)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises `InvalidInput` with line and column, and for a repeated key."""

    def refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            names = [name for name, _ in pairs]
            raise InvalidInput(f"{path}: the key '{next(n for n in record if names.count(n) > 1)}' occurs twice in one object.")
        return record

    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=refuse_repeated)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{path}, line {error.lineno}, column {error.colno}: this is not JSON ({error.msg}).") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}, byte {error.start}: this is not UTF-8.") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    if not isinstance(content, dict):
        raise InvalidInput(f"{path}, line 1: the file does not begin with a JSON object.")
    return content


def _span(segment: Any, duration: float) -> tuple[float, float]:
    """Start and end inside the video."""
    start, end = (float(time) for time in segment)
    if not (abs(start) < float("inf") and abs(end) < float("inf")):
        raise ValueError(f"{segment} is no span")
    return max(start, 0.0), min(end, duration) if duration > 0 else end


def _parents(path: Path, taxonomy: Any) -> dict[str, str]:
    try:
        return {str(node["nodeName"]): str(node["parentName"]) for node in taxonomy if node.get("parentName") is not None}
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{path}: a node of taxonomy needs nodeName and parentName: {error!r}.") from error
