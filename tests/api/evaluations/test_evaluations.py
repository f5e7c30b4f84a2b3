"""Evaluations over HTTP, performed by the handler of the workers, and the runs that they keep."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import mm
from mm.cli.main import main
from mm.errors import Forbidden, InvalidInput, NotFound, UnsupportedMedia
from mm.evaluation.runs.store import RunStore
from mm.keys import Scope
from mm.schemas import ItemRecord, Outcome, Run, Signature
from mm.settings import Settings
from tests.api.conftest import ApiServer, KeyedServer, assert_problem, run_server
from tests.api.evaluations.photos import write_set
from tests.graphs import with_graphs
from workers.context import WorkerContext
from workers.jobs.run import run_tasks
from workers.loaded_spaces import LoadedSpaces
from workers.stop import StopFlag

pytestmark = pytest.mark.xdist_group("evaluations_api")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[ApiServer]:
    root = tmp_path_factory.mktemp("sets")
    write_set(root / "photos")
    (root / "empty").mkdir()
    home = with_graphs(tmp_path_factory.mktemp("evaluations"), graphs)
    with run_server(Settings(home=home, import_root=root, threads=1)) as service:
        yield service


def run_worker(served: ApiServer) -> None:
    """Perform all due tasks, as a worker does."""
    service = served.service
    context = WorkerContext(
        settings=service.settings,
        store=service.store,
        spaces=LoadedSpaces(service.settings, service.store.catalog),
        reader=service.reader,
        dispatcher=service.dispatcher,
        stop=StopFlag(),
        owner="test",
    )
    while (unit := service.store.catalog.claim_work("test", 60.0, 120.0)) is not None:
        run_tasks(context, unit.job_ids[0], unit.tasks)


def post(served: ApiServer, **changed: Any) -> Any:
    body = {"set": "flickr8k", "folder": "photos", **changed}
    return served.client.post("/v1/evaluations", json=body)


@pytest.fixture(scope="module")
def run_ids(served: ApiServer) -> list[str]:
    """Two runs of the same set."""
    started = [post(served, run=name) for name in ("first", "second")]
    assert [response.status_code for response in started] == [202, 202], started[0].text
    run_worker(served)
    for response in started:
        evaluation = served.client.get(f"/v1/evaluations/{response.json()['id']}").json()
        assert (evaluation["state"], evaluation["error"]) == ("done", None)
        assert evaluation["run"]["signature"]["num_items"] == 4
        assert evaluation["run"]["signature"]["num_missing"] == 2
    return [response.json()["run_id"] for response in started]


def test_evaluation_counts_missing_and_unreadable_files(served: ApiServer, run_ids: list[str]) -> None:
    run = served.client.get(f"/v1/evaluations/runs/{run_ids[0]}").json()
    assert run["missing"] == ["5.png"]
    assert [failed["id"] for failed in run["outcome"]["failed"]] == ["4.png"]
    assert run["root"] == ""  # paths of the server are not sent
    assert str(served.service.settings.import_root) not in json.dumps(run)


def test_runs_are_listed_paged_compared_and_reported(served: ApiServer, run_ids: list[str]) -> None:
    listed = served.client.get("/v1/evaluations/runs", params={"set": "flickr8k"}).json()["data"]
    assert {run["id"] for run in listed} >= set(run_ids)
    page = served.client.get(f"/v1/evaluations/runs/{run_ids[0]}/items", params={"limit": 5}).json()
    assert (len(page["data"]), page["next"]) == (5, 5)
    compared = served.client.get(f"/v1/evaluations/runs/{run_ids[1]}/comparison", params={"baseline": run_ids[0]}).json()
    assert all(row["difference"] == 0 and row["p_value"] == 1 for row in compared["differences"])
    report = served.client.get(f"/v1/evaluations/runs/{run_ids[0]}/report")
    assert report.headers["content-type"].startswith("text/html")
    assert "sandbox" in report.headers["content-security-policy"]
    assert "text to image, R@1" in report.text


def test_runs_have_their_worst_and_best_items_with_images(served: ApiServer, run_ids: list[str]) -> None:
    with mm.Client(served.url) as client:
        examples = client.evaluations.examples(run_ids[0], limit=2)
        assert examples.measure is not None
        assert len(examples.worst) == 2
        assert {item.group for item in examples.worst}.isdisjoint(item.group for item in examples.best)
        item = next(item for item in client.evaluations.items(run_ids[0]) if item.answer_path not in ("", item.path))
        images = [
            client.evaluations.image(run_ids[0], item.id, of=of, size=16)
            for of in ("item", "answer")
            if item.path or of == "answer"
        ]
        assert all(Image.open(io.BytesIO(data)).size == (16, 16) for data in images)
        with pytest.raises(NotFound, match="no item 'absent'"):
            client.evaluations.image(run_ids[0], "absent")
        with pytest.raises(NotFound, match="There is no run 'absent'"):
            client.evaluations.image("absent", item.id)


def test_image_of_a_file_that_is_gone_is_not_found(served: ApiServer, run_ids: list[str]) -> None:
    store = RunStore(served.service.settings.root)
    items = [
        ItemRecord(id='gone "1"', group="1", path="gone.png"),
        ItemRecord(id="2", group="2"),
        ItemRecord(id="3", group="3", path="/x/y.png"),
    ]
    run = store.get(run_ids[0], with_items=False)
    store.add(run.model_copy(update={"id": "gone", "outcome": run.outcome.model_copy(update={"items": items})}))
    with mm.Client(served.url) as client:
        with pytest.raises(NotFound, match=r"gone\.png is no longer in the folder"):
            client.evaluations.image("gone", items[0].id)
        with pytest.raises(NotFound, match="has no file"):
            client.evaluations.image("gone", "2")
        assert client.evaluations.items("gone")[2].path == "y.png"
        client.evaluations.delete_run("gone")


def test_image_of_audio_is_its_waveform(served: ApiServer, run_ids: list[str]) -> None:
    root = served.service.settings.import_root
    assert root is not None
    with wave.open(str(root / "photos" / "beep.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.int16(8000 * np.sin(np.arange(16000) / 9)).tobytes())
    store = RunStore(served.service.settings.root)
    run = store.get(run_ids[0], with_items=False)
    items = [ItemRecord(id="beep", group="beep", path="beep.wav", start=0.5)]
    store.add(run.model_copy(update={"id": "sounds", "outcome": run.outcome.model_copy(update={"items": items})}))
    with mm.Client(served.url) as client:
        image = Image.open(io.BytesIO(client.evaluations.image("sounds", "beep", size=160)))
        assert image.size == (160, 90)
        client.evaluations.delete_run("sounds")
    (root / "photos" / "beep.wav").unlink()


def test_runs_are_paged_newest_first_while_others_are_added_and_deleted(served: ApiServer, run_ids: list[str]) -> None:
    store = RunStore(served.service.settings.root)
    run = store.get(run_ids[0], with_items=False)
    names = [f"paged-{number}" for number in range(5)]

    def add(name: str, started: str) -> None:
        signature = run.signature.model_copy(update={"set_name": "paged"})
        store.add(run.model_copy(update={"id": name, "started": started, "signature": signature}))

    for number, name in enumerate(names):
        add(name, f"2025-01-0{1 + number // 2}T00:00:00+00:00")  # two at a time
    with mm.Client(served.url) as client:
        first = client.evaluations.runs("paged", limit=2)
        add("paged-new", "2025-02-01T00:00:00+00:00")
        store.remove(first.data[1].id)
        second = client.evaluations.runs("paged", limit=2, cursor=first.next)
        last = client.evaluations.runs("paged", limit=2, cursor=second.next)
        listed = [[found.id for found in page.data] for page in (first, second, last)]
        assert listed == [["paged-4", "paged-3"], ["paged-2", "paged-1"], ["paged-0"]]
        assert last.next is None
        with pytest.raises(InvalidInput, match="cursor is malformed"):
            client.evaluations.runs(cursor="paged-1")
        for name in ("paged-new", *names):
            if name != "paged-3":
                client.evaluations.delete_run(name)
    assert_problem(served.client.get("/v1/evaluations/runs", params={"limit": 0}), 400, "invalid-input")


def test_file_of_an_item_plays_by_ranges_and_only_from_the_folder_of_the_set(
    served: ApiServer, run_ids: list[str], tmp_path: Path
) -> None:
    root = served.service.settings.import_root
    assert root is not None
    path = root / "photos" / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.int16(8000 * np.sin(np.arange(16000) / 9)).tobytes())
    (tmp_path / "secret.wav").write_bytes(path.read_bytes())
    (root / "photos" / "link.wav").symlink_to(tmp_path / "secret.wav")
    (root / "photos" / "text.wav").write_text("no sound")
    paths = {
        "tone": "tone.wav",
        "link": "link.wav",
        "out": str(tmp_path / "secret.wav"),
        "text": "text.wav",
        "image": "images/0.png",
    }
    store = RunStore(served.service.settings.root)
    run = store.get(run_ids[0], with_items=False)
    key = run.outcome.measures[0].of
    items = [ItemRecord(id=name, group=name, path=path, values={key: 1.0}) for name, path in paths.items()]
    store.add(run.model_copy(update={"id": "played", "outcome": run.outcome.model_copy(update={"items": items})}))
    with mm.Client(served.url) as client:
        assert client.evaluations.file("played", "tone") == path.read_bytes()
        for name, reason in (("link", "not in the folder"), ("out", "not in the folder"), ("image", "is an image")):
            with pytest.raises(NotFound, match=reason):
                client.evaluations.file("played", name)
        with pytest.raises(UnsupportedMedia):
            client.evaluations.file("played", "text")
    url = "/v1/evaluations/runs/played/file?item=tone"
    part = served.client.get(url, headers={"Range": "bytes=4-11"})
    assert (part.status_code, part.content) == (206, path.read_bytes()[4:12])
    assert part.headers["content-type"].startswith("audio/")
    assert served.client.get(url, headers={"If-None-Match": part.headers["etag"]}).status_code == 304
    report = served.client.get("/v1/evaluations/runs/played/report").text
    assert '<audio controls src="data:audio/wav;base64,' in report
    assert "file:" not in report
    store.remove("played")
    for name in ("tone.wav", "link.wav", "text.wav"):
        (root / "photos" / name).unlink()


def test_runs_and_their_files_need_a_key_and_evaluations_the_scope_admin(keyed: KeyedServer, import_root: Path) -> None:
    folder = import_root / "keyed-set"
    folder.mkdir(exist_ok=True)
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(32000))
    store = RunStore(keyed.running.service.settings.root)
    signature = Signature(
        set_name="folder", set_version=1, split="dev", task="retrieval", method="m", code="0", weights={}, num_items=1
    )
    outcome = Outcome(title="one", measures=[], items=[ItemRecord(id="tone", group="tone", path="tone.wav")])
    store.add(
        Run(
            id="played", started="2026-01-01", seconds=1, command="", root=str(folder), signature=signature, outcome=outcome
        )
    )  # fmt: skip
    client, file = keyed.running.client, "/v1/evaluations/runs/played/file?item=tone"
    for path in (file, "/v1/evaluations/runs/played", "/v1/evaluations/runs/played/report"):
        for method in ("GET", "HEAD") if path == file else ("GET",):
            assert client.request(method, path).status_code == 401
            assert client.request(method, path, headers={"Authorization": "Bearer mm_000000000000_x"}).status_code == 401
            assert client.request(method, path, headers=keyed.key("read")[1]).status_code == 200
    assert_problem(client.get(file), 401, "unauthorized")
    body = {"set": "flickr8k", "folder": "keyed-set"}
    requests = [
        ("POST", "/v1/evaluations"), ("POST", "/v1/evaluations/check"), ("GET", "/v1/evaluations/folders"),
    ]  # fmt: skip
    for method, path in requests:

        def ask(scope: Scope, method: str = method, path: str = path) -> Any:
            return client.request(method, path, headers=keyed.key(scope)[1], json=body if method == "POST" else None)

        for problem in (ask("read"), ask("write")):
            assert "admin" in assert_problem(problem, 403, "forbidden")["detail"]
        assert ask("admin").status_code not in (401, 403)
    deleted = "/v1/evaluations/runs/played"
    assert_problem(client.delete(deleted, headers=keyed.key("read")[1]), 403, "forbidden")
    assert client.delete(deleted, headers=keyed.key("write")[1]).status_code == 204
    assert_problem(client.get(file, headers=keyed.key("read")[1]), 404, "not-found")


def test_folders_are_listed_below_the_import_root_only(served: ApiServer) -> None:
    root = served.service.settings.import_root
    assert root is not None
    (root / ".hidden").mkdir()
    (root / "outside").symlink_to(root.parent)
    with mm.Client(served.url) as client:
        assert client.evaluations.folders() == ["empty", "photos"]
        assert client.evaluations.folders("photos") == ["photos/images"]
        with pytest.raises(Forbidden):
            client.evaluations.folders("outside")
        with pytest.raises(NotFound):
            client.evaluations.folders("absent")


def test_evaluation_of_a_folder_that_is_no_such_set_names_what_is_missing(served: ApiServer) -> None:
    problem = assert_problem(post(served, folder="empty"), 400, "invalid-input")
    assert "captions.jsonl" in problem["detail"]
    assert str(served.service.settings.import_root) not in problem["detail"]
    check = served.client.post("/v1/evaluations/check", json={"set": "flickr8k", "folder": "empty"}).json()
    assert [found["severity"] for found in check["problems"]] == ["error"]
    assert str(served.service.settings.import_root) not in json.dumps(check)
    assert check["num_files"] == 0


@pytest.mark.parametrize(
    ("changed", "status", "slug"),
    [
        ({"folder": "../"}, 403, "forbidden"),
        ({"folder": "absent"}, 404, "not-found"),
        ({"set": "absent"}, 404, "not-found"),
        ({"split": "absent"}, 400, "invalid-input"),
        ({"task": "classification"}, 400, "invalid-input"),
        ({"run": "../x"}, 400, "invalid-input"),
        ({"surprise": 1}, 400, "invalid-input"),
    ],
)
def test_evaluation_with_a_bad_request_is_refused(served: ApiServer, changed: dict[str, Any], status: int, slug: str) -> None:
    assert_problem(post(served, **changed), status, slug)


def test_evaluation_with_the_id_of_a_run_is_refused(served: ApiServer, run_ids: list[str]) -> None:
    assert "exists" in assert_problem(post(served, run=run_ids[0]), 400, "invalid-input")["detail"]


def test_evaluation_whose_measure_fails_is_failed_with_the_reason(served: ApiServer) -> None:
    started = post(served, options={"colour": "red"}).json()
    run_worker(served)
    evaluation = served.client.get(f"/v1/evaluations/{started['id']}").json()
    assert evaluation["state"] == "failed"
    assert "colour" in evaluation["error"]


def test_cancelled_evaluation_keeps_no_run(served: ApiServer) -> None:
    started = post(served, run="cancelled").json()
    assert served.client.post(f"/v1/jobs/{started['id']}/cancel").status_code == 200
    run_worker(served)
    assert served.client.get(f"/v1/evaluations/{started['id']}").json()["state"] == "cancelled"
    assert_problem(served.client.get("/v1/evaluations/runs/cancelled"), 404, "not-found")


def test_clients_start_read_and_delete_evaluations(served: ApiServer, run_ids: list[str]) -> None:
    with mm.Client(served.url) as client:
        assert "flickr8k" in {found.name for found in client.evaluations.sets()}
        assert client.evaluations.check("flickr8k", "photos").num_files == 5
        started = client.evaluations.create("flickr8k", "photos", run="third")
        run_worker(served)
        ended = client.evaluations.wait(started.id)
        assert ended.run is not None
        assert len(client.evaluations.items("third")) == 8 + 4
        assert client.evaluations.compare(run_ids[0], "third").differences
        client.evaluations.delete_run("third")
        with pytest.raises(NotFound):
            client.evaluations.get_run("third")
        with pytest.raises(Forbidden):
            client.evaluations.create("flickr8k", "../..")

    async def list_all() -> int:
        async with mm.AsyncClient(served.url) as client:
            with pytest.raises(InvalidInput):
                await client.evaluations.create("flickr8k", "empty")
            return len(await client.evaluations.list())

    assert asyncio.run(list_all()) >= 3


def test_eval_commands_with_url_print_the_runs_of_the_service(served: ApiServer, run_ids: list[str], tmp_path: Path) -> None:
    def call(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["eval", *arguments, "--url", served.url])
        assert result.exit_code == code, result.output
        return result.stdout

    assert run_ids[0] in call("runs", "flickr8k")
    assert "text to image, R@1" in call("show", run_ids[0])
    assert "| 0.0 |" in call("compare", *run_ids)
    assert "can be evaluated" in call("flickr8k", "--root", "photos", "--check")
    assert "captions.jsonl" in call("flickr8k", "--root", "empty", "--check", code=1)
    call("report", run_ids[0], "-o", str(tmp_path / "report.html"))
    assert "Worst items" in (tmp_path / "report.html").read_text()
