"""Published numbers of data sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mm.data.sets.catalog import DATASETS, TASKS, Described, describe_set
from mm.data.sets.published import read_published
from mm.errors import InvalidInput

SETS = sorted(path.parent.name for path in DATASETS.glob("*/published.toml"))
ROW = """
[[numbers]]
task = "retrieval"
model = "m"
measure = "R@1"
value = 50.0
split = "test"
source = "s"
is_comparable = true
why = "w"
"""


@pytest.fixture
def described(tmp_path: Path) -> Described:
    return replace(describe_set("flickr30k"), folder=tmp_path)


@pytest.mark.parametrize("name", SETS)
def test_published_numbers_of_each_set_have_all_fields(name: str) -> None:
    described = describe_set(name)
    rows = [row for task in TASKS for row in read_published(described, task)]
    assert rows
    assert len({(row.task, row.model, row.measure) for row in rows}) == len(rows)
    for row in rows:
        assert row.split in described.splits
        assert row.why.endswith(".")
        assert isinstance(row.is_comparable, bool)
        assert 0 < row.value <= 100
    assert (described.folder / "published.toml").read_text().count("[[numbers]]") == len(rows)  # each has a known task


def test_published_numbers_exist_for_the_sets_that_others_quote() -> None:
    assert {"activitynet", "esc50", "flickr30k", "mvtec_ad", "visa"} <= set(SETS)


def test_read_published_returns_the_numbers_of_a_task_and_none_without_a_file(described: Described) -> None:
    assert read_published(described, "retrieval") == []
    (described.folder / "published.toml").write_text(ROW + ROW.replace("retrieval", "captions"))
    assert [(row.task, row.value, row.unit) for row in read_published(described, "retrieval")] == [("retrieval", 50.0, "%")]


@pytest.mark.parametrize(
    ("text", "message"),
    [("[", "not a list"), ("", "numbers"), (ROW.replace('why = "w"', ""), "why"), (ROW.replace('"s"', '""'), "empty")],
    ids=["no TOML", "no numbers", "no reason", "no source"],
)
def test_read_published_of_a_faulty_file_raises_invalid_input(described: Described, text: str, message: str) -> None:
    (described.folder / "published.toml").write_text(text)
    with pytest.raises(InvalidInput, match=message):
        read_published(described, "retrieval")
