"""The sound tower: sounds other than speech to unit vectors of the space, on a CPU, without torch.

YAMNet (Plakal & Ellis, tensorflow/models `research/audioset/yamnet`, Apache-2.0) scores 521
classes; the direction of a patch is the sum of the class vectors, weighted by the scores. A
waveform is encoded in windows of up to 4 s. The vector of a window is the mean direction of its
patches, silent patches excluded. Windows of speech are marked: callers that index sounds leave them
to the speech tower.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt
from mm.files import hash_file
from mm.media.types import Waveform
from mm.models.inputs import require_waveform
from mm.models.sound.weights import read_names
from mm.models.sound.yamnet import INPUT, OUTPUT, PATCH, SCORES, Float, compute_log_mel, cut_patches
from mm.numerics import normalize
from mm.runtimes import ensure_graph, find_float32_runtime, load_graph

BUILDER_VERSION = 1
"""Part of the key of a cached graph; increase it when the same weights give another graph."""
WINDOW = 4 * PATCH
"""Samples of the longest window, 3.9 s."""
SILENCE_RMS = 1e-3
"""Root mean square at or below which a patch is silent: -60 dB of full scale, as for speech."""
BATCH = 16
"""Patches of a batch."""
NUM_SPEECH_CLASSES = 5
"""Number of speech classes, which come first in AudioSet: Speech, Child speech, Conversation,
Narration, Babbling."""
SPEECH_THRESHOLD = 0.5
"""Minimum mean score of the speech classes for a window of speech. Not fitted; SOUND.md in
`mm/weights/lite` lists its error rates."""
NAME_THRESHOLD, MAX_NAMES = 0.2, 2
"""Minimum mean score of a class that is named in `SoundWindow.text`, and the number of names."""
GENERIC_CLASSES = frozenset(
    {
        "animal", "domestic animals, pets", "livestock, farm animals, working animals", "wild animals", "vehicle", "silence",
        "sound effect", "noise", "environmental noise", "field recording", "inside, small room", "inside, large room or hall",
        "inside, public space", "outside, urban or manmade", "outside, rural or natural",
    }
)  # fmt: skip
"""Classes that are too general to be named."""


@dataclass(frozen=True, slots=True, eq=False)
class SoundWindow:
    """Samples [start, end) of a window, from its first patch that is not silent to its last."""

    start: int
    end: int
    vector: Float
    """Unit vector (D,)."""
    speech_score: float
    """Mean score of the speech classes."""
    text: str | None = None
    """Names of the sounds other than speech; None when no class reaches `NAME_THRESHOLD`."""

    @property
    def is_speech(self) -> bool:
        return self.speech_score >= SPEECH_THRESHOLD


class SoundTower:
    """YAMNet with class vectors. Safe to call from several threads."""

    def __init__(
        self,
        weights: Path,
        graph_cache: Path,
        runtime: str = "auto",
        threads: int = 0,
        prebuild: Callable[[], None] | None = None,
    ) -> None:
        """Build the graph from `weights` on first use and cache it in `graph_cache`.

        For `prebuild` see `mm.runtimes.ensure_graph`.

        It runs in float32, whatever the precision of `runtime`. Raises `Corrupt` when the weights
        cannot be read.
        """
        self._runtime = find_float32_runtime(runtime)
        self.names = read_names(weights)
        """Names of the classes, in lower case."""
        self._graph = load_graph(ensure_sound_graph(weights, graph_cache, prebuild), self._runtime.name, threads)

    def encode_windows(self, waveform: Waveform, windows: Sequence[tuple[int, int]] | None = None) -> list[SoundWindow]:
        """Encode the windows that are not silent, in order.

        `waveform` is float32 (samples,) at 16 kHz; `windows` are [start, end) in samples, by
        default those of `split_windows`. Raises `InvalidInput` for another shape or values that are
        not finite.
        """
        require_waveform(waveform)
        encoded = [self._encode_window(waveform, start, end) for start, end in (windows or split_windows(0, len(waveform)))]
        return [window for window in encoded if window is not None]

    def embed(self, waveform: Waveform, *, speech: bool = False) -> Float | None:
        """One unit vector (D,) for the whole waveform; windows of speech count only with `speech`.

        None when no window remains. Raises `InvalidInput` as `encode_windows`.
        """
        vectors = [window.vector for window in self.encode_windows(waveform) if speech or not window.is_speech]
        return normalize(np.mean(vectors, axis=0, dtype=np.float32)) if vectors else None

    def scores(self, logmel: Float) -> tuple[Float, Float]:
        """Directions (P, D), not normalised, and class scores (P, K) of patches (P, 96, 64)."""
        batches = [self._graph.run({INPUT: logmel[start : start + BATCH]}) for start in range(0, len(logmel), BATCH)]
        return np.concatenate([batch[OUTPUT] for batch in batches]), np.concatenate([batch[SCORES] for batch in batches])

    def describe(self) -> str:
        """One line: network, input, runtime."""
        return f"YAMNet with classes placed in the space, log-mel, 16 kHz, {self._runtime.describe()}"

    def _encode_window(self, waveform: Waveform, start: int, end: int) -> SoundWindow | None:
        # Loudness is tested before the network runs, so that silence costs nothing.
        starts = compute_patch_starts(end - start)
        patches = cut_patches(waveform[start:end], starts)
        loud = np.sqrt(np.square(patches).mean(1)) > SILENCE_RMS
        if not loud.any():
            return None
        start, end = start + int(starts[loud][0]), min(start + int(starts[loud][-1]) + PATCH, end)
        directions, scores = self.scores(compute_log_mel(patches[loud]))
        mean = scores.mean(0)
        speech_score = float(scores[:, :NUM_SPEECH_CLASSES].max(1).mean())
        return SoundWindow(start, end, normalize(directions.mean(0, dtype=np.float32)), speech_score, self._name_sounds(mean))

    def _name_sounds(self, mean: Float) -> str | None:
        """Names of the classes with the highest mean scores, without speech and general classes."""
        best = [
            k
            for k in np.argsort(-mean, kind="stable")
            if mean[k] >= NAME_THRESHOLD and k >= NUM_SPEECH_CLASSES and self.names[k] not in GENERIC_CLASSES
        ]
        return ", ".join(self.names[k] for k in best[:MAX_NAMES]) or None


def split_windows(start: int, end: int) -> list[tuple[int, int]]:
    """Divide [start, end) into windows of equal length, none longer than `WINDOW`."""
    count = -(-(end - start) // WINDOW)
    return list(pairwise(start + (end - start) * index // count for index in range(count + 1))) if count > 0 else []


def compute_patch_starts(length: int) -> npt.NDArray[np.int64]:
    """Starts of patches that cover a window of that many samples; the last ends where it ends.

    A window that is shorter than a patch has one patch.
    """
    count = max(1, -(-length // PATCH))
    return np.linspace(0, max(length - PATCH, 0), count).astype(np.int64)


def ensure_sound_graph(weights: Path, graph_cache: Path, prebuild: Callable[[], None] | None = None) -> Path:
    """Path of the ONNX graph, built if it is not cached.

    Raises `Corrupt` when the weights cannot be read.
    """
    try:
        digest = hash_file(weights, digits=16)
    except OSError as error:
        raise Corrupt(f"The weights of the sound tower cannot be read from {weights}: {error}.") from error
    return ensure_graph(graph_cache, f"sound-{digest}-{BUILDER_VERSION}", lambda: _build(weights), prebuild)


def _build(weights: Path) -> bytes:
    """The bytes of the graph. The builder, which needs onnx, is imported only when it is used."""
    from mm.models.sound.graph import build_graph
    from mm.models.sound.weights import read_weights

    try:
        return build_graph(read_weights(weights))
    except KeyError as error:
        raise Corrupt(f"{weights} is not a checkpoint of a sound tower: the tensor {error} is missing.") from error
