"""Results of inspected images on disk until a run is measured, so that a killed run continues.

A category has a folder, named by all that its results depend on: the code, the options, the
backbone, and the content of the good images. Processes of the same run share it: each leases the
image that it inspects. An image has three files there: heat map, mask, and `.json`, which is
written last and makes the other two count. A category that is inspected is kept as `done.npz`,
without heat maps. The last process that leaves a measured run deletes its folders.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

from mm.data.sets.types import SetItem
from mm.errors import InvalidInput, StorageFull
from mm.evaluation.features.cache import FeatureCache
from mm.evaluation.features.leases import POLL_SECONDS, WorkLeases
from mm.files import write_atomic
from mm.metrics.inspection.regions import Heat, Mask

FOLDER = Path("cache") / "defects"
"""Below the home folder."""
DONE = "done.npz"
MEASURED = "measured"
"""Name of the file of a folder that no later run continues."""
COUNT, FOLDER_LEASE = "count", "folder"
"""What a process leases besides images: to count a category, to make or delete its folder."""
Array = TypeVar("Array", bound="npt.NDArray[Any]")


@dataclass(frozen=True, slots=True)
class KeptImage:
    """Numbers of an inspected image."""

    score: float
    p_value: float
    brightness: float
    is_marked: bool
    """Whether its heat map and mask are kept: those of a defect without a mark are not."""


class KeptResults:
    """Results of the images of one category in a folder. Raises `StorageFull` where it writes."""

    def __init__(self, folder: Path, digests: dict[str, str], leases: WorkLeases | None) -> None:
        """`digests` name the files of an item by its id: hashes of its image and masks.

        Without leases no other process has the folder.
        """
        self._folder, self._digests, self._leases = folder, digests, leases

    @contextmanager
    def lease(self, item: SetItem) -> Iterator[bool]:
        """Lease an image; False while another process inspects it."""
        with self._lease(self._digests[item.id]) as is_free:
            yield is_free

    @contextmanager
    def lease_count(self) -> Iterator[bool]:
        """Lease the counting of the category; False while another process counts."""
        with self._lease(COUNT) as is_free:
            yield is_free

    @contextmanager
    def _lease(self, piece: str) -> Iterator[bool]:
        is_free = self._leases is None or self._leases.take(piece)
        try:
            yield is_free
        finally:
            if self._leases is not None and is_free:
                self._leases.release(piece)

    @property
    def is_finished(self) -> bool:
        """Whether `finish` was called, maybe by another process."""
        return (self._folder / DONE).exists()

    def get(self, item: SetItem) -> KeptImage | None:
        """None for an image that is not inspected."""
        try:
            return KeptImage(**json.loads(self._path(item, "json").read_bytes()))
        except FileNotFoundError:
            return None

    def add(self, item: SetItem, kept: KeptImage, heat_HW: Heat, mask_HW: Mask | None) -> None:
        """Keep an inspected image; the mask is None where it is not marked."""
        with full_disk_named(self._folder):
            if mask_HW is not None:
                np.save(self._path(item, "heat.npy"), heat_HW, allow_pickle=False)
                np.save(self._path(item, "mask.npy"), mask_HW, allow_pickle=False)
            numbers = {name: getattr(kept, name) for name in KeptImage.__slots__}
            write_atomic(self._path(item, "json"), json.dumps(numbers).encode(), durable=False)

    def maps(self, items: Sequence[SetItem]) -> tuple[StoredArrays[Heat], StoredArrays[Mask]]:
        """Heat maps and masks of marked images, mapped to memory at each access."""
        return StoredArrays([self._path(item, "heat.npy") for item in items]), StoredArrays(
            [self._path(item, "mask.npy") for item in items]
        )

    def finish(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Keep arrays of the whole category in place of its images."""
        with full_disk_named(self._folder):
            part = self._folder / f"part-{DONE}"
            np.savez_compressed(part, allow_pickle=False, **arrays)
            part.rename(self._folder / DONE)
        for file in self._folder.iterdir():
            if file.name not in (DONE, MEASURED):
                file.unlink()

    def read_finished(self) -> dict[str, npt.NDArray[Any]]:
        """What `finish` has kept."""
        with np.load(self._folder / DONE, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def _path(self, item: SetItem, suffix: str) -> Path:
        return self._folder / f"{self._digests[item.id]}.{suffix}"


class Keeper:
    """The folders of a run. Used by one thread."""

    def __init__(self, home: Path, cache: FeatureCache | None, description: str) -> None:
        """`description` names what all results depend on.

        Without a cache nothing is continued, and nothing shared.
        """
        self._home, self._cache, self._description = home / FOLDER, cache, description
        self._joined: dict[Path, WorkLeases] = {}
        self._temporary: list[Path] = []

    def open(self, good: Sequence[SetItem], inspected: Sequence[SetItem]) -> KeptResults:
        """The folder of a category, which processes of the same run share.

        For a file that cannot be hashed it is a temporary one.
        """
        with full_disk_named(self._home):
            self._home.mkdir(parents=True, exist_ok=True)
            digests = self._hash([*good, *inspected])
            if self._cache is not None and digests is not None:
                of_good = [f"{digests[item.id]} {item.group}" for item in good]
                of_inspected = sorted(digests[item.id] for item in inspected)
                key = hashlib.sha256("\n".join([self._description, *of_good, "", *of_inspected]).encode()).hexdigest()[:32]
                folder, leases = self._home / key, WorkLeases(self._cache, f"defects {key}")
                with _lease_folder(leases):
                    leases.join()
                    self._joined[folder] = leases
                    folder.mkdir(exist_ok=True)
                return KeptResults(folder, digests, leases)
            self._temporary.append(Path(tempfile.mkdtemp(prefix="alone-", dir=self._home)))
        names = {item.id: hashlib.sha256(item.id.encode()).hexdigest() for item in inspected}
        return KeptResults(self._temporary[-1], names, None)

    def extend(self) -> None:
        """Extend the leases where it is time; called often."""
        for leases in self._joined.values():
            leases.extend()

    def close(self, *, is_measured: bool) -> None:
        """Leave the folders, and delete those that no process and no later run continues."""
        for folder in self._temporary:
            shutil.rmtree(folder, ignore_errors=True)
        for folder, leases in self._joined.items():
            with _lease_folder(leases):
                if is_measured and folder.exists():
                    (folder / MEASURED).touch()
                if leases.leave() and (folder / MEASURED).exists():
                    shutil.rmtree(folder, ignore_errors=True)
            leases.close()

    def _hash(self, items: Sequence[SetItem]) -> dict[str, str] | None:
        if self._cache is None:
            return None
        files = list(dict.fromkeys(path for item in items for path in (item.path or Path(), *item.masks)))
        hashes = dict(zip(files, self._cache.hash_files(files), strict=True))
        digests = {}
        for item in items:
            own = [hashes[path] for path in (item.path or Path(), *item.masks)]
            readable = [f"error {digest}" if isinstance(digest, InvalidInput) else digest for digest in own]
            digests[item.id] = hashlib.sha256("\n".join([item.id, str(item.is_grey), *readable]).encode()).hexdigest()
        return digests


class StoredArrays(Sequence[Array], Generic[Array]):
    """Arrays in files, mapped to memory at each access."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> list[Array]: ...
    def __getitem__(self, index: int | slice) -> Array | list[Array]:
        if isinstance(index, slice):
            return [self._load(path) for path in self._paths[index]]
        return self._load(self._paths[index])

    def __iter__(self) -> Iterator[Array]:
        return (self._load(path) for path in self._paths)

    @staticmethod
    def _load(path: Path) -> Array:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        return array


@contextmanager
def _lease_folder(leases: WorkLeases) -> Iterator[None]:
    """Wait until no other process makes or deletes the folder, which takes milliseconds."""
    while not leases.take(FOLDER_LEASE):
        time.sleep(POLL_SECONDS / 10)
    try:
        yield
    finally:
        leases.release(FOLDER_LEASE)


@contextmanager
def full_disk_named(folder: Path) -> Iterator[None]:
    """Raise `StorageFull` for a full disk in place of `OSError`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StorageFull(f"Heat maps cannot be written to {folder}: {error}. Free space, then run it again.") from error
