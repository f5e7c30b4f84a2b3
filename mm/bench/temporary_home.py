"""A temporary home folder for a service that a bench starts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mm.embedded.connect import exit_on_sigterm
from mm.settings import load_settings

if TYPE_CHECKING:
    from mm.settings import Settings


@contextmanager
def temporary_home(**overrides: object) -> Iterator[Settings]:
    """Settings of the environment with an empty home folder, SQLite and the embedded broker.

    `overrides` replace single settings. The parent of the home folder is removed with it.
    """
    with exit_on_sigterm(), tempfile.TemporaryDirectory(prefix="mm-bench-") as folder:
        home = Path(folder) / "home"
        copy_model_cache(load_settings().root / "cache", home / "cache")
        local: dict[str, object] = {"host": "127.0.0.1", "port": 0, "database_url": "", "broker_url": ""}
        yield load_settings(**{**local, **overrides, "home": home})


def copy_model_cache(source: Path, target: Path) -> None:
    """Copy the graphs, whose build would dominate the bench, and the chosen runtime."""
    if (source / "graphs").is_dir():
        shutil.copytree(source / "graphs", target / "graphs")
    if (choice := source / "runtime.json").is_file():
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(choice, target)
