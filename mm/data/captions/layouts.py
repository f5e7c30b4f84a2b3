"""The layouts of captioned images with files beside the annotations.

Karpathy & Fei-Fei 2015 (splits of Flickr8k, Flickr30k and COCO); Young et al. 2014 (Flickr30k);
Hodosh et al. 2013 (Flickr8k); Chen et al. 2015, arXiv:1504.00325 (COCO captions).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mm.data.captions.types import Annotations, CaptionRow, CaptionSet, rename_split
from mm.data.sets.problems import FolderIndex, ProblemList
from mm.errors import InvalidInput
from mm.files import read_json_lines

OWN = "captions.jsonl"
"""One object on each line: image, captions, split."""


def read_own(path: Path, problems: ProblemList) -> Annotations:
    """Read `captions.jsonl`: `{"image": "1.jpg", "captions": ["..."], "split": "train"}`."""
    rows = []
    try:
        for number, values in enumerate(read_json_lines(path), 1):
            where = f"{path.name}, line {number}"
            image, captions, split = values.get("image"), values.get("captions"), values.get("split", "")
            if not isinstance(image, str) or not isinstance(captions, list) or not isinstance(split, str):
                problems.error("not a caption", where, "expected image, captions and split.")
            else:
                rows.append(CaptionRow(image, _clean(captions), rename_split(split), where))
    except InvalidInput as error:
        problems.error("unreadable file", path.name, str(error))
    return Annotations(f"{path.name}, one image a line", tuple(rows))


def read_karpathy(path: Path, problems: ProblemList) -> Annotations:
    """Read Karpathy's JSON: images with filename, split and sentences."""
    rows = []
    for number, image in enumerate(_read_list(path, "images", problems), 1):
        where = f"{path.name}, image {number}"
        try:
            name, split = str(image["filename"]), str(image["split"])
            captions = _clean([sentence["raw"] for sentence in image["sentences"]])
            # COCO 2017 has the images of 2014 under their numbers.
            other = (f"{int(image['cocoid']):012d}.jpg",) if "cocoid" in image else ()
        except (KeyError, TypeError, ValueError, IndexError) as error:
            problems.error("not an image", where, f"expected filename, split and sentences with raw: {error!r}.")
            continue
        rows.append(CaptionRow(name, captions, rename_split(split), where, other))
    return Annotations(f"Karpathy's {path.name}", tuple(rows))


def read_tokens(path: Path, lists: dict[str, Path], problems: ProblemList) -> Annotations:
    """Read the authors' file, and the split of each image from lists of names or numbers."""
    captions: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    for number, line in enumerate(_read_lines(path, problems), 1):
        name, tab, caption = line.partition("\t")
        if not line.strip():
            continue
        if not tab or "#" not in name:
            remedy = "Is it the file of the authors?"
            problems.error(
                "not a caption", f"{path.name}, line {number}", "expected image#number, a tab, and the caption.", remedy
            )
            continue
        image = name.partition("#")[0].strip()
        first.setdefault(image, f"{path.name}, line {number}")
        captions.setdefault(image, []).append(caption)
    return _join(path, f"the authors' {path.name}", captions, first, lists, problems)


def _join(
    path: Path, layout: str, captions: dict[str, list[str]], first: dict[str, str], lists: dict[str, Path], problems: ProblemList
) -> Annotations:
    """Rows of images in the order of the file, with their splits by the lists."""
    split_of: dict[str, str] = {}
    for split, listed in lists.items():
        for entry in _read_lines(listed, problems):
            if stem := Path(entry.strip()).stem:
                split_of[stem] = split
    rows = [CaptionRow(image, _clean(own), split_of.get(Path(image).stem, ""), first[image]) for image, own in captions.items()]
    undescribed = sorted(set(split_of) - {Path(image).stem for image in captions})
    if undescribed:
        what = f"{len(undescribed)} images of the lists have no caption: {', '.join(undescribed[:5])}."
        problems.warn("images without captions", path.name, what)
    return Annotations(layout + (f" with lists of {', '.join(lists)}" if lists else ""), tuple(rows))


def read_table_of_captions(path: Path, lists: dict[str, Path], problems: ProblemList) -> Annotations:
    """Read Kaggle's copy: `image,caption` of Flickr8k, `image| number| caption` of Flickr30k."""
    captions: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    lines = _read_lines(path, problems)
    delimiter = "|" if lines and "|" in lines[0] else ","
    num_fields = lines[0].count(delimiter) + 1 if lines else 2
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        fields = line.split(delimiter, num_fields - 1)  # captions have commas too, and no quotation marks around them
        if len(fields) < num_fields:
            problems.warn("not a caption", f"{path.name}, line {number}", f"expected {num_fields} values; the line is left out.")
            continue
        image = fields[0].strip()
        first.setdefault(image, f"{path.name}, line {number}")
        captions.setdefault(image, []).append(fields[-1].strip().strip('"'))
    return _join(path, f"Kaggle's {path.name}", captions, first, lists, problems)


def read_coco(paths: Sequence[Path], problems: ProblemList) -> Annotations:
    """Read COCO's `captions_val2017.json`; the split is the end of its name, `val2017`."""
    rows = []
    for path in paths:
        split = path.stem.removeprefix("captions_")
        images = _read_list(path, "images", problems)
        captions: dict[object, list[object]] = {}
        for number, annotation in enumerate(_read_list(path, "annotations", problems), 1):
            if not isinstance(annotation, dict) or "image_id" not in annotation or "caption" not in annotation:
                problems.error("not a caption", f"{path.name}, annotation {number}", "expected image_id and caption.")
                continue
            captions.setdefault(annotation["image_id"], []).append(annotation["caption"])
        known = set()
        for number, image in enumerate(images, 1):
            where = f"{path.name}, image {number}"
            if not isinstance(image, dict) or "id" not in image or "file_name" not in image:
                problems.error("not an image", where, "expected id and file_name.")
                continue
            known.add(image["id"])
            rows.append(CaptionRow(str(image["file_name"]), _clean(captions.get(image["id"], [])), split, where))
        if unknown := set(captions) - known:
            problems.warn("captions without images", path.name, f"{len(unknown)} ids of captions are not among the images.")
    return Annotations(", ".join(path.name for path in paths), tuple(rows))


def find_lists(index: FolderIndex, described: CaptionSet) -> dict[str, Path]:
    """The files of the folder that list the images of a split."""
    found = {split: index.first(names) for split, names in described.lists.items()}
    return {split: path for split, path in found.items() if path is not None}


def _clean(captions: Sequence[object]) -> tuple[str, ...]:
    """Captions without surrounding and repeated blanks; empty ones are left out."""
    return tuple(text for caption in captions if (text := " ".join(str(caption).split())))


def _read_lines(path: Path, problems: ProblemList) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        problems.error("unreadable file", path.name, f"the file cannot be read: {error}.")
        return []


def _read_list(path: Path, key: str, problems: ProblemList) -> list[Any]:
    """A list of a JSON object; a problem with the line where it is not JSON."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        remedy = "Its download may not have ended: compare its size with that of the source."
        problems.error("not JSON", f"{path.name}, line {error.lineno}", f"not JSON: {error.msg}.", remedy)
        return []
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        problems.error("unreadable file", path.name, f"the file cannot be read: {error}.")
        return []
    values = content.get(key) if isinstance(content, dict) else None
    if not isinstance(values, list):
        problems.error("no list", path.name, f"there is no list '{key}' in it.")
        return []
    return values
