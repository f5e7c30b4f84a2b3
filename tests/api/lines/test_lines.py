"""Lines over HTTP: their processes, verdicts, secrets and errors."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import mm
from mm.cli.main import main
from mm.errors import NotFound
from mm.inspection.features.backbone import LiteBackbone
from mm.inspection.features.framing import Framing
from mm.inspection.fit import fit_inspector
from mm.inspection.settings import FitSettings
from mm.inspection.store import InspectorStore
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from mm.schemas import LineSource
from mm.settings import Settings
from tests.api.conftest import ApiServer, KeyedServer, assert_problem, run_server
from tests.graphs import with_graphs
from tests.line import conveyor
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("lines")
DEFECTS = (False, True, False, True)
SECRETS = ("camera-password", "query-password", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "broker-password")


def render_frame(index: int) -> RGB:
    """A frame of the conveyor; a defective part has a broad stripe."""
    image = conveyor.render(index, [False] * len(DEFECTS))
    number, _ = divmod(index - conveyor.LEAD, conveyor.PERIOD)
    rows, columns = np.nonzero(image[..., 0] == 200)
    if len(rows) and DEFECTS[number]:
        image[rows.min() + 4 : rows.max() - 4, columns.min() + 12 : columns.min() + 28] = (20, 20, 160)
    return image


def encode_conveyor(path: Path) -> bytes:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=int(conveyor.FPS), options={"preset": "ultrafast", "crf": "10"})
        stream.height, stream.width, stream.pix_fmt = conveyor.HEIGHT, conveyor.WIDTH, "yuv420p"
        for index in range(conveyor.num_frames(len(DEFECTS))):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(render_frame(index), "rgb24")))
        output.mux(stream.encode(None))
    return path.read_bytes()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[ApiServer]:
    """A service with the inspector `plate`, fitted on parts of the conveyor."""
    home, root = with_graphs(tmp_path_factory.mktemp("lines"), graphs), tmp_path_factory.mktemp("root")
    (root / "station").mkdir()
    goods = [GoodImage(conveyor.render(conveyor.LEAD + step, [False]), f"{step}") for step in range(5, 20, 2)]
    settings = FitSettings(framing=Framing(longest=96), rate=0.12)
    backbone = LiteBackbone(settings.backbone, home / "cache")
    InspectorStore(home).add(fit_inspector(goods, "plate", backbone, settings))
    with run_server(Settings(home=home, import_root=root)) as service:
        yield service


def create(service: ApiServer, name: str, **fields: object) -> Any:
    body = {"name": name, "inspector": "plate", **fields}
    return service.client.post("/v1/lines", json=body)


def get_line(service: ApiServer, name: str) -> dict[str, Any]:
    line: dict[str, Any] = service.client.get(f"/v1/lines/{name}").json()
    return line


def test_line_of_a_video_killed_twice_loses_and_doubles_no_part(served: ApiServer, tmp_path: Path) -> None:
    item = served.upload_item(encode_conveyor(tmp_path / "belt.mp4"), "belt.mp4")
    created = create(served, "belt", source={"item": item["id"]}, deadline=None)
    assert created.status_code == 201, created.text
    supervisor = served.service.lines.supervisor
    for count in (1, 2):
        wait_for(lambda: get_line(served, "belt")["num_parts"] >= count, "verdicts")  # noqa: B023
        pid = supervisor.pid("belt")
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: supervisor.pid("belt") != pid, "the end of the process")  # noqa: B023
    wait_for(lambda: get_line(served, "belt")["state"] == "ended", "the end of the video")

    line = get_line(served, "belt")
    assert line["error"] is None
    assert line["verdicts"] == {"PASS": 2, "FAIL": 2, "UNDECIDED": 0}
    page = served.client.get("/v1/lines/belt/parts", params={"limit": 3}).json()
    rest = served.client.get("/v1/lines/belt/parts", params={"after": page["next"]}).json()
    parts = [*page["parts"], *rest["parts"]]
    assert (page["total"], rest["next"]) == (4, None)
    assert [part["sequence"] for part in parts] == [1, 2, 3, 4]
    assert len({part["part"] for part in parts}) == 4
    assert [part["reject"] for part in parts] == list(DEFECTS)
    assert served.client.get("/v1/lines/belt/parts", params={"after": -1}).json()["parts"] == parts[-1:]
    rows = list(csv.DictReader(io.StringIO(served.client.get("/v1/lines/belt/parts.csv").text)))
    assert [row["part"] for row in rows] == [part["part"] for part in parts]
    assert [(sink["kind"], sink["backlog"]) for sink in line["sinks"]] == [("csv", 0)]

    with served.client.stream("GET", "/v1/lines/belt/events", headers={"Last-Event-ID": "3"}) as response:
        lines = response.iter_lines()
        events = [next(lines) for _ in range(4)]
    assert events[2:] == ["id: 4", "event: part"]
    with mm.Client(served.url) as client:
        assert [part.sequence for part in itertools.islice(client.line_events("belt", after=-2), 2)] == [3, 4]
    assert served.client.delete("/v1/lines/belt").status_code == 204
    assert_problem(served.client.get("/v1/lines/belt"), 404, "not-found")


def test_line_secrets_are_in_no_response_no_audit_and_no_log(served: ApiServer) -> None:
    camera = f"rtsp://viewer:{SECRETS[0]}@127.0.0.1:9/stream?password={SECRETS[1]}"
    sinks = {
        "webhook": {"url": "http://127.0.0.1:9/verdicts", "secret": SECRETS[2]},
        "mqtt": f"mqtt://press:{SECRETS[3]}@127.0.0.1:9/press",
    }
    created = create(served, "press", source={"camera": camera}, sinks=sinks)
    assert created.status_code == 201, created.text
    wait_for(lambda: get_line(served, "press")["state"] == "running", "the line")
    texts = [created.text, served.client.get("/v1/lines").text, served.client.get("/v1/lines/press").text]
    assert_problem(served.client.delete("/v1/lines/press"), 409, "conflict")
    stopped = served.client.post("/v1/lines/press/stop")
    assert stopped.json()["state"] == "stopped"
    texts += [stopped.text, served.client.get("/v1/audit").text]
    home = served.service.settings.root
    texts.append((home / "log" / "line-press.log").read_text())
    assert not [secret for secret in SECRETS for text in texts if secret in text]
    assert stopped.json()["source"]["camera"] == "rtsp://127.0.0.1:9/stream"
    assert [sink["host"] for sink in stopped.json()["sinks"]] == ["", "127.0.0.1", "127.0.0.1"]
    assert stat.S_IMODE((home / "lines" / "press" / "line.json").stat().st_mode) == 0o600
    assert served.client.delete("/v1/lines/press").status_code == 204


@pytest.mark.parametrize(
    ("fields", "status", "slug"),
    [
        ({"inspector": "absent"}, 404, "not-found"),
        ({"source": {"item": "absent"}}, 404, "not-found"),
        ({"source": {"folder": "../.."}}, 403, "forbidden"),
        ({"source": {"folder": "station", "item": "a"}}, 400, "invalid-input"),
        ({"source": {"camera": "http://camera"}}, 400, "invalid-input"),
        ({"source": {"folder": "station", "pattern": "("}}, 400, "invalid-input"),
        ({"sinks": {"webhook": {"url": "https://plc.local", "secret": "c2hvcnQ="}}}, 400, "invalid-input"),
        ({"sinks": {"mqtt": "mqtt://broker"}}, 400, "invalid-input"),
        ({"name": "../press"}, 400, "invalid-input"),
        ({"region": [[0, 0], [1, 1]]}, 400, "invalid-input"),
    ],
)
def test_line_with_invalid_fields_is_refused_and_not_stored(
    served: ApiServer, fields: dict[str, object], status: int, slug: str
) -> None:
    body = {"name": "bad", "inspector": "plate", "source": {"folder": "station"}, "start": False, **fields}
    assert_problem(served.client.post("/v1/lines", json=body), status, slug)
    assert_problem(served.client.get("/v1/lines/bad"), 404, "not-found")


def test_line_of_an_unreadable_image_rejects_its_part(served: ApiServer) -> None:
    (served.service.settings.import_root or Path()).joinpath("station", "a.png").write_bytes(b"no image")
    assert create(served, "once", source={"folder": "station", "once": True}).status_code == 201
    assert_problem(create(served, "once", source={"folder": "station"}), 409, "conflict")
    wait_for(lambda: get_line(served, "once")["state"] == "ended", "the end of the folder")
    (part,) = served.client.get("/v1/lines/once/parts").json()["parts"]
    assert (part["verdict"], part["reject"]) == ("UNDECIDED", True)
    assert served.client.delete("/v1/lines/once").status_code == 204


def test_watch_with_a_service_prints_the_verdicts_of_the_command_without_it(
    served: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = (served.service.settings.import_root or Path()) / "watched"
    station.mkdir()
    for part, index in (("A", 0), ("B", 1)):
        Image.fromarray(render_frame(conveyor.LEAD + index * conveyor.PERIOD + 12)).save(station / f"{part}_top.png")
    monkeypatch.setenv("MM_HOME", str(served.service.settings.root))

    def watch(source: str | Path, name: str, *more: str) -> tuple[list[tuple[str, str]], str]:
        options = ["--line", name, "--once", "--pattern", "^(?P<part>[^_]+)_", "--images-per-part", "1", "--json"]
        options += ["--deadline", "300", *more]  # the machine may be busy
        done = CliRunner().invoke(main, ["inspect", "watch", str(source), "--inspector", "plate", *options])
        assert done.exit_code == 0, done.output
        printed = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]  # not the log of the server
        return [(part["part"], part["verdict"]) for part in printed], done.stderr

    verdicts, shown = watch("watched", "remote", "--url", served.url)
    assert "The line remote has ended." in shown
    assert verdicts == watch(station, "local")[0]
    assert [verdict for _, verdict in verdicts] == ["PASS", "FAIL"]
    assert watch("watched", "remote", "--url", served.url)[0] == []  # the line continues, and repeats no part
    refused = CliRunner().invoke(
        main, ["inspect", "watch", "other", "--inspector", "plate", "--line", "remote", "--url", served.url]
    )
    assert (refused.exit_code, "another inspector or source" in refused.stderr) == (1, True)
    assert served.client.delete("/v1/lines/remote").status_code == 204


def test_line_that_cannot_run_fails_with_its_reason(served: ApiServer) -> None:
    folder = (served.service.settings.import_root or Path()) / "other"
    folder.mkdir()
    Image.fromarray(conveyor.render(0, [])).save(folder / "a.png")
    region = [[5000, 5000], [5100, 5000], [5100, 5100]]
    assert create(served, "outside", source={"folder": "other", "once": True}, region=region).status_code == 201
    wait_for(lambda: get_line(served, "outside")["state"] == "failed", "the failure of the line")
    assert get_line(served, "outside")["error"] == "The region of interest is outside the frame of 160 x 96 pixels."
    assert served.client.delete("/v1/lines/outside").status_code == 204


def test_frame_of_a_source_has_its_size(served: ApiServer) -> None:
    folder = (served.service.settings.import_root or Path()) / "frames"
    folder.mkdir()
    with mm.Client(served.url) as client:
        with pytest.raises(NotFound, match="has no image yet"):
            client.line_frame(LineSource(folder="frames"))
        Image.fromarray(conveyor.render(0, [])).save(folder / "a.png")
        frame = client.line_frame(LineSource(folder="frames"))
    assert Image.open(io.BytesIO(frame)).size == (conveyor.WIDTH, conveyor.HEIGHT)
    assert_problem(served.client.post("/v1/lines/frame", json={"folder": "../.."}), 403, "forbidden")


def test_line_changes_require_the_scope_admin(keyed: KeyedServer) -> None:
    _, write = keyed.key("write")
    client = keyed.running.client
    body = {"name": "a", "inspector": "a", "source": {"camera": "rtsp://camera/a"}}
    assert_problem(client.post("/v1/lines", json=body, headers=write), 403, "forbidden")
    assert client.get("/v1/lines", headers=write).json() == {"data": []}
