"""Columns of a user's table, and the conversion of their values."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Sequence

from mm.data.sets.types import Moment

COLUMNS = {
    "file": "image, video or sound, relative to the folder",
    "caption": "a sentence that describes the file, or the span of the row; several: more rows, or a list in JSON lines",
    "label": "class of the file, or of the span of the row; several are separated by |",
    "start": "start of the span in seconds",
    "end": "end of the span in seconds",
    "moments": 'JSON lines only: a list of {"start": 1.5, "end": 4, "caption": "...", "label": "..."}',
    "mask": "image of the size of the file, in which marked pixels are not 0; several are separated by |",
    "group": "source: files of one group are not independent (one patient, one video)",
    "language": "language of the caption, such as en",
    "split": "train, dev, test, or a name of your own",
    "id": "name of the item; default: the file",
    "duration": "length of the file in seconds",
}
"""Known columns and what they hold."""
_ALIASES = {
    "file": "path image image_path video video_path audio sound filename file_name filepath media",
    "caption": "captions text texts description descriptions sentence sentences",
    "label": "labels class classes category categories",
    "start": "start_time begin start_seconds from",
    "end": "end_time stop end_seconds to",
    "moments": "segments spans",
    "mask": "masks mask_path",
    "group": "source groups patient",
    "language": "lang",
    "split": "subset",
    "duration": "seconds length",
}
_CANONICAL = {alias: name for name in COLUMNS for alias in (name, *_ALIASES.get(name, "").split())}
SPLITS = {"val": "dev", "valid": "dev", "validation": "dev", "training": "train", "testing": "test"}
"""Other names of splits."""
_TIME = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")


def canonical_column(name: str) -> str | None:
    """The known column that a heading stands for; None for an unknown one.

    `caption_2` and `caption2` are captions.
    """
    lowered = name.strip().lower().replace(" ", "_").replace("-", "_")
    if lowered in _CANONICAL:
        return _CANONICAL[lowered]
    return "caption" if re.fullmatch(r"(?:caption|text|sentence)_?\d+", lowered) else None


def closest_column(name: str) -> str | None:
    """The known column whose name is most like a heading; None if none is like it."""
    close = difflib.get_close_matches(name.strip().lower(), list(_CANONICAL), 1, 0.7)
    return _CANONICAL[close[0]] if close else None


def parse_seconds(value: object) -> float:
    """A time in seconds: a number, or `1:02:03.5`. Raises `ValueError` with a sentence."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not a time in seconds.")
    text = str(value).strip()
    if match := _TIME.fullmatch(text):
        return 3600 * int(match[1] or 0) + 60 * int(match[2]) + float(match[3])
    try:
        seconds = float(text)
    except ValueError:
        hint = " Write a point, not a comma." if "," in text else ""
        raise ValueError(f"{text!r} is not a time in seconds.{hint}") from None
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{text} is not a time in seconds: expected a number from 0.")
    return seconds


def parse_texts(value: object, separator: str = "") -> tuple[str, ...]:
    """One or several texts: a text, a list, a list in JSON, or texts with a separator between them.

    Raises `ValueError` with a sentence.
    """
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("[") and text.endswith("]"):
            try:
                value = json.loads(text)
            except ValueError:
                value = [text]
        else:
            value = text.split(separator) if separator else [text]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        value = [str(value)]
    if not isinstance(value, list | tuple) or not all(isinstance(text, str | int) for text in value):
        raise ValueError(f"expected a text or a list of texts, not {shorten(value)}.")
    texts = tuple(text for entry in value if (text := " ".join(str(entry).split())))
    if any("\0" in text or (not text.isascii() and not _is_encodable(text)) for text in texts):
        raise ValueError("the text has characters that no file can hold.")
    return texts


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse_moment(value: object) -> Moment:
    """A span of a list. Raises `ValueError` with a sentence."""
    if not isinstance(value, dict):
        raise ValueError(f'expected moments such as {{"start": 1.5, "end": 4, "caption": "..."}}, not {shorten(value)}.')
    fields = {canonical_column(str(name)): entry for name, entry in value.items()}
    if None in fields:
        unknown = next(name for name in value if canonical_column(str(name)) is None)
        raise ValueError(f"a moment has no field {str(unknown)!r}: its fields are start, end, caption and label.")
    if "start" not in fields or "end" not in fields:
        raise ValueError("a moment needs start and end.")
    text, label = fields.get("caption", ""), fields.get("label", "")
    if not isinstance(text, str) or not isinstance(label, str):
        raise ValueError("caption and label of a moment are texts.")
    return make_moment(fields["start"], fields["end"], text, label)


def make_moment(start: object, end: object, text: str, label: str) -> Moment:
    """Raises `ValueError` with a sentence for a span that does not end after its start."""
    first, last = parse_seconds(start), parse_seconds(end)
    if last <= first:
        raise ValueError(f"the moment ends at {last:g} s, and does not start before that (start {first:g} s).")
    return Moment(first, last, " ".join(text.split()), label.strip())


def normalize_split(name: str) -> str:
    """`validation` and `val` are `dev`."""
    lowered = name.strip().lower()
    return SPLITS.get(lowered, lowered)


def shorten(value: object, length: int = 60) -> str:
    """A value as it is shown in a problem."""
    text = repr(value)
    return text if len(text) <= length else text[: length - 3] + "..."


def name_columns(columns: Sequence[str]) -> str:
    """Headings with the known columns that they stand for: `file_name (file), caption`."""
    named = []
    for heading in columns:
        known = canonical_column(heading)
        named.append(heading if known in (None, heading) else f"{heading} ({known})")
    return ", ".join(named)
