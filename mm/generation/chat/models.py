"""The chat model of a service, as its settings select it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from mm.generation.chat.local import LocalChat
    from mm.generation.chat.types import ChatModel
    from mm.generation.upstream import UpstreamChat
    from mm.settings import Settings


class ChatModels:
    """Nothing is loaded before the first use. A context manager, which ends the process of a local
    model. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        """Raises `InvalidInput` for an invalid MM_LANGUAGE or MM_LANGUAGE_URL."""
        self._chat = _select(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._chat is not None:
            self._chat.close()

    @property
    def is_enabled(self) -> bool:
        return self._chat is not None

    @property
    def default(self) -> ChatModel:
        """Raises `Unavailable` when the settings disable it."""
        if self._chat is None:
            raise Unavailable("The language model is disabled (MM_LANGUAGE=off).")
        return self._chat

    def get(self, name: str | None) -> ChatModel:
        """The model of this name; None, '' and `default` are the default one.

        Raises `NotFound` for another name, and as `default`.
        """
        model = self.default
        if name not in (None, "", "default", model.name):
            raise NotFound(f"There is no language model {name!r:.80}; this service has {model.name or 'default'}.")
        return model

    def report_metrics(self) -> bytes:
        """Metrics of the engine in the format of Prometheus; b"" while none runs here."""
        return b"" if self._chat is None else self._chat.report_metrics()


def _select(settings: Settings) -> LocalChat | UpstreamChat | None:
    match settings.language:
        case "off":
            return None
        case "auto" if settings.language_url:
            from mm.generation.upstream import UpstreamChat

            return UpstreamChat(
                settings.language_url, settings.language_model, settings.language_api_key, settings.language_seconds
            )
        case "auto" | "builtin":
            from mm.generation.chat.local import LocalChat
            from mm.generation.chat.local_model import load_builtin
            from mm.models.language.smollm2 import BUILTIN

            return LocalChat(BUILTIN, partial(load_builtin, settings), settings.language_idle_seconds)
        case name:
            from mm.generation.chat.family_model import load_family
            from mm.generation.chat.local import LocalChat

            path = _find_checkpoint(name, settings.root / "models")
            load_model = partial(load_family, path, settings.language_cache_mb << 20)
            return LocalChat(path.name, load_model, settings.language_idle_seconds)


def _find_checkpoint(name: str, models: Path) -> Path:
    """The folder or GGUF file of a checkpoint by its path, or by its name in `models`."""
    path = Path(name).expanduser() if "/" in name else models / name
    if not _is_checkpoint(path):
        known = sorted(entry.name for entry in models.glob("*") if _is_checkpoint(entry))
        raise InvalidInput(
            f"MM_LANGUAGE is {name!r}; it must be auto, off, builtin, a folder or GGUF file with a checkpoint, or the name of one"
            f" in {models} ({', '.join(known) or 'empty'})."
        )
    return path.resolve()


def _is_checkpoint(path: Path) -> bool:
    return (path / "config.json").is_file() or (path.suffix == ".gguf" and path.is_file())
