"""The speech recognizer that `MM_SPEECH` selects, and its files on this disk.

`moonshine`, or `whisper:NAME|PATH`: a Whisper model in the format of CTranslate2, run by
faster-whisper (MIT). A name is looked up in `MM_HOME/models` and in the cache of the Hugging Face
libraries. Nothing is ever downloaded here.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mm.errors import InvalidInput, NotFound, Unavailable
from mm.models.wheels import find_package_folder

if TYPE_CHECKING:
    from mm.settings import Settings

MOONSHINE, WHISPER = "moonshine", "whisper:"
INSTALL = "pip install faster-whisper"
FILES = ("config.json", "model.bin", "tokenizer.json")
"""Required files of a Whisper model; without the tokenizer, faster-whisper would download one."""
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
"""One of these, too."""
REPOSITORIES = {
    "distil-large-v2": "Systran/faster-distil-whisper-large-v2",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
    "distil-medium.en": "Systran/faster-distil-whisper-medium.en",
    "distil-small.en": "Systran/faster-distil-whisper-small.en",
    "large": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    **{
        name: f"Systran/faster-whisper-{name}"
        for name in (
            "tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en", "large-v1", "large-v2", "large-v3",
        )
    },
}  # fmt: skip
"""Repository of each name on the Hugging Face hub, as in faster-whisper 1.2."""
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """What the settings say about speech recognition."""

    model: str = MOONSHINE
    """As in MM_SPEECH."""
    language: str = ""
    """Code of the language that is spoken; empty identifies it. Moonshine always hears English."""
    models: Path = Path()
    """Folder in which a model of Whisper is looked up by name."""
    threads: int = 0
    """Threads of Whisper; 0 uses all cores."""

    @classmethod
    def from_settings(cls, settings: Settings) -> SpeechOptions:
        return cls(settings.speech, settings.speech_language, settings.root / "models", settings.threads)


@dataclass(frozen=True, slots=True)
class RecognizerFiles:
    """A recognizer whose files are on this disk."""

    engine: Literal["moonshine", "whisper"]
    name: str
    """As in MM_SPEECH, without the prefix."""
    folder: Path


def find_recognizer(options: SpeechOptions) -> RecognizerFiles:
    """Find the files; they are not read.

    Raises `InvalidInput` for a malformed value, `NotFound` for a path without a model, and
    `Unavailable` when the package is not installed or a named model is not on this disk.
    """
    if options.model == MOONSHINE:
        if options.language not in {"", "en"}:
            raise InvalidInput(
                f"MM_SPEECH_LANGUAGE is {options.language!r}, and Moonshine recognizes English only: set MM_SPEECH=whisper:NAME."
            )
        return RecognizerFiles("moonshine", "tiny-en", _find_moonshine())
    name = options.model.removeprefix(WHISPER)
    if name == options.model or not name:
        raise InvalidInput(f"MM_SPEECH must be moonshine or whisper:NAME|PATH, such as whisper:base, not {options.model!r}.")
    if name.startswith(("/", "~", ".")):
        folder = Path(name).expanduser()
        if not folder.is_absolute():
            raise InvalidInput(f"MM_SPEECH={options.model}: the path must be absolute or begin with ~.")
        _require_whisper(options.model)
        _require_files(folder, options.model)
        return RecognizerFiles("whisper", name, folder)
    repository = REPOSITORIES.get(name, name)
    if not _REPOSITORY.fullmatch(repository):
        raise InvalidInput(
            f"MM_SPEECH={options.model}: there is no model {name!r}. Names are {', '.join(sorted(REPOSITORIES))}, or "
            "OWNER/NAME of a model in the format of CTranslate2; a path must be absolute."
        )
    _require_whisper(options.model)
    folder = _find_named(options, name, repository)
    _require_files(folder, options.model)
    return RecognizerFiles("whisper", name, folder)


def _find_moonshine() -> Path:
    folder = find_package_folder("moonshine_voice", "moonshine-voice", "the speech tower") / "assets" / "tiny-en"
    if not folder.is_dir():
        raise Unavailable("This release of moonshine-voice has no weights: install the version of requirements.lock.")
    return folder


def _require_whisper(model: str) -> None:
    missing = [name for name in ("faster_whisper", "ctranslate2") if importlib.util.find_spec(name) is None]
    if missing:
        raise Unavailable(
            f"MM_SPEECH={model} needs the package faster-whisper, which is not installed: `{INSTALL}`. "
            "MM_SPEECH=moonshine needs no other package and recognizes English."
        )


def _find_named(options: SpeechOptions, name: str, repository: str) -> Path:
    folder = options.models / f"whisper-{name.rpartition('/')[2]}"
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except (OSError, ValueError, HfHubHTTPError) as error:
        fetch = shlex.join(["hf", "download", repository, "--local-dir", str(folder)])
        raise Unavailable(
            f"MM_SPEECH={options.model}: the model is not on this disk, and is not downloaded without your command. "
            f"Fetch it with `{fetch}`."
        ) from error


def _require_files(folder: Path, model: str) -> None:
    if not folder.is_dir():
        raise NotFound(f"MM_SPEECH={model}: there is no folder {folder}.")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in VOCABULARIES):
        missing.append(VOCABULARIES[0])
    if missing:
        raise NotFound(
            f"MM_SPEECH={model}: {folder} lacks {', '.join(missing)}. A model of Whisper in the format of CTranslate2 has "
            f"{', '.join(FILES)} and {VOCABULARIES[0]}; `ct2-transformers-converter` converts others."
        )
