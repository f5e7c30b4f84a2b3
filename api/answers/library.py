"""The served library as `mm.answers` searches it, for one request."""

from __future__ import annotations

import time
from bisect import bisect_right
from itertools import count
from typing import TYPE_CHECKING

from api.answers.moments import collect_evidence, group_segments, make_moment
from api.scenes import get_scene
from api.search.decode import DecodedFiles
from api.search.execute import run_search, validate
from api.search.request import SearchInput
from indexes.catalog.records import BrowseFilters
from mm.answers.handles import Handle
from mm.answers.library import Retrieved
from mm.schemas import Filters, SearchRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from api.service import Service
    from indexes.catalog.records import ItemRow, NewSegment
    from mm.answers.evidence import EvidenceMoment
    from mm.answers.questions import Media
    from mm.answers.search_state import SearchState
    from mm.schemas import Hit

SEGMENTS_PER_READ = 200
ITEMS_PER_READ = 500
MAX_TIMED_HITS = 200
"""Hits among which those in a time range are selected."""
MAX_SEGMENTS = 400
"""Segments of one time range, at most."""
LIKELY_RATIO = 0.5
"""A likely hit answers a question if its score is at least this fraction of the best one's."""
SHOT_SECONDS = 60.0
"""How far before a segment its shot is looked for, where scenes are unknown."""
MAX_NAMED_ITEMS = 20
"""Items that one question names."""
TOLERANCE = 0.002
"""Seconds by which a time of a handle, which is rounded, may differ from that of a segment."""


class SearchLibrary:
    """Implements `mm.answers.library.Library` with the filters of a request. Not thread-safe.

    Its methods block. They raise what a search raises.
    """

    def __init__(self, service: Service, filters: Filters, items: Sequence[str]) -> None:
        self._service = service
        self._filters = filters
        self._items = items
        self._rows: dict[str, ItemRow | None] = {}
        self._name_of: dict[str, str] = {}
        self._scene_starts: dict[str, list[float]] = {}
        self.hits: list[Hit] = []
        """Hits of the first search that had some."""
        self.notes: list[str] = []

    def search(self, state: SearchState, limit: int, media: Media | None = None) -> Retrieved:
        items = self._intersect(state.items)
        kinds = [kind for kind in self._filters.kinds or [media] if kind == media] if media else self._filters.kinds
        if items == [] or (media and not kinds):
            return Retrieved((), frozenset())
        max_hits = self._service.settings.max_hits
        has_times = state.before is not None or state.after is not None
        request = SearchRequest(
            text=state.text or None,
            also=list(state.also),
            without=list(state.without),
            parse=False,  # the question is parsed by `mm.answers`
            k=min(MAX_TIMED_HITS if has_times else limit, max_hits),
            filters=self._filters.model_copy(update={"items": items or [], "kinds": kinds}),
        )
        query = SearchInput(request)
        validate(query, self._service.settings)
        response = run_search(self._service, query, DecodedFiles(), time.perf_counter())
        hits = [hit for hit in response.hits if _is_within(hit, state)][:limit]
        self.hits = self.hits or hits
        self.notes += [note for note in response.notes if note not in self.notes]
        moments = [self._from_hit(hit) for hit in hits]
        lowest = LIKELY_RATIO * max((hit.score for hit in hits), default=0.0)
        pairs = zip(moments, hits, strict=True)
        likely = frozenset(moment.id for moment, hit in pairs if hit.score >= max(lowest, response.likely_floor))
        return Retrieved(tuple(moments), likely)

    def find_items(self, text: str) -> Sequence[tuple[str, str]]:
        rows = self._service.store.catalog.find_items_named_in(text, MAX_NAMED_ITEMS)
        return [(row.name, row.id) for row in rows]

    def list_between(self, item: str, start: float, end: float) -> Sequence[EvidenceMoment]:
        segments: list[NewSegment] = []
        for segment in self.stream_segments(item, start - 1.0):
            if segment.start > end or len(segments) == MAX_SEGMENTS:
                break
            if segment.end > start or segment.start == segment.end:
                segments.append(segment)
        return [self._from_segments(item, group) for group in group_segments(segments)]

    def find_neighbour(self, moment: EvidenceMoment, step: int) -> EvidenceMoment | None:
        handle = Handle.parse(moment.id)
        if handle is None:
            return None
        edge = handle.start if step < 0 else handle.end - TOLERANCE
        own = self._get_segment_at(handle.item_id, edge)
        if own is None:
            return None
        if step > 0:
            later = self.stream_segments(handle.item_id, own.end - TOLERANCE)
            group = _take_group(segment for segment in later if get_scene(segment) != get_scene(own))
        else:
            start = own.start if own.scene is None else own.scene[0]
            last = self._get_segment_at(handle.item_id, start - 2 * TOLERANCE)
            if last is None or get_scene(last) == get_scene(own):
                return None
            start = last.start - SHOT_SECONDS if last.scene is None else last.scene[0]
            earlier = self.stream_segments(handle.item_id, start)
            group = _take_group(segment for segment in earlier if get_scene(segment) == get_scene(last))
        return self._from_segments(handle.item_id, group) if group else None

    def get_duration(self, item: str) -> float | None:
        row = self.get_item(item)
        return None if row is None else row.duration or None

    def list_items(self, media: Media, limit: int) -> tuple[int, Sequence[str]]:
        filters = self._filters
        if filters.kinds and media not in filters.kinds:
            return 0, ()
        browsed = BrowseFilters(
            kinds=[media],
            tags=filters.tags,
            status="ready",
            favourite=filters.favourite,
            uploaded_after=filters.uploaded_after,
            uploaded_before=filters.uploaded_before,
            taken_after=filters.taken_after,
            taken_before=filters.taken_before,
            camera=filters.camera or "",
            has_place=filters.has_place,
            place=filters.place or "",
            language=filters.language or "",
            album=filters.album or "",
        )
        allowed = self._intersect(())
        catalog = self._service.store.catalog
        if allowed is None:
            rows, total = catalog.browse_items(browsed, "oldest", 0, limit)
            return total, [row.name for row in rows]
        named: list[str] = []
        for offset in count(0, ITEMS_PER_READ):
            rows, total = catalog.browse_items(browsed, "oldest", offset, ITEMS_PER_READ)
            named += [row.name for row in rows if row.id in allowed]
            if offset + len(rows) >= total or not rows:
                break
        return len(named), named[:limit]

    def list_scene(self, item: str, number: int) -> Sequence[EvidenceMoment]:
        count, scene = 0, None
        for segment in self.stream_segments(item, -1.0):
            if segment.scene is not None and segment.scene != scene:
                count, scene = count + 1, segment.scene
                if count == number:
                    return self.list_between(item, scene[0], scene[1] - TOLERANCE)
        return []

    def get_moments(self, ids: Sequence[str]) -> Sequence[EvidenceMoment]:
        handles = [handle for handle in map(Handle.parse, ids) if handle is not None and self._is_allowed(handle.item_id)]
        return [self._make_moment(handle, self._name(handle.item_id), self._read_segments(handle)) for handle in handles]

    def get_item(self, item_id: str) -> ItemRow | None:
        """The row of an item, which is read once; None when it was deleted."""
        if item_id not in self._rows:
            self._rows[item_id] = self._service.store.catalog.get_item(item_id)
        return self._rows[item_id]

    def stream_segments(self, item: str, after: float) -> Iterator[NewSegment]:
        """The segments of an item that end after a time, in order; a page of them in memory."""
        with self._service.spaces.acquire() as served:
            space = served.space.id
        while True:
            page = self._service.store.catalog.list_segments(item, space, after, SEGMENTS_PER_READ)
            yield from page
            if len(page) < SEGMENTS_PER_READ:
                return
            after = page[-1].end

    def _get_segment_at(self, item: str, seconds: float) -> NewSegment | None:
        with self._service.spaces.acquire() as served:
            return self._service.store.catalog.get_segment_at(item, served.space.id, seconds)

    def _is_allowed(self, item_id: str) -> bool:
        return self.get_item(item_id) is not None and self._intersect((item_id,)) != []

    def _intersect(self, items: Sequence[str]) -> list[str] | None:
        """Ids of the items that all restrictions by id allow; None without a restriction."""
        restrictions = [frozenset(ids) for ids in (items, self._items, self._filters.items) if ids]
        return sorted(frozenset.intersection(*restrictions)) if restrictions else None

    def _from_hit(self, hit: Hit) -> EvidenceMoment:
        handle = Handle(hit.item.id, hit.start, hit.end)
        segments = list(_limit(self.stream_segments(handle.item_id, handle.start), handle))
        return self._make_moment(handle, self._unique_name(hit.item.name, hit.item.id), segments, hit)

    def _from_segments(self, item: str, segments: Sequence[NewSegment]) -> EvidenceMoment:
        handle = Handle(item, segments[0].start, segments[-1].end)
        return self._make_moment(handle, self._name(item), segments)

    def _read_segments(self, handle: Handle) -> list[NewSegment]:
        return list(_limit(self.stream_segments(handle.item_id, handle.start - 1.0), handle))

    def _make_moment(self, handle: Handle, name: str, segments: Sequence[NewSegment], hit: Hit | None = None) -> EvidenceMoment:
        """The moment of a handle, with the number of the scene that it starts in."""
        scene = segments[0].scene if segments else None
        number = None if scene is None else bisect_right(self._list_scene_starts(handle.item_id), scene[0])
        return make_moment(handle, name, collect_evidence(segments, hit), number)

    def _list_scene_starts(self, item_id: str) -> list[float]:
        """The start of each scene of an item, which are read once."""
        if item_id not in self._scene_starts:
            with self._service.spaces.acquire() as served:
                space = served.space.id
            self._scene_starts[item_id] = self._service.store.catalog.list_scene_starts(item_id, space)
        return self._scene_starts[item_id]

    def _name(self, item_id: str) -> str:
        row = self.get_item(item_id)
        return self._unique_name("" if row is None else row.name, item_id)

    def _unique_name(self, name: str, item_id: str) -> str:
        """The name of an item; with a part of its id when another item has the same name."""
        owner = self._name_of.setdefault(name, item_id)
        return name if owner == item_id else f"{name} ({item_id[:6]})"


def _is_within(hit: Hit, state: SearchState) -> bool:
    is_after = state.after is None or hit.start >= state.after - TOLERANCE
    return is_after and (state.before is None or hit.end <= state.before + TOLERANCE)


def _limit(segments: Iterator[NewSegment], handle: Handle) -> Iterator[NewSegment]:
    """The segments inside a handle, at most `MAX_SEGMENTS`."""
    for _, segment in zip(range(MAX_SEGMENTS), segments, strict=False):
        if segment.start > handle.end - TOLERANCE and segment.start > handle.start + TOLERANCE:
            return
        if segment.start >= handle.start - TOLERANCE:
            yield segment


def _take_group(segments: Iterator[NewSegment]) -> list[NewSegment]:
    """The first segments that are of one scene or shot."""
    first = next(segments, None)
    if first is None:
        return []
    group = [first]
    for segment in segments:
        if get_scene(segment) != get_scene(first) or len(group) == MAX_SEGMENTS:
            break
        group.append(segment)
    return group
