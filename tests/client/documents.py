"""Response documents as the service sends them."""

from __future__ import annotations

import json
from typing import Any

TIMESTAMP = "2026-01-02T03:04:05Z"


def item(**changes: object) -> dict[str, Any]:
    return {
        "id": "i" * 32,
        "name": "talk.mp4",
        "kind": "video",
        "content_type": "video/mp4",
        "size": 7,
        "duration": 12.5,
        "width": 640,
        "height": 360,
        "tags": [],
        "status": "processing",
        "created_at": TIMESTAMP,
        **changes,
    }


def job(**changes: object) -> dict[str, Any]:
    job_id = {"id": "j1", "item_id": "i" * 32, "state": "queued", "progress": 0.0, "stage": "queued"}
    return {**job_id, "created_at": TIMESTAMP, "updated_at": TIMESTAMP, **changes}


def move(state: str, moved: int) -> dict[str, Any]:
    values = {"source": "lite", "target": "openclip:a/b", "state": state, "items": 4, "moved": moved, "failed": 0}
    return {**values, "created_at": TIMESTAMP, "updated_at": TIMESTAMP}


SPACE_OPTIONS = {
    "current": "lite",
    "machine": {"memory_bytes": 1, "gpus": [], "free_disk_bytes": 1, "network": None, "is_network_known": True, "workers": 1},
    "images": 3,
    "options": [
        {
            "name": "openclip:a/b", "repository": "https://hub/a", "licence": "MIT", "download_bytes": 1, "on_disk": False,
            "flickr30k": {"text_to_image": 1.0, "image_to_text": 2.0}, "coco": {"text_to_image": 1.0, "image_to_text": 2.0},
            "memory_bytes": 1, "gpu_memory_bytes": None, "vector_bytes": 1, "seconds": [1.0, 2.0], "is_measured": False,
            "recommended": True, "can_start": True, "obstacle": None,
        }
    ],
    "notes": [],
    "comparison": "lite",
    "source": "a file",
}  # fmt: skip


def upload(**changes: object) -> dict[str, Any]:
    return {"item": item(), "job": job(), "created": True, **changes}


def event(number: int, state: str = "running", progress: float = 0.5, stage: str = "seeing", **more: float) -> bytes:
    data = json.dumps({"id": number, "job_id": "j1", "state": state, "progress": progress, "stage": stage, **more})
    return f"id: {number}\nevent: job\ndata: {data}\n\n".encode()


def part(sequence: int) -> bytes:
    """The event of a verdict of a line."""
    verdict = {"sequence": sequence, "part": f"p{sequence}", "line": "press", "verdict": "PASS", "reject": False, "reason": ""}
    counts = {"score": 1.0, "p_value": 0.5, "num_frames": 1, "num_inspected": 1, "num_failed": 0, "num_dropped": 0}
    times = {"entered": 0.0, "left": 1.0, "decided": TIMESTAMP, "latency_seconds": 0.1}
    rest = {"false_alarm_bound": 0.1, "inspector": "plate", "version": 1, "regions": []}
    return f"id: {sequence}\nevent: part\ndata: {json.dumps(verdict | counts | times | rest)}\n\n".encode()


def problem(slug: str, status: int, detail: str, **extra: object) -> dict[str, Any]:
    return {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": detail, "instance": "/", **extra}


def search_response(**changes: object) -> dict[str, Any]:
    return {"hits": [], "space": "lite@1", "floor": 0.02, "likely_floor": 0.3, "seconds": 0.01, **changes}
