"""Atomic writes, hashes and JSON lines of `mm.files`."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.files import hash_file, open_atomic, open_new, read_json_lines, write_atomic

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


@pytest.mark.parametrize("step", ["write", "os.fsync", "pathlib.Path.replace"])
def test_write_atomic_failure_at_any_step_keeps_old_file_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def write_new() -> None:
        with open_atomic(path) as file:
            file.write(b"new")
            if step == "write":
                fail()

    path = tmp_path / "folder" / "file"
    write_atomic(path, b"old")
    with monkeypatch.context() as patch:
        if step != "write":
            patch.setattr(step, fail)
        with pytest.raises(OSError, match="No space left"):
            write_new()
    assert [(entry.name, entry.read_bytes()) for entry in path.parent.iterdir()] == [("file", b"old")]


def test_write_atomic_flushes_before_rename_unless_not_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append((tmp_path / "file").exists()))
    write_atomic(tmp_path / "file", b"1")
    assert flushed == [False]
    write_atomic(tmp_path / "file", b"2", durable=False)
    assert flushed == [False]
    assert (tmp_path / "file").read_bytes() == b"2"


def test_open_new_is_private_and_refuses_existing_file(tmp_path: Path) -> None:
    with open_new(tmp_path / "file") as file:
        file.write(b"1")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError), open_new(tmp_path / "file"):
        pass
    assert (tmp_path / "file").read_bytes() == b"1"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=2000), digits=st.integers(1, 64))
def test_hash_file_equals_sha256_prefix(tmp_path: Path, data: bytes, digits: int) -> None:
    (tmp_path / "file").write_bytes(data)
    assert hash_file(tmp_path / "file", digits) == hashlib.sha256(data).hexdigest()[:digits]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
            max_size=3,
        ),
        max_size=5,
    )
)
def test_read_json_lines_returns_objects_and_skips_empty_lines(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    lines = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "rows.jsonl").write_text(lines, encoding="utf-8")
    assert read_json_lines(tmp_path / "rows.jsonl") == rows


@pytest.mark.parametrize("line", ["[1]", "{", "1"])
def test_read_json_lines_names_line_of_invalid_row(tmp_path: Path, line: str) -> None:
    (tmp_path / "rows.jsonl").write_text(f'{{"a": 1}}\n{line}\n')
    with pytest.raises(InvalidInput, match=r"rows\.jsonl, line 2"):
        read_json_lines(tmp_path / "rows.jsonl")


def test_read_json_lines_of_missing_file_raises_invalid_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_json_lines(tmp_path / "rows.jsonl")
