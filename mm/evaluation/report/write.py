"""The report of a run that is kept, with what belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mm.data.sets.catalog import describe_set
from mm.data.sets.published import read_published
from mm.errors import InvalidInput, NotFound
from mm.evaluation.report.page import NUM_EXAMPLES, Report, build_report
from mm.evaluation.runs.compare import compare_runs

if TYPE_CHECKING:
    from mm.evaluation.runs.store import RunStore
    from mm.media import MediaReader
    from mm.media.types import RGB


def write_report(
    store: RunStore, run_id: str, reader: MediaReader, baseline: str | None = None, num_examples: int = NUM_EXAMPLES
) -> str:
    """The HTML report of a run, beside earlier runs of the same set, split and task.

    Raises `NotFound` for an unknown run, `InvalidInput` for runs that cannot be compared.
    """
    run = store.get(run_id)
    signature = run.signature
    of_set = store.list_runs(signature.set_name)
    earlier = [other for other in of_set if (other.signature.split, other.signature.task) == (signature.split, signature.task)]
    comparison = compare_runs(store.get(baseline), run) if baseline else None
    try:
        published = read_published(describe_set(signature.set_name), signature.task)
    except NotFound:
        published = []  # the set is not in this checkout
    report = Report(run, earlier, published, comparison)
    return build_report(report, lambda path, time, longest: open_shown(reader, path, time, longest), num_examples)


def open_shown(reader: MediaReader, path: Path, time: float, longest: int) -> tuple[str, RGB | None]:
    """Kind of a file, and an image of it. Raises `InvalidInput` for a file that is gone."""
    if not path.is_file():
        raise InvalidInput(f"{path.name} is no longer in the folder.")
    kind = reader.probe(path, path.name).kind
    if kind == "audio":
        return kind, None
    if kind == "video":
        return kind, reader.thumbnail(path, path.name, time, longest=longest)
    return kind, reader.image(path, path.name, longest=longest)
