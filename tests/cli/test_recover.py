"""`mm doctor` on a library whose catalog and folder do not match."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from indexes import open_store
from indexes.integrity.garbage import ALWAYS_ALLOWED
from mm.cli.diagnosis.storage import check_library
from mm.cli.main import main
from mm.embedded.home_lock import lock_home
from mm.settings import Settings
from tests.indexes.integrity.test_garbage import age
from tests.indexes.integrity.test_identity import files
from tests.indexes.library import SPACE
from tests.indexes.recover.test_recover import fill


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A library of three items that lost its catalog."""
    settings = Settings(home=tmp_path / "home")
    fill(settings)
    (settings.root / "catalog.db").unlink()
    return settings


def doctor(settings: Settings, *arguments: str, confirmation: str = "") -> Result:
    return CliRunner().invoke(main, ["doctor", *arguments], env={"MM_HOME": str(settings.root)}, input=confirmation)


def test_check_library_without_a_catalog_names_the_actions_and_rebuild_fixes_it(settings: Settings) -> None:
    check = check_library(settings)
    assert not check.ok
    assert all(option in check.detail for option in ("--adopt", "--rebuild", "--empty"))
    done = doctor(settings, "--rebuild")
    assert done.exit_code == 0, done.output
    assert "3 items were added" in done.stdout
    assert "added walk.png" in done.stderr
    assert check_library(settings).ok


def test_doctor_rebuild_with_json_prints_the_result(settings: Settings) -> None:
    done = doctor(settings, "--rebuild", "--json")
    result = json.loads(done.stdout)
    assert (result["action"], result["items"], result["lost"], result["refused"]) == ("rebuild", 3, 0, {})


def test_doctor_collect_with_json_prints_the_result_apart_from_the_log(settings: Settings) -> None:
    """The orphaned shards exceed MM_SWEEP_SHARE, which garbage collection logs."""
    doctor(settings, "--rebuild")
    with open_store(settings) as store:
        for number in range(2 * ALWAYS_ALLOWED):
            store.shards.write(SPACE, {"picture": np.full((1, 8), number, np.float16)}, [])
        age(*settings.root.glob("shards/??/*"))
        store.sweep(3600.0)
    settings.root.chmod(0o755)
    done = doctor(settings, "--collect", "--json")
    assert json.loads(done.stdout)["trashed"] == 2 * ALWAYS_ALLOWED
    assert check_library(settings).ok


def test_doctor_empty_moves_files_only_after_a_confirmation(settings: Settings) -> None:
    before = files(settings)
    assert doctor(settings, "--empty", confirmation="n\n").exit_code == 1
    assert doctor(settings, "--empty").exit_code == 1, "no confirmation"
    assert files(settings) == before
    done = doctor(settings, "--empty", confirmation="y\n")
    assert "3 files were moved to the trash" in done.stdout
    assert check_library(settings).ok


def test_doctor_recovery_while_the_service_runs_is_refused(settings: Settings) -> None:
    before = files(settings)
    lock = lock_home(settings.root)
    try:
        for options in (["--adopt"], ["--rebuild"], ["--empty", "--yes"]):
            done = doctor(settings, *options)
            assert done.exit_code == 1
            assert "runs on" in done.stderr
    finally:
        lock.release()
    assert files(settings) == before


def test_doctor_adopt_without_a_catalog_prints_one_sentence(settings: Settings) -> None:
    done = doctor(settings, "--adopt")
    assert done.exit_code == 1
    assert done.stderr.strip() == (
        "There is no catalog to adopt: it is missing or empty. Check MM_HOME and MM_DATABASE_URL, or run `mm doctor --rebuild`."
    )
