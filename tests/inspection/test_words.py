"""Filters of results that words describe."""

from __future__ import annotations

import pytest

from mm.inspection.words import read_filter

KINDS = ["scratch", "pin-hole", "missing: C3"]


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("parts with a scratch longer than 0.3 mm", {"kind": "scratch", "min_length_mm": 0.3}),
        ("Show me all parts with scratches over 300 µm.", {"kind": "scratch", "min_length_mm": 0.3}),
        ("boards with a pin-hole smaller than 0,05 millimetres", {"kind": "pin-hole", "max_length_mm": 0.05}),
        ("parts with a scratch wider than .1 mm", {"kind": "scratch", "min_width_mm": 0.1}),
        ("parts with a defect longer than 1 cm", {"min_length_mm": 10.0}),
        ("parts with a defect", {"verdict": "fail"}),
        ("failed parts", {"verdict": "fail"}),
        ("parts that were rejected", {"verdict": "fail"}),
        ("undecided parts with a scratch", {"verdict": "undecided", "kind": "scratch"}),
        ("parts that pass", {"verdict": "pass"}),
    ],
)
def test_read_filter_returns_verdict_kind_and_size(text: str, conditions: dict[str, object]) -> None:
    read = read_filter(text, KINDS)
    assert read is not None
    assert read.filter.model_dump(exclude_none=True) == conditions
    assert read.unknown_kind is None


def test_read_filter_names_an_unknown_kind_and_keeps_the_size() -> None:
    read = read_filter("parts with a dent longer than 2 mm", KINDS)
    assert read is not None
    assert (read.unknown_kind, read.filter.model_dump(exclude_none=True)) == ("dent", {"min_length_mm": 2.0})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "parts",
        "parts of a car",
        "parts with a dent",
        "a fish longer than 30 cm",
        "videos longer than 5 minutes",
        "the best parts of the video with a scratch longer than 2 mm and a dog",
        "parts with a scratch longer than 3",
    ],
)
def test_read_filter_leaves_other_texts_to_the_search(text: str) -> None:
    assert read_filter(text, KINDS) is None
