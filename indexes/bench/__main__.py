"""How fast and how exact is the index, beside plain FAISS over the same vectors?

python -m indexes.bench [--segments N]... [--questions N] [--cache FOLDER] python -m indexes.bench
--fill N --home FOLDER   # a library of N made-up segments, to serve and to ask over HTTP
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexes.bench.fixtures import Material, plain_flat, plain_graph, questions, unpack
from indexes.bench.synthetic import fill
from indexes.search.searcher import DOUBT
from indexes.search.top_k import Spread, find_top_moments
from indexes.store import open_store
from mm.runtimes.registry import usable_cores
from mm.settings import Settings, load_settings
from mm.spaces import Space, load_space
from mm.spaces.types import EvidenceQuery

K = 10
SHARES = (1, 10, 1000)
"""A filter lets one item in so many through."""
DOUBTS = (1.0, 2.0, 3.0, DOUBT)
EFFORTS = (16, 64, 256, 1024)
"""HNSW's `efSearch`."""
HEAD = (
    "| segments | items | way | recall@10 | bucket | p50 ms | p99 ms | QPS | CPU ms | build s | MB |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)
BUCKETS = ((0.99, "99+"), (0.95, "95-98"), (0.90, "90-94"), (0.0, "below"))

Found = list[int]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to answer."""

    name: str
    answer: Callable[[int], Found]
    """Number of a question -> the segments found, numbered over all parts."""
    truth: Sequence[Found]
    built: float
    """Seconds of the processor."""
    size: int
    """Bytes."""


def compare(
    space: Space, segments: int, asked: Sequence[tuple[EvidenceQuery, ...]], folder: Path, graph: bool = True
) -> Iterator[str]:
    """Rows of the table. All ways run in this process, on one thread but for the one that says
    otherwise."""
    _faiss_module().omp_set_num_threads(1)
    material = unpack(space, segments, folder)
    looks = [next(probe for probe in probes if probe.kind == "picture") for probes in asked]
    width = material.pictures.shape[1]
    plain: list[tuple[str, Any, float, int, int | None]] = [
        ("FAISS Flat float32: pictures", *plain_flat(material), segments * width * 4, None)
    ]
    if graph:
        links, built = plain_graph(material, folder)
        size = segments * width * 4 + links.hnsw.neighbors.size() * 4
        plain += [(f"FAISS HNSW32, efSearch {effort}: pictures", links, built, size, effort) for effort in EFFORTS]
    with ThreadPoolExecutor(usable_cores()) as pool:
        for share in SHARES:
            chosen = None if share == 1 else np.arange(0, segments, share, dtype=np.int64)
            whole = material.best(asked, chosen, K)
            by_picture = material.best([(look,) for look in looks], chosen, K)
            ours = partial(_ours, material, chosen=chosen)
            pictures = [(look,) for look in looks]
            ways = [
                ours("ours, exact: pictures and speech", asked, whole),
                *(ours(f"ours, doubt {doubt}: pictures and speech", asked, whole, doubt=doubt) for doubt in DOUBTS),
                ours(f"ours, doubt {DOUBT}, all cores: pictures and speech", asked, whole, doubt=DOUBT, spread=pool.map),
                ours("ours, exact: pictures", pictures, by_picture),
                *(ours(f"ours, doubt {doubt}: pictures", pictures, by_picture, doubt=doubt) for doubt in DOUBTS),
                *(
                    Way(name, _faiss(index, looks, chosen, effort), by_picture, built, size)
                    for name, index, built, size, effort in plain
                ),
            ]
            who = "all" if chosen is None else f"1 in {share:,}"
            for way, cells in zip(ways, _measure(ways, len(asked)), strict=True):
                yield f"| {segments:,} | {who} | {way.name} | {cells} | {way.built:.1f} | {way.size / 1e6:.0f} |"


def _measure(ways: Sequence[Way], count: int) -> list[str]:
    """Each question goes through all ways in turn, so that a noisy moment is everybody's."""
    wall, used, hit = ([[0.0] * count for _ in ways] for _ in range(3))
    for way in ways:
        way.answer(0)  # what is mapped is read once
    for question in range(count):
        for row, way in enumerate(ways):
            begin, begin_cpu = time.perf_counter(), time.process_time()
            found = way.answer(question)
            wall[row][question] = time.perf_counter() - begin
            used[row][question] = time.process_time() - begin_cpu
            hit[row][question] = len(set(found) & set(way.truth[question])) / max(len(way.truth[question]), 1)
    rows: list[str] = []
    for took, busy, hits in zip(wall, used, hit, strict=True):
        p50, p99 = np.percentile(took, [50, 99]) * 1e3
        recall = float(np.mean(hits))
        bucket = next(name for least, name in BUCKETS if recall >= least)
        rows.append(f"{recall:.3f} | {bucket} | {p50:.1f} | {p99:.1f} | {count / sum(took):.0f} | {np.median(busy) * 1e3:.1f}")
    return rows


def _ours(
    material: Material,
    name: str,
    asked: Sequence[tuple[EvidenceQuery, ...]],
    truth: Sequence[Found],
    *,
    chosen: npt.NDArray[np.int64] | None,
    doubt: float | None = None,
    spread: Spread = map,
) -> Way:
    def answer(question: int) -> Found:
        moments = find_top_moments(material.snapshot, asked[question], chosen, K, 0.0, spread, doubt)
        return [int(moment.part.segments.item_pk[moment.segment]) for moment in moments]

    return Way(name, answer, truth, material.built, material.size)


def _faiss(
    index: Any, looks: Sequence[EvidenceQuery], chosen: npt.NDArray[np.int64] | None, effort: int | None
) -> Callable[[int], Found]:
    faiss = _faiss_module()
    selected = None
    if chosen is not None:
        mask = np.zeros(index.ntotal, dtype=np.bool_)
        mask[chosen] = True
        selected = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
    if effort is None:
        parameters = faiss.SearchParameters(sel=selected)
    else:
        parameters = faiss.SearchParametersHNSW(sel=selected, efSearch=effort)

    def answer(question: int) -> Found:
        _, rows = index.search(looks[question].weight[None].astype(np.float32), K, params=parameters)
        return [int(row) for row in rows[0] if row >= 0]

    return answer


def _faiss_module() -> Any:
    """FAISS; what it says of its types is not what it takes."""
    import faiss

    return faiss


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m indexes.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=int, action="append", metavar="N", help="size of the index; 10000 and 100000")
    parser.add_argument("--questions", type=int, default=100, metavar="N")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="where what is built is kept for the next time")
    parser.add_argument("--no-graph", action="store_true", help="leave HNSW out, which takes the longest to build")
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
    asked = questions(space, given.questions)
    _say(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        for segments in given.segments or [10_000, 100_000]:
            for row in compare(space, segments, asked, given.cache or Path(folder), not given.no_graph):
                _say(row)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
