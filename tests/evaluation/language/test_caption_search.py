"""Search with captions as evidence: fused strengths, and recall that perfect captions raise."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from indexes.search.fusion import strengths_from_logits
from mm.cli.main import main
from mm.data.captioned_images import CaptionedImage
from mm.data.language.generated_captions import write_generated_captions
from mm.evaluation.language.caption_search import evaluate_search, score_strengths
from mm.generation.caption_ranking import GeneratedCaption
from mm.spaces import Space
from mm.spaces.calibration import Calibrator, ComponentCalibrator
from mm.spaces.query import build_query
from mm.spaces.space import Lazy

THINGS = ("dog", "boat", "horse", "bicycle", "train", "guitar", "piano", "kite")
ROWS = [CaptionedImage(Path(f"{name}.jpg"), (f"A {name} in the park .", f"There is a {name} .")) for name in THINGS]
CAPTION = ComponentCalibrator(
    component="text", kind="caption", calibrator=Calibrator(bias=-6.0, cosine=2.0, z_score=1.5, depictable=1.0)
)


@pytest.fixture(scope="module")
def captioned_space(space: Space) -> Space:
    """The shipped space with a calibrator of captions."""
    return with_calibrators(space, CAPTION)


def with_calibrators(space: Space, *of_captions: ComponentCalibrator) -> Space:
    """The space with these calibrators of captions instead of its own."""
    others = [entry for entry in space.calibration.calibrators if entry.kind != "caption"]
    calibration = space.calibration.model_copy(update={"calibrators": (*others, *of_captions)})
    return replace(space, loaders=replace(space.loaders, calibration=Lazy(lambda: calibration)))


def test_query_is_compared_with_captions_only_where_they_are_calibrated(space: Space, captioned_space: Space) -> None:
    without, with_captions = (build_query(each, text="a dog") for each in (with_calibrators(space), captioned_space))
    kinds = [query.kind for query in with_captions.evidence_queries]
    assert "caption" in kinds
    assert "caption" not in [query.kind for query in without.evidence_queries]


def test_score_strengths_equal_those_of_the_index_and_are_zero_without_evidence(captioned_space: Space) -> None:
    query = build_query(captioned_space, text="a dog")
    vectors = captioned_space.sentences.embed(["A dog.", "A boat."])
    vectors = np.concatenate([vectors, np.zeros((1, vectors.shape[1]), np.float32)])
    (caption_query,) = (entry for entry in query.evidence_queries if entry.kind == "caption")
    expected = strengths_from_logits(caption_query.logits(vectors))
    strengths = score_strengths(query, "caption", vectors)
    assert strengths[:2] == pytest.approx(expected[:2])
    assert strengths[0] > strengths[1] > strengths[2] == 0.0


def test_evaluate_search_with_right_captions_finds_what_images_do_not(captioned_space: Space) -> None:
    random = np.random.default_rng(0)
    images = random.normal(size=(len(ROWS), 384)).astype(np.float32)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    report = evaluate_search(captioned_space, ROWS, images, [f"A {name}." for name in THINGS], ["quarterly tax return"])
    value = {measure.name: measure.interval.value for measure in report.measures}
    assert value["captions as queries, captions: R@1"] == 1.0
    assert value["captions as queries, both: R@1"] > value["captions as queries, images: R@1"]
    assert (
        value["captions as queries, both: likely among the first 10"]
        >= value["captions as queries, images: likely among the first 10"]
    )
    assert value["unanswerable queries, both: nothing likely"] == 1.0
    worse = evaluate_search(captioned_space, ROWS, images, [""] * len(ROWS))
    for measure in worse.measures:
        if "both" in measure.name:
            assert measure.interval.value == value[measure.name.replace("both", "images")], "no caption changes nothing"


def test_eval_caption_search_reads_saved_captions(
    captioned_folder: Path, tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mm.cli.commands.eval.shipped_space", lambda: nullcontext((space, None)))
    file = tmp_path / "captions.json"
    texts = {"12.png": "A red wall.", "13.png": "A green wall."}
    write_generated_captions(file, {name: GeneratedCaption(text, -1.0) for name, text in texts.items()})
    arguments = ["eval", "caption-search", "--root", str(captioned_folder), "--captions", str(file), "--json"]
    arguments += ["--texts", "datasets"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["of"] == "4 images, 7 captions as queries"
    gated = CliRunner().invoke(main, [*arguments, "--threshold", "1"])
    assert gated.exit_code == 0, gated.output
    value = {measure["name"]: measure["value"] for measure in json.loads(gated.stdout)["measures"]}
    for name in value:
        if ", both" in name:
            assert value[name] == value[name.replace(", both", ", images")], "no caption is searched"
