"""Evaluations of data sets, and the runs that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from mm.client.flows.jobs import OnProgress, wait_for
from mm.client.paths import quote_id
from mm.client.responses import parse_body, read_body
from mm.client.steps import Flow, Params, Send
from mm.schemas import (
    Evaluation,
    EvaluationCheck,
    EvaluationFolderList,
    EvaluationList,
    EvaluationRequest,
    EvaluationSetInfo,
    EvaluationSetList,
    ItemRecord,
    Run,
    RunComparison,
    RunExamples,
    RunItemPage,
    RunList,
)

ITEMS_PER_PAGE = 2000


def create(
    set_name: str,
    folder: str,
    *,
    split: str = "dev",
    task: str = "",
    space: str = "",
    options: Mapping[str, str] | None = None,
    speech: bool = False,
    strict: bool = False,
    run: str = "",
) -> Flow[Evaluation]:
    """Start the evaluation of a data set in a folder of the server, relative to MM_IMPORT_ROOT.

    Raises `Forbidden` where imports are disabled, `NotFound` for an unknown set or folder, and
    `InvalidInput` for a folder that cannot be read as the set.
    """
    request = EvaluationRequest.model_construct(
        set=set_name, folder=folder, split=split, task=task, space=space, options=dict(options or {}), speech=speech,
        strict=strict, run=run,
    )  # fmt: skip
    return parse_body((yield from Send("POST", "/v1/evaluations", json=request.model_dump())), Evaluation)


def check(set_name: str, folder: str, *, split: str = "dev") -> Flow[EvaluationCheck]:
    """Check the folder of a data set. Raises as `create`."""
    request = EvaluationRequest.model_construct(set=set_name, folder=folder, split=split)
    return parse_body((yield from Send("POST", "/v1/evaluations/check", json=request.model_dump())), EvaluationCheck)


def folders(within: str = "") -> Flow[list[str]]:
    """List the folders of the server in a folder below MM_IMPORT_ROOT. Raises as `create`."""
    params: Params = {"in": within}
    return parse_body((yield from Send("GET", "/v1/evaluations/folders", params=params)), EvaluationFolderList).folders


def get(evaluation_id: str) -> Flow[Evaluation]:
    """Get an evaluation, with its run when it is done. Raises `NotFound`."""
    return parse_body((yield from Send("GET", f"/v1/evaluations/{quote_id(evaluation_id)}")), Evaluation)


def list_all(*, limit: int = 50) -> Flow[list[Evaluation]]:
    """List the latest evaluations without their runs."""
    return parse_body((yield from Send("GET", "/v1/evaluations", params={"limit": limit})), EvaluationList).data


def sets() -> Flow[list[EvaluationSetInfo]]:
    """List the data sets that the server can evaluate."""
    return parse_body((yield from Send("GET", "/v1/evaluations/sets")), EvaluationSetList).data


def wait(evaluation_id: str, *, on_progress: OnProgress | None = None) -> Flow[Evaluation]:
    """Wait until an evaluation is in a final state, and return it. Raises `NotFound`."""
    yield from wait_for(evaluation_id, on_progress=on_progress)
    return (yield from get(evaluation_id))


def runs(set_name: str | None = None, *, limit: int = 50, cursor: str | None = None) -> Flow[RunList]:
    """List one page of runs without their items, newest first; of one set with `set_name`.

    Pass `next` of a page as `cursor` to get the following one. Raises `InvalidInput` for a
    malformed cursor.
    """
    params: dict[str, str | int] = {"limit": limit}
    params |= {name: value for name, value in (("set", set_name), ("cursor", cursor)) if value is not None}
    return parse_body((yield from Send("GET", "/v1/evaluations/runs", params=params)), RunList)


def get_run(run_id: str) -> Flow[Run]:
    """Get a run without its items. Raises `NotFound`."""
    return parse_body((yield from Send("GET", run_path(run_id))), Run)


def items(run_id: str) -> Flow[list[ItemRecord]]:
    """Get all items of a run. Raises `NotFound`."""
    found: list[ItemRecord] = []
    after: int | None = 0
    while after is not None:
        params: Params = {"after": after, "limit": ITEMS_PER_PAGE}
        page = parse_body((yield from Send("GET", f"{run_path(run_id)}/items", params=params)), RunItemPage)
        found += page.data
        after = page.next
    return found


def examples(run_id: str, *, limit: int = 12) -> Flow[RunExamples]:
    """Get items with the worst and with the best values of a run. Raises `NotFound`."""
    return parse_body((yield from Send("GET", f"{run_path(run_id)}/examples", params={"limit": limit})), RunExamples)


def image(run_id: str, item_id: str, *, of: Literal["item", "answer"] = "item", size: int = 640) -> Flow[bytes]:
    """Get an image of an item of a run, or of what was returned first for it, as WebP.

    Of a video it is the key frame at or before the start of the item, of audio the waveform.
    Raises `NotFound` for an item without a file and for a file that is gone.
    """
    params: Params = {"item": item_id, "of": of, "size": size}
    return read_body((yield from Send("GET", f"{run_path(run_id)}/image", params=params)))


def file(run_id: str, item_id: str, *, of: Literal["item", "answer"] = "item") -> Flow[bytes]:
    """Get the video or sound of an item of a run, or of what was returned first for it, as stored.

    Raises `NotFound` for an item without such a file and for a file that is gone.
    """
    params: Params = {"item": item_id, "of": of}
    return read_body((yield from Send("GET", f"{run_path(run_id)}/file", params=params)))


def report(run_id: str, *, baseline: str | None = None) -> Flow[bytes]:
    """Get the HTML report of a run, with `baseline` compared with another. Raises `NotFound`."""
    params: Params = {} if baseline is None else {"baseline": baseline}
    return read_body((yield from Send("GET", f"{run_path(run_id)}/report", params=params)))


def compare(first: str, second: str) -> Flow[RunComparison]:
    """Compare two runs item by item: the second minus the first. Raises `NotFound`."""
    return parse_body((yield from Send("GET", f"{run_path(second)}/comparison", params={"baseline": first})), RunComparison)


def delete_run(run_id: str) -> Flow[None]:
    """Delete a run. Raises `NotFound`."""
    read_body((yield from Send("DELETE", run_path(run_id))))


def run_path(run_id: str) -> str:
    """Path of a run. Raises `InvalidInput` for what cannot be an id."""
    return f"/v1/evaluations/runs/{quote_id(run_id)}"
