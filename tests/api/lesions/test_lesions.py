"""Analyses of ultrasound over HTTP, performed by the handler of the workers."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import mm
from mm.cli.main import main
from mm.embedded import connect
from mm.errors import Unavailable
from mm.lesions.folders import LesionFolders
from mm.lesions.segmentation.weights import serialize_lesions
from mm.lesions.types import NOTICE
from mm.schemas import LesionAnalysis
from mm.settings import Settings
from tests.api import media
from tests.api.conftest import ApiServer, assert_problem, run_server
from tests.graphs import with_graphs
from tests.lesions.dicom_files import SECRETS, make_region, write_dicom
from tests.lesions.fixtures import CONFIG, draw_weights, render_lesion, write_clip
from tests.waiting import join_thread
from workers.context import WorkerContext
from workers.jobs.run import run_tasks
from workers.stop import StopFlag

pytestmark = pytest.mark.xdist_group("lesions_api")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[ApiServer]:
    """A service with a lesion network of random weights."""
    home = with_graphs(tmp_path_factory.mktemp("lesions"), graphs)
    weights = tmp_path_factory.mktemp("weights") / "lesions.safetensors"
    weights.write_bytes(serialize_lesions(CONFIG, draw_weights(0)))
    with run_server(Settings(home=home, lesion_weights=weights)) as service:
        yield service


def run_worker(served: ApiServer) -> None:
    """Perform all due tasks, as a worker does."""
    service = served.service
    context = WorkerContext(
        settings=service.settings,
        store=service.store,
        spaces=None,  # type: ignore[arg-type]  # no space is used
        reader=service.reader,
        dispatcher=service.dispatcher,
        stop=StopFlag(),
        owner="test",
    )
    while (unit := service.store.catalog.claim_work("test", 60.0, 120.0)) is not None:
        run_tasks(context, unit.job_ids[0], unit.tasks)


@contextmanager
def working(served: ApiServer) -> Iterator[None]:
    """A worker in a thread, for the duration of the block."""
    stopped = threading.Event()

    def work() -> None:
        while not stopped.wait(0.05):
            run_worker(served)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        stopped.set()
        join_thread(worker)


def add_item(served: ApiServer, data: bytes, name: str) -> str:
    """Upload a file that is not to be encoded."""
    upload = served.upload(data, name).json()
    served.client.post(f"/v1/jobs/{upload['job']['id']}/cancel")
    return str(upload["item"]["id"])


def dicom_clip(folder: Path, **options: Any) -> Path:
    grey_HW = np.random.default_rng(0).integers(60, 160, (90, 120), np.uint8)
    return write_dicom(folder / "Patient^Name.dcm", np.stack([grey_HW] * 6), [make_region((5, 5, 110, 80), **options)])


def raise_unavailable(*args: object, **kwargs: object) -> None:
    raise Unavailable("The process ends here.")


def get_analysis(served: ApiServer, analysis_id: str) -> LesionAnalysis:
    return LesionAnalysis.model_validate(served.client.get(f"/v1/lesions/{analysis_id}").json())


def test_analysis_of_a_dicom_file_keeps_its_identifiers_out_of_responses_and_catalog(served: ApiServer, tmp_path: Path) -> None:
    path = dicom_clip(tmp_path)
    sent = served.client.post("/v1/lesions/dicom", params={"name": "Patient^Name.dcm"}, content=path.read_bytes())
    assert sent.status_code == 202, sent.text
    assert sent.json()["item_id"] is None
    run_worker(served)
    analysis = get_analysis(served, sent.json()["id"])
    assert (analysis.state, analysis.error) == ("done", None)
    assert analysis.result is not None
    assert analysis.result.num_frames == 6
    assert analysis.result.views[0].mm_per_px == (0.05, 0.05)
    assert {"coco.json", "candidates.csv", "regions.csv", "tracks.webm", "report.dcm"} <= set(analysis.exports)

    home = served.service.settings.root
    responses = [sent.text, served.client.get("/v1/lesions").text, analysis.model_dump_json()]
    responses += [served.client.get(f"/v1/lesions/{analysis.id}/regions").text, served.client.get("/v1/audit").text]
    for name in analysis.exports:
        data = served.client.get(f"/v1/lesions/{analysis.id}/exports/{name}").content
        if not name.endswith(".dcm"):
            responses.append(data.decode("latin-1"))
    stored = b"".join(file.read_bytes() for file in home.glob("catalog.db*"))
    for secret in (*SECRETS, "Patient^Name"):
        assert secret.encode() not in stored
        assert not any(secret in text for text in responses)
    (source,) = (home / "lesions").glob("*/source.dcm")
    assert stat.S_IMODE(source.stat().st_mode) == 0o600
    assert stat.S_IMODE(source.parent.stat().st_mode) == 0o700
    assert served.client.delete(f"/v1/lesions/{analysis.id}").status_code == 204
    assert not source.parent.exists()
    assert_problem(served.client.get(f"/v1/lesions/{analysis.id}"), 404, "not-found")


def test_analysis_of_a_video_follows_candidates_and_ends_with_its_item(served: ApiServer, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 8)
    video = add_item(served, (tmp_path / "clip.mp4").read_bytes(), "clip.mp4")
    image = add_item(served, media.image(71), "still.png")
    sent = served.client.post("/v1/lesions", json={"media": [video, image]})
    assert sent.status_code == 202, sent.text
    run_worker(served)
    first, second = (get_analysis(served, entry["id"]) for entry in sent.json()["analyses"])
    assert (first.state, first.item_id, first.name) == ("done", video, "clip.mp4")
    assert first.result is not None
    assert first.result.candidates
    candidate = first.result.candidates[0]
    page = served.client.get(f"/v1/lesions/{first.id}/regions", params={"candidate": candidate.id, "limit": 2}).json()
    rest = served.client.get(f"/v1/lesions/{first.id}/regions", params={"candidate": candidate.id, "after": page["next"]}).json()
    regions = [*page["regions"], *rest["regions"]]
    assert len(regions) == candidate.num_regions
    assert [regions[0]["frame"], regions[-1]["frame"]] == [candidate.start_frame, candidate.end_frame]
    assert candidate.start == pytest.approx(candidate.start_frame / 25, abs=1e-3)
    listed = served.client.get("/v1/lesions", params={"limit": 1}).json()
    assert served.client.get("/v1/lesions", params={"cursor": listed["next"]}).json()["analyses"][0]["id"] == first.id
    assert second.state in {"done", "failed"}  # a coloured picture is refused by name
    assert served.client.delete(f"/v1/media/{video}").status_code == 204
    assert served.client.delete(f"/v1/trash/{video}").status_code == 204
    assert_problem(served.client.get(f"/v1/lesions/{first.id}"), 404, "not-found")


def test_command_with_a_url_analyses_by_the_service(served: ApiServer, tmp_path: Path) -> None:
    with working(served):
        path, out = dicom_clip(tmp_path), tmp_path / "out"
        done = CliRunner().invoke(main, ["lesions", "run", str(path), "--out", str(out), "--url", served.url])
        assert done.exit_code == 0, done.output
        assert NOTICE in done.output
        assert {"coco.json", "report.dcm", "tracks.webm"} <= {file.name for file in out.iterdir()}
        failed = CliRunner().invoke(main, ["lesions", "run", "absent", "--out", str(out), "--url", served.url])
        assert (failed.exit_code, "no file and no item 'absent'" in failed.output) == (1, True)
    with mm.Client(served.url) as client:
        (analysis, *_) = client.lesions.list(limit=1).analyses
        assert client.lesions.export(analysis.id, "coco.json") == (out / "coco.json").read_bytes()
        assert client.lesions.regions(analysis.id, limit=1).notice == NOTICE
        client.lesions.delete(analysis.id)


def test_analysis_of_an_item_in_the_trash_is_hidden_until_it_is_restored(served: ApiServer, tmp_path: Path) -> None:
    Image.fromarray(render_lesion(5)[0]).save(tmp_path / "trashed.png")
    item = add_item(served, (tmp_path / "trashed.png").read_bytes(), "trashed.png")
    (analysis,) = served.client.post("/v1/lesions", json={"media": [item]}).json()["analyses"]
    run_worker(served)
    path = f"/v1/lesions/{analysis['id']}"
    export = f"{path}/exports/{served.client.get(path).json()['exports'][0]}"
    paths = (path, f"{path}/regions", export)
    assert [served.client.get(part).status_code for part in paths] == [200] * 3
    assert served.client.delete(f"/v1/media/{item}").status_code == 204
    for part in paths:
        assert "in the trash" in assert_problem(served.client.get(part), 404, "not-found")["detail"]
    assert_problem(served.client.delete(path), 404, "not-found")
    listed = served.client.get("/v1/lesions").json()["analyses"]
    assert analysis["id"] not in {entry["id"] for entry in listed}
    assert served.client.post(f"/v1/media/{item}/restore").status_code == 200
    assert [served.client.get(part).status_code for part in paths] == [200] * 3


def test_dicom_of_a_request_that_died_moves_to_the_trash_and_analyses_stay(
    served: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, store = dicom_clip(tmp_path).read_bytes(), served.service.store
    waiting = served.client.post("/v1/lesions/dicom", content=data).json()["id"]

    with monkeypatch.context() as patch:
        patch.setattr(type(store.catalog), "add_lesion_job", raise_unavailable)
        patch.setattr(LesionFolders, "remove", lambda self, key: None)  # a process that is killed removes nothing
        assert_problem(served.client.post("/v1/lesions/dicom", content=data), 503, "unavailable")
    folders, root = LesionFolders(served.service.settings.root), served.service.settings.root / "lesions"
    count = folders.count()
    store.sweep(3600.0)
    assert folders.count() == count  # it may still be on its way
    store.sweep(0.0)
    assert folders.count() == count - 1
    assert len(list(root.glob("trash/*/*/source.dcm"))) == 1
    job = store.catalog.get_job(waiting)
    assert job is not None
    assert folders.source(str(job.payload["folder"])).is_file()
    (root / "trash" / "2020-01-01").mkdir()
    (root / "trash" / "2020-01-01" / ("0" * 32)).mkdir()
    assert folders.empty_trash(30.0) == 1
    assert len(list(root.glob("trash/*/*/source.dcm"))) == 1
    assert served.client.delete(f"/v1/lesions/{waiting}").status_code == 204


def test_command_with_the_id_of_an_item_analyses_by_the_service_of_its_home(
    served: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(render_lesion(1)[0]).save(tmp_path / "still.png")
    item = add_item(served, (tmp_path / "still.png").read_bytes(), "still.png")
    monkeypatch.setattr(
        connect, "find_running_service", lambda root: served.url if root == served.service.settings.root else None
    )
    monkeypatch.setenv("MM_HOME", str(served.service.settings.root))
    with working(served):
        done = CliRunner().invoke(main, ["lesions", "run", item, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert NOTICE in done.output
    assert NOTICE in (tmp_path / "out" / "coco.json").read_text()
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix == ".dcm"]


def test_every_response_and_export_about_lesions_has_the_notice(served: ApiServer, tmp_path: Path) -> None:
    sent = served.client.post("/v1/lesions/dicom", content=dicom_clip(tmp_path).read_bytes())
    analysis_id = sent.json()["id"]
    run_worker(served)
    item = add_item(served, media.image(72), "another.png")
    document = served.client.get("/openapi.json").json()
    paths = [path for path in document["paths"] if path.startswith("/v1/lesions")]
    assert len(paths) == 5
    for path in paths:
        for method, operation in document["paths"][path].items():
            responses: list[httpx2.Response]
            if method == "delete":
                continue  # it has no body
            if path.endswith("/dicom"):
                responses = [sent]
            elif method == "post":
                responses = [served.client.post(path, json={"media": [item]})]
            elif path.endswith("{name}"):
                names = get_analysis(served, analysis_id).exports
                assert names
                responses = [served.client.get(f"/v1/lesions/{analysis_id}/exports/{name}") for name in names]
            else:
                responses = [served.client.get(path.replace("{analysis_id}", analysis_id))]
            for response in responses:
                assert response.is_success, response.text
                assert NOTICE.encode() in response.content, (operation["summary"], response.url)
                if not path.endswith("{name}"):
                    assert response.json()["notice"] == NOTICE
                assert not any(word in response.content.lower() for word in (b"benign", b"malignant"))


@pytest.mark.parametrize(
    ("options", "status", "slug"), [({"data_type": 3}, 422, "media-error"), ({"box": (5, 5, 400, 400)}, 422, "media-error")]
)
def test_dicom_that_cannot_be_analysed_is_refused_and_not_stored(
    served: ApiServer, tmp_path: Path, options: dict[str, Any], status: int, slug: str
) -> None:
    grey_HW = np.full((90, 120), 90, np.uint8)
    box = options.pop("box", (5, 5, 110, 80))
    path = write_dicom(tmp_path / "a.dcm", grey_HW[None], [make_region(box, **options)])
    before = set((served.service.settings.root / "lesions").iterdir())
    assert_problem(served.client.post("/v1/lesions/dicom", content=path.read_bytes()), status, slug)
    assert set((served.service.settings.root / "lesions").iterdir()) == before


def test_damaged_frames_fail_the_analysis_with_the_number_of_the_frame(served: ApiServer, tmp_path: Path) -> None:
    data = dicom_clip(tmp_path).read_bytes()
    sent = served.client.post("/v1/lesions/dicom", content=data[: len(data) - 120 * 90])
    assert sent.status_code == 202
    run_worker(served)
    analysis = get_analysis(served, sent.json()["id"])
    assert analysis.state == "failed"
    assert "cannot be decoded" in (analysis.error or "")
    assert (analysis.result, analysis.exports) == (None, [])


def test_other_bytes_and_unknown_items_are_refused(served: ApiServer) -> None:
    assert_problem(served.client.post("/v1/lesions/dicom", content=b"no DICOM" * 100), 415, "unsupported-media")
    assert_problem(served.client.post("/v1/lesions/dicom", content=b""), 400, "invalid-input")
    assert_problem(served.client.post("/v1/lesions", json={"media": ["absent"]}), 404, "not-found")
    audio = add_item(served, media.audio(1.0), "a.wav")
    assert_problem(served.client.post("/v1/lesions", json={"media": [audio]}), 400, "invalid-input")


def test_service_without_a_network_refuses_with_its_name(tmp_path: Path, graphs: Path) -> None:
    home = with_graphs(tmp_path, graphs)
    with run_server(Settings(home=home, lesion_weights=tmp_path / "absent.safetensors")) as service:
        problem = assert_problem(service.client.post("/v1/lesions", json={"media": ["a"]}), 503, "unavailable")
        assert "no weights of the lesion network" in problem["detail"]
        assert json.loads(service.client.get("/v1/lesions").text)["notice"] == NOTICE
