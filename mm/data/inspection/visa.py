"""Reads VisA (Zou et al. 2022) by `split_csv/1cls.csv`, and MVTec AD (Bergmann et al. 2019)."""

from __future__ import annotations

import csv
from pathlib import Path

from mm.data.folder.class_folders import GOOD, is_mvtec, read_mvtec
from mm.data.sets.problems import ProblemList, find_file_of_content, warn_of_missing
from mm.data.sets.types import SetItem

COLUMNS = ("object", "split", "label", "image", "mask")
ANOMALY = "anomaly"
VISA = "The set is at https://github.com/amazon-science/spot-diff; split_csv/1cls.csv is in it."
MVTEC = "Request the set at https://www.mvtec.com/company/research/datasets/mvtec-ad."


def read_visa_items(root: Path, split: str, problems: ProblemList) -> list[SetItem]:
    """Images of a split of the whole set; the label is `good` or `anomaly`."""
    path = next((path for path in (root / "split_csv" / "1cls.csv", root / "1cls.csv") if path.is_file()), None)
    if path is None:
        problems.error("no table", str(root), "there is no split_csv/1cls.csv.", VISA)
        return []
    items: list[SetItem] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                if any(row.get(name) is None for name in COLUMNS):
                    problems.error("not an image", f"{path.name}, line {number}", f"expected {', '.join(COLUMNS)}.")
                elif row["split"] == split:
                    items.append(_build_visa(root, row, f"{path.name}, line {number}", problems))
    except (OSError, ValueError, csv.Error) as error:
        problems.error("unreadable file", path.name, f"the file cannot be read: {error}.")
    warn_of_missing(problems, root, items, "image", VISA)
    return items


def read_mvtec_items(root: Path, split: str, problems: ProblemList) -> list[SetItem]:
    """Images of a split; `root` is the folder of one category, or the one with all categories."""
    if is_mvtec(root):
        found = read_mvtec(root, problems)
    else:
        categories = [path for path in sorted(root.iterdir()) if path.is_dir() and is_mvtec(path)]
        found = [item for path in categories for item in read_mvtec(path, problems, path.name)]
        if not categories:
            what = "there is no category: expected train/good and test, or folders with them such as bottle."
            problems.error("no layout", str(root), what, MVTEC)
    return [entry.item for entry in found if entry.split == split]


def _build_visa(root: Path, row: dict[str, str], where: str, problems: ProblemList) -> SetItem:
    label = GOOD if row["label"] == "normal" else ANOMALY
    masks = tuple(path for name in [row["mask"]] if name and (path := find_file_of_content([root / name])) is not None)
    if label != GOOD and not masks:
        problems.warn("missing mask", where, f"the mask of {row['image']} is missing.", VISA)
    path = find_file_of_content([root / row["image"]])
    return SetItem(row["image"], path, row["image"], labels=(label,), masks=masks, category=row["object"])
