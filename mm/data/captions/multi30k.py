"""Reads Multi30k (Elliott et al. 2016): descriptions of Flickr30k's photos in four languages.

Each split is read in one language: `dev` in English, `dev.de`, `dev.fr` and `dev.cs` in others.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from mm.data.captions.types import Annotations, CaptionRow
from mm.data.sets.problems import FolderIndex, ProblemList
from mm.errors import InvalidInput
from mm.files import read_json_lines

LANGUAGES = ("en", "de", "fr", "cs")
NAMES = {"train": ("train", "train"), "dev": ("val", "val"), "test": ("test_2016", "test_2016_flickr")}
"""By split, the stem of its texts and that of its list of images, as the authors name them."""


def split_name(split: str, language: str) -> str:
    """`dev` for English, `dev.de` for German."""
    return split if language == "en" else f"{split}.{language}"


SPLITS = tuple(split_name(split, language) for split in NAMES for language in LANGUAGES)


def read_multi30k_captions(index: FolderIndex, split: str, problems: ProblemList) -> Annotations:
    """The texts of one split in one language; problems if the folder has none."""
    own, _, language = split.partition(".")
    language = language or "en"
    texts, listed = NAMES[own]
    lines = index.first([f"task1_{texts}.jsonl", f"task1_{own}.jsonl"])
    if lines is not None:
        return _read_json(lines, split, language, problems)
    text_file = index.first([f"{stem}.{language}{suffix}" for stem in (texts, listed) for suffix in ("", ".gz")])
    image_file = index.first([f"{listed}.txt", f"{own}_images.txt"])
    if text_file is None or image_file is None:
        what = f"expected {texts}.{language} or {texts}.{language}.gz and the list {listed}.txt, or task1_{texts}.jsonl."
        problems.error("no layout", str(index.root), what, "Get them from https://github.com/multi30k/dataset.")
        return Annotations("Multi30k")
    captions, images = _read_text(text_file, problems), _read_text(image_file, problems)
    if len(captions) != len(images):
        what = f"{len(captions)} lines, and {len(images)} in {image_file.name}: the files are of different splits."
        problems.error("other length", text_file.name, what)
        return Annotations(text_file.name)
    rows = (
        CaptionRow(image.partition("#")[0], (text,) if text else (), split, f"{text_file.name}, line {number}", language=language)
        for number, (text, image) in enumerate(zip(captions, images, strict=True), 1)
    )
    return Annotations(f"{text_file.name} with {image_file.name}", tuple(rows))


def _read_json(path: Path, split: str, language: str, problems: ProblemList) -> Annotations:
    rows = []
    try:
        for number, row in enumerate(read_json_lines(path), 1):
            where = f"{path.name}, line {number}"
            if not isinstance(row.get("image"), str) or not isinstance(row.get(language), str):
                problems.error("not a description", where, f"expected image and {language}.")
                continue
            rows.append(CaptionRow(row["image"], (row[language],), split, where, language=language))
    except InvalidInput as error:
        problems.error("unreadable file", path.name, str(error))
    return Annotations(path.name, tuple(rows))


def _read_text(path: Path, problems: ProblemList) -> list[str]:
    """Lines without the last, empty one."""
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        problems.error("unreadable file", path.name, f"the file cannot be read: {error}.")
        return []
    return [line.strip() for line in text.rstrip("\n").split("\n")]
