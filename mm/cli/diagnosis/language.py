"""Check of the language model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.cli.diagnosis.results import first_line, optional
from mm.errors import MMError
from mm.schemas import Check

if TYPE_CHECKING:
    from mm.generation.chat.types import ChatModel
    from mm.settings import Settings

PROBE_SECONDS = 3.0


def check_language(settings: Settings) -> Check:
    """Which language model the settings select, whether it is there, and what would fit here."""
    from mm.generation.chat.models import ChatModels

    try:
        with ChatModels(settings) as models:
            if not models.is_enabled:
                return _info("The language model is disabled (MM_LANGUAGE=off).", ok=True)
            return _info(f"{_describe(settings, models.default)} {_recommend()}", ok=True)
    except MMError as error:
        return _info(f"{first_line(error)}. {_recommend()}", ok=False)


def _describe(settings: Settings, model: ChatModel) -> str:
    """Raises `MMError` when the model cannot be used."""
    from mm.generation.chat.local import LocalChat
    from mm.generation.upstream import UpstreamChat

    if isinstance(model, UpstreamChat):
        names = model.list_models(PROBE_SECONDS)
        return f"The language server {model.server} has {', '.join(names[:5])}."
    assert isinstance(model, LocalChat)
    reads = "text, images, video and sounds" if model.media_input == "maps" else "text"
    return f"The language model {model.name} runs on this machine and reads {reads}."


def _recommend() -> str:
    from mm.generation.recommend.table import find_largest, read_recommendations
    from mm.machine import read_machine

    machine = read_machine()
    row = find_largest(read_recommendations(), machine)
    fitting = (
        "No model of the table fits in" if row is None else f"The largest model of the table that fits ({row.place(machine)}) in"
    )
    name = "" if row is None else f" is {row.name}"
    return f"{fitting} this machine{name}: `mm models recommend` lists them."


def _info(detail: str, *, ok: bool) -> Check:
    return optional("language", detail, ok=ok)
