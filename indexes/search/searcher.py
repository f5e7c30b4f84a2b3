"""Search in one space: a background thread follows the catalog, searches look at a snapshot that is
swapped as a whole."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import structlog

from indexes.search.fusion import probability, strength_from_probability
from indexes.search.grouping import Moment
from indexes.search.near_duplicates import Fold, folded
from indexes.search.top_k import find_top_moments
from indexes.vectors.index import SpaceIndex
from indexes.vectors.snapshot import EMPTY, Snapshot
from mm.errors import Corrupt, InvalidInput, MMError, SpaceMismatch, Unavailable
from mm.runtimes.registry import usable_cores
from mm.schemas import EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indexes.catalog.records import EvidenceRow
    from indexes.store import Store
    from indexes.vectors.manifest import Manifest
    from mm.schemas import Filters
    from mm.settings import Settings
    from mm.spaces.types import EvidenceQuery, Query, SpaceId

WAIT_SECONDS = 60.0
"""Longest wait for another process that writes the index, for those who ask for a refresh."""
BUSY_SECONDS = 1.0
"""Longest wait for it in the background."""
START_SECONDS = 10.0
"""Longest wait of a search for the index to be read for the first time."""
EXACT_UP_TO = 50_000
"""Vectors that a question looks at up to which scoring them all is quick enough."""
DOUBT = 4.0
"""Standard deviations that an approximate answer allows its estimates to be wrong by before it
misses a piece."""
BEHIND = "index not brought up to date"
"""Said in the log."""
ATTEMPTS = 3
"""Looks at the index while others change it or parts turn out to be damaged."""


@dataclass(frozen=True, slots=True)
class SearchEvidence:
    """Why a moment is a hit: its best piece of one kind."""

    kind: EvidenceKind
    score: float
    """Probability that it alone answers."""
    cosine: float
    start: float
    end: float
    text: str | None


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A moment that answers with probability `score`. Evidence comes strongest first."""

    item_id: str
    start: float
    end: float
    best_start: float
    """Of the segment that answers best; the score and the evidence are its own."""
    best_end: float
    score: float
    evidence: list[SearchEvidence]
    scene: tuple[float, float] | None = None
    """Start and end of the scene in which the best segment lies."""
    alike: tuple[SearchHit, ...] = ()
    """Moments of other items that show the same, best first; they are no hits of their own."""


class Searcher:
    """Searches what the catalog has in one space: what was committed before the question, unless
    others hold the index up.

    Runs inside a `with` block. Safe to share between threads, not across a fork.
    """

    def __init__(self, store: Store, space_id: SpaceId, settings: Settings) -> None:
        self._catalog = store.catalog
        self._space = space_id
        self._watch = store.watch
        self._retry_seconds = settings.refresh_seconds
        self._way = settings.search
        self._index = SpaceIndex(store, space_id)
        self._manifest: Manifest | None = None
        self.snapshot: Snapshot = EMPTY
        """What searches look at now."""
        self._refreshing = threading.Lock()
        self._ready = threading.Event()
        self._complaints: dict[str, str] = {}
        self._stopped = threading.Event()
        self._stack = ExitStack()
        self._pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="scan")  # FAISS works on one core a call
        self._changed = threading.Event()
        self._committed = threading.Event()
        self._threads = [
            threading.Thread(target=self._follow, name="searcher", daemon=True),
            threading.Thread(target=self._merge, name="merger", daemon=True),
        ]
        self._due_at: float | None = None
        """Since when there may be something that the snapshot lacks, in seconds of
        `time.monotonic()`."""

    def __enter__(self) -> Self:
        self._committed = self._stack.enter_context(self._watch.subscribe())
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._changed.set()
        self._committed.set()
        for thread in self._threads:
            thread.join()
        self._stack.close()
        self._pool.shutdown()
        self.snapshot = EMPTY

    @property
    def is_ready(self) -> bool:
        """Whether the index was up to date once, so that a question is answered at once."""
        return self._ready.is_set()

    def lag_seconds(self) -> float:
        """How long the index has been due to be brought up to date. Raises `Unavailable` when the
        catalog does not answer."""
        if self._due_at is None and self.snapshot.upto < self._catalog.head():
            self._due_at = time.monotonic()
        due_at = self._due_at
        return 0.0 if due_at is None else time.monotonic() - due_at

    def refresh(self, seconds: float = WAIT_SECONDS) -> None:
        """Look for what is new or gone, now. Searches that start after it see all that was
        committed before it.

        Raises `Unavailable` when the catalog or the disk does not answer or another process writes
        for longer than `seconds`.
        """
        with self._refreshing:
            for attempt in range(ATTEMPTS):
                try:
                    self._look(seconds)
                    break
                except Corrupt:  # merged away by another process in this moment, or damaged
                    if attempt == ATTEMPTS - 1:
                        raise
                    self._index.repair(seconds)
            self._due_at = None
            self._ready.set()

    def merge_parts(self, seconds: float = WAIT_SECONDS) -> None:
        """Merge parts until none are due. New items are found meanwhile. Raises `Unavailable` as
        `refresh` does."""
        while not self._stopped.is_set():
            try:
                if not self._index.merge(seconds):
                    return
            except Corrupt:  # merged away by another process in this moment, or damaged
                self._index.repair(seconds)
                return
            with self._refreshing:
                self._swap()

    def search(
        self,
        question: Query,
        k: int,
        filters: Filters,
        floor: float,
        *,
        likely: float | None = None,
        fold: bool = True,
    ) -> list[SearchHit]:
        """The `k` best moments with a probability of at least `floor`, best first, out of the items
        that pass the filters.

        Touching segments that answer together are one hit (`grouping`), and so are near-duplicates
        (`near_duplicates`) where the question's space knows them and `fold` is not off. A hit with
        a probability of at least `likely` extends only over segments that reach `likely` too; None
        means that `floor` holds for all. The same as scoring everything, unless the settings or the
        size of the library make it approximate: then a hit may be missing; what is said of others
        is true. Raises `SpaceMismatch` for a question of another space, `InvalidInput`,
        `Unavailable`.
        """
        _check(question, self._space, k, floor)
        if not self._ready.wait(START_SECONDS):  # half an index would say that nothing matches
            raise Unavailable(f"The index is still being read or built. {self._complaints.get(BEHIND, '')}".rstrip())
        self._catch_up()
        chosen = self._catalog.select_items(filters)
        keys = None if chosen is None else np.fromiter(sorted(chosen), dtype=np.int64, count=len(chosen))
        snapshot = self.snapshot
        doubt = None if self._exactly(snapshot, question.evidence_queries) else DOUBT

        def best(count: int) -> list[Moment]:
            return find_top_moments(
                snapshot,
                question.evidence_queries,
                keys,
                count,
                strength_from_probability(floor),
                self._pool.map,
                doubt,
                question.negations,
                math.inf if likely is None else strength_from_probability(likely),
            )

        if fold and question.near_duplicate_cosine is not None:
            return self._dress(
                folded(best, question.evidence_queries, k, question.near_duplicate_cosine), question.evidence_queries
            )
        return self._dress([Fold(moment) for moment in best(k)], question.evidence_queries)

    def _exactly(self, snapshot: Snapshot, probes: Sequence[EvidenceQuery]) -> bool:
        if self._way != "auto":
            return self._way == "exact"
        kinds = {probe.kind for probe in probes}
        return sum(len(index) for part in snapshot.parts for kind, index in part.kinds.items() if kind in kinds) <= EXACT_UP_TO

    def _catch_up(self) -> None:
        """Who waited for an item and then asks must find it. The thread sees to what cannot be had
        at once, and says so."""
        if self.snapshot.upto < self._catalog.head():
            with suppress(Unavailable, Corrupt):
                self.refresh(BUSY_SECONDS)

    def _look(self, seconds: float) -> None:
        """Bring the snapshot up to date. Raises `Corrupt`, `Unavailable`."""
        head = self._catalog.head()
        manifest = self._index.load_manifest(head)
        if manifest is None or manifest.upto < head:
            try:
                while not self._stopped.is_set() and self._index.apply_changes(seconds):
                    self._swap()
            except Unavailable:  # while another process writes, its steps can be read
                self._swap()
                raise
        self._swap()

    def _swap(self) -> None:
        """Let searches look at what is on disk, if it is not what they look at already."""
        manifest = self._index.load_manifest(self._catalog.head())
        if manifest is not None and manifest != self._manifest:
            parts = self._index.open(manifest)
            self._manifest = manifest
            self._changed.set()
            self.snapshot = Snapshot(manifest.upto, parts, np.asarray(sorted(manifest.dead), dtype=np.int64))

    def _follow(self) -> None:
        def wait() -> None:
            self._watch.wait(self._committed, self._retry_seconds if self._complaints[BEHIND] else None)

        def work() -> None:
            self._due_at = self._due_at or time.monotonic()
            self.refresh(BUSY_SECONDS)

        self._repeat(work, BEHIND, wait)

    def _merge(self) -> None:
        def wait() -> None:
            self._changed.wait(WAIT_SECONDS)
            self._changed.clear()

        self._repeat(lambda: self.merge_parts(BUSY_SECONDS), "parts of the index not merged", wait)

    def _repeat(self, work: Callable[[], None], failure: str, wait: Callable[[], object]) -> None:
        """Work until the searcher stops; what keeps failing is said once."""
        log = structlog.get_logger()
        while not self._stopped.is_set():
            complaint = ""
            try:
                work()
            except MMError as error:
                complaint = str(error)
            if complaint and complaint != self._complaints.get(failure):
                log.warning(failure, detail=complaint)
            self._complaints[failure] = complaint
            wait()

    def _dress(self, folds: Sequence[Fold], probes: Sequence[EvidenceQuery]) -> list[SearchHit]:
        """Moments with their evidence, as the catalog has it; what was deleted since is left
        out."""
        pieces = [[_pieces(moment, probes) for moment in (fold.moment, *fold.alike)] for fold in folds]
        found = self._catalog.get_evidence(sorted({piece.pk for fold in pieces for some in fold for piece in some}))
        hits: list[SearchHit] = []
        for fold, of_fold in zip(folds, pieces, strict=True):
            dressed = [
                _hit(moment, [(found[piece.pk], piece) for piece in some])
                for moment, some in zip((fold.moment, *fold.alike), of_fold, strict=True)
                if all(piece.pk in found for piece in some)
            ]
            if dressed:
                hits.append(replace(dressed[0], alike=tuple(dressed[1:])))
        return hits


@dataclass(frozen=True, slots=True)
class Piece:
    """The best piece of one kind in a moment."""

    pk: int
    score: float
    cosine: float


def _pieces(moment: Moment, probes: Sequence[EvidenceQuery]) -> list[Piece]:
    """Strongest first."""
    pieces: list[Piece] = []
    at = np.asarray([moment.segment])
    for probe in probes:
        if (index := moment.part.kinds.get(probe.kind)) is None:
            continue
        (product,), (row,) = index.best(probe.weight, at)
        if row >= 0:
            cosine = float(index.vectors(np.asarray([row]))[0] @ probe.direction)
            pieces.append(Piece(int(index.rows.pk[row]), probability(float(np.logaddexp(0.0, product + probe.bias))), cosine))
    return sorted(pieces, key=lambda piece: piece.score, reverse=True)


def _hit(moment: Moment, evidence: Sequence[tuple[EvidenceRow, Piece]]) -> SearchHit:
    segments = moment.part.segments
    return SearchHit(
        evidence[0][0].item_id,
        float(segments.start[moment.first]),
        float(segments.end[moment.last]),
        float(segments.start[moment.segment]),
        float(segments.end[moment.segment]),
        probability(moment.strength),
        [_evidence(row, piece) for row, piece in evidence],
        evidence[0][0].scene,
    )


def _evidence(row: EvidenceRow, piece: Piece) -> SearchEvidence:
    return SearchEvidence(row.kind, piece.score, piece.cosine, row.start, row.end, row.text)


def _check(question: Query, space: SpaceId, k: int, floor: float) -> None:
    if question.space != space:
        raise SpaceMismatch(f"The question is of the space {question.space}, the index of {space}.")
    if k < 1 or not 0.0 <= floor <= 1.0:
        raise InvalidInput(f"k is {k} and the floor {floor}; k must be at least 1, the floor between 0 and 1.")
    kinds = [probe.kind for probe in question.evidence_queries]
    if len(set(kinds)) < len(kinds):
        raise InvalidInput("The question has two probes for one kind of evidence.")
    looks = (*question.evidence_queries, *question.negations)
    if not all(np.isfinite(probe.weight).all() and math.isfinite(probe.bias) for probe in looks):
        raise InvalidInput("The question's vectors are not finite.")
