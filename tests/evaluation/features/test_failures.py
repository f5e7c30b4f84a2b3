"""Files that are left out keep a reason without their name; `--strict` makes each an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm.data.sets.types import SetItem
from mm.errors import InvalidInput
from mm.evaluation.features.failures import describe_missing, leave_out, require_complete

ITEM = SetItem("images/a.jpg", Path("/set/images/a.jpg"), "g")


def test_leave_out_names_the_file_once() -> None:
    failed = leave_out(ITEM, InvalidInput("a.jpg: it ends early."), strict=False)
    assert (failed.id, failed.reason) == ("images/a.jpg", "it ends early.")
    with pytest.raises(InvalidInput, match=r"^images/a\.jpg: it ends early\. Without `--strict`"):
        leave_out(ITEM, InvalidInput("a.jpg: it ends early."), strict=True)


def test_require_complete_counts_items_without_a_file() -> None:
    require_complete([])
    with pytest.raises(InvalidInput, match=r"2 files of the annotations are missing: a, \.\.\."):
        require_complete(["a", "b"])


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        (["a"], "1 file of the annotations is missing: a."),
        (["a", "b"], "2 files of the annotations are missing: a, b."),
        (["a", "b", "c"], "3 files of the annotations are missing: a, b, ..."),
    ],
)
def test_describe_missing_names_the_first_files(missing: list[str], sentence: str) -> None:
    assert describe_missing(missing, 2).startswith(sentence)
