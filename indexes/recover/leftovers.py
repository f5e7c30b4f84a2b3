"""What a crash leaves of files that are no truth: half-written ones, parts of an index, pictures of
items that are gone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from indexes.storage.content_addressed import BATCH
from indexes.storage.files import hold_lock, remove_stale
from indexes.vectors.manifest import read_manifest
from mm.errors import Corrupt, Unavailable
from mm.files import TEMPORARY


def sweep_temporary(root: Path, older_than: float) -> int:
    """Remove temporary files, those of graphs included, that nobody has written to for so many
    seconds. Returns how many."""
    places = ("", "run", "cache/thumbnails/*/*", "index/*")
    named = (root.glob(f"{place}/*{TEMPORARY}" if place else f"*{TEMPORARY}") for place in places)
    return remove_stale(chain(*named, (root / "cache" / "graphs").glob(".*")), older_than)


def sweep_graphs(root: Path, older_than: float) -> int:
    """Remove graphs that no process has asked for in so many seconds, as those of an older version.
    Returns how many.

    They are a cache: whoever needs one builds it again.
    """
    return remove_stale((root / "cache" / "graphs").glob("*.onnx"), older_than)


def sweep_index(root: Path, older_than: float) -> int:
    """Remove parts of that age that no manifest names: a writer died before it could. Returns how
    many."""
    removed = 0
    for folder in (root / "index").glob("*"):
        try:
            with hold_lock(root / "locks" / f"index-{folder.name}.lock", 0.0):
                manifest = read_manifest(folder)
                named = set() if manifest is None else {entry.name for entry in manifest.parts}
                parts = [path for path in folder.glob("part-*") if path.name not in named]
                removed += sum(_remove_folder(path) for path in _older(parts, older_than))
        except (Unavailable, Corrupt):  # somebody writes it now, or builds it anew as soon as he looks: then he removes them
            continue
    return removed


def sweep_pictures(root: Path, unknown: Callable[[Sequence[str]], set[str]], older_than: float) -> int:
    """Remove pictures of items that `unknown`, asked for some ids, returns, when none is of a
    lesser age. Returns of how many."""
    folders = sorted((root / "cache" / "thumbnails").glob("*/*"))
    removed = 0
    for start in range(0, len(folders), BATCH):
        some = folders[start : start + BATCH]
        gone = unknown([path.name for path in some])
        removed += sum(_remove_folder(path) for path in _older([path for path in some if path.name in gone], older_than))
    return removed


def _older(folders: Sequence[Path], seconds: float) -> Iterator[Path]:
    limit = time.time() - seconds
    for path in folders:
        try:
            if path.stat().st_mtime <= limit:
                yield path
        except FileNotFoundError:
            continue


def _remove_folder(path: Path) -> int:
    shutil.rmtree(path, ignore_errors=True)
    return 1
