"""The files of an ActivityNet folder, wherever they are below it, and its items."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mm.data.activitynet.annotations import PREFIX, Captions, Database, read_captions, read_database
from mm.data.sets.types import EvaluationSet, Problem, SetItem
from mm.errors import InvalidInput

NAME = "activitynet"
SPLITS = {"train": "training", "validation": "validation", "val_2": "validation", "test": "testing"}
"""Subset of the database by split; `val_2` has the videos of `validation`, described by others."""
CAPTIONS = {"train": "train", "validation": "val_1", "val_2": "val_2"}
"""Name of the captions file by split."""
MAX_DEPTH = 4
"""Folders below the root that are searched."""
NUM_NAMED = 5
"""Missing videos in a problem; `EvaluationSet.missing` has all."""
_VIDEO = re.compile(r"(?:v_)?(.+)\.(?:mp4|mkv|webm|avi|mov|m4v)", re.IGNORECASE)
_PARTIAL = (".part", ".ytdl", ".tmp", ".download", ".crdownload")
GET = "Request the videos at http://activity-net.org/download.html; many are gone from the web."


@dataclass(frozen=True, slots=True)
class Layout:
    """Files below a root."""

    databases: tuple[Path, ...]
    captions: dict[str, Path]
    """By `train`, `val_1` and `val_2`."""
    videos: dict[str, tuple[Path, ...]]
    """By id with the prefix `v_`; several files where a video is in two folders or formats."""
    partial: tuple[Path, ...]
    """Downloads that did not end, and empty videos; they are not read."""


def find_files(root: Path) -> Layout:
    """Find annotations and videos, in the root and in folders below it, in order of their paths."""
    databases: list[Path] = []
    captions: dict[str, Path] = {}
    videos: dict[str, list[Path]] = {}
    partial: list[Path] = []
    for folder, folders, names in os.walk(root):
        below = Path(folder)
        folders[:] = sorted(folders) if len(below.relative_to(root).parts) < MAX_DEPTH else []
        for name in sorted(names):
            path = below / name
            if name.lower().endswith(_PARTIAL):
                partial.append(path)
            elif match := _VIDEO.fullmatch(name):
                if path.stat().st_size:
                    videos.setdefault(PREFIX + match[1], []).append(path)
                else:
                    partial.append(path)
            elif re.fullmatch(r"activity_?net.*\.json", name, re.IGNORECASE):
                databases.append(path)
            elif match := re.fullmatch(r"(?:captions_)?(train|val_1|val_2)\.json", name):
                captions.setdefault(match[1], path)
    return Layout(tuple(databases), captions, {name: tuple(paths) for name, paths in videos.items()}, tuple(partial))


def check(root: Path, split: str) -> list[Problem]:
    """What is wrong with a folder: errors of its annotations, and warnings of missing files."""
    layout = find_files(root)
    problems: list[Problem] = []
    if len(layout.databases) != 1:
        names = ", ".join(str(path.relative_to(root)) for path in layout.databases)
        what = f"there are several databases: {names}." if names else "there is no activity_net.v1-3.min.json."
        return [Problem("error", str(root), what, "One such file from http://activity-net.org/download.html is needed.")]
    database = None
    try:
        database = read_database(layout.databases[0])
    except InvalidInput as error:
        problems.append(Problem("error", str(layout.databases[0]), str(error)))
    try:
        captions = _read_captions(layout, split)
    except InvalidInput as error:
        problems.append(Problem("error", str(root), str(error)))
    if database is None or problems:
        return problems
    problems += _check_annotations(root, layout, database, captions[0], split)
    problems += _check_videos(root, layout, _assemble(layout, database, captions, split))
    return problems


def read(root: Path, split: str) -> EvaluationSet:
    """The videos of a split with classes, captions and moments. Raises `InvalidInput`."""
    layout = find_files(root)
    if len(layout.databases) != 1:
        raise InvalidInput(f"{root} needs one activity_net.v1-3.min.json, not {len(layout.databases)}.")
    return _assemble(layout, read_database(layout.databases[0]), _read_captions(layout, split), split)


def _read_captions(layout: Layout, split: str) -> tuple[Captions, Captions]:
    """Captions of a split, and those of the other annotators of the same videos."""
    own = CAPTIONS.get(split, "")
    other = {"val_1": "val_2", "val_2": "val_1"}.get(own, "")
    first, second = (read_captions(layout.captions[name]) if name in layout.captions else Captions() for name in (own, other))
    return first, second


def _assemble(layout: Layout, database: Database, captions: tuple[Captions, Captions], split: str) -> EvaluationSet:
    own, other = captions
    names = {name for name, video in database.videos.items() if video.subset == SPLITS[split]} | set(own.moments)
    items = []
    for name in sorted(names):
        video = database.videos.get(name)
        sentences = own.moments.get(name, ())
        activities = video.activities if video else ()
        duration = video.duration if video else own.durations.get(name)
        paths = layout.videos.get(name, ())
        items.append(
            SetItem(
                id=name,
                path=paths[0] if paths else None,
                group=name,
                texts=(" ".join(moment.text for moment in sentences),) if sentences else (),
                labels=tuple(dict.fromkeys(moment.label for moment in activities)),
                moments=(*activities, *sentences),
                more_references=(other.moments[name],) if other.moments.get(name) else (),
                duration=duration,
            )
        )
    return EvaluationSet(NAME, split, tuple(items), database.classes, database.parents, database.is_simulated)


def _check_annotations(root: Path, layout: Layout, database: Database, captions: Captions, split: str) -> list[Problem]:
    problems = []
    where = str(layout.databases[0])
    if not database.parents:
        problems.append(Problem("warning", where, "there is no taxonomy: the classes are those that occur."))
    if database.num_left_out:
        what = f"{database.num_left_out} segments do not end after their start inside the video, and are left out."
        problems.append(Problem("warning", where, what))
    name = CAPTIONS.get(split)
    if name and name not in layout.captions:
        remedy = "The captions come from https://cs.stanford.edu/people/ranjaykrishna/densevid/."
        what = f"there is no {name}.json: only recognition and detection can be measured."
        problems.append(Problem("warning", str(root), what, remedy))
    if captions.num_left_out and name:
        what = f"{captions.num_left_out} sentences are empty, or do not end after their start inside the video: left out."
        problems.append(Problem("warning", str(layout.captions[name]), what))
    return problems


def _check_videos(root: Path, layout: Layout, data: EvaluationSet) -> list[Problem]:
    problems = []
    if data.missing:
        names = ", ".join(data.missing[:NUM_NAMED])
        what = f"{len(data.missing)} of {len(data.items)} videos of the split '{data.split}' are missing, among them {names}."
        problems.append(Problem("warning", str(root), what, GET))
    if layout.partial:
        names = _name_paths(root, layout.partial)
        problems.append(Problem("warning", str(root), f"{len(layout.partial)} downloads did not end, and are not read: {names}."))
    repeated = [path for item in data.present for path in layout.videos[item.id][1:]]
    if repeated:
        what = f"{len(repeated)} files have the id of another, and are not read: {_name_paths(root, repeated)}."
        problems.append(Problem("warning", str(root), what))
    return problems


def _name_paths(root: Path, paths: Sequence[Path]) -> str:
    return ", ".join(str(path.relative_to(root)) for path in paths[:NUM_NAMED]) + (", ..." if len(paths) > NUM_NAMED else "")
