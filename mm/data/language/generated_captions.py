"""A file of captions that a language model wrote, by the names of the image files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mm.errors import InvalidInput
from mm.files import write_atomic
from mm.generation.caption_ranking import GeneratedCaption

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_generated_captions(path: Path, captions: Mapping[str, GeneratedCaption]) -> None:
    """Write a JSON object of file names to objects with `text` and `logprob`."""
    rows = {name: {"text": caption.text, "logprob": caption.logprob} for name, caption in captions.items()}
    write_atomic(path, json.dumps(rows, indent=1).encode())


def read_generated_captions(path: Path) -> dict[str, GeneratedCaption]:
    """Read what `write_generated_captions` wrote. Raises `InvalidInput` for another file."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {name: GeneratedCaption(str(row["text"]), float(row["logprob"])) for name, row in rows.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(f"{path} is no file of captions that `mm eval captions --save` wrote: {error!r}.") from error
