"""Folders without a table: a folder for each class, or good and defective parts as MVTec AD has.

MVTec AD (Bergmann et al. 2019): `train/good`, `test/KIND`, and `ground_truth/KIND/NAME_mask.png`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mm.data.folder.columns import SPLITS
from mm.data.folder.items import TableItem
from mm.data.sets.problems import IMAGES, MEDIA, ProblemList
from mm.data.sets.types import SetItem

GOOD = "good"
MASKS = "ground_truth"
_SPLIT_FOLDERS = frozenset(("train", "dev", "test", *SPLITS))


def is_mvtec(root: Path) -> bool:
    """Whether a folder has good parts to fit on, and parts to judge, in MVTec AD's layout."""
    return (root / "train" / GOOD).is_dir() and (root / "test").is_dir()


def read_mvtec(root: Path, problems: ProblemList, name: str = "") -> list[TableItem]:
    """Parts of `train` and `test`, with the kind of defect as label, `good` where there is none.

    A defective part without a mask is a warning; `name`, the category, goes before the ids.
    """
    items = []
    for split in ("train", "test"):
        for path, kind in _list_files(root / split, IMAGES):
            masks = tuple(_find_masks(root / MASKS / kind, path.stem))
            if kind != GOOD and not masks:
                problems.warn("missing mask", _id(root, path, name), f"there is no mask of it in {MASKS}/{kind}.")
            item = SetItem(_id(root, path, name), path, _id(root, path, name), labels=(kind,), masks=masks, category=name)
            items.append(TableItem(item, split, _id(root, path, name)))
    if not items:
        problems.error("no files", str(root), "train and test have no images.")
    return items


def read_class_folders(root: Path) -> list[TableItem]:
    """Files by class, below folders named as splits where there are such; may be empty."""
    folders = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    if folders and all(path.name.lower() in _SPLIT_FOLDERS for path in folders):
        items = []
        for folder in folders:
            split = SPLITS.get(folder.name.lower(), folder.name.lower())
            items += [replace(found, split=split) for found in _read_classes(root, folder)]
        return items
    return list(_read_classes(root, root))


def _read_classes(root: Path, folder: Path) -> Iterator[TableItem]:
    for path, label in _list_files(folder, MEDIA):
        name = _id(root, path)
        yield TableItem(SetItem(name, path if path.stat().st_size else None, name, labels=(label,)), "", name)


def _list_files(folder: Path, suffixes: frozenset[str]) -> Iterator[tuple[Path, str]]:
    """Files of the folders of a folder, with the name of the folder below it."""
    if not folder.is_dir():
        return
    for below in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for path in sorted(below.rglob("*")):
            if path.suffix.lower() in suffixes and not path.name.startswith("."):
                yield path, below.name


def _find_masks(folder: Path, stem: str) -> list[Path]:
    """The mask of a part: `NAME_mask.png`, or a file of its name."""
    return [path for suffix in ("_mask.png", ".png", ".bmp") if (path := folder / f"{stem}{suffix}").is_file()][:1]


def _id(root: Path, path: Path, name: str = "") -> str:
    relative = path.relative_to(root).as_posix()
    return f"{name}/{relative}" if name else relative
