"""Reports of sandbox layers, and their description in sentences."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.media import MediaReader
from mm.media.sandbox.layers import LAYERS, Sandbox
from mm.media.sandbox.report import LayerReport, describe_reports

BASE = ("limits", "no new privileges", "no capabilities")


def test_report_from_reader_holds_the_layers_of_its_children() -> None:
    with MediaReader(sandbox=Sandbox("limits", layers=BASE)) as reader:
        report = LayerReport.from_reader(reader)
    assert report.layers == BASE
    assert report.missing == dict.fromkeys(("no network", "Landlock", "seccomp"), "it was not requested")
    assert LayerReport.from_json(report.to_json()) == report


def test_report_from_reader_below_the_minimum_holds_the_reason() -> None:
    with MediaReader(sandbox=Sandbox("both", layers=BASE)) as reader:
        report = LayerReport.from_reader(reader)
    assert not report.layers
    assert "MM_SANDBOX_MINIMUM=both" in report.error


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"layers": 1, "missing": {}, "error": ""}', '{"layers": [], "missing": 3}']
)
def test_report_from_invalid_json_has_an_error(text: str) -> None:
    assert LayerReport.from_json(text).error == "its report cannot be read"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_report_from_any_json_never_raises(value: object) -> None:
    report = LayerReport.from_json(json.dumps(value))
    assert report.error or set(report.missing) | set(report.layers) or report == LayerReport()


def test_describe_reports_lists_common_layers_and_each_difference() -> None:
    full = LayerReport(LAYERS)
    weak = LayerReport(tuple(layer for layer in LAYERS if layer != "no network"), {"no network": "Operation not permitted"})
    broken = LayerReport(error="The decoding child does not start")
    assert describe_reports({"a:1": full}) == f"1 worker decodes with the layers {', '.join(LAYERS)}."
    text = describe_reports({"a:1": full, "b:2": weak, "c:3": broken})
    assert "2 workers decode with the layers limits, no new privileges, no capabilities, Landlock, seccomp." in text
    assert 'The layer "no network" is missing in 1 of 2 (b:2: Operation not permitted).' in text
    assert "c:3 cannot decode: The decoding child does not start." in text
