"""Benchmark of the index: latency and recall, beside plain FAISS over the same vectors.

python -m indexes.bench [--segments N]... [--questions N] [--cache FOLDER]
python -m indexes.bench --fill N --home FOLDER   # a library of N synthetic segments, for HTTP tests
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

from indexes.bench.fixtures import IndexFixture, build_flat, build_hnsw, encode_queries, load_fixture
from indexes.bench.synthetic import fill
from indexes.search.searcher import ERROR_BOUND
from indexes.search.top_k import ParallelMap, find_top_moments
from indexes.store import open_store
from mm.runtimes.registry import count_usable_cores
from mm.settings import Settings, load_settings
from mm.spaces import Space, load_space
from mm.spaces.types import EvidenceQuery

K = 10
SELECTIVITIES = (1, 10, 1000)
"""A filter passes one item in so many."""
ERROR_BOUNDS = (1.0, 2.0, 3.0, ERROR_BOUND)
EF_SEARCH = (16, 64, 256, 1024)
HEAD = (
    "| segments | items | method | recall@10 | bucket | p50 ms | p99 ms | QPS | CPU ms | build s | MB |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)
BUCKETS = ((0.99, "99+"), (0.95, "95-98"), (0.90, "90-94"), (0.0, "below"))

Segments = list[int]
"""Numbers of segments over all parts, best first."""


@dataclass(frozen=True, slots=True)
class Method:
    """A search method under test."""

    name: str
    search: Callable[[int], Segments]
    """Number of a query -> the best segments."""
    ground_truth: Sequence[Segments]
    build_seconds: float
    """CPU time."""
    num_bytes: int


def compare(
    space: Space, segments: int, queries: Sequence[tuple[EvidenceQuery, ...]], folder: Path, hnsw: bool = True
) -> Iterator[str]:
    """Rows of the table; methods run on one thread unless their name says otherwise."""
    _faiss_module().omp_set_num_threads(1)
    fixture = load_fixture(space, segments, folder)
    picture_queries = [next(evidence_query for evidence_query in query if evidence_query.kind == "picture") for query in queries]
    dim = fixture.pictures.shape[1]
    plain: list[tuple[str, Any, float, int, int | None]] = [
        ("FAISS Flat float32: images", *build_flat(fixture), segments * dim * 4, None)
    ]
    if hnsw:
        graph, build_seconds = build_hnsw(fixture, folder)
        num_bytes = segments * dim * 4 + graph.hnsw.neighbors.size() * 4
        plain += [(f"FAISS HNSW32, efSearch {ef}: images", graph, build_seconds, num_bytes, ef) for ef in EF_SEARCH]
    with ThreadPoolExecutor(count_usable_cores()) as pool:
        for selectivity in SELECTIVITIES:
            item_pks = None if selectivity == 1 else np.arange(0, segments, selectivity, dtype=np.int64)
            pictures = [(query,) for query in picture_queries]
            picture_truth = fixture.search_exhaustively(pictures, item_pks, K)
            both = partial(_ours, fixture, queries, fixture.search_exhaustively(queries, item_pks, K), item_pks)
            picture_only = partial(_ours, fixture, pictures, picture_truth, item_pks)
            methods = [
                both("ours, exact: images and speech"),
                *(both(f"ours, error bound {bound}: images and speech", error_bound=bound) for bound in ERROR_BOUNDS),
                both(
                    f"ours, error bound {ERROR_BOUND}, all cores: images and speech",
                    error_bound=ERROR_BOUND,
                    parallel_map=pool.map,
                ),
                picture_only("ours, exact: images"),
                *(picture_only(f"ours, error bound {bound}: images", error_bound=bound) for bound in ERROR_BOUNDS),
                *(
                    Method(name, _faiss_search(index, picture_queries, item_pks, ef), picture_truth, build_seconds, num_bytes)
                    for name, index, build_seconds, num_bytes, ef in plain
                ),
            ]
            items = "all" if item_pks is None else f"1 in {selectivity:,}"
            for method, cells in zip(methods, _measure(methods, len(queries)), strict=True):
                yield (
                    f"| {segments:,} | {items} | {method.name} | {cells} | "
                    f"{method.build_seconds:.1f} | {method.num_bytes / 1e6:.0f} |"
                )


def _measure(methods: Sequence[Method], num_queries: int) -> list[str]:
    """Cells of each method. Each query runs by all methods, so that machine load affects all."""
    wall, cpu, recalls = ([[0.0] * num_queries for _ in methods] for _ in range(3))
    for method in methods:
        method.search(0)  # maps the files
    for query in range(num_queries):
        for row, method in enumerate(methods):
            begin, begin_cpu = time.perf_counter(), time.process_time()
            segments = method.search(query)
            wall[row][query] = time.perf_counter() - begin
            cpu[row][query] = time.process_time() - begin_cpu
            expected = method.ground_truth[query]
            recalls[row][query] = len(set(segments) & set(expected)) / max(len(expected), 1)
    rows: list[str] = []
    for of_wall, of_cpu, of_recall in zip(wall, cpu, recalls, strict=True):
        p50, p99 = np.percentile(of_wall, [50, 99]) * 1e3
        recall = float(np.mean(of_recall))
        bucket = next(name for min_recall, name in BUCKETS if recall >= min_recall)
        qps, cpu_ms = num_queries / sum(of_wall), np.median(of_cpu) * 1e3
        rows.append(f"{recall:.3f} | {bucket} | {p50:.1f} | {p99:.1f} | {qps:.0f} | {cpu_ms:.1f}")
    return rows


def _ours(
    fixture: IndexFixture,
    queries: Sequence[tuple[EvidenceQuery, ...]],
    ground_truth: Sequence[Segments],
    item_pks: npt.NDArray[np.int64] | None,
    name: str,
    *,
    error_bound: float | None = None,
    parallel_map: ParallelMap = map,
) -> Method:
    def search(query: int) -> Segments:
        moments = find_top_moments(fixture.snapshot, queries[query], item_pks, K, 0.0, parallel_map, error_bound)
        return [int(moment.part.segments.item_pk[moment.segment]) for moment in moments]

    return Method(name, search, ground_truth, fixture.build_seconds, fixture.num_bytes)


def _faiss_search(
    index: Any, queries: Sequence[EvidenceQuery], item_pks: npt.NDArray[np.int64] | None, ef_search: int | None
) -> Callable[[int], Segments]:
    faiss = _faiss_module()
    selector = None
    if item_pks is not None:
        mask = np.zeros(index.ntotal, dtype=np.bool_)
        mask[item_pks] = True
        selector = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
    if ef_search is None:
        parameters = faiss.SearchParameters(sel=selector)
    else:
        parameters = faiss.SearchParametersHNSW(sel=selector, efSearch=ef_search)

    def search(query: int) -> Segments:
        _, rows = index.search(queries[query].weight[None].astype(np.float32), K, params=parameters)
        return [int(row) for row in rows[0] if row >= 0]

    return search


def _faiss_module() -> Any:
    """FAISS; `Any`, because its stubs do not match what it accepts."""
    import faiss

    return faiss


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m indexes.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=int, action="append", metavar="N", help="size of the index; 10000 and 100000")
    parser.add_argument("--questions", type=int, default=100, metavar="N")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="where built indexes are kept between runs")
    parser.add_argument("--no-graph", action="store_true", help="leave out HNSW, which takes longest to build")
    parser.add_argument("--fill", type=int, default=0, metavar="N", help="only add N segments to a library")
    parser.add_argument("--home", type=Path, help="folder of that library")
    options = parser.parse_args(arguments)
    if options.fill:
        if options.home is None:
            parser.error("--fill needs --home, so that it does not fill your library.")
        settings = Settings(home=options.home)
        with open_store(settings) as store:
            fill(store, load_space("lite", settings), options.fill)
        return
    space = load_space("lite", load_settings())
    queries = encode_queries(space, options.questions)
    _print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        for segments in options.segments or [10_000, 100_000]:
            for row in compare(space, segments, queries, options.cache or Path(folder), not options.no_graph):
                _print(row)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
