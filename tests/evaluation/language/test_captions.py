"""Evaluation of captions, with a captioner that names colours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner

from mm.cli.main import main
from mm.data.language.generated_captions import read_generated_captions
from mm.generation import builtin_captioner
from mm.generation.caption_ranking import GeneratedCaption
from mm.generation.captioner import BEAM_WIDTH, ImageLike
from mm.settings import Settings
from mm.spaces import Space


class ColourCaptioner:
    """The caption of an image is that of the number in its order."""

    def __init__(self, settings: Settings, weights: Path, width: int, ranking: object) -> None:
        self._words = ("red", "green", "blue", "yellow") if width > 1 else ("grey",) * 4

    def caption(self, images: Iterable[ImageLike]) -> Iterator[tuple[int, GeneratedCaption]]:
        texts = [f"A {self._words[number]} wall with stripes." for number, _ in enumerate(images)]
        yield from reversed([(number, GeneratedCaption(text, -number / 2)) for number, text in enumerate(texts)])


def test_eval_captions_reports_each_width_and_the_baselines(
    captioned_folder: Path, tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mm.cli.commands.eval.shipped_space", lambda: nullcontext((space, None)))
    monkeypatch.setattr(builtin_captioner, "load_captioner", ColourCaptioner)
    monkeypatch.setattr(builtin_captioner, "describe_without_image", lambda _: "I cannot see an image.")
    saved = tmp_path / "captions.json"
    arguments = ["eval", "captions", "--root", str(captioned_folder), "--save", str(saved), "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    reports = json.loads(result.stdout)
    value = [{measure["name"]: measure["value"] for measure in report["measures"]} for report in reports]
    assert [report["of"].partition("captions by ")[2] for report in reports] == [
        f"beam search of width {BEAM_WIDTH}, ranked, int4",
        "beam search of width 3, int4",
        "greedy decoding, int4",
        "nearest training image",
        "the base model without image",
    ]
    assert value[0]["BLEU-4"] == value[1]["BLEU-4"] > value[2]["BLEU-4"] > value[4]["BLEU-4"]
    assert value[0]["CIDEr-D"] > value[4]["CIDEr-D"]
    assert read_generated_captions(saved)["13.png"] == GeneratedCaption("A green wall with stripes.", -0.5)


def test_eval_captions_of_some_images_without_baselines_prints_tables(
    captioned_folder: Path, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mm.cli.commands.eval.shipped_space", lambda: nullcontext((space, None)))
    monkeypatch.setattr(builtin_captioner, "load_captioner", ColourCaptioner)
    arguments = ["eval", "captions", "--root", str(captioned_folder), "--images", "2", "--beam", "2", "--no-baselines"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "2 images of dev, captions by beam search of width 2, int4" in result.stdout
    assert "| CIDEr-D |" in result.stdout
