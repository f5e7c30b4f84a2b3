"""The files that the demo ingests and searches with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import ExifTags, Image

from mm.cli.demo import video
from mm.cli.demo.dataset import AUDIO, CLIPS, PHOTOS, QUERIES, RECORDINGS, SCENES, TAKEN, VIDEO
from mm.cli.demo.ground_truth import DemoQuery


@dataclass(frozen=True, slots=True)
class MediaInput:
    """A file to ingest, under a name as a camera gives it, so that the name matches no query."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class QueryFiles:
    """The files of a query, by form field."""

    picture: Path | None = None
    sound: Path | None = None
    clip: Path | None = None


@dataclass(frozen=True, slots=True)
class Fixtures:
    """Files to ingest by their name in the data set, and the files of each query."""

    media: dict[str, MediaInput]
    query_files: list[QueryFiles]


def make_fixtures(folder: Path) -> Fixtures:
    """Locate the files of packages and generate the others. Raises `Unavailable`."""
    folder.mkdir(parents=True)
    files = {name: source.locate() for name, source in {**PHOTOS, **CLIPS, **RECORDINGS}.items()}
    for name, taken in TAKEN.items():
        files[name] = _write_time(files[name], taken, folder / f"{name}{files[name].suffix}")
    files[VIDEO] = folder / "video.mp4"
    video.splice(SCENES, AUDIO, files, files[VIDEO])
    media: dict[str, MediaInput] = {}
    for prefix, names in (("IMG", PHOTOS), ("VID", [*CLIPS, VIDEO]), ("REC", RECORDINGS)):
        for number, name in enumerate(names, start=1):
            media[name] = MediaInput(files[name], f"{prefix}_{number:04}{files[name].suffix}")
    return Fixtures(media, [_make_query_files(query, files, folder / f"query-{number}") for number, query in enumerate(QUERIES)])


def _write_time(photo: Path, taken: datetime, copy: Path) -> Path:
    """Write a copy of a JPEG that has this time in its Exif data; the pixels are encoded again."""
    with Image.open(photo) as image:
        exif = image.getexif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken.strftime("%Y:%m:%d %H:%M:%S")
        image.save(copy, quality="keep", exif=exif)
    return copy


def _make_query_files(query: DemoQuery, files: dict[str, Path], stem: Path) -> QueryFiles:
    picture, sound, clip = stem.with_suffix(".jpg"), stem.with_suffix(".wav"), stem.with_suffix(".mp4")
    if query.picture is not None:
        video.write_variant(files[query.picture.of], query.picture, picture)
    if query.sound is not None:
        name, start, end = query.sound
        video.cut_audio(files[name], start, end, sound)
    if query.clip is not None:
        name, start, end = query.clip
        video.cut_clip(files[name], start, end, clip)
    return QueryFiles(*(path if path.exists() else None for path in (picture, sound, clip)))
