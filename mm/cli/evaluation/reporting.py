"""Write the report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import InvalidInput, NotFound
from mm.files import write_atomic

if TYPE_CHECKING:
    from mm.evaluation.runs.store import RunStore
    from mm.media import MediaReader
    from mm.media.types import RGB


def write_report(store: RunStore, run_id: str, output: Path, baseline: str | None, num_examples: int) -> Path:
    """Write the report of a run to a file and return its path.

    Raises `NotFound` for an unknown run, `InvalidInput` for runs that cannot be compared and for a
    folder that cannot be written to.
    """
    from mm.data.sets.catalog import describe_set
    from mm.data.sets.published import read_published
    from mm.evaluation.report.page import Report, build_report
    from mm.evaluation.runs.compare import compare_runs
    from mm.media import MediaReader
    from mm.settings import load_settings

    run = store.get(run_id)
    signature = run.signature
    of_the_set = store.list_runs(signature.set_name)
    earlier = [
        other for other in of_the_set if (other.signature.split, other.signature.task) == (signature.split, signature.task)
    ]
    comparison = compare_runs(store.get(baseline), run) if baseline else None
    try:
        published = read_published(describe_set(signature.set_name), signature.task)
    except NotFound:
        published = []  # a set of another checkout
    with MediaReader.from_settings(load_settings()) as reader:
        page = build_report(
            Report(run, earlier, published, comparison),
            lambda path, time, longest: open_shown(reader, path, time, longest),
            num_examples,
        )
    try:
        write_atomic(output, page.encode())
    except OSError as error:
        raise InvalidInput(f"{output} cannot be written: {error.strerror}.") from error
    return output


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
