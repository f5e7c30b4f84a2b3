"""Loading and decoding of the language model on the CPU; each row in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from mm.bench.language.models import FORMATS, Weights, prepare
from mm.errors import Unavailable
from mm.models.language.config import LanguageConfig
from mm.models.language.graph.names import locate_files, locate_mapped
from mm.models.language.graph.session import OnnxDecoder, allocate_cache

PROMPT = 32
WINDOW = 256
"""Tokens of a text that are read together for its loss."""
PROGRAM = "import sys; from mm.bench.language.decoding import main; main(*sys.argv[1:])"

WAYS: Mapping[str, tuple[bool, bool]] = {"touched": (False, False), "packed": (False, True), "mapped": (True, True)}
"""Ways to load a file: whether experts are mapped, and whether the file is read ahead."""

Int = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Row:
    """One weight format."""

    weights: str
    file_mb: float
    load_seconds: float
    first_seconds: float
    """Load with a cold page cache, a prompt of `PROMPT` tokens and its first token; the median."""
    first_touched_seconds: float
    """The same where the file is not read ahead, but page by page as it is used."""
    first_mapped_seconds: float | None
    """The same with mapped experts; None without quantized experts."""
    tokens_per_second: list[float]
    """Median of the steps, by batch size."""
    tokens_per_cpu_second: list[float]
    """The same by processor time, which other programs on the machine change less."""
    memory_mb: float
    """Resident memory after the first token, mapped weights included."""
    loss: float | None
    """Nats a token of the text; None without one."""

    def format_cells(self) -> list[str]:
        rates = zip(self.tokens_per_second, self.tokens_per_cpu_second, strict=True)
        cells = [self.weights, f"{self.file_mb:.0f}", f"{self.load_seconds:.2f}", f"{self.first_touched_seconds:.2f}"]
        cells.append(f"{self.first_seconds:.2f}")
        cells.append("-" if self.first_mapped_seconds is None else f"{self.first_mapped_seconds:.2f}")
        cells += [f"{rate:.0f} ({cpu_rate:.0f})" for rate, cpu_rate in rates]
        return [*cells, f"{self.memory_mb:.0f}", "-" if self.loss is None else f"{self.loss:.4f}"]


@dataclass(frozen=True, slots=True)
class DecodingReport:
    """Rows by format."""

    batches: list[int]
    threads: int
    num_text_tokens: int
    rows: list[Row]

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        batches = [f"tokens/s, batch {batch} (of processor time)" for batch in self.batches]
        cells = ["weights", "file MB", "load s", "cold, to the first token, s", "read ahead, s"]
        cells += ["with mapped experts, s", *batches, "memory MB"]
        header = [*cells, f"loss of {self.num_text_tokens} tokens"]
        table = [header, ["---"] * len(header), *(row.format_cells() for row in self.rows)]
        return [f"| {' | '.join(cells)} |" for cells in table]


def measure(
    config: LanguageConfig,
    weights: Weights,
    batches: Sequence[int],
    steps: int,
    threads: int = 1,
    text: Sequence[int] = (),
    formats: Sequence[str] = tuple(FORMATS),
    precise: Collection[str] = (),
    cold_starts: int = 1,
) -> DecodingReport:
    """Measure each format. `text` are the tokens of the loss, `precise` as for `write_graphs`.

    The ways to load a file take turns, `cold_starts` times.

    Raises `Unavailable` when a process fails.
    """
    from mm.models.language.graph.decoder import write_graphs

    rows = []
    for name in formats:
        with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder:
            prepared = prepare(weights, FORMATS[name], precise)
            write_graphs(Path(folder), "decoder", prepared, config, FORMATS[name], precise=precise)
            arguments = {"batches": list(batches), "steps": steps, "threads": threads, "text": list(text)}
            ways = [way for way in WAYS if way != "mapped" or locate_mapped(Path(folder), "decoder").exists()]
            starts = [
                (way, _run_process(folder, {**arguments, "way": way, "is_only_start": number > 0 or way != "packed"}))
                for number in range(cold_starts)
                for way in ways
            ]
            loads, firsts = (
                {way: median(start[name] for of, start in starts if of == way) for way in ways} for name in ("load", "first")
            )
            (measured,) = (start["row"] for _, start in starts if start["row"])
            rows.append(
                Row(
                    weights=name,
                    load_seconds=loads["packed"],
                    first_seconds=firsts["packed"],
                    first_touched_seconds=firsts["touched"],
                    first_mapped_seconds=firsts.get("mapped"),
                    **measured,
                )
            )
    return DecodingReport(list(batches), threads, len(text), rows)


def _run_process(folder: str, arguments: Mapping[str, object]) -> Any:
    command = [sys.executable, "-c", PROGRAM, folder]
    done = subprocess.run(command, input=json.dumps(arguments), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"The bench process failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def main(folder: str) -> None:
    """Measure in this process, by the arguments on standard input, and print JSON.

    Seconds of a cold start, and the other values of a row unless only the start is measured.
    """
    options, files = json.loads(sys.stdin.read()), locate_files(Path(folder), "decoder")
    are_mapped, is_read_ahead = WAYS[options["way"]]
    _drop_from_page_cache(Path(folder))
    start = time.perf_counter()
    decoder = OnnxDecoder(Path(folder), "decoder", options["threads"], are_experts_mapped=are_mapped, is_read_ahead=is_read_ahead)
    load = time.perf_counter() - start
    _Batch(decoder, 1)
    first = time.perf_counter() - start
    row: dict[str, object] = {} if options["is_only_start"] else _measure_row(decoder, files, options)
    sys.stdout.write(json.dumps({"load": load, "first": first, "row": row}))


def _measure_row(decoder: OnnxDecoder, files: Sequence[Path], options: Mapping[str, Any]) -> dict[str, object]:
    """The values of a `Row` but those of cold starts."""
    memory = next(int(line.split()[1]) / 1024 for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)
    rates, cpu_rates = [], []
    for size in options["batches"]:
        batch = _Batch(decoder, size)
        cpu_start = time.process_time()
        seconds = [batch.step() for _ in range(options["steps"])]
        rates.append(size / median(seconds))
        cpu_rates.append(size * len(seconds) / (time.process_time() - cpu_start))
    return {
        "file_mb": sum(path.stat().st_size for path in files) / 1e6,
        "tokens_per_second": rates,
        "tokens_per_cpu_second": cpu_rates,
        "memory_mb": memory,
        "loss": compute_loss(decoder, options["text"]) if options["text"] else None,
    }


class _Batch:
    """Sequences after a random prompt, and their next tokens."""

    def __init__(self, decoder: OnnxDecoder, size: int) -> None:
        capacity = min(decoder.config.max_position_embeddings, 512)
        self._decoder = decoder
        self._bound = decoder.bind(allocate_cache(decoder.config, size, capacity))
        prompt = np.random.default_rng(size).integers(0, decoder.config.vocab_size, (size, PROMPT))
        self._lengths: Int = np.zeros(size, np.int64)
        self._append(prompt)

    def step(self) -> float:
        """Generate a token of each sequence. Returns the seconds."""
        start = time.perf_counter()
        self._append(self._tokens)
        return time.perf_counter() - start

    def _append(self, tokens_BS: Int) -> None:
        logits = self._bound.forward(self._decoder.embed(tokens_BS), self._lengths)
        self._lengths = self._lengths + tokens_BS.shape[1]
        self._tokens: Int = logits.argmax(1)[:, None]


def compute_loss(decoder: OnnxDecoder, tokens: Sequence[int]) -> float:
    """Mean negative log probability of each token after the others of its window, in nats."""
    bound, losses = decoder.bind(allocate_cache(decoder.config, 1, WINDOW)), []
    for first in range(0, len(tokens) - 1, WINDOW):
        window = np.array(tokens[first : first + WINDOW])
        if len(window) > 1:
            rows = np.arange(len(window) - 1)
            logits = bound.forward(decoder.embed(window[None]), np.zeros(1, np.int64), rows).astype(np.float64)
            logits -= logits.max(axis=1, keepdims=True)
            losses.append(np.log(np.exp(logits).sum(axis=1)) - logits[rows, window[1:]])
    return float(np.concatenate(losses).mean())


def _drop_from_page_cache(folder: Path) -> None:
    """Write the files to disk and ask the kernel to release their pages."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
