"""Build a simulated ActivityNet: videos first, annotations last, so that half a set is refused.

A build that was stopped continues: a video is written under a temporary name and renamed, and the
request is kept in `simulation.json`. The same request gives the same files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mm.data.activitynet.annotations import PREFIX, SIMULATED, SUBSETS
from mm.data.activitynet.classes import build_taxonomy, list_classes
from mm.data.activitynet.simulation.plan import PlannedVideo, draw_videos
from mm.data.activitynet.simulation.render import write_video
from mm.data.activitynet.simulation.sources import Pool, draw_generated, read_sources
from mm.data.sets.types import Moment
from mm.errors import Conflict, InvalidInput
from mm.files import write_atomic
from mm.media import MediaReader

REQUEST = "simulation.json"
DATABASE = "activity_net.v1-3.simulated.json"
FOLDERS = {"training": "train", "validation": "val", "testing": "test"}
MAX_CLASSES, VIDEOS_PER_CLASS = 20, 6
MAX_MINUTES = 30.0
MIN_SIDE = 32
TEMPORARY = ".part"


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """What to build."""

    num_videos: int
    minutes: float
    """Of the longest video."""
    seed: int = 0
    sources: tuple[str, ...] = ()
    """Folders of clips and photos; none for generated media."""
    side: int = 224
    """Width and height, pixels."""


def build_simulated_set(
    request: SimulationRequest, out: Path, reader: MediaReader, on_progress: Callable[[str], None] = lambda line: None
) -> list[PlannedVideo]:
    """Write the set into `out` and return its plan.

    Raises `InvalidInput` for a request out of range and for sources that cannot be read, `Conflict`
    for a folder that holds something else.
    """
    _check_request(request)
    _claim_folder(request, out)
    labels, pools = _prepare_pools(request, reader, on_progress)
    videos = draw_videos(request.seed, request.num_videos, request.minutes * 60, labels, pools)
    for number, video in enumerate(videos, 1):
        path = out / "videos" / FOLDERS[video.subset] / f"{PREFIX}{video.id}.mp4"
        if video.is_missing or path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + TEMPORARY)
        write_video(video, unfinished, request.side, reader)
        unfinished.replace(path)
        on_progress(f"{number} of {len(videos)} videos, {video.duration:.0f} s")
    _write_annotations(request, out, videos, pools)
    return videos


def _check_request(request: SimulationRequest) -> None:
    if request.num_videos < 1 or not 0 < request.minutes <= MAX_MINUTES:
        raise InvalidInput(f"A simulated set has 1 or more videos of up to {MAX_MINUTES:g} minutes.")
    if request.side < MIN_SIDE or request.side % 2:
        raise InvalidInput(f"The side of a frame is an even number of at least {MIN_SIDE} pixels, not {request.side}.")


def _claim_folder(request: SimulationRequest, out: Path) -> None:
    """Keep the request in the folder, or check that the folder was begun with it."""
    path = out / REQUEST
    content = json.dumps(asdict(request), indent=1)
    if not path.exists():
        if out.exists() and any(out.iterdir()):
            raise Conflict(f"{out} holds other files; a simulated set needs a new folder.")
        out.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content.encode())
    elif path.read_text(encoding="utf-8") != content:
        raise Conflict(f"{path} is of another request: {path.read_text(encoding='utf-8')}. Choose a new folder.")


def _prepare_pools(
    request: SimulationRequest, reader: MediaReader, on_progress: Callable[[str], None]
) -> tuple[list[str], dict[str, Pool]]:
    """Names of the classes that occur, and the sources of each subset."""
    names = list_classes()
    order = np.random.default_rng(request.seed).permutation(len(names)).tolist()
    num_classes = min(max(request.num_videos // VIDEOS_PER_CLASS, 2), MAX_CLASSES)
    generated = draw_generated(request.seed, num_classes)
    if not request.sources:
        return [names[number] for number in order[:num_classes]], generated
    labelled, others = read_sources([Path(folder) for folder in request.sources], reader, on_progress)
    labels = sorted(set.intersection(*(set(of_subset) for of_subset in labelled.values())))
    pools = {}
    for subset in SUBSETS:
        activities = tuple(tuple(labelled[subset][label]) for label in labels) or generated[subset].activities
        background = tuple(others[subset]) or generated[subset].background
        pools[subset] = Pool(activities, background)
    return [names[number] for number in order[: len(labels) or num_classes]], pools


def _write_annotations(request: SimulationRequest, out: Path, videos: Sequence[PlannedVideo], pools: dict[str, Pool]) -> None:
    captions: dict[str, dict[str, Any]] = {"train": {}, "val_1": {}, "val_2": {}}
    database = {}
    for video in videos:
        has_annotations = video.subset != "testing"
        database[video.id] = {
            "duration": round(video.duration, 2),
            "subset": video.subset,
            "resolution": f"{request.side}x{request.side}",
            "url": f"simulated:{video.id}",
            "annotations": [
                {"segment": [round(start, 2), round(end, 2)], "label": video.label} for start, end in video.activities
            ]
            if has_annotations
            else [],
        }
        if video.subset == "training":
            captions["train"][PREFIX + video.id] = _caption(video, video.sentences)
        elif video.subset == "validation":
            captions["val_1"][PREFIX + video.id] = _caption(video, video.sentences)
            captions["val_2"][PREFIX + video.id] = _caption(video, video.other_sentences)
    shown: dict[str, str] = {}
    for video in videos:
        first = next((scene.source for scene in video.scenes if scene.is_activity), None)
        if first is not None:
            shown.setdefault(video.label, first.name)
    described = {
        "note": "Every video of this file is simulated: no number on it is a number of ActivityNet.",
        "request": asdict(request),
        "shown_as": shown,
        "damaged": [video.id for video in videos if video.is_damaged],
    }
    content = {
        "version": "VERSION 1.3 (simulated)", SIMULATED: described, "taxonomy": build_taxonomy(), "database": database,
    }  # fmt: skip
    for name, entries in captions.items():
        write_atomic(out / f"{name}.json", json.dumps(entries, indent=1).encode())
    write_atomic(out / "SIMULATED.md", _card(request, videos).encode())
    write_atomic(out / DATABASE, json.dumps(content, indent=1).encode())


def _caption(video: PlannedVideo, sentences: Sequence[Moment]) -> dict[str, Any]:
    return {
        "duration": round(video.duration, 2),
        "timestamps": [[moment.start, moment.end] for moment in sentences],
        "sentences": [moment.text for moment in sentences],
    }


def _card(request: SimulationRequest, videos: Sequence[PlannedVideo]) -> str:
    hours = sum(video.duration for video in videos) / 3600
    missing = sum(video.is_missing for video in videos)
    sources = ", ".join(Path(folder).name for folder in request.sources) or "generated shapes, textures and tones"
    damaged = sum(video.is_damaged for video in videos)
    return f"""# Simulated ActivityNet

These videos are simulated, in the file format of ActivityNet 1.3. No number on them is a number of ActivityNet.

- **Videos.** {len(videos)}, together {hours:.2f} hours, the longest {request.minutes:g} minutes.
  Missing on purpose: {missing}; damaged on purpose: {damaged}.
- **Sources.** {sources}; seed {request.seed}.
- **Classes.** Names of ActivityNet, given to the sources by lot: a name does not describe what the video shows.
- **Sentences.** Descriptions of the sources, each once in a video. The second annotator is the first with other words and shorter
  spans.
- **Taxonomy.** The 200 class names in seven groups of this project, not those of the official file.
"""
