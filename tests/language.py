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
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
CODE = re.compile(r"```.*?```|`[^`]*`|\{[^{}]*\}|(?<![\w-])--?[a-z][\w-]*|https?://\S+|\]\([^)]*\)", re.S)
BLOCK = re.compile(r"(?<=\n\n)(?: {4}[^\n]*\n)+")  # of Markdown
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


@cache
def word_list() -> tuple[dict[re.Pattern[str], str], frozenset[str]]:
    """Pattern to replacement, and the identifiers that are exempt."""
    table = tomllib.loads((ROOT / "tests" / "words.toml").read_text())
    words = {re.compile(rf"\b(?:{pattern})\b", re.I): instead for pattern, instead in table["words"].items()}
    return words, frozenset(table["stored"]["names"])


def findings(path: Path) -> Iterator[Finding]:
    """Yield the findings in one Python or Markdown file."""
    words, _ = word_list()
    for line, text in _texts(path):
        for pattern, instead in words.items():
            for match in pattern.finditer(text):
                yield Finding(path, line + text.count("\n", 0, match.start()), match[0], instead)


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield 1, _blank(CODE, _blank(BLOCK, source))
        return
    _, stored = word_list()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and " " in token.string):
            yield token.start[0], _blank(CODE, token.string)
    for node in ast.walk(ast.parse(source)):
        for name in set(_names(node)) - stored:
            yield node.lineno, " ".join(PARTS.findall(name))  # type: ignore[attr-defined]


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            yield name
        case _:
            pass


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """Replace the matches by spaces; lines keep their numbers."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def tracked(*paths: str) -> list[Path]:
    """Return the tracked Python and Markdown files below the paths, or all of them."""
    listed = subprocess.run(["git", "ls-files", "--", *paths], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if name.endswith((".py", ".md")) and (ROOT / name).exists()]


if __name__ == "__main__":
    all_findings = [finding for path in tracked(*sys.argv[1:]) for finding in findings(path)]
    sys.stdout.writelines(f"{finding}\n" for finding in all_findings)
    sys.exit(bool(all_findings))
