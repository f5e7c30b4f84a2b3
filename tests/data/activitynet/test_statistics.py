"""Statistics of annotations: spans, priors, proposals and words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mm.cli.main import main
from mm.data.activitynet.layout import read
from mm.data.activitynet.statistics import choose_prior, measure_spans, measure_words, relative_spans, uniform_proposals
from mm.errors import InvalidInput
from tests.data.activitynet.folders import write_annotations


def test_uniform_proposals_halve_the_window_and_overlap_by_half() -> None:
    assert uniform_proposals(5).tolist() == [[0, 1], [0, 0.5], [0.25, 0.75], [0.5, 1], [0, 0.25]]


def test_choose_prior_takes_the_spans_that_reach_the_most() -> None:
    spans = np.array([[0.0, 0.5]] * 5 + [[0.6, 1.0]] * 3)
    prior = choose_prior(spans, 2, 0.95)
    assert prior.tolist() == [[0.0, 0.5], [0.6, 1.0]]
    with pytest.raises(InvalidInput):
        choose_prior(np.zeros((0, 2)))


def test_measure_spans_and_words_count_what_the_files_say(tmp_path: Path) -> None:
    write_annotations(tmp_path)
    train, data = read(tmp_path, "train"), read(tmp_path, "validation")
    statistics = measure_spans(data, "label", np.array([[0.0, 1.0]]))
    assert (statistics.num_videos, statistics.num_spans) == (2, 2)
    assert statistics.share_whole == 0.5
    assert statistics.recalls["prior, R@1, IoU 0.7"] == 0.5
    assert relative_spans(data, "text").tolist() == [[0, 0.425], [0.4, 1], [0.2, 0.8]]
    words = measure_words(data, train)
    assert words.num_sentences == 3
    assert words.share_outside_train == 1
    with pytest.raises(InvalidInput):
        measure_spans(read(tmp_path, "test"), "text", np.array([[0.0, 1.0]]))


def test_mm_data_statistics_prints_both_kinds_of_spans(tmp_path: Path) -> None:
    write_annotations(tmp_path)
    arguments = ["data", "statistics", "activitynet", "--root", str(tmp_path)]
    printed = CliRunner().invoke(main, arguments)
    assert printed.exit_code == 0
    assert "| videos | 2 | 2 |" in printed.output
    record = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).output)
    assert record["spans"]["sentences"]["num_spans"] == 3
