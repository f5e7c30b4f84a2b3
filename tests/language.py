"""Words that the code and the docs do not use: `python -m tests.language [PATH...]` lists them.

`words.toml` is the list. Prose is Markdown, docstrings, comments and other string constants of more
than one word; identifiers are the names that code defines.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
QUOTED = re.compile(r"```.*?```|`[^`]*`|https?://\S+|\]\([^)]*\)", re.S)
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True, slots=True)
class Finding:
    """A word at a line of a file, and the term to use instead."""

    path: Path
    line: int
    word: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.word!r}: {self.instead}"


def word_list() -> dict[re.Pattern[str], str]:
    """Pattern to replacement."""
    table = tomllib.loads((ROOT / "tests" / "words.toml").read_text())["words"]
    return {re.compile(rf"\b(?:{pattern})\b", re.I): instead for pattern, instead in table.items()}


def findings(path: Path) -> Iterator[Finding]:
    """All findings in one Python or Markdown file."""
    words = word_list()
    for line, text in _texts(path):
        for pattern, instead in words.items():
            for match in pattern.finditer(text):
                yield Finding(path, line + text.count("\n", 0, match.start()), match[0], instead)


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield 1, _blank(source)
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and " " in token.string):
            yield token.start[0], _blank(token.string)
    for node in ast.walk(ast.parse(source)):
        for name in _names(node):
            yield node.lineno, " ".join(PARTS.findall(name))  # type: ignore[attr-defined]


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            yield name
        case _:
            pass


def _blank(text: str) -> str:
    """The text with what is quoted replaced by spaces; lines stay where they are."""
    return QUOTED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def tracked(*paths: str) -> list[Path]:
    """Python and Markdown files that git knows, below the paths or all."""
    listed = subprocess.run(["git", "ls-files", "--", *paths], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if name.endswith((".py", ".md")) and (ROOT / name).exists()]


if __name__ == "__main__":
    found = [finding for path in tracked(*sys.argv[1:]) for finding in findings(path)]
    sys.stdout.writelines(f"{finding}\n" for finding in found)
    sys.exit(bool(found))
