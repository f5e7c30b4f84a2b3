"""The report of a run that is kept, with what belongs to it."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm.data.sets.catalog import describe_set
from mm.data.sets.published import read_published
from mm.errors import InvalidInput, NotFound
from mm.evaluation.report.examples import CLIP_SECONDS, LONGEST, NUM_FRAMES, Shown
from mm.evaluation.report.page import NUM_EXAMPLES, Report, build_report
from mm.evaluation.runs.compare import compare_runs
from mm.media.types import SPEECH_RATE, Span

if TYPE_CHECKING:
    from mm.evaluation.runs.store import RunStore
    from mm.media import MediaReader
    from mm.media.types import Waveform

NUM_PEAKS = 80
"""Bars of a sound in print."""
MIN_CLIP_SECONDS = 0.1
"""Of a sound that ends where it starts."""


def write_report(
    store: RunStore, run_id: str, reader: MediaReader, baseline: str | None = None, num_examples: int = NUM_EXAMPLES
) -> str:
    """The HTML report of a run, beside earlier runs of the same set, split and task.

    Raises `NotFound` for an unknown run, `InvalidInput` for runs that cannot be compared.
    """
    run = store.get(run_id)
    signature = run.signature
    of_set = store.list_runs(signature.set_name)
    earlier = [other for other in of_set if (other.signature.split, other.signature.task) == (signature.split, signature.task)]
    comparison = compare_runs(store.get(baseline), run) if baseline else None
    try:
        published = read_published(describe_set(signature.set_name), signature.task)
    except NotFound:
        published = []  # the set is not in this checkout
    report = Report(run, earlier, published, comparison)
    return build_report(report, lambda path, start, end: open_shown(reader, path, start, end), num_examples)


def open_shown(reader: MediaReader, path: Path, start: float, end: float | None) -> Shown:
    """An image, frames of a video or the start of a sound, between two times of the file.

    Raises `InvalidInput` for a file that is gone, and as the reader.
    """
    if not path.is_file():
        raise InvalidInput(f"{path.name} is no longer in the folder.")
    info = reader.probe(path, path.name)
    if info.kind == "image":
        return Shown([reader.image(path, path.name, longest=LONGEST)])
    last = max(start, min(end or info.duration, info.duration))
    if info.kind == "audio":
        shown_end = max(min(last, start + CLIP_SECONDS), start + MIN_CLIP_SECONDS)
        waveform = reader.waveform(path, path.name, Span(start, shown_end))
        note = f"{start:.1f} to {shown_end:.1f} s of {info.duration:.1f} s"
        return Shown(sound=make_wav(waveform, SPEECH_RATE), peaks=find_peaks(waveform), note=note)
    times = [start + (last - start) * number / NUM_FRAMES for number in range(NUM_FRAMES)] if last > start else [start]
    frames = [reader.frame_at(path, path.name, time, longest=LONGEST // 2) for time in times]
    return Shown(frames, note=f"at {', '.join(f'{time:.1f}' for time in times)} s")


def find_peaks(waveform: Waveform) -> list[float]:
    """Largest absolute sample of each of up to `NUM_PEAKS` equal parts, the loudest is 1."""
    parts = [part for part in np.array_split(np.abs(waveform), NUM_PEAKS) if len(part)]
    peaks = np.array([part.max() for part in parts])
    scaled: list[float] = (peaks / max(peaks.max(initial=0.0), 1e-6)).tolist()
    return scaled


def make_wav(waveform: Waveform, rate: int) -> bytes:
    """A mono WAV file of 16 bits of samples (N,) from -1 to 1."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(waveform, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()
