"""From a question to the answer: check it, open its files in the sandbox, encode, search, and dress
the hits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.search.like import find_like_segment
from api.serializers import serialize_hit
from mm.errors import Cancelled, InvalidInput, TooLarge
from mm.media.types import Span
from mm.runtimes.memory import release_memory
from mm.schemas import Hit, Kind, SearchRequest, SearchResponse
from mm.spaces.query import build_query

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from api.search.request import QueryFile, SearchInput
    from api.service import Service
    from api.spaces.manager import ServedSpace
    from indexes.search.hits import SearchHit
    from mm.media.types import RGB, MediaInfo, Waveform
    from mm.settings import Settings
    from mm.spaces.types import Query

FIELD_OF: dict[Kind, str] = {"image": "picture", "audio": "sound", "video": "clip"}
WORD_OF: dict[Kind, str] = {"image": "a picture", "audio": "a sound", "video": "a video"}
UNREAD = (
    "Text has not been read yet in {:,} of the pictures, and is not found there; it is read when no job waits (MM_READ_TEXT)."
)
FRAME_PIXELS = 512  # longest side of what is decoded of a question; towers read less


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the files of a question hold."""

    picture: RGB | None = None
    clip: list[RGB] | None = None
    sound: Waveform | None = None
    seconds: float = 0.0
    """What decoding them took."""


def answer(service: Service, query: SearchInput, media: Decoded, asked: float) -> SearchResponse:
    """Answer a question whose files are decoded, ready at `asked` of the performance counter.
    Blocks while towers run.

    Raises `InvalidInput`, `NotFound`, `Unavailable`.
    """
    started = time.perf_counter()
    service.metrics.question_seconds.labels("wait").observe(started - asked - media.seconds)
    with service.serving.use() as served:
        return _answer(service, served, query, media, started)


def check(query: SearchInput, settings: Settings) -> None:
    """Raise `InvalidInput` or `TooLarge` for values that no search can have."""
    request: SearchRequest = query.request
    if not 1 <= request.k <= settings.max_hits:
        raise InvalidInput(f"k is {request.k}; it must be from 1 to {settings.max_hits} (MM_MAX_HITS).")
    sought = [request.text or "", *request.also]
    length = sum(map(len, [*sought, *request.without]))
    if length > settings.query_chars:
        raise TooLarge(f"The question has {length:,} characters; at most {settings.query_chars:,} are read (MM_QUERY_CHARS).")
    if not any(words.strip() for words in sought) and not query.files and request.like is None:
        beside = " beside what it is without" if request.without else ""
        raise InvalidInput(f"The question is empty: it needs words, a picture, a sound, a clip or a moment{beside}.")


def _answer(service: Service, served: ServedSpace, query: SearchInput, media: Decoded, started: float) -> SearchResponse:
    part = service.metrics.question_seconds.labels
    like = None if query.request.like is None else find_like_segment(service, served.space, query.request.like)
    text = (query.request.text or "").strip() or None
    with part("encode").time():
        question = build_query(
            served.space,
            text=text,
            picture=media.picture,
            clip=media.clip,
            sound=media.sound,
            like=None if like is None else like.stored,
            also=query.request.also,
            without=query.request.without,
            weights=query.request.weights,
        )
    if media.sound is not None:
        release_memory()
    floor, likely = bounds(question, query.request.floor)
    with part("search").time():
        k = query.request.k
        # One more than wanted, because the moment that is asked with is the best answer to itself.
        wanted = k if like is None else k + 1
        found = served.searcher.search(
            question, wanted, query.request.filters, floor, likely=likely, merge_near_duplicates=query.request.fold
        )
        if like is not None:
            found = [left for hit in found if (left := like.taken_out_of(hit)) is not None][:k]
    hits = _dress(service, found, question.floor)
    seconds = media.seconds + time.perf_counter() - started
    service.metrics.searches.labels("+".join(sorted(query.files)) or ("text" if text else "like"), str(bool(hits)).lower()).inc()
    service.metrics.search_seconds.observe(seconds)
    return SearchResponse(
        hits=hits,
        space=str(served.space.id),
        floor=floor,
        likely_floor=question.floor,
        heard=question.transcript,
        notes=[*question.notes, *_unread_note(service, served, question)],
        seconds=seconds,
    )


def _unread_note(service: Service, served: ServedSpace, question: Query) -> list[str]:
    """A sentence where the question asks for text, and text of pictures has not been read. None
    where reading is off."""
    if service.settings.read_text == "off" or all(probe.kind != "written" for probe in question.evidence_queries):
        return []
    unread = service.store.catalog.count_unread_images(served.space.id)
    return [UNREAD.format(unread)] if unread else []


def bounds(question: Query, floor: float | None) -> tuple[float, float]:
    """Least score of a hit, and the score from which one extends only over segments that reach that
    score too.

    A `floor` that the request names holds for both bands.
    """
    if floor is not None:
        return floor, 1.0
    return min(question.floor, question.floor if question.possible is None else question.possible), question.floor


def decode(service: Service, query: SearchInput, cancelled: threading.Event) -> Decoded:
    """Decode the files of a question in the sandbox. Blocks.

    Raises `InvalidInput`, `TooLarge`, `MediaError`, `Unavailable`, and `Cancelled` between two
    files or frames once the event is set.
    """
    started = time.perf_counter()
    with service.metrics.question_seconds.labels("decode").time():
        picture, clip, sound = _decode(service, query, cancelled)
    return Decoded(picture, clip, sound, time.perf_counter() - started)


def _decode(
    service: Service, query: SearchInput, cancelled: threading.Event
) -> tuple[RGB | None, list[RGB] | None, Waveform | None]:
    """Picture, clip and sound of the question's files."""
    reader = service.query_reader
    picture: RGB | None = None
    clip: list[RGB] | None = None
    sound: Waveform | None = None
    opened: set[Kind] = set()
    for field, file in query.files.items():
        _refuse_cancelled(file, cancelled)
        info = reader.probe(file.path, file.name)
        _refuse_misplaced(field, file, info, opened)
        opened.add(info.kind)
        _refuse_longer(file, info, service.settings.query_seconds)
        if info.kind == "image":
            picture = reader.image(file.path, file.name, longest=FRAME_PIXELS)
            continue
        whole = Span(0.0, info.duration)
        if info.kind == "video":
            clip = []
            frames = reader.frames(file.path, file.name, whole, service.settings.sample_fps, FRAME_PIXELS)
            for frame in frames:
                _refuse_cancelled(file, cancelled)
                clip.append(frame.image)
        if info.has_audio:
            _refuse_cancelled(file, cancelled)
            sound = reader.waveform(file.path, file.name, whole)
    return picture, clip, sound


def _refuse_cancelled(file: QueryFile, cancelled: threading.Event) -> None:
    if cancelled.is_set():
        raise Cancelled(f"{file.name}: reading it was cancelled.")


def _refuse_misplaced(field: str, file: QueryFile, info: MediaInfo, opened: set[Kind]) -> None:
    right = FIELD_OF[info.kind]
    if field not in {"file", right}:
        raise InvalidInput(f"{file.name} is {WORD_OF[info.kind]}: send it in the field `{right}`, not `{field}`.")
    if info.kind in opened:
        raise InvalidInput(f"The question brings {WORD_OF[info.kind]} twice; one is taken.")


def _refuse_longer(file: QueryFile, info: MediaInfo, limit: float) -> None:
    if info.duration > limit:
        raise TooLarge(
            f"{file.name} lasts {info.duration:.0f} s; a question may bring {limit:.0f} s (MM_QUERY_SECONDS). "
            "Cut out the part you mean."
        )


def _dress(service: Service, found: Sequence[SearchHit], likely: float) -> list[Hit]:
    """Hits with their items; an item deleted since the search is left out."""
    ids = {one.item_id for hit in found for one in (hit, *hit.near_duplicates)}
    items = {item_id: service.store.catalog.get_item(item_id) for item_id in ids}
    return [shown for hit in found if (shown := serialize_hit(hit, items, likely)) is not None]
