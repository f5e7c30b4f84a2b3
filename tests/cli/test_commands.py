"""Each command with a running service of the folder MM_HOME."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from indexes import open_store
from mm.schemas import Answer, EmbeddingResponse, SearchResponse
from mm.settings import Settings
from tests.api import media
from tests.captures import make_exif, photo
from tests.service_process import RunningService, Shell, mm_command
from tests.stopped import stopped_item
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("served")


def test_add_uploads_files_and_folders_and_prints_refusals(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.png").write_bytes(media.image(1))
    (folder / "deeper" / "b.mp4").write_bytes(media.video(1.0, seed=1))
    (folder / "notes.txt").write_text("no picture")
    (folder / "empty.png").touch()
    (folder / ".hidden.png").write_bytes(media.image(2))
    done = shell("add", folder, tmp_path / "missing.png", "--tag", "holiday")
    assert done.exit_code == 1
    ready = done.stdout.splitlines()
    assert [line.split()[0] for line in ready] == ["ready", "ready"]
    assert "a.png (image" in ready[0]
    assert "b.mp4 (video, 0:01" in ready[1]
    refused = done.stderr.splitlines()
    assert [line.split()[:2] for line in refused] == [
        ["refused", f"{folder}/empty.png:"],
        ["refused", f"{folder}/notes.txt:"],
        ["refused", f"{tmp_path}/missing.png:"],
    ]
    again = shell("add", folder / "a.png")
    assert again.exit_code == 0
    assert "already in the library" in again.stdout


def test_list_show_and_search_use_the_time_taken(shell: Shell, tmp_path: Path) -> None:
    for name, taken in (("late.jpg", "2024:05:01 12:30:00"), ("early.jpg", "2023:07:09 18:00:00")):
        exif = make_exif(taken=taken, make="Zeiss", place=(48.5, 2.25))
        (tmp_path / name).write_bytes(photo(int(taken[:4]), exif=exif))
        assert shell("add", tmp_path / name, "--tag", "dated", "--no-wait").exit_code == 0
    listed = shell("list", "--tag", "dated", "--sort", "taken-oldest", "--camera", "zeiss", "--has-place")
    assert [line.split("\t")[2] for line in listed.stdout.splitlines()] == ["early.jpg", "late.jpg"]
    late = shell("list", "--taken-after", "2024-01-01", "--camera", "zeiss", "--json").stdout
    item = json.loads(late)
    assert (item["name"], item["capture"]["taken_at"]) == ("late.jpg", "2024-05-01T12:30:00")
    days = shell("list", "--by-day", "--camera", "zeiss").stdout
    assert days.splitlines() == ["2024-05-01\t1", "2023-07-09\t1"]
    shown = dict(line.split("\t") for line in shell("show", item["id"]).stdout.splitlines())
    assert (shown["taken"], shown["camera"], shown["coordinates"]) == ("2024-05-01 12:30:00", "Zeiss", "48.50000, 2.25000")
    assert shell("search", "blocks", "--camera", "no such", "--place", "Paris", "--taken-before", "2024-01-01").exit_code == 0


def test_add_refuses_links_in_a_folder_and_follows_one_that_is_an_argument(shell: Shell, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (private / "secret.png").write_bytes(media.image(77))
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "file.png").symlink_to(private / "secret.png")
    (folder / "folder").symlink_to(private)
    done = shell("add", folder)
    assert done.exit_code == 1
    assert done.stdout == ""
    refusal = "It is a link, and links are not followed."
    assert [line for line in done.stderr.splitlines() if line.startswith("refused")] == [
        f"refused  {folder}/file.png: {refusal}",
        f"refused  {folder}/folder: {refusal}",
    ]
    assert shell("add", folder / "file.png").exit_code == 0


def test_add_with_json_prints_one_line_per_file(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(media.image(3))
    (tmp_path / "b.png").write_bytes(b"nothing")
    done = shell("add", tmp_path / "a.png", tmp_path / "b.png", "--json", "--no-wait")
    assert done.exit_code == 1
    refused, sent = map(json.loads, done.stdout.splitlines())
    assert sent["path"] == str(tmp_path / "a.png")
    assert sent["item"]["kind"] == "image"
    assert refused["path"] == str(tmp_path / "b.png")
    assert refused["problem"]["type"] == "unsupported-media"


def test_search_with_an_image_finds_it(shell: Shell, tmp_path: Path) -> None:
    picture = tmp_path / "blocks.png"
    picture.write_bytes(media.image(4, (320, 240)))
    assert shell("add", picture, "--tag", "mine").exit_code == 0
    search = ("search", "--picture", picture, "--tag", "mine", "--kind", "image", "--floor", "0", "-k", "1")
    wait_for(lambda: bool(shell(*search).stdout), "the image in the index, which follows the catalog with a delay")
    result = shell(*search)
    assert result.exit_code == 0
    score, name, time_range, evidence, item, band = result.stdout.rstrip("\n").split("\t")
    assert (name, time_range) == ("blocks.png", "")
    assert 0 <= float(score) <= 1
    assert evidence.startswith("picture")
    assert band == "likely"
    response = SearchResponse.model_validate_json(shell(*search, "--item", item, "--json").stdout)
    assert [hit.item.id for hit in response.hits] == [item]


def test_search_without_a_match_exits_with_0(shell: Shell) -> None:
    done = shell("search", "anything", "--tag", "of nothing")
    assert done.exit_code == 0
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "Nothing matches."


def test_search_that_the_service_refuses_prints_one_sentence(shell: Shell) -> None:
    done = shell("search", "a dog", "-k", "0")
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_ask_without_an_answer_prints_the_refusal_and_exits_with_0(shell: Shell) -> None:
    done = shell("ask", "When does the submarine surface?", "--tag", "of nothing")
    assert done.exit_code == 0
    assert done.stdout == "The library does not show that.\n"
    assert "Nothing in the library matches the question." in done.stderr
    answer = Answer.model_validate_json(shell("ask", "a dog", "--tag", "of nothing", "--json").stdout)
    assert answer.refused


def test_embed_prints_one_vector_per_input(shell: Shell, tmp_path: Path) -> None:
    picture = tmp_path / "p.png"
    picture.write_bytes(media.image(5))
    done = shell("embed", "a dog", "a cat", "--picture", picture)
    assert [len(json.loads(line)) for line in done.stdout.splitlines()] == [384, 384, 384]
    whole = EmbeddingResponse.model_validate_json(shell("embed", "a dog", "--model", "lite", "--json").stdout)
    assert whole.model.startswith("lite@")
    assert shell("embed", "a dog", "--model", "huge").exit_code == 1


def test_models_lists_spaces_and_prints_a_card(shell: Shell) -> None:
    assert shell("models").stdout.startswith("lite@")
    (model,) = json.loads(shell("models", "lite", "--json").stdout)
    assert shell("models", "lite").stdout.strip() == model["card"].strip()
    assert "no space or language model 'huge'" in shell("models", "huge").stderr


def test_bench_moments_reports_recall_and_refuses_a_known_video(shell: Shell, tmp_path: Path) -> None:
    video, timeline = tmp_path / "v.mp4", tmp_path / "t.json"
    video.write_bytes(media.video(2.0, seed=9))
    timeline.write_text(json.dumps([{"start": 0, "end": 2, "captions": ["a block moves"], "text": ""}]))
    done = shell("bench", "moments", "--video", video, "--timeline", timeline, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["captions"]["questions"] == 1
    again = shell("bench", "moments", "--video", video, "--timeline", timeline)
    assert again.exit_code == 1
    assert "already in the library" in again.stderr


def test_retry_processes_stopped_items_and_refuses_others(running_service: RunningService, shell: Shell) -> None:
    store = open_store(Settings(home=running_service.home))
    failed, quarantined = stopped_item(store, 21, "failed"), stopped_item(store, 22, "quarantined")
    cancelled = stopped_item(store, 23, "cancelled", None)
    done = shell("retry", failed, "0" * 32)
    assert done.exit_code == 1
    assert done.stdout.split()[:3] == ["ready", failed, "failed.png"]
    assert done.stderr.startswith(f"refused  {'0' * 32}: There is no item")
    rest = shell("retry", "--all", "--json")
    assert rest.exit_code == 0, rest.stderr
    assert [json.loads(line)["item"]["id"] for line in rest.stdout.splitlines()] == [quarantined]
    again = shell("retry", failed, "--json")
    assert again.exit_code == 1
    assert json.loads(again.stdout)["problem"]["type"] == "conflict"
    assert shell("retry", cancelled).exit_code == 0
    assert shell("retry").exit_code == 2


def test_command_with_url_uses_that_service_and_no_home_folder(running_service: RunningService, shell: Shell) -> None:
    elsewhere = Shell(running_service.home / "nothing" / "here")
    assert elsewhere("models", "--url", running_service.url).stdout == shell("models").stdout
    assert not elsewhere.home.exists()


def test_commands_on_a_terminal_print_bars_and_tables(running_service: RunningService, tmp_path: Path) -> None:
    picture = tmp_path / "on a terminal.png"
    picture.write_bytes(media.image(11))
    added = run_on_terminal(running_service.home, "add", str(picture), "--tag", "terminal")
    assert "━" in added
    assert "on a terminal.png (image" in added
    models = run_on_terminal(running_service.home, "models")
    assert "space" in models
    assert "runs on" in models
    assert "━" in models or "─" in models


def run_on_terminal(home: Path, *arguments: str) -> str:
    """Output of a command on a terminal of 100 columns."""
    parent, child = pty.openpty()
    environment = {**os.environ, "MM_HOME": str(home), "COLUMNS": "100", "TERM": "xterm"}
    with subprocess.Popen(mm_command(*arguments), env=environment, stdin=child, stdout=child, stderr=child) as process:
        os.close(child)
        output = b""
        with contextlib.suppress(OSError), os.fdopen(parent, "rb", buffering=0) as terminal:
            while block := terminal.read(4096):
                output += block
    assert process.returncode == 0, output
    return output.decode()


@pytest.mark.parametrize("weight", ["text", "text=", "text=5", "text=-1", "text=nan", "colour=1"])
def test_search_with_an_invalid_weight_is_refused(shell: Shell, weight: str) -> None:
    done = shell("search", "a dog", "--weight", weight)
    assert done.exit_code == 2
    assert "a number from 0 to 4" in done.stderr


def test_search_with_several_components_succeeds(shell: Shell) -> None:
    search = ("search", "a dog", "--also", "snow", "--without", "people", "--without", "a cat", "--weight", "without=2", "--json")
    done = shell(*search, "--floor", "0")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["floor"] == 0


def test_bench_search_reports_latency(shell: Shell) -> None:
    done = shell("bench", "search", "--questions", "3", "-k", "1", "--clients", "2", "--json")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["questions"], report["clients"]) == (3, 2)
    assert report["per_second"] > 0
    assert 0 < report["service"]["p50"] <= report["http"]["p50"]
