"""The files that the demo takes in and asks with, made in a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mm.cli.demo import film
from mm.cli.demo.library import CLIPS, FILM, PHOTOS, QUESTIONS, RECORDINGS, SCENES, SOUND
from mm.cli.demo.sources import locate
from mm.cli.demo.truth import Question


@dataclass(frozen=True, slots=True)
class Medium:
    """A file to take in, under a name as cameras give them, so that what is seen and heard must
    answer, not the name."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The files of a question."""

    picture: Path | None = None
    sound: Path | None = None
    clip: Path | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """Media by the names of the library; files of the questions, in their order."""

    media: dict[str, Medium]
    asked: list[Asked]


def prepare(folder: Path) -> Material:
    """Find what the packages carry, and make the rest. Raises `Unavailable` when something is not
    there."""
    folder.mkdir(parents=True)
    files = {name: locate(source) for name, source in {**PHOTOS, **CLIPS, **RECORDINGS}.items()}
    files[FILM] = folder / "film.mp4"
    film.splice(SCENES, SOUND, files, files[FILM])
    media: dict[str, Medium] = {}
    for prefix, names in (("IMG", PHOTOS), ("VID", [*CLIPS, FILM]), ("REC", RECORDINGS)):
        for number, name in enumerate(names, start=1):
            media[name] = Medium(files[name], f"{prefix}_{number:04}{files[name].suffix}")
    return Material(media, [_asked(question, files, folder / f"question-{number}") for number, question in enumerate(QUESTIONS)])


def _asked(question: Question, files: dict[str, Path], stem: Path) -> Asked:
    picture, sound, clip = stem.with_suffix(".jpg"), stem.with_suffix(".wav"), stem.with_suffix(".mp4")
    if question.picture is not None:
        film.render(files[question.picture.of], question.picture, picture)
    if question.sound is not None:
        name, start, end = question.sound
        film.cut_sound(files[name], start, end, sound)
    if question.clip is not None:
        name, start, end = question.clip
        film.cut_clip(files[name], start, end, clip)
    return Asked(*(path if path.exists() else None for path in (picture, sound, clip)))
