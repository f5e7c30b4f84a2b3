"""Finds the layout of a folder of captioned images, checks it, and reads its items."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mm.data.captions.layouts import OWN, find_lists, read_coco, read_karpathy, read_own, read_table_of_captions, read_tokens
from mm.data.captions.parquet_dump import extract_images, read_dump
from mm.data.captions.types import ALL, Annotations, CaptionRow, CaptionSet, rename_split
from mm.data.sets.problems import (
    IMAGES,
    FolderIndex,
    ProblemList,
    find_file_of_content,
    name_some,
    warn_of_missing,
    warn_of_undescribed,
)
from mm.data.sets.types import EvaluationSet, Problem, SetItem, list_errors
from mm.errors import InvalidInput
from mm.settings import load_settings

Find = Callable[[FolderIndex, ProblemList], Annotations | None]


def check_captions(described: CaptionSet, root: Path, split: str, find: Find | None = None) -> list[Problem]:
    """What is wrong with a folder: its layout, its annotations, its images.

    `find` reads the annotations of a set with a layout of its own.
    """
    problems = ProblemList()
    index = FolderIndex.read(root)
    annotations = find(index, problems) if find else find_annotations(described, index, problems)
    if annotations is None or problems.has_errors:
        return problems.listed()
    chosen = _choose_rows(annotations, root, split, problems)
    _check_rows(chosen, problems)
    if annotations.rows and annotations.rows[0].parquet is None:
        items = [_build_item(row, index) for row in chosen]
        warn_of_missing(problems, root, items, "image", described.get)
        if find is None:
            named = {name for row in annotations.rows for name in (Path(row.image).name, *row.other_names)}
            undescribed = [index.name(path) for path in index.suffixed(IMAGES) if path.name not in named]
            warn_of_undescribed(problems, root, undescribed, "image")
    return problems.listed()


def read_captions(described: CaptionSet, root: Path, split: str, find: Find | None = None) -> EvaluationSet:
    """The images of a split with their captions. Raises `InvalidInput` and `StorageFull`."""
    problems = ProblemList()
    index = FolderIndex.read(root)
    annotations = (find(index, problems) if find else find_annotations(described, index, problems)) or Annotations("")
    chosen = _choose_rows(annotations, root, split, problems)
    if errors := list_errors(problems.listed()):
        raise InvalidInput(str(errors[0]))
    rows = [row for row in chosen if row.captions]
    if rows and rows[0].parquet is not None:
        files = extract_images(rows, find_cache() / described.name)
        items = [SetItem(row.image, files.get(row.image), row.image, texts=row.captions, language=row.language) for row in rows]
    else:
        items = [_build_item(row, index) for row in rows]
    return EvaluationSet(described.name, split, tuple(items))


def find_cache() -> Path:
    """The folder for images that come out of Parquet files: `MM_SETS_CACHE`, or in `MM_HOME`."""
    settings = load_settings()
    return settings.sets_cache or settings.root / "cache" / "sets"


def find_annotations(described: CaptionSet, index: FolderIndex, problems: ProblemList) -> Annotations | None:
    """Read the first layout that the folder has; a problem if it has none, or several."""
    coco = [paths[0] for name, paths in sorted(index.files.items()) if described.coco and _is_coco(name)]
    karpathy, tokens, table = index.first([described.karpathy]), index.first(described.tokens), index.first(described.tables)
    own, parquet = index.first([OWN]), index.suffixed([".parquet"])
    found = [path.name for path in (own, karpathy, tokens, table) if path is not None]
    found += ["captions_*.json"] if coco else []
    found += ["*.parquet"] if parquet else []
    if len(found) > 1:
        problems.warn(
            "several layouts", str(index.root), f"there are several annotations: {', '.join(found)}. {found[0]} is read."
        )
    if own is not None:
        return read_own(own, problems)
    if karpathy is not None:
        return read_karpathy(karpathy, problems)
    if tokens is not None:
        return read_tokens(tokens, find_lists(index, described), problems)
    if table is not None:
        return read_table_of_captions(table, find_lists(index, described), problems)
    if coco:
        return read_coco(coco, problems)
    if parquet:
        return read_dump(parquet, problems)
    _report_no_layout(described, index, problems)
    return None


def _is_coco(name: str) -> bool:
    return name.startswith("captions_") and name.endswith(".json")


def _report_no_layout(described: CaptionSet, index: FolderIndex, problems: ProblemList) -> None:
    layouts = [OWN, *([described.karpathy] if described.karpathy else []), *described.tokens, *described.tables]
    layouts += ["captions_val2017.json"] if described.coco else []
    num_images = len(index.suffixed(IMAGES))
    others = sorted(name for name in index.files if Path(name).suffix.lower() not in IMAGES)
    found = f"{num_images} images" + (f" and {name_some(others)}" if others else "") if index.files else "nothing"
    what = f"there are no annotations: expected {', '.join(layouts)} or Parquet files, found {found}."
    problems.error("no layout", str(index.root), what, described.get)


def _choose_rows(annotations: Annotations, root: Path, split: str, problems: ProblemList) -> list[CaptionRow]:
    chosen = annotations.select(rename_split(split))
    if not chosen and not problems.has_errors:
        remedy = f"Its splits are: {', '.join(annotations.splits)}."
        if annotations.splits == (ALL,):
            remedy = "It names no splits: add the lists of images or Karpathy's JSON, or evaluate `--split all`."
        problems.error("no split", str(root), f"{annotations.layout} has no image of the split '{split}'.", remedy)
    return chosen


def _check_rows(rows: list[CaptionRow], problems: ProblemList) -> None:
    seen: dict[str, str] = {}
    for row in rows:
        if not row.captions:
            problems.warn("no captions", row.where, f"{row.image} has no caption, and is left out.")
        if row.image in seen:
            problems.error("duplicate id", row.where, f"{row.image} is in {seen[row.image]} already.")
        seen.setdefault(row.image, row.where)


def _build_item(row: CaptionRow, index: FolderIndex) -> SetItem:
    names = (Path(row.image).name, *row.other_names)
    path = find_file_of_content([path for name in names for path in index.files.get(name, ())])
    return SetItem(row.image, path, row.image, texts=row.captions, language=row.language)
