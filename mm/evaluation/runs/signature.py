"""What the numbers of a run depend on: code, weights, items."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import mm
from mm.errors import Conflict
from mm.files import hash_file

DIGITS = 16
WEIGHTS_SUFFIXES = (".safetensors", ".onnx", ".bin", ".pt", ".pth", ".json")


@cache
def describe_code() -> str:
    """Version of mm; in a checkout with its commit, and `+` where tracked files were changed."""
    root = Path(mm.__file__).parents[1]
    if not (root / ".git").exists():
        return mm.__version__
    try:
        commit = _git(root, "rev-parse", "--short=12", "HEAD")
        changed = "+" if _git(root, "status", "--porcelain", "--untracked-files=no") else ""
    except (OSError, subprocess.SubprocessError):
        return mm.__version__  # no git on this machine
    return f"{mm.__version__}.{commit}{changed}"


def hash_weights(paths: Iterable[Path]) -> dict[str, str]:
    """Hashes of weights files by name, and of those directly in the folders among the paths."""
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return {file.name: hash_file(file, DIGITS) for file in files if file.is_file() and file.suffix in WEIGHTS_SUFFIXES}


def combine_hashes(weights: dict[str, str]) -> str:
    """One hash of all weights, a key of the feature cache."""
    return hashlib.sha256("\n".join(f"{name} {digest}" for name, digest in sorted(weights.items())).encode()).hexdigest()[:DIGITS]


def hash_ids(ids: Sequence[str]) -> str:
    """Hash of the ids of the items, in any order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:DIGITS]


def require_same_weights(before: dict[str, str], after: dict[str, str]) -> None:
    """Raise `Conflict` when weights changed while they were evaluated."""
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if changed:
        raise Conflict(
            f"The weights changed during the evaluation: {', '.join(changed)}. Nothing was recorded. Run the same command again; "
            "vectors of the earlier weights are not used."
        )


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()
