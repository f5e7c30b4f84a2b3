"""Groups of experts and the effect of preferences, with a small random model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.evaluation.language.expert_preferences import divide_documents, evaluate_preferences, measure_groups
from mm.evaluation.language.routing import draw_documents
from tests.evaluation.language.test_routing import CONFIG, NUM_IMAGES, TOKENIZER, data, make_model  # noqa: F401

GROUPS = ("caption", "colour", "count", "evidence", "what", "yes_no")


def ignore(_: str) -> None:
    """No progress."""


def test_measure_groups_counts_the_real_experts_of_each_task(data: Path) -> None:  # noqa: F811
    documents = list(draw_documents(TOKENIZER, data, "dev", NUM_IMAGES))
    groups = measure_groups(make_model(), documents, "digest", ignore)
    assert set(groups.names) == {document.group for document in documents} <= set(GROUPS)
    for shares in groups.shares_ME.values():
        assert shares.shape == (CONFIG.num_moe_layers, CONFIG.num_experts)
        np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)


def test_evaluate_preferences_raises_and_lowers_the_use_of_the_experts_of_a_group(data: Path) -> None:  # noqa: F811
    documents = list(draw_documents(TOKENIZER, data, "dev", NUM_IMAGES))
    measured, held_out = divide_documents(documents, 1)
    assert len(measured) + len(held_out) == len(documents)
    groups = measure_groups(make_model(), measured, "digest", ignore)
    report = evaluate_preferences(make_model(), groups, held_out, ignore)
    assert [row.preference for row in report.rows] == [sign for name in groups.names for sign in ("", name, f"-{name}")]
    none, preferred, avoided = (np.array([row.use for row in report.rows[first::3]]) for first in range(3))
    assert preferred.sum() >= none.sum() >= avoided.sum()
    assert preferred.sum() > avoided.sum()
    assert all(np.isfinite([row.group_loss, row.other_loss]).all() for row in report.rows)
    assert len({line.count("|") for line in report.lines()}) == 1


def test_divide_documents_without_one_left_for_the_groups_is_refused(data: Path) -> None:  # noqa: F811
    documents = list(draw_documents(TOKENIZER, data, "dev", 2))
    with pytest.raises(InvalidInput, match="more than 2 are needed"):
        divide_documents(documents, 2)
