"""The cache of graphs: complete files or none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mm.runtimes import ensure_graph


def test_ensure_graph_builds_once(tmp_path: Path) -> None:
    built = []

    def build() -> bytes:
        built.append(1)
        return b"graph"

    first, second = (ensure_graph(tmp_path / "graphs", "tower-1", build) for _ in range(2))
    assert first == second == tmp_path / "graphs" / "tower-1.onnx"
    assert first.read_bytes() == b"graph"
    assert len(built) == 1


def test_ensure_graph_another_key_builds_another_graph(tmp_path: Path) -> None:
    assert ensure_graph(tmp_path, "a", lambda: b"1").read_bytes() == b"1"
    assert ensure_graph(tmp_path, "b", lambda: b"2").read_bytes() == b"2"


def test_ensure_graph_failed_build_leaves_no_file(tmp_path: Path) -> None:
    def build() -> bytes:
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        ensure_graph(tmp_path, "tower", build)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_ensure_graph_interrupted_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(step, fail)
        with pytest.raises(OSError, match="No space left"):
            ensure_graph(tmp_path, "tower", lambda: b"graph")
    assert list(tmp_path.iterdir()) == []
    assert ensure_graph(tmp_path, "tower", lambda: b"graph").read_bytes() == b"graph"


def test_ensure_graph_ignores_temporary_files(tmp_path: Path) -> None:
    (tmp_path / ".tower.onnx.abc").write_bytes(b"gra")
    assert ensure_graph(tmp_path, "tower", lambda: b"graph").read_bytes() == b"graph"


def test_ensure_graph_concurrent_builds_end_with_one_complete_graph(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: ensure_graph(tmp_path, "tower", lambda: data), range(8)))
    assert {path.read_bytes() for path in paths} == {data}
    assert [path.name for path in tmp_path.iterdir()] == ["tower.onnx"]
