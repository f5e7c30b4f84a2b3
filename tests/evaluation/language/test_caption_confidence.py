"""The evaluation of the confidence of captions, with vectors of texts in place of images."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from mm.cli.main import main
from mm.data.captioned_images import CaptionedImage
from mm.data.language.generated_captions import write_generated_captions
from mm.errors import InvalidInput
from mm.evaluation.language.caption_confidence import evaluate_confidence
from mm.generation.caption_ranking import GeneratedCaption
from mm.spaces import Space

THINGS = ("dog", "boat", "horse", "bicycle")
ROWS = [CaptionedImage(Path(f"{name}.jpg"), (f"A {name} in the park .", f"There is a {name} .")) for name in THINGS]
CAPTIONS = [GeneratedCaption(text, -0.5) for text in ("A dog.", "A boat.", "A boat.", "A dog.")]
"""The last two name an object that their image does not show."""


@pytest.fixture
def uncalibrated(space: Space) -> Space:
    """A space that compares a caption with an image as the text of a query.

    The calibrator of the trained weights is not for vectors of texts in place of images.
    """
    calibration = space.calibration.model_copy(update={"caption_confidence": None})
    return replace(space, loaders=replace(space.loaders, calibration=lambda: calibration))


def test_evaluate_confidence_counts_lost_and_kept_captions(uncalibrated: Space) -> None:
    images = uncalibrated.text.embed([f"A {name}." for name in THINGS])
    report = evaluate_confidence(uncalibrated, ROWS, images, CAPTIONS, (0.0, 0.5, 1.01))
    values = {measure.name: measure.interval.value for measure in report.measures}
    assert values == {
        "wrong captions": 0.5,
        "area under the ROC curve": 1.0,
        "from 0: right captions that are lost": 0.0,
        "from 0: wrong captions that are kept": 1.0,
        "from 0.5: right captions that are lost": 0.0,
        "from 0.5: wrong captions that are kept": 0.0,
        "from 1.01: right captions that are lost": 1.0,
        "from 1.01: wrong captions that are kept": 0.0,
    }


def test_evaluate_confidence_of_right_captions_only_is_refused(space: Space) -> None:
    with pytest.raises(InvalidInput, match="Of 2 captions 0 are wrong"):
        evaluate_confidence(space, ROWS[:2], space.text.embed(["A dog.", "A boat."]), CAPTIONS[:2], (0.5,))


def test_mm_eval_caption_confidence_prints_the_thresholds(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"image": row.path.name, "captions": row.captions, "split": "dev"} for row in ROWS]
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    captions = tmp_path / "dev.json"
    write_generated_captions(captions, {row.path.name: caption for row, caption in zip(ROWS, CAPTIONS, strict=True)})
    images = space.text.embed([f"A {name}." for name in THINGS])
    monkeypatch.setattr("mm.cli.commands.eval.shipped_space", lambda: nullcontext((space, None)))
    monkeypatch.setattr("mm.evaluation.near_duplicates.embed_images", lambda *_: images)
    result = CliRunner().invoke(
        main, ["eval", "caption-confidence", "--root", str(tmp_path), "--captions", str(captions), "--threshold", "0.9"]
    )
    assert result.exit_code == 0, result.output
    assert "| from 0.9: wrong captions that are kept | 0.0 | 0.0 to 0.0 |" in result.stdout
