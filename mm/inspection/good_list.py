"""The list of good images of an inspector, which teaching it from marks needs again.

`MM_HOME/inspectors/NAME/VERSION.good.jsonl` has a line for each image, with its path and group. The
images stay where they are. A version without a list, such as a taught one, has that of the version
before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mm.errors import NotFound
from mm.files import read_json_lines, write_atomic
from mm.inspection.store import FOLDER
from mm.inspection.types import GoodImage

SUFFIX = ".good.jsonl"


def write_good_list(home: Path, name: str, version: int, images: Sequence[GoodImage]) -> None:
    """Write the list of a version; images that are no files are left out."""
    rows = [{"path": str(image.image.absolute()), "group": image.group} for image in images if isinstance(image.image, Path)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    write_atomic(home / FOLDER / name / f"{version}{SUFFIX}", text.encode())


def read_good_list(home: Path, name: str, version: int) -> list[GoodImage]:
    """The good images of a version. Raises `NotFound` without a list, or when a file is missing."""
    folder = home / FOLDER / name
    versions = [number for number in range(version, 0, -1) if (folder / f"{number}{SUFFIX}").is_file()]
    if not versions:
        raise NotFound(f"The good images of the inspector {name} are not listed here: it was fitted elsewhere. Fit it again.")
    rows = read_json_lines(folder / f"{versions[0]}{SUFFIX}")
    images = [GoodImage(Path(str(row["path"])), str(row["group"])) for row in rows]
    missing = [str(image.image) for image in images if isinstance(image.image, Path) and not image.image.is_file()]
    if missing:
        raise NotFound(
            f"{len(missing)} of {len(images)} good images of the inspector {name} are missing, the first is {missing[0]}. "
            "Put them back, or fit it again."
        )
    return images
