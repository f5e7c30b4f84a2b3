"""Files of larger spaces on this disk, and files that are downloaded with resumption.

The Hugging Face libraries begin an interrupted file again. Here it continues, and it is stored in
their cache as they store it: blobs/ETAG, snapshots/COMMIT/NAME as a link to it, refs/main with the
commit (huggingface.co/docs/huggingface_hub/guides/manage-cache).
"""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import Corrupt, NotFound, Unavailable
from mm.files import hash_file, write_atomic
from mm.models.openclip.files import PICKLE_FILE, SAFETENSORS_FILE

if TYPE_CHECKING:
    from mm.spaces.larger.table import LargerSpace

WEIGHTS = (SAFETENSORS_FILE, PICKLE_FILE)
"""Names of the weights in a repository, in order of preference."""
TOKENIZER_FILE = "tokenizer_config.json"
PARTIAL = ".mm-part"
"""Suffix of a blob that is being downloaded."""
FREE_BYTES = 1 << 30
"""Disk space that a download leaves free."""
NETWORK_SECONDS = 3.0
READ_SECONDS = 60.0
ATTEMPTS = 5
"""Interrupted connections in a row without a byte after which a download fails."""
PAUSE_SECONDS = 2.0


def is_on_disk(space: LargerSpace) -> bool:
    """Whether the weights and the tokenizer are in the cache of this machine."""
    from huggingface_hub import try_to_load_from_cache

    def has(repository: str, name: str) -> bool:
        return isinstance(try_to_load_from_cache(repository, name), str)

    has_tokenizer = space.tokenizer is None or has(space.tokenizer, TOKENIZER_FILE)
    return has_tokenizer and any(has(space.repository, name) for name in WEIGHTS)


def get_hub() -> str:
    """Address of the hub: https://huggingface.co, unless HF_ENDPOINT sets another."""
    from huggingface_hub import constants

    return constants.ENDPOINT


def get_cache() -> Path:
    """The folder of the cache: ~/.cache/huggingface/hub, or that of HF_HOME or HF_HUB_CACHE."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def name_cache() -> str:
    """The folder of the cache without a path of this machine."""
    if "HF_HUB_CACHE" in os.environ:
        return "the folder HF_HUB_CACHE"
    return "HF_HOME/hub" if "HF_HOME" in os.environ else "~/.cache/huggingface/hub"


def describe_network_failure() -> str | None:
    """Request the start page of the hub. Returns why that fails; None if the hub responds."""
    import httpx2

    hub = get_hub()
    try:
        httpx2.head(hub, timeout=NETWORK_SECONDS)
    except httpx2.HTTPError as error:
        return f"{hub} does not respond ({str(error) or type(error).__name__})."
    return None


def count_downloaded(space: LargerSpace) -> int:
    """Bytes of the weights that are on this disk."""
    blobs = _repository_folder(space.repository) / "blobs"
    partial = []
    for path in blobs.glob(f"*{PARTIAL}"):
        with suppress(FileNotFoundError):  # it was completed meanwhile
            partial.append(path.stat().st_size)
    return max(partial) if partial else space.download_bytes if is_on_disk(space) else 0


def remove_partial(space: LargerSpace) -> None:
    """Delete the partly downloaded weights."""
    for path in (_repository_folder(space.repository) / "blobs").glob(f"*{PARTIAL}"):
        path.unlink(missing_ok=True)


def download_weights(repository: str) -> Path:
    """Download the weights of a repository into the cache, and return their path.

    A partial file is continued. Raises `NotFound` for a repository without weights, `Unavailable`
    for a network or a disk that fails, `Corrupt` for a file that does not match its checksum.
    """
    for name in WEIGHTS:
        path = _download_file(repository, name)
        if path is not None:
            return path
    raise NotFound(f"{get_hub()}/{repository} has none of {', '.join(WEIGHTS)}.")


def _download_file(repository: str, name: str) -> Path | None:
    """The path of a file in the cache, downloaded; None if the repository does not have it."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

    url = hf_hub_url(repository, name)
    try:
        found = get_hf_file_metadata(url)
    except EntryNotFoundError:
        return None
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise Unavailable(f"{url} cannot be read: {str(error).splitlines()[0]}") from error
    except Exception as error:  # of the HTTP library of huggingface_hub, whose classes differ by version
        raise Unavailable(f"{url} cannot be read: {type(error).__name__}.") from error
    if found.etag is None or found.size is None or found.commit_hash is None:
        raise Unavailable(f"{url} cannot be downloaded: the response states no size and checksum.")
    folder = _repository_folder(repository)
    blob = folder / "blobs" / found.etag
    if not blob.is_file():
        _download_blob(found.location, blob, found.size)
    return _link(folder, blob, found.commit_hash, name)


def _download_blob(url: str, blob: Path, size: int) -> None:
    blob.parent.mkdir(parents=True, exist_ok=True)
    partial = blob.with_name(blob.name + PARTIAL)
    missing = size - (partial.stat().st_size if partial.exists() else 0)
    if shutil.disk_usage(blob.parent).free < missing + FREE_BYTES:
        raise Unavailable(f"The download needs {missing / 1e9:.1f} GB and 1 GB more of free space in {name_cache()}.")
    _receive(url, partial, size)
    if re.fullmatch(r"[0-9a-f]{64}", blob.name) and hash_file(partial) != blob.name:  # of a file in Git LFS
        partial.unlink()
        raise Corrupt(f"The file from {url} does not have the checksum that the hub states; the download begins again.")
    partial.replace(blob)


def _receive(url: str, partial: Path, size: int) -> None:
    """Append to `partial` until it has `size` bytes."""
    import httpx2

    failures = 0
    while (offset := partial.stat().st_size if partial.exists() else 0) != size:
        if offset > size:
            partial.unlink()
            continue
        try:
            with (
                httpx2.stream(
                    "GET", url, headers={"Range": f"bytes={offset}-"}, timeout=READ_SECONDS, follow_redirects=True
                ) as response,
                partial.open("ab" if response.status_code == 206 else "wb") as file,
            ):
                response.raise_for_status()
                for block in response.iter_raw():
                    file.write(block)
                    file.flush()
                    failures = 0
        except (httpx2.HTTPError, OSError) as error:
            failures += 1
            if failures >= ATTEMPTS or isinstance(error, OSError):
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise Unavailable(f"The download has stopped at {offset / 1e6:.0f} of {size / 1e6:.0f} MB: {reason}") from error
            time.sleep(PAUSE_SECONDS)


def _link(folder: Path, blob: Path, commit: str, name: str) -> Path:
    path = folder / "snapshots" / commit / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.unlink(missing_ok=True)
        path.symlink_to(os.path.relpath(blob, path.parent))
    write_atomic(folder / "refs" / "main", commit.encode())
    return path


def _repository_folder(repository: str) -> Path:
    return get_cache() / f"models--{repository.replace('/', '--')}"
