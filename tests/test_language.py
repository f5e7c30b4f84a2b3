"""The code and the docs use the terms of `tests/words.toml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import language

WORD = "film"


def findings_in(tmp_path: Path, name: str, text: str) -> list[tuple[int, str]]:
    path = tmp_path / name
    path.write_text(text)
    return [(finding.line, finding.word) for finding in language.findings(path)]


def test_code_and_docs_use_no_listed_word() -> None:
    findings = [str(finding) for path in language.tracked() for finding in language.findings(path)]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize(
    "text",
    [
        f'x = 1\n\n\ndef f():\n    """A {WORD}.\n    """\n',
        f"x = 1\n# A {WORD}\n",
        f"x = 1\n{WORD}_path = 2\n",
        f"class {WORD.title()}Reader: ...\n",
        f"def f({WORD}): ...\n",
        f'message = f"The {WORD} {{x}} is long."\n',
    ],
)
def test_checker_with_a_listed_word_in_code_reports_it(tmp_path: Path, text: str) -> None:
    assert [word.lower() for _, word in findings_in(tmp_path, "module.py", text)] == [WORD]


@pytest.mark.parametrize(
    "text", [f'"""`{WORD}` is a key."""\n', f'key = "{WORD}"\n', f'x = f"of {{{WORD}}} bytes"\n', f"{WORD}strip = 1\n"]
)
def test_checker_with_a_listed_word_as_a_value_reports_nothing(tmp_path: Path, text: str) -> None:
    assert findings_in(tmp_path, "module.py", text) == []


def test_checker_of_markdown_reports_prose_and_skips_code(tmp_path: Path) -> None:
    text = f"# A {WORD}\n\n    mm add {WORD}.mp4\n\nSee `{WORD}`, [it]({WORD}.md) and `--{WORD}`.\n\n- a list\n    of {WORD}s\n"
    assert findings_in(tmp_path, "page.md", text) == [(1, WORD), (8, f"{WORD}s")]
