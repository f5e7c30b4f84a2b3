"""Build a graph in a subprocess, so that the memory of the builder, several times the weights, is
released.

python -m mm.spaces.build_graphs text CACHE
python -m mm.spaces.build_graphs languages CACHE WEIGHTS
python -m mm.spaces.build_graphs image CACHE WEIGHTS RUNTIME
python -m mm.spaces.build_graphs image-maps CACHE WEIGHTS RUNTIME
python -m mm.spaces.build_graphs sound CACHE WEIGHTS
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mm


def prebuild_text(graph_cache: Path) -> None:
    """Build the graph of the text tower into the cache.

    A failure is not reported: the tower then builds the graph in its own process, which raises the
    error.
    """
    _build_in_subprocess("text", str(graph_cache))


def prebuild_languages(weights: Path, graph_cache: Path) -> None:
    """Build the graph of the multilingual tower; see `prebuild_text`."""
    _build_in_subprocess("languages", str(graph_cache), str(weights))


def prebuild_image(weights: Path, graph_cache: Path, runtime: str) -> None:
    """Build the graph of the image tower for a runtime; see `prebuild_text`."""
    _build_in_subprocess("image", str(graph_cache), str(weights), runtime)


def prebuild_image_maps(weights: Path, graph_cache: Path, runtime: str) -> None:
    """Build the graph of the image tower with its feature map; see `prebuild_text`."""
    _build_in_subprocess("image-maps", str(graph_cache), str(weights), runtime)


def prebuild_sound(weights: Path, graph_cache: Path) -> None:
    """Build the graph of the sound tower; see `prebuild_text`."""
    _build_in_subprocess("sound", str(graph_cache), str(weights))


def _build_in_subprocess(*arguments: str) -> None:
    path = os.pathsep.join(filter(None, [str(Path(mm.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    subprocess.run(
        [sys.executable, "-P", "-m", "mm.spaces.build_graphs", *arguments],  # -P: no `mm` of the working directory
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def main(kind: str, graph_cache: str, weights: str = "", runtime: str = "auto") -> None:
    """Build one graph. Each branch has its own imports, to keep the process short, 1 to 2 s."""
    cache = Path(graph_cache)
    match kind:
        case "text":
            from mm.models.text.tower import ensure_text_graph

            ensure_text_graph(cache)
        case "languages":
            from mm.models.text.e5.encoder import ensure_e5_graph

            ensure_e5_graph(cache, Path(weights))
        case "sound":
            from mm.models.sound.tower import ensure_sound_graph

            ensure_sound_graph(Path(weights), cache)
        case "image" | "image-maps":
            from mm.models.image.tower import ensure_image_graph
            from mm.runtimes import find_runtime

            ensure_image_graph(Path(weights), cache, find_runtime(runtime).precision, with_map=kind == "image-maps")
        case _:
            raise ValueError(f"no such graph: {kind}")


if __name__ == "__main__":
    main(*sys.argv[1:])
