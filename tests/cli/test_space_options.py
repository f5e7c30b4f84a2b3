"""`mm space options` and the check of larger spaces in `mm doctor`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest

from mm.cli.diagnosis.larger_space import check_larger_space
from mm.cli.format import format_seconds_range
from mm.cli.space_options import confirm_download
from mm.machine import Machine
from mm.schemas import SpaceOptions
from mm.settings import Settings
from tests.client import documents

if TYPE_CHECKING:
    from tests.service_process import Shell

pytestmark = pytest.mark.xdist_group("served")


def test_options_are_listed_with_recall_and_source(shell: Shell) -> None:
    result = shell("space", "options")
    assert result.exit_code == 0, result.stderr
    assert "openclip:ViT-B-32/laion2b_s34b_b79k\t66.8\t39.3\t605.1 MB" in result.stdout
    assert "openclip_retrieval_results.csv" in result.stderr
    assert "not calibrated" in result.stderr
    listed = json.loads(shell("space", "options", "--json").stdout)
    assert listed["current"] == "lite"


def test_download_of_another_space_is_refused_with_the_known_names(shell: Shell) -> None:
    result = shell("space", "move", "openclip:a/b", "--download", "--yes")
    assert result.exit_code == 1
    assert "openclip:ViT-B-32/laion2b_s34b_b79k" in result.stderr


def test_download_is_only_confirmed_for_missing_files(monkeypatch: pytest.MonkeyPatch) -> None:
    questions: list[str] = []
    monkeypatch.setattr(click, "confirm", lambda text, **options: questions.append(text))
    found = SpaceOptions.model_validate(documents.SPACE_OPTIONS)
    confirm_download(found, "openclip:a/b")
    confirm_download(found, "openclip:c/d")
    here = found.options[0].model_copy(update={"on_disk": True})
    confirm_download(found.model_copy(update={"options": [here]}), "openclip:a/b")
    assert questions == ["Download about 1 bytes from https://hub/a (licence: MIT)?"]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(5, 50, "less than a minute"), (70, 200, "1 to 3 min"), (3000, 9000, "1 to 2 h"), (50_000, 200_000, "1 to 2 days")],
)
def test_range_of_times_has_one_unit(low: float, high: float, text: str) -> None:
    assert format_seconds_range(low, high) == text


def test_doctor_names_a_space_that_fits_and_the_missing_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("mm.machine.read_machine", lambda: Machine(64.0, ()))
    monkeypatch.setattr("mm.spaces.larger.speed.measure_processor", lambda: 200.0)
    check = check_larger_space(Settings())
    assert "openclip:ViT-B-16-SigLIP-384/webli" in check.detail
    assert "49.9 % on COCO" in check.detail
    assert "http://127.0.0.1:9 does not respond" in check.detail
    assert not check.required


def test_doctor_says_that_a_small_machine_has_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mm.machine.read_machine", lambda: Machine(1.0, ()))
    assert "too low for a larger space" in check_larger_space(Settings()).detail
    assert "MM_SPACE" in check_larger_space(Settings(space="openclip:a/b")).detail
