"""A user's folder: a table with files beside it, class folders, or good and defective parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mm.data.folder.class_folders import is_mvtec, read_class_folders, read_mvtec
from mm.data.folder.columns import SPLITS, name_columns
from mm.data.folder.items import TableItem, build_items
from mm.data.folder.tables import SUFFIXES, read_table
from mm.data.sets.problems import MEDIA, FolderIndex, ProblemList, count_noun, name_some, warn_of_undescribed
from mm.data.sets.types import EvaluationSet, Problem
from mm.errors import InvalidInput

NAME = "folder"
ALL = "all"
"""The split with every item."""
PREFERRED = ("annotations", "manifest", "metadata")
"""Stems of the table that is read where there are several."""
_SPLIT_STEMS = frozenset(("train", "dev", "test", *SPLITS))
_EXAMPLE = "`mm data example captions` prints a table that can be copied."


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as it was understood."""

    form: str
    """One sentence: layout, columns, delimiter."""
    items: tuple[TableItem, ...]
    problems: tuple[Problem, ...]

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that the items have, and `all`."""
        return (ALL, *sorted({found.split for found in self.items if found.split}))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that the annotations suffice for."""
        items = [found.item for found in self.items]
        labels = {label for item in items for label in item.labels}
        spans = [moment for item in items for moment in item.moments]
        possible = {
            "retrieval": any(item.texts for item in items),
            "classification": len(labels) > 1,
            "moments": any(moment.text for moment in spans),
            "detection": any(moment.label for moment in spans),
            "captions": any(item.texts for item in items),
            "defects": any(item.masks for item in items) or "good" in labels,
        }
        return tuple(task for task, is_possible in possible.items() if is_possible)


def read_folder(root: Path) -> Folder:
    """Read all that a folder has. Nothing is raised: what is wrong is in `problems`."""
    problems = ProblemList()
    index = FolderIndex.read(root)
    tables = _choose_tables(root, problems)
    items: list[TableItem] = []
    if tables:
        forms = []
        for path in tables:
            table = read_table(path, problems)
            split = path.stem.lower() if len(tables) > 1 or path.stem.lower() in _SPLIT_STEMS else ""
            items += build_items(table, split, index, problems)
            forms.append(f"{path.name}: {table.form}, {len(table.rows)} rows, columns {name_columns(table.columns)}")
        form = "; ".join(forms)
        _check_files(root, index, items, problems)
    elif is_mvtec(root):
        form = "good and defective parts as in MVTec AD"
        items = read_mvtec(root, problems)
    elif not problems.has_errors:
        form = "a folder for each class"
        items = read_class_folders(root)
        if not items:
            what = f"there is no table ({', '.join(SUFFIXES)}), and no folder of a class with images, videos or sounds."
            problems.error("no layout", str(root), what, _EXAMPLE)
        elif len({label for found in items for label in found.item.labels}) < 2:
            problems.error("one class", str(root), "there is one folder with files; two classes or more are needed.", _EXAMPLE)
    else:
        form = "several tables"
    _check_masks(items, problems)
    return Folder(form, tuple(items), tuple(problems.listed()))


def select_items(folder: Folder, root: Path, split: str) -> EvaluationSet:
    """The items of a split; `all` has every one, and `dev.de` those with captions in German.

    Raises `InvalidInput` for a split that the folder does not have, and where files have captions
    in several languages and none is chosen.
    """
    name, _, language = split.partition(".")
    name = SPLITS.get(name, name)
    chosen = [found.item for found in folder.items if name == ALL or found.split == name]
    if not chosen:
        raise InvalidInput(f"{root} has no split '{name}'. Its splits are: {', '.join(folder.splits)}.")
    languages = sorted({item.language for item in chosen})
    if language:
        chosen = [item for item in chosen if item.language == language]
        if not chosen:
            raise InvalidInput(f"{root} has no captions in '{language}'. Its languages are: {', '.join(languages)}.")
    if len({item.id for item in chosen}) < len(chosen):
        choices = " or ".join(f"`--split {name}.{own}`" for own in languages)
        raise InvalidInput(f"{root} has files with captions in several languages: choose one, {choices}.")
    return EvaluationSet(NAME, split, tuple(chosen))


def _choose_tables(root: Path, problems: ProblemList) -> list[Path]:
    """The table of a folder, or one for each split."""
    tables = sorted(path for path in root.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    preferred = [path for path in tables if path.stem.lower() in PREFERRED]
    if len(preferred) == 1 or len(tables) < 2:
        return preferred or tables
    if all(path.stem.lower() in _SPLIT_STEMS for path in tables):
        return tables
    names = name_some([path.name for path in tables])
    remedy = f"Keep one, or name it {PREFERRED[0]}{tables[0].suffix}; tables of splits are named train, dev and test."
    problems.error("several tables", str(root), f"there are several tables: {names}.", remedy)
    return []


def _check_files(root: Path, index: FolderIndex, items: Sequence[TableItem], problems: ProblemList) -> None:
    missing = {found.item.id for found in items if found.item.path is None}
    total = {found.item.id for found in items}
    if missing and len(missing) == len(total):
        what = "no file that the table names is in the folder."
        problems.error("all missing", str(root), what, "Names are relative to the folder; is it the right one?")
    elif missing:
        problems.warn("missing", str(root), f"{len(missing)} of {count_noun(len(total), 'file')} are missing.")
    named = {path for found in items for path in (found.item.path, *found.item.masks) if path is not None}
    if named:
        undescribed = [index.name(path) for path in index.suffixed(MEDIA) if path not in named]
        warn_of_undescribed(problems, root, undescribed, "file")
    if not items and not problems.has_errors:
        problems.error("empty", str(root), "the table has no rows.", _EXAMPLE)


def _check_masks(items: Sequence[TableItem], problems: ProblemList) -> None:
    """Compare the sizes of masks and images; only headers are read."""
    for found in items:
        for mask in found.item.masks:
            if found.item.path is None or found.item.path.suffix.lower() not in MEDIA:
                continue
            try:
                size, mask_size = (_read_size(path) for path in (found.item.path, mask))
            except (OSError, Image.DecompressionBombError) as error:
                problems.warn("unreadable image", found.where, f"image or mask cannot be read: {error}.")
                continue
            if size != mask_size:
                what = f"the mask {mask.name} is {mask_size[0]} x {mask_size[1]} pixels, the image {size[0]} x {size[1]}."
                problems.error("mask of another size", found.where, what)


def _read_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size
