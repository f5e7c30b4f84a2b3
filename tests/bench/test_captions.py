"""`mm bench captions` with a captioner that needs no time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mm.bench.language import captions
from mm.cli.main import main
from mm.generation.builtin_captioner import MAX_NUM_PROMPTS
from mm.generation.caption_ranking import GeneratedCaption
from mm.generation.captioner import BEAM_WIDTH, ImageLike


class StubCaptioner:
    def __init__(self, *_: object, is_over_trees: bool) -> None: ...

    def caption(self, images: Iterable[ImageLike]) -> Iterator[tuple[int, GeneratedCaption]]:
        for number, _ in enumerate(images):
            yield number, GeneratedCaption("" if number == 1 else "A photo.", -1.0)


def test_bench_captions_counts_the_photos_that_were_captioned(
    tmp_path: Path, graphs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captions, "load_captioner", StubCaptioner)
    monkeypatch.setenv("MM_HOME", str(tmp_path))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "graphs").symlink_to(graphs)
    weights = tmp_path / "additions.safetensors"
    weights.write_bytes(b"not read")
    arguments = ["bench", "captions", "--photos", "3", "--alone", "2", "--beam", "2", "--weights", str(weights)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    *_, alone_ranked, queued_ranked, alone_blocks, queued_blocks, alone, queued = result.stdout.splitlines()
    assert alone_ranked.startswith(f"| beam {BEAM_WIDTH} ranked, one at a time | 2 of 2 |")
    assert queued_ranked.startswith(f"| beam {BEAM_WIDTH} ranked, {MAX_NUM_PROMPTS} at once | 2 of 3 |")
    assert alone_blocks.startswith(f"| beam {BEAM_WIDTH} ranked in blocks, one at a time | 2 of 2 |")
    assert queued_blocks.startswith(f"| beam {BEAM_WIDTH} ranked in blocks, {MAX_NUM_PROMPTS} at once | 2 of 3 |")
    assert alone.startswith("| beam 2, one at a time | 2 of 2 |")
    assert queued.startswith(f"| beam 2, {MAX_NUM_PROMPTS} at once | 2 of 3 |")


def test_bench_captions_without_weights_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("mm.models.language.checkpoint.file.SHIPPED", tmp_path / "none")
    result = CliRunner().invoke(main, ["bench", "captions"])
    assert result.exit_code == 1
    assert "not installed" in result.output
