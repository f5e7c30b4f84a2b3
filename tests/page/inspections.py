"""Scripted inspections: rendered parts, their records, heat maps and marks, served to the page."""

from __future__ import annotations

import functools
import io
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mm.schemas import InspectionRecord, MeasuredValue, RegionRecord, RegionSizes, ThresholdRecord
from tests.inspection.parts import add_scratch, render_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Page, Route

    from mm.media.types import RGB
    from mm.schemas import InspectionVerdict

NUM_GOOD = 5
"""Good parts of the fitted inspector."""
SIDE = 240
ROW, COLUMN, LENGTH = 100, 90, 60
RATE, NUM_GROUPS = 0.05, 24
NOW = "2026-01-02T03:04:05Z"
THRESHOLD = ThresholdRecord(
    score=1.5, rate_requested=RATE, num_good=NUM_GROUPS, num_groups=NUM_GROUPS, smallest_rate=1 / (NUM_GROUPS + 1),
    interval=(0.001, 0.21), rate_observed=None,
    statement="At most 5.0% of good parts of further groups are expected to fail, by 24 held-out good images of 24 groups.",
)  # fmt: skip
PARTS: tuple[tuple[float, InspectionVerdict], ...] = (
    (0.04, "fail"), (0.04, "fail"), (0.08, "undecided"), (0.2, "pass"), (0.56, "pass"), (0.96, "pass"),
)  # fmt: skip
"""p-value and verdict of each part, by ascending p-value."""


def encode_png(pixels: RGB) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def render(number: int) -> RGB:
    """The part of a number; those that do not pass have a scratch."""
    part = render_part(number, SIDE)
    return part if PARTS[number][1] == "pass" else add_scratch(part, ROW, COLUMN, LENGTH)


@functools.cache
def encode_part(number: int) -> bytes:
    return encode_png(render(number))


@functools.cache
def render_overlay() -> bytes:
    """A heat map in colours, with the highest opacity over the scratch."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    distance = np.hypot(columns - COLUMN - LENGTH / 2, 2 * (rows - ROW - LENGTH / 4))
    heat = np.exp(-((distance / 35) ** 2))
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 3] = 255, 160 * heat, 210 * heat
    return encode_png(pixels)


def make_record(number: int, unit: str = "mm") -> InspectionRecord:
    p_value, verdict = PARTS[number]

    def measure(value: float, expanded: float, suffix: str = "") -> MeasuredValue:
        return MeasuredValue.model_validate({"value": value, "expanded": expanded, "unit": unit + suffix, "k": 2})

    sizes = RegionSizes(
        length=measure(1.342, 0.028),
        width=measure(0.0412, 0.0061),
        area=measure(0.0561, 0.0089, "2"),
        feret_max=measure(1.35, 0.03),
    )
    right, low = COLUMN + LENGTH, ROW + LENGTH // 2
    piece = [(right + 20, low), (right + 30, low), (right + 30, low + 12)]
    outline = [(COLUMN - 6, ROW), (COLUMN, ROW - 6), (right + 6, low), (right, low + 6)]
    polygon, further = ([(float(x), float(y)) for x, y in points] for points in (outline, piece))
    region = RegionRecord(
        polygon=polygon, further=[further], rle="", area_px=620.0, score=3.1, kind="scratch", measures=sizes,
        notes=["The width is below two pixels."],
    )  # fmt: skip
    return InspectionRecord(
        image=f"part {number}.png", width=SIDE, height=SIDE, score=2.5 - number / 4, p_value=p_value, verdict=verdict,
        regions=[] if verdict == "pass" else [region], inspector="disc", version=1, scale="camera 1" if unit == "mm" else None,
        notes=["The image was aligned with the first good one."], threshold=THRESHOLD,
    )  # fmt: skip


@dataclass
class ScriptedInspections:
    """Serves one inspection of `PARTS`, and keeps the marks that the page sends."""

    marks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Marks in force by result."""

    def list_marks(self, result: str) -> list[tuple[str, list[list[list[float]]]]]:
        """Verdict and polygons of the marks of a result."""
        return [(mark["verdict"], mark["polygons"]) for mark in self.marks.get(result, [])]

    def install(self, page: Page) -> None:
        """Serve all requests for inspections, and the images of the parts."""
        images = [encode_part(number) for number in range(len(PARTS))]
        overlay = render_overlay()
        page.route(re.compile("/v1/inspections"), self._serve)
        page.route(re.compile("/overlay$"), lambda route: route.fulfill(body=overlay, content_type="image/png"))

        def serve_image(route: Route) -> None:
            number = int(route.request.url.split("/media/")[1][:32], 16)
            route.fulfill(body=images[number], content_type="image/png")

        page.route(re.compile("/v1/media/0{30}.*/(content|thumbnail)"), serve_image)

    def _serve(self, route: Route) -> None:
        path = route.request.url.split("/v1/inspections")[1].partition("?")[0]
        if match := re.fullmatch(r"/run/results/(\d+)/marks(/\w+)?", path):
            self._serve_marks(route, match[1], match[2])
            return
        run = {
            "id": "run", "inspector": "disc", "version": 1, "state": "done", "progress": 1.0, "error": None, "job_id": "job_1",
            "created_at": NOW, "scale": "camera 1", "region": None, "rate": RATE, "fps": 1.0, "num_items": len(PARTS),
            "counts": {"pass": 3, "fail": 2, "undecided": 1, "failed": 1},
        }  # fmt: skip
        failures = [
            {"item": "f" * 32, "start": 0.0, "end": 0.0, "attempts": 3, "error": "torn.png cannot be decoded: no JPEG marker."}
        ]
        responses: dict[str, object] = {
            "": {"inspections": [run], "next": None},
            "/run": run,
            "/run/results": {
                "results": [self._result(number) for number in range(len(PARTS))],
                "total": len(PARTS),
                "next": None,
            },
            "/run/failures": {"failures": failures, "next": None},
        }
        route.fulfill(json=responses[path])

    def _result(self, number: int) -> dict[str, object]:
        item = f"{number:032x}"
        return {
            "id": str(number), "inspection_id": "run", "item_id": item, "item_name": f"part {number}.png", "frame_time": None,
            "record": make_record(number).model_dump(mode="json"), "heat": f"/v1/inspections/run/results/{number}/heat",
            "overlay": f"/v1/inspections/run/results/{number}/overlay", "media": f"/v1/media/{item}/content",
            "thumbnail": f"/v1/media/{item}/thumbnail", "marks": self.marks.get(str(number), []),
        }  # fmt: skip

    def _serve_marks(self, route: Route, result: str, mark: str | None) -> None:
        marks = self.marks.setdefault(result, [])
        if route.request.method == "DELETE":
            self.marks[result] = [other for other in marks if f"/{other['id']}" != mark]
            route.fulfill(status=204)
            return
        body = json.loads(route.request.post_data or "{}")
        marks[:] = [mark for mark in marks if mark["verdict"] == body["verdict"]]
        marks.append({"id": f"mark{len(marks)}", "kind": None, "author": "", "at": NOW, **body})
        route.fulfill(json=marks[-1], status=201)


def make_parts(verdicts: Sequence[str]) -> list[dict[str, Any]]:
    """Verdicts of a line, as the service sends them."""
    return [
        {
            "sequence": number, "part": f"part-{number}", "line": "press", "verdict": verdict, "reject": verdict != "PASS",
            "reason": "" if verdict == "PASS" else "3 of 4 frames failed.", "score": 1.2, "p_value": 0.04, "num_frames": 4,
            "num_inspected": 4, "num_failed": 0 if verdict == "PASS" else 3, "num_dropped": 0, "false_alarm_bound": 0.04,
            "entered": 1.0 * number, "left": 1.0 * number + 0.5, "decided": NOW, "latency_seconds": 0.042, "inspector": "disc",
            "version": 1, "regions": [],
        }
        for number, verdict in enumerate(verdicts, 1)
    ]  # fmt: skip


def make_line(name: str) -> dict[str, Any]:
    """A running line of the inspector `disc`, as the service sends it."""
    sinks = [
        {"kind": "csv", "host": "", "backlog": 0, "refused": 0},
        {"kind": "webhook", "host": "plc.local", "backlog": 3, "refused": 0},
    ]
    return {
        "name": name, "inspector": "disc", "source": {"camera": "rtsp://camera.local/stream", "fps": 30.0}, "region": None,
        "crop": "region", "min_area": 0.01, "fail_share": 0.5, "deadline": 1.0, "state": "running", "error": None,
        "created_at": NOW, "num_parts": 0, "verdicts": {}, "frames": 400, "dropped": 2, "reconnects": 0, "sinks": sinks,
    }  # fmt: skip


def serve_line(page: Page, verdicts: Sequence[str], later: Sequence[str]) -> list[str]:
    """Serve the line `press`: verdicts that are there, and later ones as events.

    Returns a list that receives the paths of actions.
    """
    parts = make_parts([*verdicts, *later])
    actions: list[str] = []
    counts = {verdict: [*verdicts, *later].count(verdict) for verdict in ("PASS", "FAIL", "UNDECIDED")}
    line = make_line("press") | {"num_parts": len(parts), "verdicts": counts, "sinks": []}
    events = "".join(f"id: {part['sequence']}\nevent: part\ndata: {json.dumps(part)}\n\n" for part in parts[len(verdicts) :])

    def serve(route: Route) -> None:
        path = route.request.url.split("/v1/lines")[1].partition("?")[0]
        if path.endswith("/events"):
            route.fulfill(body=f"retry: 100000\n\n{events}", content_type="text/event-stream")
        elif path.endswith("/parts"):
            route.fulfill(json={"parts": parts[: len(verdicts)], "next": None, "total": len(parts)})
        elif route.request.method == "POST":
            actions.append(path)
            line["state"] = "stopped" if path.endswith("/stop") else "running"
            route.fulfill(json=line)
        else:
            route.fulfill(json={"data": [line]})

    page.route(re.compile("/v1/lines"), serve)
    return actions
