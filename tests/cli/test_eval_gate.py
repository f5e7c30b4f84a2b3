"""Exit codes of `mm eval SET` with requirements on its measures."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from mm.cli.main import main
from mm.evaluation.runs.store import RunStore
from tests.graphs import with_graphs

NUM_PHOTOS = 12


def write_folder(folder: Path) -> None:
    """Photos of noise, whose captions do not describe them."""
    (folder / "images").mkdir(parents=True)
    generator = np.random.default_rng(0)
    with (folder / "captions.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "caption"])
        for number in range(NUM_PHOTOS):
            Image.fromarray(generator.integers(0, 255, (32, 32, 3), np.uint8)).save(folder / "images" / f"{number}.png")
            rows.writerow([f"images/{number}.png", f"wall {number}"])


def test_eval_exits_with_3_for_a_measure_below_its_bound_or_worse_than_in_a_run(
    tmp_path: Path, graphs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = with_graphs(tmp_path / "home", graphs)
    monkeypatch.setenv("MM_HOME", str(home))
    write_folder(tmp_path / "photos")

    def run(*arguments: str, code: int) -> str:
        result = CliRunner().invoke(main, ["eval", "folder", "--root", str(tmp_path / "photos"), *arguments])
        assert result.exit_code == code, result.output
        return result.stderr

    assert "R@1 is " in run("--name", "first", "--fail-below", "text to image, R@1=100", code=3)
    run("--name", "equal", "--fail-below", "text to image, R@1=0", "--fail-worse-than", "first", code=0)
    store = RunStore(home)
    outcome = store.get("first").outcome
    items = [item.model_copy(update={"values": dict.fromkeys(item.values, 1.0)}) for item in outcome.items]
    measures = [measure.model_copy(update={"value": 1.0}) for measure in outcome.measures]
    ideal = outcome.model_copy(update={"items": items, "measures": measures})
    store.add(store.get("first").model_copy(update={"id": "ideal", "outcome": ideal}))
    worse = run("--name", "worse", "--fail-worse-than", "ideal", code=3)
    assert "text to image, R@1 is " in worse
    assert "significantly worse than 100.00 in ideal" in worse
    assert store.get("worse").outcome.measures == outcome.measures, "a run that fails a requirement is kept"
    assert "no run 'other'" in run("--fail-worse-than", "other", code=1).lower()
