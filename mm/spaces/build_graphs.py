"""Builds a graph in a process of its own: the builder's memory, several times the weights, ends
with that process.

python -m mm.spaces.build_graphs text CACHE
python -m mm.spaces.build_graphs languages CACHE WEIGHTS
python -m mm.spaces.build_graphs image CACHE WEIGHTS RUNTIME
python -m mm.spaces.build_graphs sound CACHE WEIGHTS
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mm


def prebuild_text(graph_cache: Path) -> None:
    """Have the graph of the text tower built.

    A failure is not told: whoever loads the tower then builds in its own process, and meets the
    error under its own name.
    """
    _build_in_subprocess("text", str(graph_cache))


def prebuild_languages(weights: Path, graph_cache: Path) -> None:
    """The same for the tower of other languages."""
    _build_in_subprocess("languages", str(graph_cache), str(weights))


def prebuild_image(weights: Path, graph_cache: Path, runtime: str) -> None:
    """The same for the graph that the image tower needs for a runtime."""
    _build_in_subprocess("image", str(graph_cache), str(weights), runtime)


def prebuild_sound(weights: Path, graph_cache: Path) -> None:
    """The same for the graph of the sound tower."""
    _build_in_subprocess("sound", str(graph_cache), str(weights))


def _build_in_subprocess(*arguments: str) -> None:
    path = os.pathsep.join(filter(None, [str(Path(mm.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    subprocess.run(
        [sys.executable, "-P", "-m", "mm.spaces.build_graphs", *arguments],  # -P: a folder `mm` where we run is not ours
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def main(kind: str, graph_cache: str, weights: str = "", runtime: str = "auto") -> None:
    """Build one graph. Each branch imports what it needs and no more: this process lives for a
    second or two."""
    cache = Path(graph_cache)
    match kind:
        case "text":
            from mm.models.text.tower import ensure_text_graph

            ensure_text_graph(cache)
        case "languages":
            from mm.models.text.multilingual import ensure_multilingual_graph

            ensure_multilingual_graph(Path(weights), cache)
        case "sound":
            from mm.models.sound.tower import ensure_sound_graph

            ensure_sound_graph(Path(weights), cache)
        case "image":
            from mm.models.image.tower import ensure_image_graph
            from mm.runtimes import find_runtime

            ensure_image_graph(Path(weights), cache, find_runtime(runtime).precision)
        case _:
            raise ValueError(f"no such graph: {kind}")


if __name__ == "__main__":
    main(*sys.argv[1:])
