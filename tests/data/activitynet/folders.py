"""A folder of ActivityNet with three videos of no content, for tests of its reader."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NODES = (("Root", None), ("Sports", "Root"), ("Archery", "Sports"), ("Surfing", "Sports"), ("Home", "Root"), ("Ironing", "Home"))
DATABASE = "activity_net.v1-3.min.json"


def entry(subset: str, duration: float, *segments: tuple[float, float, str]) -> dict[str, Any]:
    """An entry of the database."""
    annotations = [{"segment": [start, end], "label": label} for start, end, label in segments]
    return {"subset": subset, "duration": duration, "resolution": "64x64", "url": "", "annotations": annotations}


def write_annotations(root: Path, captions: Path | None = None) -> None:
    """Write the database, `train.json`, `val_1.json` and `val_2.json`."""
    ids = {name: number for number, (name, _) in enumerate(NODES)}
    taxonomy = [
        {"nodeName": name, "nodeId": ids[name], "parentName": parent, "parentId": None if parent is None else ids[parent]}
        for name, parent in NODES
    ]
    database = {
        "aaa": entry("training", 10.0, (1.0, 4.0, "Archery"), (5.0, 12.0, "Archery")),
        "bbb": entry("validation", 20.0, (2.0, 9.0, "Surfing"), (9.0, 9.0, "Surfing")),
        "ccc": entry("validation", 30.0, (0.0, 30.0, "Ironing")),
        "ddd": entry("testing", 40.0),
    }
    content = {"version": "VERSION 1.3", "taxonomy": taxonomy, "database": database}
    root.mkdir(parents=True, exist_ok=True)
    (root / DATABASE).write_text(json.dumps(content))
    folder = captions or root
    folder.mkdir(parents=True, exist_ok=True)
    one = {"duration": 20.0, "timestamps": [[0, 8.5], [8, 20]], "sentences": ["A wave  rolls in.", " A man surfs."]}
    two = {"duration": 20.0, "timestamps": [[0, 20]], "sentences": ["Someone rides a wave."]}
    only = {"duration": 5.0, "timestamps": [[1, 4]], "sentences": ["A dog runs."]}
    (folder / "train.json").write_text(json.dumps({"v_aaa": {"duration": 10, "timestamps": [[0, 9]], "sentences": ["Arrows."]}}))
    (folder / "val_1.json").write_text(json.dumps({"v_bbb": one, "v_eee": only}))
    (folder / "val_2.json").write_text(json.dumps({"v_bbb": two}))


def write_videos(root: Path, paths: Sequence[str]) -> None:
    """Files that are not empty, which the reader does not open."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"video")
