"""How fast and how exact is the index, beside plain FAISS over the same vectors?

python -m indexes.bench [--segments N]... [--queries N] [--hnsw MOST]
python -m indexes.bench --fill N --home FOLDER   # a library of N made-up segments, to serve and to ask over HTTP
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexes.fusion import strengths
from indexes.index import FULL
from indexes.parts import BLOCK, KindRows, Part, Segments, open_part, write_part
from indexes.snapshot import Snapshot
from indexes.store import open_store
from indexes.synthetic import SPOKEN, TAGGED, fill, mixtures
from indexes.threshold import best_moments
from mm.schemas import EvidenceKind
from mm.settings import Settings, load_settings
from mm.spaces import Space, load_space
from mm.spaces.question import ask
from mm.spaces.types import Probe

K = 10
HNSW_LINKS, HNSW_BUILD = 32, 80
HNSW_SEARCH = (16, 64, 256)
HEAD = "| segments | way | items looked at | p50 ms | p99 ms | CPU ms | recall@10 |\n| --- | --- | --- | --- | --- | --- | --- |"
WHO = ("a dog", "two children", "a man in a red shirt", "a woman", "a white car", "people in uniform", "a black horse")
DOES = ("jumps over a fence", "sits on a bench", "runs along the beach", "is seen from above", "talks about the budget")
WHERE = ("", " in the snow", " at night", " beside a river", " in a crowded street")

Floats = npt.NDArray[np.float32]
Found = list[int]
Way = Callable[[int], Found]
"""Number of a question -> the segments found, numbered over all parts."""


@dataclass(frozen=True, slots=True)
class Material:
    """S segments in parts as a searcher opens them, each segment an item of its own, and the same vectors plainly."""

    snapshot: Snapshot
    pictures: Floats
    """(S, D), as half precision holds them."""
    speech: Floats
    speech_segment: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.int64]
    """Keys of the items that a filter lets through; the key of an item is its segment's number."""


def questions(space: Space, count: int) -> list[tuple[Probe, ...]]:
    """The probes of sentences, no two alike while there are enough of them."""
    texts = [f"{who} {does}{where}" for where in WHERE for does in DOES for who in WHO]
    return [ask(space, text=texts[i % len(texts)]).probes for i in range(count)]


def make(space: Space, segments: int, folder: Path, seed: int) -> Material:
    """Made-up segments, half of them with speech, as parts of the size that the index merges to."""
    rng = np.random.default_rng(seed)
    pictures = mixtures(space.bank.pictures, segments, rng).astype(np.float16).astype(np.float32)
    spoken = np.flatnonzero(rng.random(segments) < SPOKEN)
    speech = mixtures(space.bank.sentences, len(spoken), rng).astype(np.float16).astype(np.float32)
    parts: list[Part] = []
    size = int(FULL / (1 + SPOKEN))
    for number, first in enumerate(range(0, segments, size)):
        keys = np.arange(first, min(first + size, segments), dtype=np.int64)
        own = np.arange(len(keys), dtype=np.int32)
        table = Segments(keys, keys + 1, own, np.zeros(len(keys)), np.ones(len(keys)), own)
        said = np.flatnonzero((spoken >= first) & (spoken < first + len(keys)))
        kinds: dict[EvidenceKind, tuple[KindRows, Iterator[Floats]]] = {
            "picture": (KindRows(keys, own), _blocks(pictures[keys])),
            "speech": (KindRows(segments + said, (spoken[said] - first).astype(np.int32)), _blocks(speech[said])),
        }
        if len(said) == 0:
            del kinds["speech"]
        written = write_part(folder / f"part-{number}", table, kinds)
        parts.append(open_part(folder / f"part-{number}", f"part-{number}", written.files))
    chosen = np.arange(0, segments, TAGGED, dtype=np.int64)
    return Material(Snapshot(segments, parts, np.empty(0, dtype=np.int64)), pictures, speech, spoken, chosen)


def exact(material: Material, probes: Sequence[Probe], chosen: npt.NDArray[np.int64] | None) -> Found:
    """The K best segments by scoring everything: what recall is measured against."""
    strength = np.zeros(len(material.pictures))
    for probe in probes:
        if probe.kind == "picture":
            strength += strengths(probe.logits(material.pictures))
        elif probe.kind == "speech":
            strength[material.speech_segment] += strengths(probe.logits(material.speech))
    return _best(strength, chosen)


def exact_pictures(material: Material, probe: Probe, chosen: npt.NDArray[np.int64] | None) -> Found:
    """The same by pictures alone."""
    return _best(material.pictures @ probe.weight, chosen)


def compare(space: Space, segments: int, asked: Sequence[tuple[Probe, ...]], hnsw: int) -> Iterator[str]:
    """Rows of the table. All ways run in this process on one thread."""
    faiss = _faiss_module()
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        material = make(space, segments, Path(folder), seed=1)
        looks = [next(probe for probe in probes if probe.kind == "picture") for probes in asked]
        flat = faiss.IndexFlatIP(material.pictures.shape[1])
        flat.add(material.pictures)
        graph: Any = None
        if segments <= hnsw:
            graph = faiss.IndexHNSWFlat(material.pictures.shape[1], HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
            graph.hnsw.efConstruction = HNSW_BUILD
            faiss.omp_set_num_threads(2)
            graph.add(material.pictures)
            faiss.omp_set_num_threads(1)
        for chosen in (None, material.chosen):
            who = "all" if chosen is None else f"1 in {TAGGED}"
            whole = [exact(material, probes, chosen) for probes in asked]
            by_picture = [exact_pictures(material, probe, chosen) for probe in looks]
            ways: list[tuple[str, Way, list[Found]]] = [
                ("ours, exact: pictures and speech", _ours(material, asked, chosen), whole),
                ("ours, exact: pictures", _ours(material, [(look,) for look in looks], chosen), by_picture),
                ("FAISS Flat float32: pictures", _faiss(flat, looks, chosen, None), by_picture),
            ]
            if graph is not None:
                ways += [
                    (f"FAISS HNSW{HNSW_LINKS}, efSearch {ef}: pictures", _faiss(graph, looks, chosen, ef), by_picture)
                    for ef in HNSW_SEARCH
                ]
            for (name, _, _), cells in zip(ways, _measure(ways, len(asked)), strict=True):
                yield f"| {segments:,} | {name} | {who} | {cells} |"


def _measure(ways: Sequence[tuple[str, Way, list[Found]]], count: int) -> list[str]:
    """Each question goes through all ways in turn, so that a noisy moment is everybody's."""
    wall, used, hit = ([[0.0] * count for _ in ways] for _ in range(3))
    for _, way, _ in ways:
        way(0)  # what is mapped is read once
    for question in range(count):
        for row, (_, way, truth) in enumerate(ways):
            begin, begin_cpu = time.perf_counter(), time.process_time()
            found = way(question)
            wall[row][question] = time.perf_counter() - begin
            used[row][question] = time.process_time() - begin_cpu
            hit[row][question] = len(set(found) & set(truth[question])) / max(len(truth[question]), 1)
    return [
        f"{np.median(wall[row]) * 1e3:.1f} | {np.percentile(wall[row], 99) * 1e3:.1f} | {np.median(used[row]) * 1e3:.1f} "
        f"| {np.mean(hit[row]):.3f}"
        for row in range(len(ways))
    ]


def _ours(material: Material, asked: Sequence[tuple[Probe, ...]], chosen: npt.NDArray[np.int64] | None) -> Way:
    def way(question: int) -> Found:
        moments = best_moments(material.snapshot, asked[question], chosen, K, 0.0)
        return [int(moment.part.segments.item_pk[moment.segment]) for moment in moments]

    return way


def _faiss(index: Any, looks: Sequence[Probe], chosen: npt.NDArray[np.int64] | None, ef: int | None) -> Way:
    faiss = _faiss_module()
    selected = None
    if chosen is not None:
        mask = np.zeros(index.ntotal, dtype=np.bool_)
        mask[chosen] = True
        selected = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
    parameters = faiss.SearchParameters(sel=selected) if ef is None else faiss.SearchParametersHNSW(sel=selected, efSearch=ef)

    def way(question: int) -> Found:
        _, rows = index.search(looks[question].weight[None].astype(np.float32), K, params=parameters)
        return [int(row) for row in rows[0] if row >= 0]

    return way


def _faiss_module() -> Any:
    """FAISS; what it says of its types is not what it takes."""
    import faiss

    return faiss


def _best(strength: npt.NDArray[np.floating[Any]], chosen: npt.NDArray[np.int64] | None) -> Found:
    numbers = np.arange(len(strength)) if chosen is None else chosen
    return [int(n) for n in numbers[np.argsort(-strength[numbers], kind="stable")[:K]]]


def _blocks(vectors: Floats) -> Iterator[Floats]:
    return (vectors[start : start + BLOCK] for start in range(0, len(vectors), BLOCK))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m indexes.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=int, action="append", metavar="N", help="size of the index; 10000 and 100000")
    parser.add_argument("--queries", type=int, default=100, metavar="N")
    parser.add_argument("--hnsw", type=int, default=100_000, metavar="MOST", help="largest index for which HNSW is built too")
    parser.add_argument("--fill", type=int, default=0, metavar="N", help="only add N segments to a library")
    parser.add_argument("--home", type=Path, help="folder of that library")
    given = parser.parse_args(arguments)
    if given.fill:
        if given.home is None:
            parser.error("--fill needs --home: it must not fill your library.")
        settings = Settings(home=given.home)
        with open_store(settings) as store:
            fill(store, load_space("lite", settings), given.fill)
        return
    space = load_space("lite", load_settings())
    asked = questions(space, given.queries)
    _say(HEAD)
    for segments in given.segments or [10_000, 100_000]:
        for row in compare(space, segments, asked, given.hnsw):
            _say(row)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
