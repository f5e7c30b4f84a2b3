"""Reads `split.json`: the items of a data set, and which of them each split of a protocol has.

{"protocols": {"anomaly": {"train": ["a.png"], "dev": []}},
 "items": {"a.png": {"class": "good", "group": "a.png"}}}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mm.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class SplitItem:
    """One item: its file, and fields that `split.json` states of it."""

    folder: Path
    name: str
    fields: dict[str, object]

    @property
    def path(self) -> Path:
        return self.folder / self.name

    def text(self, field: str) -> str:
        """A field that is a text. Raises `InvalidInput` when there is none."""
        value = self.fields.get(field)
        if not isinstance(value, str):
            raise InvalidInput(f"{self.folder / 'split.json'}: {self.name} has no text {field!r}.")
        return value

    def number(self, field: str) -> int:
        """A field that is a whole number. Raises `InvalidInput` when there is none."""
        value = self.fields.get(field)
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidInput(f"{self.folder / 'split.json'}: {self.name} has no whole number {field!r}.")
        return value

    def flag(self, field: str) -> bool:
        """Whether a field is present and true."""
        return self.fields.get(field) is True

    def file(self, field: str) -> Path | None:
        """The file that a field names, or None when there is no such field."""
        return self.folder / self.text(field) if field in self.fields else None

    def files(self, field: str) -> tuple[Path, ...]:
        """The files that a field lists. Raises `InvalidInput` when it is no list of texts."""
        values = self.fields.get(field, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise InvalidInput(f"{self.folder / 'split.json'}: {field!r} of {self.name} is not a list of files.")
        return tuple(self.folder / value for value in values)


def read_split(folder: Path, protocol: str, split: str) -> list[SplitItem]:
    """Items of one split of a protocol, in the order of the file.

    Raises `InvalidInput` for a file that is absent or is not valid, and when the protocol, the
    split, or an item or file of it is absent.
    """
    path = folder / "split.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names, items = content["protocols"][protocol].get(split, []), content["items"]
    except OSError as error:
        raise InvalidInput(f"{folder} has no split.json: {error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{path} has no items, or no protocol {protocol!r}: {error!r}.") from error
    if not names:
        raise InvalidInput(f"{path} has no items in the split {split!r} of the protocol {protocol!r}.")
    rows = []
    for name in names:
        if not isinstance(items.get(name), dict):
            raise InvalidInput(f"{path} does not describe {name}, which is in the split {split!r}.")
        if not (folder / name).is_file():
            raise InvalidInput(f"{folder / name} does not exist, and {path} has it in the split {split!r}.")
        rows.append(SplitItem(folder, name, items[name]))
    return rows
