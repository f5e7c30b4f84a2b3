"""The report of a run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mm.cli.inspection.marking import name_image
from mm.errors import InvalidInput
from mm.inspection.marks.observed import observe, read_marks
from mm.inspection.marks.parts import collect_parts
from mm.inspection.records import describe
from mm.inspection.report.outcomes import name_frame
from mm.inspection.report.page import Report, build_report
from mm.inspection.runs import Run
from mm.inspection.store import InspectorStore
from mm.inspection.summary import read_summary
from mm.media import MediaReader

if TYPE_CHECKING:
    from mm.cli.inspection.remote_runs import ServiceRun
    from mm.inspection.report.outcomes import MarkVerdict
    from mm.inspection.runs import RunInfo
    from mm.schemas import ThresholdRecord
    from mm.settings import Settings

MAX_POD_BYTES = 4 << 20


def build_run_report(run: Run | ServiceRun, settings: Settings, num_examples: int, pods: Sequence[Path] = ()) -> str:
    """The HTML document of a run. Raises `InvalidInput` for a file that is none of a POD study."""
    info = run.info
    rows, chart = _read_pods(pods)
    report = Report(
        title=f"Inspection {info.id}",
        created=info.created,
        inspector=info.inspector,
        version=info.version,
        threshold=_observe(info, settings) if isinstance(run, Run) else info.threshold,
        records=run.records,
        settings=info.settings,
        scale=info.scale,
        failures=[(failure.image, failure.error) for failure in info.failures],
        marks=find_marks(run, settings) if isinstance(run, Run) else run.marks,
        pod_rows=rows,
        pod_chart=chart,
    )
    with MediaReader.from_settings(settings) as reader:
        return build_report(report, lambda record: run.open_image(record, reader), run.open_heat, num_examples)


def find_marks(run: Run, settings: Settings) -> dict[str, MarkVerdict]:
    """The verdicts of people by the names of the images of a run.

    Empty when the inspector is no longer in the store, as for a run on another machine.
    """
    marks = read_marks(settings.root, run.info.inspector)
    verdicts = {part.image: part.is_good for part in collect_parts(marks)}
    found: dict[str, MarkVerdict] = {}
    for record in run.records:
        path = Path(run.info.sources.get(record.image, record.image)).resolve()
        is_good = verdicts.get(name_image(path, record.start))
        if is_good is not None:
            found[name_frame(record)] = "accept" if is_good else "reject"
    return found


def _observe(info: RunInfo, settings: Settings) -> ThresholdRecord:
    """The threshold of a run, with the marks of parts that its version inspected.

    As the run has it when the version is no longer stored.
    """
    path = InspectorStore(settings.root).get_path(info.inspector, info.version)
    if not path.is_file():
        return info.threshold
    stored, record = read_summary(path).threshold, info.threshold
    threshold = replace(
        stored,
        score=math.inf if record.score is None else record.score,
        rate_requested=record.rate_requested,
        interval=record.interval,
    )
    return describe(observe(threshold, read_marks(settings.root, info.inspector), info.version))


def _read_pods(paths: Sequence[Path]) -> tuple[list[Mapping[str, object]], bytes | None]:
    rows: list[Mapping[str, object]] = []
    chart = None
    for path in paths:
        if path.stat().st_size > MAX_POD_BYTES:
            raise InvalidInput(f"{path} is larger than {MAX_POD_BYTES} bytes: it is no table or chart of `mm bench pod`.")
        data = path.read_bytes()
        if path.suffix.lower() == ".svg" and b"<svg" in data[:1000]:
            chart = data
            continue
        try:
            found = json.loads(data)["rows"]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInput(f"{path} is neither the JSON nor the SVG file of `mm bench pod`.") from error
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise InvalidInput(f"{path} has no rows of `mm bench pod`.")
        rows += found
    return rows, chart
