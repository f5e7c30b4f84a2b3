"""Downloads of weights: continued after an interruption, checked, stored as the hub stores them."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import hf_hub_download

from mm.errors import Corrupt, NotFound, Unavailable
from mm.spaces.larger import hub as larger_hub
from mm.spaces.larger.hub import (
    PARTIAL,
    count_downloaded,
    describe_network_failure,
    download_weights,
    get_cache,
    is_on_disk,
    remove_partial,
)
from mm.spaces.larger.table import LargerSpace
from tests.model_hub import BLOCK, ModelHub, run_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY, NAME = "mm/tiny", "open_clip_model.safetensors"
SPACE = LargerSpace("openclip:hf-hub:mm/tiny", REPOSITORY, "MIT", 1.0, 1.0, 24, (1.0, 1.0), (1.0, 1.0))
DATA = secrets.token_bytes(10 * BLOCK + 17)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    with run_hub() as running:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", running.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", running.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(larger_hub, "PAUSE_SECONDS", 0.0)
        (tmp_path / "weights").write_bytes(DATA)
        running.files[f"{REPOSITORY}/{NAME}"] = tmp_path / "weights"
        yield running


def read_partial() -> bytes:
    (path,) = get_cache().rglob(f"*{PARTIAL}")
    return path.read_bytes()


def test_downloaded_weights_are_found_by_the_library_of_the_hub(hub: ModelHub) -> None:
    assert not is_on_disk(SPACE)
    path = download_weights(REPOSITORY)
    assert path.read_bytes() == DATA
    assert Path(hf_hub_download(REPOSITORY, NAME, local_files_only=True, cache_dir=get_cache())).read_bytes() == DATA
    assert is_on_disk(SPACE)
    assert count_downloaded(SPACE) == SPACE.download_bytes
    assert len(hub.ranges) == 1
    assert download_weights(REPOSITORY) == path
    assert len(hub.ranges) == 1, "present weights are not downloaded again"


def test_broken_connections_continue_where_they_ended(hub: ModelHub) -> None:
    hub.break_after = 4 * BLOCK
    assert download_weights(REPOSITORY).read_bytes() == DATA
    assert [requested.removeprefix("bytes=") for requested in hub.ranges] == ["0-", f"{4 * BLOCK}-", f"{8 * BLOCK}-"]


def test_partial_file_of_an_ended_process_is_continued(hub: ModelHub) -> None:
    hub.break_after = 0
    with pytest.raises(Unavailable, match="has stopped at 0 of"):
        download_weights(REPOSITORY)
    (partial,) = get_cache().rglob(f"*{PARTIAL}")
    partial.write_bytes(DATA[:1000])
    assert count_downloaded(SPACE) == 1000
    hub.break_after = None
    assert download_weights(REPOSITORY).read_bytes() == DATA
    assert hub.ranges[-1] == "bytes=1000-"


def test_cancelled_download_leaves_no_partial_file(hub: ModelHub) -> None:
    hub.break_after = 0
    with pytest.raises(Unavailable):
        download_weights(REPOSITORY)
    assert read_partial() == b""
    remove_partial(SPACE)
    assert not list(get_cache().rglob(f"*{PARTIAL}"))


def test_file_with_another_checksum_is_refused_and_removed(hub: ModelHub) -> None:
    hub.etags[f"{REPOSITORY}/{NAME}"] = "0" * 64
    with pytest.raises(Corrupt, match="checksum"):
        download_weights(REPOSITORY)
    assert not is_on_disk(SPACE)
    assert not list(get_cache().rglob(f"*{PARTIAL}"))


def test_repository_without_weights_is_named(hub: ModelHub) -> None:
    hub.files.clear()
    with pytest.raises(NotFound, match=r"mm/tiny has none of open_clip_model\.safetensors"):
        download_weights(REPOSITORY)


def test_pickled_weights_are_downloaded_where_there_are_no_others(hub: ModelHub) -> None:
    hub.files[f"{REPOSITORY}/open_clip_pytorch_model.bin"] = hub.files.pop(f"{REPOSITORY}/{NAME}")
    assert download_weights(REPOSITORY).name == "open_clip_pytorch_model.bin"
    assert is_on_disk(SPACE)


def test_full_disk_is_reported_before_the_download(hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(larger_hub, "FREE_BYTES", 1 << 62)
    with pytest.raises(Unavailable, match="free space"):
        download_weights(REPOSITORY)
    assert hub.ranges == []


def test_network_failure_names_the_hub(hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe_network_failure() is None
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9 does not respond" in str(describe_network_failure())
