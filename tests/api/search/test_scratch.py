"""Scratch folders: one per serving process, deleted at its end or by the next process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from api.search.scratch import scratch_folder

ROOT = Path(__file__).parents[3]


def test_scratch_folder_is_deleted_at_end_and_others_are_kept(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as first:
        (first / "picture").write_bytes(b"of a question")
        with scratch_folder(tmp_path) as second:
            assert first != second
            assert (first / "picture").exists(), "another process that serves the library is using it"
        assert not second.exists()
        assert first.exists()
    assert list((tmp_path / "cache" / "questions").iterdir()) == list((tmp_path / "locks").iterdir()) == []


def test_scratch_folder_deletes_folder_of_killed_process(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from api.search.scratch import scratch_folder\n"
        "with scratch_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'clip').write_bytes(b'x'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    above = tmp_path / "cache" / "questions"
    (above / "of an earlier version").write_bytes(b"x")
    assert len(list(above.glob("*/clip"))) == 1
    with scratch_folder(tmp_path) as folder:
        assert list(above.iterdir()) == [folder]
