"""A home folder with an inspector that was fitted by the command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.inspect.parts import inspect, write_parts


@pytest.fixture(scope="package")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `good`, `new` and `home`, in which the inspector `disc` is fitted."""
    folder = tmp_path_factory.mktemp("inspect")
    write_parts(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MM_HOME", str(folder / "home"))
        result = inspect("fit", "disc", folder / "good", "--size", "128")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def folder(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, the current folder."""
    copied = tmp_path / "work"
    shutil.copytree(fitted, copied)
    monkeypatch.setenv("MM_HOME", str(copied / "home"))
    monkeypatch.chdir(copied)
    return copied
