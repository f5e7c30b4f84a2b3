"""Analyses of ultrasound: rows of the catalog joined with the files of `LesionFolders`.

Candidates for review, research use, not a diagnosis.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from api.library import dispatch_job
from api.request_context import current_actor, current_client, current_request_id
from mm.errors import InvalidInput, NotFound, UnsupportedMedia
from mm.lesions.folders import LesionFolders
from mm.schemas import LesionAnalysis, LesionList, LesionRegionPage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from api.service import Service
    from indexes.catalog.records import ItemRow, JobRow

NAME_DIGITS = 12
"""Digits of the SHA-256 that name a DICOM file: its own name may be that of a patient."""


def analyse_items(service: Service, item_ids: Sequence[str]) -> LesionList:
    """Add an analysis for each item.

    Raises `NotFound`, `InvalidInput` for audio, and `Unavailable` without a lesion network.
    """
    _require_network(service)
    items = [_get_item(service, item_id) for item_id in dict.fromkeys(item_ids)]
    folders = LesionFolders(service.settings.root)
    return LesionList(analyses=[_add(service, folders.create(), item.name, item) for item in items])


@contextmanager
def incoming_dicom(service: Service) -> Iterator[Path]:
    """A path for the bytes of a DICOM file; the folder is removed unless it is analysed."""
    _require_network(service)
    folders = LesionFolders(service.settings.root)
    key = folders.create()
    try:
        yield folders.source(key)
    except BaseException:
        folders.remove(key)
        raise


def analyse_dicom(service: Service, path: Path) -> LesionAnalysis:
    """Check a DICOM file of `incoming_dicom`, and add its analysis.

    Raises `UnsupportedMedia`, `MediaError` and `TooLarge` for what cannot be analysed.
    """
    from mm.lesions.clips.clip import is_dicom
    from mm.lesions.clips.dicom import DicomClip
    from mm.media.dicom import DicomReader

    if not is_dicom(path):  # before a process is started for it
        raise UnsupportedMedia("The body is not a DICOM file; send images and videos to /v1/media.")
    with path.open("rb") as file:
        name = f"{hashlib.file_digest(file, 'sha256').hexdigest()[:NAME_DIGITS]}.dcm"
    with DicomReader.from_settings(service.settings) as reader:
        source = DicomClip(path, name, reader).describe()
    return _add(service, path.parent.name, name, None, seconds=source.num_frames * (source.frame_seconds or 0.04))


def list_analyses(service: Service, before: int | None, limit: int) -> tuple[list[LesionAnalysis], int | None]:
    """A page of analyses without their results, and the key of the next one."""
    rows = service.store.catalog.list_lesion_jobs(before, limit + 1)
    page = [_serialize(service, job, has_result=False) for _, job in rows[:limit]]
    return page, rows[limit - 1][0] if len(rows) > limit else None


def get_analysis(service: Service, analysis_id: str) -> LesionAnalysis:
    """An analysis with its result. Raises `NotFound`."""
    return _serialize(service, _get_job(service, analysis_id), has_result=True)


def read_regions(service: Service, analysis_id: str, candidate: str | None, after: int, limit: int) -> LesionRegionPage:
    """Regions of all candidates or of one. Raises `NotFound`."""
    key = _key(_get_job(service, analysis_id))
    rows = LesionFolders(service.settings.root).read_regions(key, candidate, after, limit + 1)
    return LesionRegionPage(
        regions=[region for _, _, region in rows[:limit]],
        candidates=[name for _, name, _ in rows[:limit]],
        next=rows[limit - 1][0] if len(rows) > limit else None,
    )


def get_export(service: Service, analysis_id: str, name: str) -> Path:
    """Path of an export. Raises `NotFound`."""
    return LesionFolders(service.settings.root).get_export(_key(_get_job(service, analysis_id)), name)


def delete_analysis(service: Service, analysis_id: str) -> None:
    """Delete an analysis, its exports and the DICOM file that was sent. Raises `NotFound`."""
    job = _get_job(service, analysis_id)
    service.store.catalog.delete_lesion_job(job.id, current_actor())
    LesionFolders(service.settings.root).remove(_key(job))


def _add(service: Service, key: str, name: str, item: ItemRow | None, seconds: float = 0.0) -> LesionAnalysis:
    job = service.store.catalog.add_lesion_job(
        key,
        name,
        None if item is None else item.id,
        seconds if item is None else item.duration,
        by=current_actor(),
        request_id=current_request_id(),
        key_id=current_client().key_id,
    )
    dispatch_job(service.dispatcher, job.id)
    return _serialize(service, job, has_result=False)


def _require_network(service: Service) -> None:
    from mm.lesions.segmentation.shipped import find_weights

    find_weights(service.settings)


def _get_item(service: Service, item_id: str) -> ItemRow:
    item = service.library.get_item(item_id)
    if item.kind == "audio":
        raise InvalidInput(f"{item.name} is audio; images and videos can be analysed.")
    return item


def _get_job(service: Service, analysis_id: str) -> JobRow:
    job = service.store.catalog.get_job(analysis_id)
    if job is None or job.kind != "lesions":
        raise NotFound(f"There is no analysis {analysis_id!r:.80}.")
    if service.store.catalog.is_item_of_lesion_job_trashed(job.id):
        raise NotFound(f"The item of the analysis {job.id} is in the trash; restore it first (POST /v1/media/ID/restore).")
    return job


def _key(job: JobRow) -> str:
    return str(job.payload["folder"])


def _serialize(service: Service, job: JobRow, *, has_result: bool) -> LesionAnalysis:
    folders, item_id = LesionFolders(service.settings.root), job.payload.get("item")
    is_done = has_result and job.state == "done"
    return LesionAnalysis(
        id=job.id,
        item_id=None if item_id is None else str(item_id),
        name=str(job.payload["name"]),
        state=job.state,
        progress=job.progress,
        stage=job.stage,
        error=job.error,
        created_at=job.created_at,
        result=folders.read_result(_key(job)) if is_done else None,
        exports=folders.list_exports(_key(job)) if is_done else [],
    )
