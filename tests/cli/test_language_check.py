"""`mm doctor` on the language model, and `mm models recommend`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mm.cli.diagnosis.language import check_language
from mm.cli.main import main
from mm.settings import Settings
from tests.generation.upstream.server import run_language_server


def test_check_language_names_the_local_model_and_what_would_fit(tmp_path: Path) -> None:
    check = check_language(Settings(home=tmp_path))
    assert check.ok
    assert not check.required
    assert "smollm2-135m runs on this machine" in check.detail
    assert "mm models recommend" in check.detail


def test_check_language_lists_the_models_of_a_server(tmp_path: Path) -> None:
    with run_language_server() as server:
        check = check_language(Settings(home=tmp_path, language_url=server.url))
        assert check.ok
        assert "first-model, second-model" in check.detail
    check = check_language(Settings(home=tmp_path, language_url=server.url))
    assert not check.ok
    assert "does not respond (MM_LANGUAGE_URL)" in check.detail
    assert ". The largest model" in check.detail or ". No model" in check.detail


@pytest.mark.parametrize(
    ("language", "ok", "words"),
    [("off", True, "disabled"), ("other", False, "MM_LANGUAGE is 'other'"), ("./", False, "MM_LANGUAGE")],
)
def test_check_language_of_other_settings(tmp_path: Path, language: str, ok: bool, words: str) -> None:
    check = check_language(Settings(home=tmp_path, language=language))
    assert check.ok is ok
    assert words in check.detail


def test_models_recommend_lists_models_with_their_dates() -> None:
    result = CliRunner().invoke(main, ["models", "recommend"])
    assert result.exit_code == 0
    assert "GiB of memory" in result.stderr
    assert "smollm2-135m" in result.stdout
    assert "read 2026-" in result.stdout
    listed = json.loads(CliRunner().invoke(main, ["models", "recommend", "--json"]).stdout)
    assert listed["machine"]["memory_gb"] > 0
    assert {"name", "memory_gb", "reads", "runs", "source", "read", "fits"} <= listed["models"][0].keys()
