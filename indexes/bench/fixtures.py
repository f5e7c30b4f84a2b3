"""What the bench of the index measures: made-up segments as a searcher holds them, the same vectors
plainly, and plain FAISS."""

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
from indexes.search.fusion import strengths
from indexes.storage.files import write_durable
from indexes.vectors.index import FULL
from indexes.vectors.kind_index import BLOCK, KindRows
from indexes.vectors.parts import Segments, open_part, write_part
from indexes.vectors.snapshot import Snapshot
from mm.schemas import EvidenceKind
from mm.spaces import Space
from mm.spaces.query import build_query
from mm.spaces.types import EvidenceQuery

LINKS, BUILD_EFFORT = 32, 40
WHO = ("a dog", "two children", "a man in a red shirt", "a woman", "a white car", "people in uniform", "a black horse")
DOES = ("jumps over a fence", "sits on a bench", "runs along the beach", "is seen from above", "talks about the budget")
WHERE = ("", " in the snow", " at night", " beside a river", " in a crowded street")

Half = npt.NDArray[np.float16]
Found = list[int]


@dataclass(frozen=True, slots=True)
class Material:
    """S segments in parts as a searcher opens them, each segment an item of its own, and the same
    vectors plainly."""

    snapshot: Snapshot
    pictures: Half
    """(S, D)"""
    speech: Half
    speech_segment: npt.NDArray[np.int64]
    built: float
    """Seconds of the processor that the parts took."""
    size: int
    """Bytes of the parts, mapped and held."""

    def best(self, asked: Sequence[Sequence[EvidenceQuery]], chosen: npt.NDArray[np.int64] | None, k: int) -> list[Found]:
        """The k best segments for each question by scoring everything: what recall is measured
        against."""
        strength = np.zeros((len(asked), len(self.pictures)))
        for kind, vectors, segment in (
            ("picture", self.pictures, np.arange(len(self.pictures))),
            ("speech", self.speech, self.speech_segment),
        ):
            probes = [next((probe for probe in probes if probe.kind == kind), None) for probes in asked]
            rows = np.asarray([row for row, probe in enumerate(probes) if probe is not None], dtype=np.int64)
            if len(rows) == 0:
                continue
            weights = np.stack([probe.weight for probe in probes if probe is not None])
            biases = np.asarray([[probe.bias] for probe in probes if probe is not None])
            for start in range(0, len(vectors), BLOCK):
                logits = weights @ vectors[start : start + BLOCK].astype(np.float32).T + biases
                strength[np.ix_(rows, segment[start : start + BLOCK])] += strengths(logits)
        numbers = np.arange(len(self.pictures)) if chosen is None else chosen
        return [[int(n) for n in numbers[np.argsort(-row[numbers], kind="stable")[:k]]] for row in strength]


def questions(space: Space, count: int) -> list[tuple[EvidenceQuery, ...]]:
    """The probes of sentences, no two alike while there are enough of them."""
    texts = [f"{who} {does}{where}" for where in WHERE for does in DOES for who in WHO]
    return [build_query(space, text=texts[i % len(texts)]).evidence_queries for i in range(count)]


def unpack(space: Space, segments: int, folder: Path) -> Material:
    """So many made-up segments, half of them with speech, as parts of the size that the index
    merges to; from `folder`, where they are kept."""
    rng = np.random.default_rng(1)
    pictures = Neighbourhood(space.bank.images).draw(segments, rng)
    spoken = np.flatnonzero(rng.random(segments) < SPOKEN)
    speech = Neighbourhood(space.bank.sentences).draw(len(spoken), rng)
    own = folder / f"ours-{segments}-{FULL}-{NOISE}"
    note = own / "built.json"
    if not note.exists():
        begin = time.process_time()
        files = dict(_write(own, pictures, speech, spoken))
        write_durable(note, json.dumps({"seconds": time.process_time() - begin, "files": files}).encode())
    told = json.loads(note.read_text())
    parts = [open_part(own / name, name, digests) for name, digests in told["files"].items()]
    size = sum(path.stat().st_size for path in own.glob("part-*/*"))
    return Material(Snapshot(segments, parts, np.empty(0, np.int64)), pictures, speech, spoken, told["seconds"], size)


def plain_flat(material: Material) -> tuple[Any, float]:
    """A flat index of the pictures, and the seconds of the processor that it took."""
    faiss = _faiss()
    begin = time.process_time()
    flat = faiss.IndexFlatIP(material.pictures.shape[1])
    _add(flat, material.pictures)
    return flat, time.process_time() - begin


def plain_graph(material: Material, folder: Path) -> tuple[Any, float]:
    """An HNSW index of the pictures, from `folder`, where it is kept, and the seconds of the
    processor that it took."""
    faiss = _faiss()
    count, dim = material.pictures.shape
    path = folder / f"hnsw-{LINKS}-{BUILD_EFFORT}-{count}-{NOISE}.faiss"
    note = path.with_suffix(".json")
    if not note.exists():
        graph = faiss.IndexHNSWFlat(dim, LINKS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = BUILD_EFFORT
        begin = time.process_time()
        _add(graph, material.pictures)
        seconds = time.process_time() - begin
        folder.mkdir(parents=True, exist_ok=True)
        faiss.write_index(graph, str(path))
        write_durable(note, json.dumps({"seconds": seconds}).encode())
    return faiss.read_index(str(path)), float(json.loads(note.read_text())["seconds"])


def _write(folder: Path, pictures: Half, speech: Half, spoken: npt.NDArray[np.int64]) -> Iterator[tuple[str, dict[str, str]]]:
    segments, size = len(pictures), int(FULL / (1 + SPOKEN))
    for number, first in enumerate(range(0, segments, size)):
        keys = np.arange(first, min(first + size, segments), dtype=np.int64)
        own = np.arange(len(keys), dtype=np.int32)
        table = Segments(keys, keys + 1, own, np.zeros(len(keys)), np.ones(len(keys)), own)
        said = np.flatnonzero((spoken >= first) & (spoken < first + len(keys)))
        kinds: dict[EvidenceKind, tuple[KindRows, Iterator[npt.NDArray[np.float32]]]] = {
            "picture": (KindRows(keys, own), _blocks(pictures[first : first + len(keys)])),
        }
        if len(said):
            rows = KindRows(segments + said, (spoken[said] - first).astype(np.int32))
            kinds["speech"] = (rows, _blocks(speech[said[0] : said[-1] + 1]))
        name = f"part-{number}"
        yield name, dict(write_part(folder / name, table, kinds).files)


def _add(index: Any, vectors: Half) -> None:
    for block in _blocks(vectors):
        index.add(block)


def _blocks(vectors: Half) -> Iterator[npt.NDArray[np.float32]]:
    return (vectors[start : start + BLOCK].astype(np.float32) for start in range(0, len(vectors), BLOCK))


def _faiss() -> Any:
    """FAISS; what it says of its types is not what it takes."""
    import faiss

    return faiss
