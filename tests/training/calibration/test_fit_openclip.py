"""The calibration of a larger space by the command, on generated images and with a random model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mm.cli.main import main
from mm.settings import Settings
from mm.spaces import load_space
from mm.spaces.query import build_query
from tests.openclip_models import write_model

SETS = Path(__file__).parents[3] / "datasets"


@pytest.mark.usefixtures("one_thread")
def test_train_calibrate_of_a_larger_space_writes_its_calibration(
    captioned_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("MM_HOME", str(home))
    monkeypatch.setenv("MM_THREADS", "1")
    name = f"openclip:local-dir:{write_model(tmp_path / 'plain', 'plain')}"
    command = ["train", "calibrate", "--space", name, "--data", str(captioned_folder), "--texts", str(SETS), "--json"]
    before = load_space(name, Settings(home=home, threads=1))
    assert before.notes
    answer = CliRunner().invoke(main, command)
    assert answer.exit_code == 0, answer.output
    path = Path(json.loads(answer.stdout)["calibration"])
    assert path == home / "spaces" / str(before.id) / "calibration.json"
    first = path.read_bytes()

    space = load_space(name, Settings(home=home, threads=1))
    assert space.id == before.id
    query = build_query(space, text="a red wall", picture=None)
    assert query.notes == ()
    assert 0 < query.floor < 1
    assert query.possible == min(space.calibration.prior, query.floor)
    assert {evidence_query.kind: len(evidence_query.weight) for evidence_query in query.evidence_queries} == {
        "picture": 24,
        "speech": 384,
        "sound": 384,
        "written": 384,
        "word": 512,
        "name": 384,
        "caption": 384,
    }
    assert space.bank.images.shape == (12, 24)
    assert "fitted" in space.card
    lite = load_space("lite", Settings(home=home, threads=1)).calibration
    assert space.calibration.find_calibrator("sound", "speech") == lite.find_calibrator("sound", "speech")
    assert {(entry.component, entry.kind) for entry in space.calibration.calibrators} == {
        (entry.component, entry.kind) for entry in lite.calibrators
    }

    assert CliRunner().invoke(main, command).exit_code == 0
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--space", "lite"], "openclip:MODEL/PRETRAINED"),
        (["--space", "openclip:a/b", "--weights", __file__], "cannot be combined with --spoken or --weights"),
        ([], "needs --spoken and --out"),
    ],
)
def test_train_calibrate_with_conflicting_options_exits_with_usage_error(
    captioned_folder: Path, more: list[str], message: str
) -> None:
    answer = CliRunner().invoke(main, ["train", "calibrate", "--data", str(captioned_folder), *more])
    assert answer.exit_code == 2
    assert message in " ".join(answer.output.split())
