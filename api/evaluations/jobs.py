"""Evaluations as jobs, and data sets that can be evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from api.evaluations.runs import hide_folder
from api.library import dispatch_job
from api.request_context import current_actor, current_client, current_request_id
from api.uploads.folder import resolve_folder
from mm.data.sets.catalog import check_set, describe_set, list_sets, read_set
from mm.data.sets.types import list_errors
from mm.errors import InvalidInput, NotFound
from mm.evaluation.runs.store import RunStore
from mm.schemas import (
    Evaluation,
    EvaluationCheck,
    EvaluationList,
    EvaluationProblem,
    EvaluationRequest,
    EvaluationSetInfo,
    EvaluationSetList,
)

if TYPE_CHECKING:
    from api.service import Service
    from indexes.catalog.records import JobRow
    from mm.data.sets.catalog import Described
    from mm.data.sets.types import EvaluationSet

FINAL_WITHOUT_RUN = "The set was encoded, and no run was kept. The log of the workers has the reason."


def add_evaluation(service: Service, request: EvaluationRequest) -> Evaluation:
    """Add an evaluation of a folder below MM_IMPORT_ROOT.

    Raises `Forbidden` and `NotFound` as imports do, and `InvalidInput` for an unknown set, split or
    task, for a folder that cannot be read as the set, and for the id of a run that exists.
    """
    described = describe_set(request.set)
    task = request.task or next(iter(described.tasks), "")
    if task not in described.tasks:
        raise InvalidInput(f"{described.name} is not evaluated for '{task}', but for: {', '.join(described.tasks)}.")
    root = resolve_folder(service.settings.import_root, request.folder)
    _read(described, root, request)
    store = RunStore(service.settings.root)
    run_id = request.run or store.new_id(described.name, task)
    store.require_free(run_id)
    request = request.model_copy(update={"task": task})
    job = service.store.catalog.add_evaluation_job(
        request.model_dump(), run_id, str(root),
        by=current_actor(), request_id=current_request_id(), key_id=current_client().key_id,
    )  # fmt: skip
    dispatch_job(service.dispatcher, job.id)
    return _serialize(service, job, has_run=False)


def list_evaluations(service: Service, limit: int) -> EvaluationList:
    """The latest evaluations without their runs."""
    jobs = service.store.catalog.list_evaluation_jobs(limit)
    return EvaluationList(data=[_serialize(service, job, has_run=False) for job in jobs])


def get_evaluation(service: Service, evaluation_id: str) -> Evaluation:
    """An evaluation with its run when it is done. Raises `NotFound`."""
    job = service.store.catalog.get_job(evaluation_id)
    if job is None or job.kind != "evaluate":
        raise NotFound(f"There is no evaluation {evaluation_id!r:.80}.")
    return _serialize(service, job, has_run=True)


def list_data_sets() -> EvaluationSetList:
    """Sets with a reader and a task."""
    return EvaluationSetList(
        data=[
            EvaluationSetInfo(
                name=found.name, title=found.title, splits=list(found.splits), tasks=list(found.tasks), licence=found.licence,
                get=found.get,
            )
            for found in list_sets()
        ]
    )  # fmt: skip


def check_folder(service: Service, request: EvaluationRequest) -> EvaluationCheck:
    """What is wrong with a folder below MM_IMPORT_ROOT. Raises as `add_evaluation`."""
    described = describe_set(request.set)
    root = resolve_folder(service.settings.import_root, request.folder)
    problems = check_set(described, root, request.split)
    data = None if list_errors(problems) else _read(described, root, request)

    def name(text: str) -> str:
        return _name_folder(text, root, request.folder)

    return EvaluationCheck(
        problems=[
            EvaluationProblem(severity=p.severity, where=name(p.where), what=name(p.what), remedy=name(p.remedy))
            for p in problems
        ],
        num_files=len(data.present) if data else 0,
        num_missing=len(data.missing) if data else 0,
    )


def _read(described: Described, root: Path, request: EvaluationRequest) -> EvaluationSet:
    """The set. Raises `InvalidInput`, with the folder as the client has named it."""
    try:
        return read_set(described, root, request.split)
    except InvalidInput as error:
        raise InvalidInput(_name_folder(str(error), root, request.folder)) from error


def _name_folder(text: str, root: Path, folder: str) -> str:
    """The text with the folder of the client in place of that of the server."""
    return text.replace(str(root), folder or ".")


def _serialize(service: Service, job: JobRow, *, has_run: bool) -> Evaluation:
    """The job is done when all its tasks have ended; the evaluation only with its run."""
    run_id, state, error = str(job.payload["run_id"]), job.state, job.error
    request = EvaluationRequest.model_validate(job.payload["request"])
    store = RunStore(service.settings.root)
    is_kept = state == "done" and store.has(run_id)
    if state == "done" and not is_kept:
        failed = service.store.catalog.list_failed_tasks(job.id, -1, 1)
        state, error = "failed", failed[0].error if failed else FINAL_WITHOUT_RUN
    return Evaluation(
        id=job.id,
        run_id=run_id,
        request=request,
        state=state,
        progress=job.progress,
        stage=job.stage,
        error=None if error is None else _name_folder(error, Path(str(job.payload["root"])), request.folder),
        created_at=job.created_at,
        run=hide_folder(store.get(run_id, with_items=False)) if has_run and is_kept else None,
    )
