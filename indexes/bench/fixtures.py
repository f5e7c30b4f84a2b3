"""Fixtures of the index benchmark: synthetic segments in parts and as arrays, and plain FAISS."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexes.bench.synthetic import NOISE, SPOKEN, Neighbourhood
from indexes.search.fusion import strengths_from_logits
from indexes.storage.files import write_durable
from indexes.vectors.index import FULL_EVIDENCE
from indexes.vectors.kind_index import BLOCK, KindRows
from indexes.vectors.parts import KindData, Segments, open_part, write_part
from indexes.vectors.snapshot import Snapshot
from mm.schemas import EvidenceKind
from mm.spaces import Space
from mm.spaces.query import build_query
from mm.spaces.types import EvidenceQuery

M, EF_CONSTRUCTION = 32, 40
"""Parameters of HNSW."""
WHO = ("a dog", "two children", "a man in a red shirt", "a woman", "a white car", "people in uniform", "a black horse")
DOES = ("jumps over a fence", "sits on a bench", "runs along the beach", "is seen from above", "talks about the budget")
WHERE = ("", " in the snow", " at night", " beside a river", " in a crowded street")

Half = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class IndexFixture:
    """S segments in parts, each segment an item of its own, and the same vectors as arrays."""

    snapshot: Snapshot
    pictures: Half
    """(S, D)"""
    speech: Half
    """(N, D)"""
    speech_segment: npt.NDArray[np.int64]
    """(N,) the segment of each speech vector."""
    build_seconds: float
    """CPU time of writing the parts."""
    num_bytes: int
    """Size of the parts."""

    def search_exhaustively(
        self, queries: Sequence[Sequence[EvidenceQuery]], item_pks: npt.NDArray[np.int64] | None, k: int
    ) -> list[list[int]]:
        """The k best segments for each query, by scoring all: the ground truth of recall."""
        strength = np.zeros((len(queries), len(self.pictures)))
        for kind, vectors, segment in (
            ("picture", self.pictures, np.arange(len(self.pictures))),
            ("speech", self.speech, self.speech_segment),
        ):
            of_kind = {
                row: evidence_query
                for row, query in enumerate(queries)
                for evidence_query in query
                if evidence_query.kind == kind
            }
            if not of_kind:
                continue
            rows = np.asarray(list(of_kind), dtype=np.int64)
            weights = np.stack([evidence_query.weight for evidence_query in of_kind.values()])
            biases = np.asarray([[evidence_query.bias] for evidence_query in of_kind.values()])
            for start in range(0, len(vectors), BLOCK):
                logits = weights @ vectors[start : start + BLOCK].astype(np.float32).T + biases
                strength[np.ix_(rows, segment[start : start + BLOCK])] += strengths_from_logits(logits)
        numbers = np.arange(len(self.pictures)) if item_pks is None else item_pks
        return [[int(n) for n in numbers[np.argsort(-row[numbers], kind="stable")[:k]]] for row in strength]


def encode_queries(space: Space, count: int) -> list[tuple[EvidenceQuery, ...]]:
    """Evidence queries of generated sentences, distinct up to their number of combinations."""
    texts = [f"{who} {does}{where}" for where in WHERE for does in DOES for who in WHO]
    return [build_query(space, text=texts[i % len(texts)]).evidence_queries for i in range(count)]


def load_fixture(space: Space, segments: int, folder: Path) -> IndexFixture:
    """Synthetic segments, half of them with speech, in full parts; built once in `folder`."""
    rng = np.random.default_rng(1)
    pictures = Neighbourhood(space.bank.images).sample(segments, rng)
    speech_segment = np.flatnonzero(rng.random(segments) < SPOKEN)
    speech = Neighbourhood(space.bank.sentences).sample(len(speech_segment), rng)
    own = folder / f"ours-{segments}-{FULL_EVIDENCE}-{NOISE}"
    record = own / "built.json"
    if not record.exists():
        begin = time.process_time()
        files = dict(_write_parts(own, pictures, speech, speech_segment))
        write_durable(record, json.dumps({"seconds": time.process_time() - begin, "files": files}).encode())
    built = json.loads(record.read_text())
    parts = [open_part(own / name, name, digests) for name, digests in built["files"].items()]
    num_bytes = sum(path.stat().st_size for path in own.glob("part-*/*"))
    snapshot = Snapshot(segments, parts, np.empty(0, np.int64))
    return IndexFixture(snapshot, pictures, speech, speech_segment, built["seconds"], num_bytes)


def build_flat(fixture: IndexFixture) -> tuple[Any, float]:
    """A flat FAISS index of the pictures, and the CPU seconds of building it."""
    faiss = _faiss()
    begin = time.process_time()
    flat = faiss.IndexFlatIP(fixture.pictures.shape[1])
    _add(flat, fixture.pictures)
    return flat, time.process_time() - begin


def build_hnsw(fixture: IndexFixture, folder: Path) -> tuple[Any, float]:
    """An HNSW index of the pictures, built once in `folder`, and the CPU seconds of building it."""
    faiss = _faiss()
    count, dim = fixture.pictures.shape
    path = folder / f"hnsw-{M}-{EF_CONSTRUCTION}-{count}-{NOISE}.faiss"
    record = path.with_suffix(".json")
    if not record.exists():
        graph = faiss.IndexHNSWFlat(dim, M, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = EF_CONSTRUCTION
        begin = time.process_time()
        _add(graph, fixture.pictures)
        seconds = time.process_time() - begin
        folder.mkdir(parents=True, exist_ok=True)
        faiss.write_index(graph, str(path))
        write_durable(record, json.dumps({"seconds": seconds}).encode())
    return faiss.read_index(str(path)), float(json.loads(record.read_text())["seconds"])


def _write_parts(
    folder: Path, pictures: Half, speech: Half, speech_segment: npt.NDArray[np.int64]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Name of each part and the SHA-256 of its files."""
    segments, size = len(pictures), int(FULL_EVIDENCE / (1 + SPOKEN))
    for number, first in enumerate(range(0, segments, size)):
        keys = np.arange(first, min(first + size, segments), dtype=np.int64)
        own = np.arange(len(keys), dtype=np.int32)
        table = Segments(keys, keys + 1, own, np.zeros(len(keys)), np.ones(len(keys)), own)
        speech_rows = np.flatnonzero((speech_segment >= first) & (speech_segment < first + len(keys)))
        kinds: dict[EvidenceKind, KindData] = {
            "picture": (KindRows(keys, own), _blocks(pictures[first : first + len(keys)])),
        }
        if len(speech_rows):
            rows = KindRows(segments + speech_rows, (speech_segment[speech_rows] - first).astype(np.int32))
            kinds["speech"] = (rows, _blocks(speech[speech_rows[0] : speech_rows[-1] + 1]))
        name = f"part-{number}"
        yield name, dict(write_part(folder / name, table, kinds).files)


def _add(index: Any, vectors: Half) -> None:
    for block in _blocks(vectors):
        index.add(block)


def _blocks(vectors: Half) -> Iterator[npt.NDArray[np.float32]]:
    return (vectors[start : start + BLOCK].astype(np.float32) for start in range(0, len(vectors), BLOCK))


def _faiss() -> Any:
    """FAISS; `Any`, because its stubs do not match what it accepts."""
    import faiss

    return faiss
