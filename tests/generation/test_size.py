"""Size of the core of the engine: `mm.generation.engine` and the modules that it imports."""

from __future__ import annotations

import ast
from pathlib import Path

import mm.generation

FOLDER = Path(mm.generation.__file__).parent
MAX_LINES = 1500
"""With docstrings, comments and blank lines."""


def imported_modules(name: str) -> set[str]:
    """Names of the modules of `mm.generation` that a module imports, for type checking too."""
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {module.removeprefix("mm.generation.") for module in modules if module.startswith("mm.generation.")}


def test_engine_core_has_at_most_1500_lines() -> None:
    core, pending = {"__init__"}, {"engine"}
    while pending:
        core |= pending
        pending = set().union(*map(imported_modules, pending)) - core
    assert {"scheduler", "blocks", "sampler", "grammar", "metrics", "fairness"} < core
    num_lines = {name: len((FOLDER / f"{name}.py").read_text().splitlines()) for name in sorted(core)}
    assert sum(num_lines.values()) <= MAX_LINES, num_lines
