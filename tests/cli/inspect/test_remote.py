"""`mm inspect fit` and `run` with `--url`: a service with a worker does the work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.inspect.parts import save
from tests.inspection.parts import add_scratch, render_part
from tests.service_process import RunningService, Shell

pytestmark = pytest.mark.xdist_group("served")


def test_fit_and_run_with_a_service_print_what_commands_without_it_print(
    running_service: RunningService, shell: Shell, tmp_path: Path
) -> None:
    for number in range(6):
        save(tmp_path / "good" / f"{number}.png", render_part(number))
    save(tmp_path / "new" / "fine.png", render_part(50))
    save(tmp_path / "new" / "scratch.png", add_scratch(render_part(51), 48, 36))
    fitted = shell(
        "inspect", "fit", "remote-disc", tmp_path / "good", "--size", "96", "--rate", "0.2", "--url", running_service.url
    )
    assert fitted.exit_code == 0, fitted.stderr
    assert "remote-disc\tversion 1" in fitted.stdout
    assert "6 held-out good images of 6 groups" in fitted.stdout
    run = shell("inspect", "run", "remote-disc", tmp_path / "new", "--url", running_service.url, "--json")
    assert run.exit_code == 3, run.stderr
    document = json.loads(run.stdout)
    assert {Path(record["image"]).name: record["verdict"] for record in document["records"]} == {
        "scratch.png": "fail",
        "fine.png": "pass",
    }
    again = shell("inspect", "fit", "remote-disc", tmp_path / "new" / "fine.png", "--url", running_service.url, "--size", "96")
    assert "also used 6 examples" in again.stderr
    for arguments in (("run", "remote-disc", tmp_path / "new", "--out", tmp_path / "o"), ("run", "none", tmp_path / "new")):
        refused = shell("inspect", *arguments, "--url", running_service.url)
        assert refused.exit_code == 1
        assert len(refused.stderr.splitlines()) == 1
