"""A folder that another program fills with images, as a source with external part ids.

The id of a part is the group `part` of a pattern that file names match; without a pattern each
image is a part of its own, with the id name-hash: the same file twice is the same part.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import InvalidInput, MMError, NotFound
from mm.files import TEMPORARY, hash_file
from mm.line.sources.settled import SETTLE_SECONDS, SettledFiles
from mm.line.types import CaughtUp, PartEnd, SourceFrame, UnreadableFrame, make_part_id

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from mm.line.types import SourceItem
    from mm.media.reader import MediaReader

POLL_SECONDS = 0.2
PART_SECONDS = 2.0  # without a further image after which a part of several images has ended
UNFINISHED = (TEMPORARY, ".tmp", ".partial", ".crdownload")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif"})


@dataclass(slots=True)
class _Part:
    count: int = 0
    last: float = field(default_factory=time.monotonic)


class Folder:
    """Images of a folder, without its subfolders, in the order of their modification times.

    With `follow` it waits for further images until `stop` is set, otherwise it ends after those
    that are there. No file is changed or removed. A file is read when it is complete: size and time
    are unchanged for a while. Raises `NotFound` and `InvalidInput`.
    """

    def __init__(
        self,
        path: Path,
        reader: MediaReader,
        *,
        follow: bool,
        pattern: str = "",
        images_per_part: int = 0,
        settle_seconds: float = SETTLE_SECONDS,
        part_seconds: float = PART_SECONDS,
    ) -> None:
        """`images_per_part` ends a part at so many images; 0 waits `part_seconds` for more."""
        if not path.is_dir():
            raise NotFound(f"{path} does not exist or is not a folder.")
        self._pattern = _compile(pattern)
        self._images_per_part = images_per_part if pattern else 1
        self._path, self._reader, self._follow = path, reader, follow
        self._settle_seconds, self._part_seconds = settle_seconds, part_seconds
        self.key = make_part_id(path.resolve().name or "root")

    @property
    def is_live(self) -> bool:
        return False

    @property
    def has_part_ids(self) -> bool:
        return True

    @property
    def num_lost(self) -> int:
        return 0

    def items(self, start: float, stop: threading.Event, is_decided: Callable[[str], bool]) -> Iterator[SourceItem]:
        done: set[str] = set()
        waiting = SettledFiles(self._settle_seconds)
        parts: dict[str, _Part] = {}
        has_caught_up = False
        while not stop.is_set():
            for path in self._complete_files(done, waiting):
                done.add(path.name)
                yield from self._read(path, parts, is_decided, has_caught_up)
                if stop.is_set():
                    return
            if not has_caught_up:
                has_caught_up = True
                yield CaughtUp(time.time())
            now = time.monotonic()
            is_last = not self._follow and not waiting.num_waiting
            for part in [part for part, state in parts.items() if is_last or now - state.last >= self._part_seconds]:
                del parts[part]
                yield PartEnd(part, time.time())
            if is_last:
                return
            stop.wait(POLL_SECONDS)

    def _complete_files(self, done: set[str], waiting: SettledFiles) -> list[Path]:
        complete: list[tuple[int, str]] = []
        try:
            with os.scandir(self._path) as entries:
                found = [entry for entry in entries if entry.name not in done and _is_image(entry)]
        except OSError as error:
            raise NotFound(f"The folder {self._path} cannot be read: {error.strerror}.") from error
        present: set[str] = set()
        for entry in found:
            try:
                status = entry.stat()
            except OSError:  # removed since
                continue
            present.add(entry.name)
            if waiting.is_complete(entry.name, status):
                complete.append((status.st_mtime_ns, entry.name))
        waiting.keep(present)
        return [self._path / name for _, name in sorted(complete)]

    def _read(
        self, path: Path, parts: dict[str, _Part], is_decided: Callable[[str], bool], has_caught_up: bool
    ) -> Iterator[SourceItem]:
        """The image of a file, and the end of its part if it is the last one.

        Files of parts that were decided in an earlier run are not decoded again; an image that
        comes too late for its part is, so that it is counted.
        """
        try:
            part = self._part_of(path)
        except OSError:
            return  # removed or replaced since
        is_late = has_caught_up and self._images_per_part != 1
        if part is None or (is_decided(part) and part not in parts and not is_late):
            return
        now = time.time()
        try:
            item: SourceItem = SourceFrame(now, self._reader.image(path, path.name), time.monotonic(), part)
        except NotFound:
            return
        except MMError as error:
            item = UnreadableFrame(part, now, str(error))
        yield item
        state = parts.setdefault(part, _Part())
        state.count, state.last = state.count + 1, time.monotonic()
        if state.count == self._images_per_part:
            del parts[part]
            yield PartEnd(part, time.time())

    def _part_of(self, path: Path) -> str | None:
        """Id of the part that a file shows; None when its name does not match the pattern."""
        if self._pattern is None:
            return make_part_id(f"{path.stem}-{hash_file(path, 12)}")
        match = self._pattern.search(path.name)
        return make_part_id(match["part"]) if match and match["part"] else None


def check_pattern(pattern: str) -> None:
    """Raises `InvalidInput` for a pattern that is no regular expression or has no group `part`."""
    _compile(pattern)


def _compile(pattern: str) -> re.Pattern[str] | None:
    if not pattern:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InvalidInput(f"{pattern!r} is not a regular expression: {error}.") from error
    if "part" not in compiled.groupindex:
        raise InvalidInput(f"The pattern {pattern!r} has no group (?P<part>...), which is the id of the part.")
    return compiled


def _is_image(entry: os.DirEntry[str]) -> bool:
    name = entry.name.lower()
    if name.startswith(".") or name.endswith(UNFINISHED) or Path(name).suffix not in SUFFIXES:
        return False
    try:
        return entry.is_file()
    except OSError:
        return False
