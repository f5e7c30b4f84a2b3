"""Items of a user's table: rows of one file are put together, each fault is named by its line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mm.data.folder.columns import (
    canonical_column,
    closest_column,
    make_moment,
    normalize_split,
    parse_moment,
    parse_seconds,
    parse_texts,
)
from mm.data.folder.tables import Row, Table
from mm.data.sets.problems import FolderIndex, ProblemList, find_file_of_content
from mm.data.sets.types import Moment, SetItem

LANGUAGE = "en"
SEPARATOR = "|"
"""Between the labels, or the masks, of one field."""
SINGLE: tuple[str, ...] = ("group", "split", "duration", "id", "language")
"""Columns with one text in a row."""


@dataclass(slots=True)
class Draft:
    """What the rows of one file say."""

    id: str
    file: str
    where: str
    """The first row."""
    texts: dict[str, list[str]] = field(default_factory=dict)
    """By language."""
    labels: list[str] = field(default_factory=list)
    moments: list[tuple[str, Moment]] = field(default_factory=list)
    """With their language."""
    masks: list[str] = field(default_factory=list)
    single: dict[str, str] = field(default_factory=dict)
    """Group, split, duration: one value for each file."""


@dataclass(frozen=True, slots=True)
class TableItem:
    """An item with its split, and where it stands."""

    item: SetItem
    split: str
    """Empty where the table does not say."""
    where: str


def build_items(table: Table, split: str, index: FolderIndex, problems: ProblemList) -> list[TableItem]:
    """Items of a table in the order of their first rows, one for each file and language.

    `split` is that of rows without one. Every fault is added to the problems.
    """
    headings = _read_headings(table, problems)
    if "file" not in headings.values():
        if table.columns:
            what = "no column is file (or image, video, audio, path, file_name)."
            problems.error("no file column", f"{table.path.name}, line 1", what, "Rename the column of the files.")
        return []
    drafts: dict[str, Draft] = {}
    for row in table.rows:
        _add_row(drafts, row, headings, problems)
    _require_distinct_ids(drafts, problems)
    return [built for draft in drafts.values() for built in _build(draft, split, index, problems)]


def _read_headings(table: Table, problems: ProblemList) -> dict[str, str]:
    """Known column by heading."""
    headings: dict[str, str] = {}
    for heading in table.columns:
        known = canonical_column(heading)
        if known is not None:
            if known in headings.values() and known != "caption":
                other = next(name for name, column in headings.items() if column == known)
                problems.error("column twice", table.path.name, f"the columns {other} and {heading} are both {known}: keep one.")
            headings[heading] = known
        elif heading:
            close = closest_column(heading)
            remedy = f"Is it '{close}'?" if close else ""
            problems.warn("unknown column", table.path.name, f"the column '{heading}' is unknown, and is not read.", remedy)
    return headings


def _add_row(drafts: dict[str, Draft], row: Row, headings: dict[str, str], problems: ProblemList) -> None:
    values: dict[str, list[object]] = {}
    for name, value in row.values.items():
        if (known := headings.get(name)) is not None:
            values.setdefault(known, []).append(value)
    try:
        names = parse_texts(values["file"][0]) if "file" in values else ()
        if len(names) != 1:
            problems.error("no file", row.where, "the row names no file." if not names else "the row names several files.")
            return
        single = {name: _single(values[name][0]) for name in SINGLE if name in values}
        key = single.get("id", "") or names[0]
        draft = drafts.setdefault(key, Draft(key, names[0], row.where))
        if draft.file != names[0]:
            problems.error("duplicate id", row.where, f"the id '{key}' is that of {draft.file} ({draft.where}) already.")
            return
        _add_values(draft, values, single, row.where, problems)
    except ValueError as error:
        problems.error("unreadable value", row.where, str(error))


def _add_values(draft: Draft, values: dict[str, list[object]], single: dict[str, str], where: str, problems: ProblemList) -> None:
    language = single.get("language", LANGUAGE).lower()
    texts = [text for value in values.get("caption", []) for text in parse_texts(value)]
    labels = [text for value in values.get("label", []) for text in parse_texts(value, SEPARATOR)]
    if ("start" in values) != ("end" in values):
        raise ValueError("start and end are given together, or neither.")
    moments = []
    if "start" in values:
        moments.append(make_moment(values["start"][0], values["end"][0], " ".join(texts), labels[0] if labels else ""))
        texts, labels = [], []
    for value in values.get("moments", []):
        if not isinstance(value, list):
            raise ValueError("moments are a list: use JSON lines, or the columns start and end.")
        moments += [parse_moment(entry) for entry in value]
    own = draft.texts.setdefault(language, [])
    if repeated := [text for text in texts if text in own]:
        problems.warn("repeated caption", where, f"the caption is there already: {repeated[0]!r}.")
    own += [text for text in dict.fromkeys(texts) if text not in own]
    draft.labels += [label for label in labels if label not in draft.labels]
    draft.moments += [(language, moment) for moment in moments if (language, moment) not in draft.moments]
    draft.masks += [text for value in values.get("mask", []) for text in parse_texts(value, SEPARATOR) if text not in draft.masks]
    for name in ("group", "split", "duration"):
        if name in single and draft.single.setdefault(name, single[name]) != single[name]:
            raise ValueError(f"the {name} is {single[name]!r} here and {draft.single[name]!r} in {draft.where}.")
    if "duration" in single:
        seconds = parse_seconds(single["duration"])
        if late := [moment for moment in moments if moment.end > seconds]:
            raise ValueError(f"the moment ends at {late[0].end:g} s, after the end of the file ({seconds:g} s).")


def _single(value: object) -> str:
    texts = parse_texts(value)
    return texts[0] if texts else ""


def _require_distinct_ids(drafts: dict[str, Draft], problems: ProblemList) -> None:
    """Two ids of one file are two items with equal vectors: no caption distinguishes them."""
    of_file: dict[str, Draft] = {}
    for draft in drafts.values():
        other = of_file.setdefault(os.path.normpath(draft.file), draft)
        if other is not draft:
            what = f"{draft.file} has the id '{other.id}' ({other.where}) already."
            problems.error("two ids of a file", draft.where, what, "Give one id, or none, for each file.")


def _build(draft: Draft, split: str, index: FolderIndex, problems: ProblemList) -> list[TableItem]:
    path = _locate(draft, draft.file, index, problems)
    masks = tuple(found for name in draft.masks if (found := _locate(draft, name, index, problems, "mask")) is not None)
    has_content = any(draft.texts.values()) or draft.labels or draft.moments or draft.masks
    if not has_content:
        problems.warn("no annotation", draft.where, f"{draft.file} has no caption, label, moment or mask.")
    duration = parse_seconds(draft.single["duration"]) if "duration" in draft.single else None
    languages = [language for language, texts in draft.texts.items() if texts or len(draft.texts) == 1] or [LANGUAGE]
    built = []
    for language in languages:
        moments = tuple(moment for other, moment in draft.moments if other == language or len(languages) == 1)
        item = SetItem(
            id=draft.id, path=path, group=draft.single.get("group", "") or draft.id,
            texts=tuple(draft.texts.get(language, ())), labels=tuple(draft.labels), moments=moments, masks=masks,
            language=language, duration=duration,
        )  # fmt: skip
        own = draft.single.get("split", "")
        built.append(TableItem(item, normalize_split(own or split), draft.where))
    return built


def _locate(draft: Draft, name: str, index: FolderIndex, problems: ProblemList, noun: str = "file") -> Path | None:
    """The file that a row names: below the folder, or the only one of its name in it."""
    cleaned = name.replace("\\", "/")
    path = Path(os.path.normpath(index.root / cleaned))
    if not path.is_relative_to(os.path.normpath(index.root)):
        problems.error("file outside", draft.where, f"{name} is outside of the folder.", "Put the files into the folder.")
        return None
    same_name: Sequence[Path] = index.files.get(path.name, ())
    found = find_file_of_content([path, *(same_name if len(same_name) == 1 else ())])
    if found is None:
        size = "is empty: its download did not end" if path.is_file() else "does not exist"
        problems.warn(f"missing {noun}", draft.where, f"the {noun} {name} {size}.")
    return found
