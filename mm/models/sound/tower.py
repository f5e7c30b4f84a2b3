"""The sound tower: what sounds, other than the words said, as unit vectors of the space, on a CPU,
without torch.

The network is YAMNet (Plakal & Ellis, tensorflow/models `research/audioset/yamnet`, Apache-2.0): it
scores 521 classes, and a patch's direction is the sum of the classes' vectors by their scores. A
waveform is heard in windows of up to 4 s. A window's vector is the mean direction of its patches;
patches in which nothing sounds are left out, and who looks for sounds leaves out the windows in
which people speak: what they say is the speech tower's to find.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt, InvalidInput
from mm.files import hash_file
from mm.media.types import Waveform
from mm.models.sound.weights import read_names
from mm.models.sound.yamnet import INPUT, OUTPUT, PATCH, SCORES, Float, compute_log_mel, cut_patches
from mm.numerics import normalize
from mm.runtimes import ensure_graph, find_float32_runtime, load_graph

BUILDER_VERSION = 1
"""Of the graph; grows when the same weights would give another."""
WINDOW = 4 * PATCH
"""Samples of a window at most, 3.9 s."""
SILENCE_RMS = 1e-3
"""Root mean square below which a patch is silent: -60 dB of full scale, as for speech."""
BATCH = 16
"""Patches that pass through the graph at once."""
NUM_SPEECH_CLASSES = 5
"""The first so many classes are kinds of speech: AudioSet's Speech, Child speech, Conversation,
Narration, Babbling."""
SPEECH_THRESHOLD = 0.5
"""Mean score of speech from which on a window is speech. Fitted to nothing: see the card for what
it keeps apart."""
NAME_THRESHOLD, MAX_NAMES = 0.2, 2
"""Least mean score of a class that is named to a person, and how many are."""
GENERIC_CLASSES = frozenset(
    {
        "animal", "domestic animals, pets", "livestock, farm animals, working animals", "wild animals", "vehicle", "silence",
        "sound effect", "noise", "environmental noise", "field recording", "inside, small room", "inside, large room or hall",
        "inside, public space", "outside, urban or manmade", "outside, rural or natural",
    }
)  # fmt: skip
"""Classes that say too little to be named."""


@dataclass(frozen=True, slots=True, eq=False)
class SoundWindow:
    """A window from the first patch in which something sounds to the last: samples [start, end),
    its unit vector (D,), how sure it is that people speak, and what else sounds, in words; None
    where no class is sure."""

    start: int
    end: int
    vector: Float
    speech_score: float
    text: str | None = None

    @property
    def is_speech(self) -> bool:
        return self.speech_score >= SPEECH_THRESHOLD


class SoundTower:
    """Safe to call from several threads."""

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
        """What the classes are, in lower case."""
        self._graph = load_graph(ensure_sound_graph(weights, graph_cache, prebuild), self._runtime.name, threads)

    def encode_windows(self, waveform: Waveform, windows: Sequence[tuple[int, int]] | None = None) -> list[SoundWindow]:
        """The windows in which something sounds, in order; of the whole waveform, or of the given
        [start, end) in samples.

        `waveform` is (samples,) float32 at 16 kHz. Raises `InvalidInput` for another shape or
        values that are not finite.
        """
        if waveform.ndim != 1 or waveform.dtype != np.float32 or not np.isfinite(waveform).all():
            raise InvalidInput(f"A waveform must be finite float32 (samples,), not {waveform.dtype} {waveform.shape}.")
        found = [self._window(waveform, start, end) for start, end in (windows or split_windows(0, len(waveform)))]
        return [heard for heard in found if heard is not None]

    def embed(self, waveform: Waveform, *, speech: bool = False) -> Float | None:
        """One unit vector (D,) for the whole waveform; None where nothing sounds, or, without
        `speech`, nothing but speech."""
        heard = [window.vector for window in self.encode_windows(waveform) if speech or not window.is_speech]
        return normalize(np.mean(heard, axis=0, dtype=np.float32)) if heard else None

    def scores(self, logmel: Float) -> tuple[Float, Float]:
        """Of log-mel patches (P, 96, 64): directions (P, D), not normalised, and the classes'
        scores (P, K)."""
        parts = [self._graph.run({INPUT: logmel[start : start + BATCH]}) for start in range(0, len(logmel), BATCH)]
        return np.concatenate([part[OUTPUT] for part in parts]), np.concatenate([part[SCORES] for part in parts])

    def describe(self) -> str:
        """One line for a person: network, source, runtime."""
        return f"YAMNet with classes placed in the space, log-mel, 16 kHz, {self._runtime.describe()}"

    def _window(self, waveform: Waveform, start: int, end: int) -> SoundWindow | None:
        # Loudness alone is looked at first: silence must cost nothing.
        starts = compute_patch_starts(end - start)
        cut = cut_patches(waveform[start:end], starts)
        loud = np.sqrt(np.square(cut).mean(1)) > SILENCE_RMS
        if not loud.any():
            return None
        start, end = start + int(starts[loud][0]), min(start + int(starts[loud][-1]) + PATCH, end)
        directions, scores = self.scores(compute_log_mel(cut[loud]))
        mean = scores.mean(0)
        speech_score = float(scores[:, :NUM_SPEECH_CLASSES].max(1).mean())
        return SoundWindow(start, end, normalize(directions.mean(0, dtype=np.float32)), speech_score, self._named(mean))

    def _named(self, mean: Float) -> str | None:
        """The classes that sound most and say something, speech excepted."""
        best = [
            k
            for k in np.argsort(-mean, kind="stable")
            if mean[k] >= NAME_THRESHOLD and k >= NUM_SPEECH_CLASSES and self.names[k] not in GENERIC_CLASSES
        ]
        return ", ".join(self.names[k] for k in best[:MAX_NAMES]) or None


def split_windows(start: int, end: int) -> list[tuple[int, int]]:
    """[start, end) in windows of equal length, none longer than `WINDOW`."""
    count = -(-(end - start) // WINDOW)
    return list(pairwise(start + (end - start) * part // count for part in range(count + 1))) if count > 0 else []


def compute_patch_starts(length: int) -> npt.NDArray[np.int64]:
    """Where the patches of a window begin: they tile it, and the last ends where it ends; one, if
    it is shorter than a patch."""
    count = max(1, -(-length // PATCH))
    return np.linspace(0, max(length - PATCH, 0), count).astype(np.int64)


def ensure_sound_graph(weights: Path, graph_cache: Path, prebuild: Callable[[], None] | None = None) -> Path:
    """Path of the graph, built if it is not there yet. Raises `Corrupt` when the weights cannot be
    read."""
    try:
        digest = hash_file(weights, digits=16)
    except OSError as error:
        raise Corrupt(f"The sound tower's weights cannot be read from {weights}: {error}.") from error
    return ensure_graph(graph_cache, f"sound-{digest}-{BUILDER_VERSION}", lambda: _build(weights), prebuild)


def _build(weights: Path) -> bytes:
    """The graph's bytes. Its builder is imported here: a process that finds the graph in the cache
    has no need of it."""
    from mm.models.sound.graph import build_graph
    from mm.models.sound.weights import read_weights

    try:
        return build_graph(read_weights(weights))
    except KeyError as error:
        raise Corrupt(f"{weights} lacks the weights {error} of a sound tower.") from error
