"""Check of text in images that has not been recognized yet."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from mm.cli.diagnosis.catalog_count import has_library, read_count
from mm.cli.diagnosis.results import optional
from mm.errors import Unavailable
from mm.schemas import Check

if TYPE_CHECKING:
    from mm.settings import Settings

COUNT = "SELECT coalesce(sum(u.{}), 0) FROM unread_text u, library l WHERE u.space = coalesce(l.space, u.space)"
RECOGNIZER = "rapidocr_onnxruntime"
REPEAT = "`mm doctor --read-text` repeats it."


def check_unread_text(settings: Settings) -> Check:
    """Count the images whose text was not recognized while they were encoded."""
    if not has_library(settings):
        return _info("There is no library yet.", ok=True)
    try:
        count, done, failed = (read_count(settings, COUNT.format(column)) for column in ("pictures", "done", "num_failed"))
    except Unavailable as error:
        return _info(f"Images with unrecognized text cannot be counted: {error}.", ok=False)
    sentences = []
    if count:
        sentences.append(f"Text in {count:,} images has not been recognized ({done:,} are done); {_next_step(settings)}.")
    if failed:
        sentences.append(f"Text could not be recognized in {failed:,} images; `mm show ID` has the reasons. {REPEAT}")
    return _info(" ".join(sentences) or "Text has been recognized in all images.", ok=not sentences)


def _next_step(settings: Settings) -> str:
    if settings.read_text == "off":
        return "MM_READ_TEXT=off disables recognition"
    if importlib.util.find_spec(RECOGNIZER) is None:
        return "recognition is disabled because the package rapidocr-onnxruntime is not installed"
    return "a worker recognizes it when no job is waiting"


def _info(detail: str, *, ok: bool) -> Check:
    return optional("text", detail, ok=ok)
