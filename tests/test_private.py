"""Permissions of a library: only the user of the service can read it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from indexes import open_store
from mm.private import OTHERS_MASK, is_accessible_by_others, make_home_private
from mm.settings import Settings
from tests.api import media
from tests.graphs import with_graphs


def open_files(home: Path) -> list[str]:
    """Files and folders on which others have permissions, with their modes."""
    paths = [home, *(Path(folder) / name for folder, folders, files in os.walk(home) for name in (*folders, *files))]
    return [
        f"{path} {stat.S_IMODE(path.lstat().st_mode):o}"
        for path in paths
        if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & OTHERS_MASK
    ]


def open_to_all(home: Path) -> None:
    """Give all files the permissions that an earlier version gave them."""
    for folder, folders, files in os.walk(home):
        for name in (*folders, *files):
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)
    home.chmod(0o755)


def test_add_command_leaves_no_file_accessible_by_others(tmp_path: Path, graphs: Path) -> None:
    """With real processes, a umask of 022 and a library of an earlier version."""
    home = with_graphs(tmp_path / "home", graphs)
    with open_store(Settings(home=home)):
        pass
    open_to_all(home)
    photo = tmp_path / "photo.png"
    photo.write_bytes(media.image(1))
    environment = {**os.environ, "MM_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", "from mm.cli.main import main; main()", "add", str(photo), "--json"],
        env=environment,
        capture_output=True,
        text=True,
        umask=0o022,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["job"]["state"] == "done"
    made = {path.name for path in home.iterdir()}
    assert {"blobs", "shards", "catalog.db", "cache", "log", "run", "locks", "broker", "library.json"} <= made
    assert open_files(home) == []


def test_make_home_private_keeps_permissions_of_user_files(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with open_store(Settings(home=home)):
        pass
    script = home / "backup.sh"
    script.write_text("#!/bin/sh\n")
    open_to_all(home)
    script.chmod(0o755)
    linked = tmp_path / "outside"
    linked.write_text("not the library's")
    linked.chmod(0o644)
    (home / "cache").mkdir(exist_ok=True)
    (home / "cache" / "link").symlink_to(linked)
    assert make_home_private(home) == []
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [path for path in open_files(home) if "backup.sh" not in path] == []
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    assert is_accessible_by_others(linked)


def test_make_home_private_returns_paths_it_cannot_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)

    def refuse(self: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    assert make_home_private(home) == [home]
