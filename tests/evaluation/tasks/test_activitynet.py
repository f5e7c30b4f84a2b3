"""The tasks of ActivityNet, on features that are made, with known best spans and classes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mm.data.sets.types import EvaluationSet, Moment, SetItem
from mm.errors import InvalidInput
from mm.evaluation.features.types import Features
from mm.evaluation.linear_head import fit_linear_head
from mm.evaluation.runs.types import Outcome
from mm.evaluation.tasks import dense_captions
from mm.evaluation.tasks.registry import find_task
from mm.evaluation.tasks.scenes import inside, merge_neighbours, score_spans
from mm.evaluation.tasks.types import TaskInput

DIM = 16
WORDS = ("circle", "square", "ring", "cross", "star")
CLASSES = ("Archery", "Surfing", "Ironing clothes")


def vector(word: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The unit vector of a word that a text contains; another direction for all other texts."""
    row = np.zeros(DIM, np.float32)
    row[
        next((index for index, known in enumerate((*WORDS, "archery", "surfing", "ironing")) if known in word.lower()), DIM - 1)
    ] = 1
    return row


class FakeText:
    def embed(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.stack([vector(text) for text in texts])


class FakeTower:
    """Begins a scene with each frame whose vector differs from the one before."""

    config = SimpleNamespace(scene_threshold=0.5, min_gap=0.5)

    def predict_boundaries(self, frames: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
        changed = np.append(False, (np.abs(np.diff(frames.vectors_LD, axis=0)).sum(1) > 0.1))
        return np.stack([changed, changed], axis=1).astype(np.float32)

    def compute_states(self, frames: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.asarray(frames.vectors_LD)


def video(name: str, shown: Sequence[str], label: str = "", seconds: float = 4.0) -> tuple[SetItem, Features]:
    """A video that shows a word for `seconds` each, with a sentence about each word."""
    duration = seconds * len(shown)
    edges = np.arange(len(shown)) * seconds
    spans = np.stack([edges, edges + seconds], axis=1)
    rows = np.stack([vector(word) for word in shown])
    times = np.arange(0.0, duration, 1.0)
    frames = rows[(times // seconds).astype(int)]
    sentences = tuple(
        Moment(start, end, text=f"A {word}.") for (start, end), word in zip(spans.tolist(), shown, strict=True) if word in WORDS
    )
    activity = tuple(Moment(*spans[index].tolist(), label=label) for index, word in enumerate(shown) if word not in WORDS)
    item = SetItem(
        name, Path(f"/set/{name}.mp4"), name, texts=(" ".join(moment.text for moment in sentences),),
        labels=(label,) if label else (), moments=(*activity, *sentences), duration=duration,
    )  # fmt: skip
    motions = np.zeros((len(times), 4), np.float32)
    return item, Features(duration, {"picture": rows}, {"picture": spans}, {}, times, frames, motions)


def build_input(*videos: tuple[SetItem, Features], **changes: Any) -> TaskInput:
    items = tuple(item for item, _ in videos)
    missing = SetItem("v_missing", None, "v_missing", moments=(Moment(0, 1, text="A circle."),))
    unreadable = replace(items[0], id="v_unreadable")
    space: Any = SimpleNamespace(id="fake@1", text=FakeText(), temporal=FakeTower(), has_image_maps=True)
    data = EvaluationSet("activitynet", "validation", (*items, missing, unreadable), CLASSES, is_simulated=True)
    settings: Any = SimpleNamespace()
    return replace(
        TaskInput(data, Path("/set"), {item.id: features for item, features in videos}, (), space, settings), **changes
    )


def values(outcome: Outcome) -> dict[str, float]:
    return {measure.name: measure.value for measure in outcome.measures}


@pytest.fixture(autouse=True)
def small_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mm.models.temporal.frames.NUM_MOTIONS", 4)
    monkeypatch.setattr(sys.modules["mm.metrics.bootstrap"], "NUM_SAMPLES", 20)


VIDEOS = (
    video("v_a", ("circle", "square", "archery", "ring"), "Archery"),
    video("v_b", ("cross", "surfing", "star"), "Surfing"),
)


def test_moments_finds_scenes_and_states_baselines_missing_and_simulated_files() -> None:
    outcome = find_task("moments").measure(build_input(*VIDEOS))
    assert len(outcome.items) == 5  # the missing and the unreadable video have none
    assert values(outcome)["R@1, IoU 0.7"] == 1
    assert values(outcome)["prior: R@1, IoU 0.7"] < 1
    assert values(outcome)["whole video: R@1, IoU 0.5"] == 0
    assert outcome.items[0].answer == "0.0 to 4.0 s"
    notes = " ".join(outcome.notes)
    assert "simulated" in notes
    assert "1 of 4 files are missing" in notes
    assert [row.stratum for row in outcome.breakdowns[0].rows] == ["20 to 50 %"]


@pytest.mark.parametrize("spans", ["segments", "merged"])
def test_moments_takes_other_spans_and_refuses_unknown_ones(spans: str) -> None:
    assert values(find_task("moments").measure(build_input(*VIDEOS, options={"spans": spans})))["R@5, IoU 0.5"] == 1
    with pytest.raises(InvalidInput, match="The option spans is one of"):
        find_task("moments").measure(build_input(*VIDEOS, options={"spans": "windows"}))


@pytest.mark.parametrize("pool", ["sentences", "scenes", "mean"])
def test_paragraphs_ranks_the_own_video_first(pool: str) -> None:
    outcome = find_task("paragraphs").measure(build_input(*VIDEOS, options={"pool": pool}))
    if pool == "sentences":
        assert values(outcome)["paragraph to video, R@1"] == 1
        assert values(outcome)["video to paragraph, R@1"] == 1
    assert len({item.id for item in outcome.items}) == 4


def test_recognition_by_name_counts_ranks_and_mean_average_precision() -> None:
    outcome = find_task("recognition").measure(build_input(*VIDEOS))
    assert values(outcome) == {"top-1": 1, "top-5": 1, "mAP": 1, "calibration error": pytest.approx(0.0, abs=0.01)}
    assert outcome.breakdowns[0].rows[0].stratum == "Archery"
    assert "most frequent class is right on 50.0%" in outcome.notes[0]


def test_trained_recognition_fits_a_head_on_train() -> None:
    train = [
        video(f"t_{label}{n}", ("circle", word, word), label)
        for label, word in (("Archery", "star"), ("Surfing", "ring"))
        for n in range(4)
    ]
    tested = [video("v_1", ("circle", "star"), "Archery"), video("v_2", ("circle", "ring"), "Surfing")]
    given = build_input(*tested)
    features = {item.id: of_item for item, of_item in (*train, *tested)}
    given = replace(
        given, features=features, train=EvaluationSet("activitynet", "train", tuple(item for item, _ in train), CLASSES)
    )
    outcome = find_task("trained-recognition").measure(given)
    assert values(outcome)["top-1"] == 1
    with pytest.raises(InvalidInput, match="needs the split train"):
        find_task("trained-recognition").measure(replace(given, train=None))


def test_detection_finds_the_segment_and_the_baseline_does_not() -> None:
    outcome = find_task("detection").measure(build_input(*VIDEOS))
    assert values(outcome)["mAP, IoU 0.5:0.95"] == 1
    assert values(outcome)["whole video: mAP, IoU 0.75"] == 0
    assert values(outcome)["AR@100, IoU 0.5:0.95"] == 1
    assert 0.9 < values(outcome)["area under AR@1 to AR@100"] <= 0.99
    assert outcome.curves[0].x[-1] == 100


@pytest.mark.parametrize("task", ["moments", "paragraphs", "recognition", "detection", "dense-captions"])
def test_tasks_refuse_a_set_without_their_annotations_and_unknown_options(task: str) -> None:
    item, features = VIDEOS[0]
    bare = build_input((replace(item, texts=(), labels=(), moments=()), features))
    with pytest.raises(InvalidInput):
        find_task(task).measure(replace(bare, data=replace(bare.data, items=bare.data.items[:1])))
    with pytest.raises(InvalidInput, match="has no option depth"):
        find_task(task).measure(build_input(*VIDEOS, options={"depth": "3"}))


def test_dense_captions_scores_right_sentences_above_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def open_writer(given: TaskInput) -> Iterator[Any]:
        def write(item: SetItem, times: Sequence[float]) -> list[str]:
            if item.id == "v_c":
                raise InvalidInput("the file is damaged")
            sentences = [moment for moment in item.moments if moment.text]
            return [next((each.text for each in sentences if each.start <= time < each.end), "") for time in times]

        yield SimpleNamespace(write=write)

    monkeypatch.setattr(dense_captions, "open_scene_writer", open_writer)
    damaged = video("v_c", ("circle", "star"))
    outcome = find_task("dense-captions").measure(build_input(*VIDEOS, damaged))
    assert values(outcome)["SODA_c with CIDEr-D"] > 3 * values(outcome)["next video: SODA_c with CIDEr-D"] > -1
    assert values(outcome)["CIDEr-D at tIoU 0.9"] > 0
    assert [(failed.id, failed.reason) for failed in outcome.failed] == [("v_c", "the file is damaged")]
    assert any("METEOR is absent" in note for note in outcome.notes)


def test_spans_are_merged_and_scored_by_their_best_segment() -> None:
    spans = np.array([[0.0, 2.0], [2.0, 3.0], [3.0, 6.0]])
    assert merge_neighbours(spans, 3).tolist() == [*spans.tolist(), [0.0, 3.0], [2.0, 6.0], [0.0, 6.0]]
    segments = np.array([[0.0, 2.0], [2.0, 6.0]])
    assert inside(spans, segments).tolist() == [[True, False], [True, False], [False, True]]
    assert score_spans(spans, segments, np.array([[0.25, 0.5]], np.float32)).tolist() == [[0.25, 0.25, 0.5]]


def test_linear_head_separates_classes_and_needs_two() -> None:
    random = np.random.default_rng(0)
    classes = [number % 2 for number in range(40)]
    rows = random.normal(size=(40, 60)) + 3.0 * np.array(classes)[:, None]
    head = fit_linear_head(rows, classes, [str(number // 4) for number in range(40)])
    assert (head.score(rows).argmax(1) == classes).all()
    with pytest.raises(InvalidInput):
        fit_linear_head(rows, [0] * 40, ["a"] * 40)
