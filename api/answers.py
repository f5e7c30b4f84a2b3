"""From a question to the answer: check it, open its files in the sandbox, encode, search, and dress the hits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from api.moments import find_moment
from api.present import hit_of
from mm.errors import InvalidInput, TooLarge
from mm.media.types import Span
from mm.runtimes.memory import give_back_memory
from mm.schemas import Hit, Kind, SearchRequest, SearchResponse
from mm.spaces.question import ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.questions import Query, QueryFile
    from api.service import Service
    from api.serving import Served
    from indexes.search import SearchHit
    from mm.media.types import RGB, MediaInfo, Waveform
    from mm.settings import Settings
    from mm.spaces.types import Question

FIELD_OF: dict[Kind, str] = {"image": "picture", "audio": "sound", "video": "clip"}
WORD_OF: dict[Kind, str] = {"image": "a picture", "audio": "a sound", "video": "a video"}
FRAME_PIXELS = 512  # longest side of what is decoded of a question; towers read less


def answer(service: Service, query: Query, asked: float | None = None) -> SearchResponse:
    """Answer a question, ready to be answered at `asked` of the performance counter. Blocks while towers run.

    Raises `InvalidInput`, `TooLarge`, `MediaError`, `Unavailable`.
    """
    started = time.perf_counter()
    part = service.metrics.question_seconds.labels
    part("wait").observe(started - (started if asked is None else asked))
    check(query, service.settings)
    with service.serving.use() as served:
        return _answer(service, served, query, started)


def check(query: Query, settings: Settings) -> None:
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


def _answer(service: Service, served: Served, query: Query, started: float) -> SearchResponse:
    part = service.metrics.question_seconds.labels
    with part("decode").time():
        picture, clip, sound = _decode(service, query)
        like = None if query.request.like is None else find_moment(service, served.space, query.request.like)
    text = (query.request.text or "").strip() or None
    with part("encode").time():
        question = ask(
            served.space,
            text=text,
            picture=picture,
            clip=clip,
            sound=sound,
            like=None if like is None else like.stored,
            also=query.request.also,
            without=query.request.without,
            weights=query.request.weights,
        )
    if sound is not None:
        give_back_memory()
    floor, likely = bounds(question, query.request.floor)
    with part("search").time():
        k = query.request.k
        # One more than wanted, because the moment that is asked with is the best answer to itself.
        wanted = k if like is None else k + 1
        found = served.searcher.search(question, wanted, query.request.filters, floor, likely=likely, fold=query.request.fold)
        if like is not None:
            found = [left for hit in found if (left := like.taken_out_of(hit)) is not None][:k]
    hits = _dress(service, found, question.floor)
    seconds = time.perf_counter() - started
    service.metrics.searches.labels("+".join(sorted(query.files)) or ("text" if text else "like"), str(bool(hits)).lower()).inc()
    service.metrics.search_seconds.observe(seconds)
    return SearchResponse(
        hits=hits,
        space=str(served.space.id),
        floor=floor,
        likely_floor=question.floor,
        heard=question.heard,
        notes=list(question.notes),
        seconds=seconds,
    )


def bounds(question: Question, floor: float | None) -> tuple[float, float]:
    """Least score of a hit, and the score from which one extends only over segments that reach that score too.

    A `floor` that the request names holds for both bands.
    """
    if floor is not None:
        return floor, 1.0
    return min(question.floor, question.floor if question.possible is None else question.possible), question.floor


def _decode(service: Service, query: Query) -> tuple[RGB | None, list[RGB] | None, Waveform | None]:
    """Picture, clip and sound of the question's files."""
    picture: RGB | None = None
    clip: list[RGB] | None = None
    sound: Waveform | None = None
    opened: set[Kind] = set()
    for field, file in query.files.items():
        info = service.reader.probe(file.path, file.name)
        _refuse_misplaced(field, file, info, opened)
        opened.add(info.kind)
        _refuse_longer(file, info, service.settings.query_seconds)
        if info.kind == "image":
            picture = service.reader.image(file.path, file.name, longest=FRAME_PIXELS)
            continue
        whole = Span(0.0, info.duration)
        if info.kind == "video":
            frames = service.reader.frames(file.path, file.name, whole, service.settings.sample_fps, FRAME_PIXELS)
            clip = [frame.image for frame in frames]
        if info.has_audio:
            sound = service.reader.waveform(file.path, file.name, whole)
    return picture, clip, sound


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
    ids = {one.item_id for hit in found for one in (hit, *hit.alike)}
    items = {item_id: service.store.catalog.get_item(item_id) for item_id in ids}
    return [shown for hit in found if (shown := hit_of(hit, items, likely)) is not None]
