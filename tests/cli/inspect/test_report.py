"""`mm inspect report`: the file of a run, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.inspect.parts import inspect

pytestmark = pytest.mark.xdist_group("inspect-commands")


@pytest.fixture
def run(folder: Path) -> str:
    return str(json.loads(inspect("run", "disc", "new", "--json").stdout)["run"])


def test_report_is_written_beside_the_run_or_to_a_file(folder: Path, run: str) -> None:
    written = inspect("report", run)
    assert written.stdout.strip() == str(folder / "home" / "inspections" / run / "report.html")
    (folder / "pod.json").write_text(json.dumps({"rows": [{"kind": "pit", "a90": 0.1}]}))
    (folder / "pod.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    result = inspect("report", run, "-o", "out/report.html", "--examples", "1", "--pod", "pod.json", "--pod", "pod.svg")
    assert result.exit_code == 0, result.output
    html = (folder / "out" / "report.html").read_text()
    assert html.count("<figure>") == 1
    assert "<td>pit</td><td>0.1</td>" in html


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["none"], "There is no run none"), (["RUN", "--pod", "new/fine.png"], "neither the JSON nor the SVG file")],
)
def test_report_bad_input_is_refused_in_one_sentence(run: str, arguments: list[str], message: str) -> None:
    result = inspect("report", *(run if argument == "RUN" else argument for argument in arguments))
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
