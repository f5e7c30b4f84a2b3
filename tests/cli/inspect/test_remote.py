"""`mm inspect` and `mm scale` with `--url`: a service with a worker does the work."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.inspect.parts import save
from tests.inspection.parts import add_scratch, render_part
from tests.service_process import RunningService, Shell

pytestmark = pytest.mark.xdist_group("served")

OUTLINE = "34,46 40,44 64,56 64,62 58,62"


@dataclass(frozen=True)
class Remote:
    """Commands with `--url`, the files of parts, and an inspection of two of them."""

    shell: Shell
    url: str
    folder: Path
    fitted: Result
    run: dict

    def __call__(self, *arguments: object) -> Result:
        return self.shell(*arguments, "--url", self.url)


@pytest.fixture(scope="module")
def remote(running_service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Remote:
    shell, folder = Shell(running_service.home), tmp_path_factory.mktemp("remote")
    for number in range(6):
        save(folder / "good" / f"{number}.png", render_part(number))
    save(folder / "new" / "fine.png", render_part(50))
    save(folder / "new" / "scratch.png", add_scratch(render_part(51), 48, 36))
    save(folder / "more" / "scratch.png", add_scratch(render_part(52), 48, 36))
    fitted = shell(
        "inspect", "fit", "remote-disc", folder / "good", "--size", "64", "--rate", "0.2", "--url", running_service.url
    )
    assert fitted.exit_code == 0, fitted.stderr
    run = shell("inspect", "run", "remote-disc", folder / "new", "--url", running_service.url, "--json")
    assert run.exit_code == 3, run.stderr
    return Remote(shell, running_service.url, folder, fitted, json.loads(run.stdout))


def test_fit_and_run_with_a_service_print_what_commands_without_it_print(remote: Remote) -> None:
    assert "remote-disc\tversion 1\timagenet, 64 px, largest 3.0% of the patches" in remote.fitted.stdout
    assert "6 held-out good images of 6 groups" in remote.fitted.stdout
    verdicts = {Path(record["image"]).name: record["verdict"] for record in remote.run["records"]}
    assert verdicts == {"scratch.png": "fail", "fine.png": "pass"}
    for arguments in (
        ("run", "remote-disc", remote.folder / "new", "--out", remote.folder / "o"),
        ("run", "none", remote.folder / "new"),
        ("fit", "remote-disc", remote.folder / "good", "--choose"),
        ("fit", "remote-disc", remote.folder / "good", "--mode", "template"),
    ):
        refused = remote("inspect", *arguments)
        assert refused.exit_code == 1
        assert len(refused.stderr.splitlines()) == 1


def test_list_with_a_service_prints_what_the_command_on_its_home_prints(remote: Remote) -> None:
    for arguments in (("list",), ("list", "remote-disc"), ("list", "remote-disc", "--json")):
        there, here = remote("inspect", *arguments), remote.shell("inspect", *arguments)
        assert there.exit_code == 0, there.stderr
        assert there.stdout == here.stdout
    runs = {run["id"]: run for run in json.loads(remote("inspect", "list", "remote-disc", "--runs", "--json").stdout)}
    assert runs[remote.run["run"]]["num_items"] == 2
    assert remote.run["run"] in remote("inspect", "list", "--runs").stdout


def test_report_and_export_with_a_service_read_its_inspection(remote: Remote, tmp_path: Path) -> None:
    run_id, scratch = remote.run["run"], "scratch.png"
    marked = remote("inspect", "mark", run_id, scratch, "reject", "--polygon", OUTLINE, "--kind", "scratch", "--group", "part 51")
    assert marked.exit_code == 0, marked.stderr
    report = remote("inspect", "report", run_id, "--out", tmp_path / "report.html", "--examples", "1")
    assert report.exit_code == 0, report.stderr
    text = Path(report.stdout.strip()).read_text()
    assert "Of 1 part that was later confirmed as defective, 1 had not passed." in text
    assert "1 of 1, 100.0%" in text
    rows = list(csv.DictReader(io.StringIO(remote("inspect", "export", run_id, "--format", "csv").stdout)))
    assert {row["image"] for row in rows} == {"fine.png", scratch}
    overlay = remote("inspect", "export", run_id, "--format", "overlay", "--out", tmp_path / "overlay")
    assert overlay.exit_code == 0, overlay.stderr
    assert len(list((tmp_path / "overlay").rglob("*.jpg"))) == 2
    assert remote("inspect", "export", "none", "--format", "csv").exit_code == 1


def test_marks_with_a_service_are_listed_undone_and_teach_a_version(remote: Remote) -> None:
    by_file = remote("inspect", "mark", "remote-disc", remote.folder / "more" / "scratch.png", "reject", "--polygon", OUTLINE)
    of_run = remote("inspect", "mark", remote.run["run"], "scratch.png", "reject", "--polygon", OUTLINE, "--group", "part 51")
    assert (by_file.exit_code, of_run.exit_code) == (0, 0), by_file.stderr + of_run.stderr
    wrong = remote("inspect", "mark", remote.run["run"], "fine.png", "reject").stdout.strip()
    undone = remote("inspect", "mark", "remote-disc", "--undo", wrong)
    assert f"The mark {wrong} (reject)" in undone.stderr
    listed = json.loads(remote("inspect", "mark", "remote-disc", "--list", "--json").stdout)
    assert {by_file.stdout.strip(), of_run.stdout.strip()} <= {mark["id"] for mark in listed}
    assert all((mark["inspected"], mark["version"]) == ("fail", 1) for mark in listed)
    taught = remote("inspect", "mark", "remote-disc", "--teach", "--json")
    assert taught.exit_code == 0, taught.stderr
    version = json.loads(taught.stdout)
    assert version["version"] == 2
    assert "Version 2 of remote-disc" in version["statement"]
    used = remote("inspect", "use", "remote-disc", "1")
    assert "uses version 1 instead of" in used.stderr
    assert remote("inspect", "mark", "remote-disc", "--undo", wrong).exit_code == 1
    assert remote("inspect", "mark", "none", "--list").exit_code == 1
    assert "--author" in remote("inspect", "mark", remote.run["run"], "fine.png", "accept", "--author", "A").stderr


def test_fit_of_named_regions_with_a_service_and_rm(remote: Remote, tmp_path: Path) -> None:
    regions = tmp_path / "regions.json"
    regions.write_text(json.dumps([{"name": "slot", "box": [32, 20, 32, 40]}]))
    arguments = ("--mode", "logical", "--regions", regions, "--no-register", "--rate", "0.2")
    fitted = remote("inspect", "fit", "remote-scene", remote.folder / "good", *arguments, "--json")
    assert fitted.exit_code == 0, fitted.stderr
    document = json.loads(fitted.stdout)
    assert (document["mode"], document["version"]) == ("logical", 1)
    again = remote("inspect", "fit", "remote-scene", remote.folder / "new" / "fine.png", *arguments)
    assert "also used 6 examples" in again.stderr
    assert "remote-scene\tversion 2\tlogical, imagenet" in again.stdout
    assert remote("inspect", "rm", "remote-scene", "--yes").exit_code == 0
    assert remote("inspect", "rm", "remote-scene", "--yes").exit_code == 1
    assert "remote-scene" not in remote("inspect", "list").stdout


def test_scale_with_a_service_prints_what_the_command_on_its_home_prints(remote: Remote) -> None:
    length = ("--length-mm", "10", "--from", "0,0", "--to", "300,400", "--blur-px", "0.7")
    added = remote("scale", "add", "remote-bench", *length)
    assert added.exit_code == 0, added.stderr
    assert remote("scale", "add", "remote-bench", *length).exit_code == 1
    assert remote("scale", "add", "remote-bench", *length, "--replace", "--tilt-degrees", "2").stdout == added.stdout
    assert remote("scale", "list").stdout == remote.shell("scale", "list").stdout
    (scale,) = [each for each in json.loads(remote("scale", "list", "--json").stdout) if each["name"] == "remote-bench"]
    assert (scale["blur_px"], scale["tilt_degrees"]) == (0.7, 2.0)
    assert remote("scale", "rm", "remote-bench").exit_code == 0
    assert "remote-bench" not in remote.shell("scale", "list").stdout
