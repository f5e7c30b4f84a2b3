"""The graphs of SmolLM2 and of what training adds to it, in a cache folder.

    python -m mm.models.language.graph.builtin CACHE PRECISION [ADDITIONS [by-row]]

builds them in a process of its own, so that the memory of the builder, several times the weights,
is released.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import mm
from mm.errors import Unavailable
from mm.models.language.checkpoint.additions import Additions
from mm.models.language.checkpoint.expert_layout import convert_experts
from mm.models.language.checkpoint.file import load_additions, read_metadata
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.graph.names import BUILDER_VERSION, locate_files, locate_mapped
from mm.models.language.graph.session import OnnxDecoder
from mm.models.language.graph.weight_format import Precision, WeightFormat
from mm.models.language.media_prefix.session import OnnxMediaPrefix
from mm.models.language.smollm2 import find_smollm2, read_config, read_weights


@dataclass(frozen=True, slots=True)
class BuiltinModel:
    """Which weights, and in which precision. Can be pickled."""

    cache: Path
    """Folder of graphs. It can be deleted: graphs are built again."""
    precision: Precision = "int4"
    additions: Path | None = None
    """None for SmolLM2 as it is."""
    is_by_row: bool = False
    """See `WeightFormat`: the same weights for steps of many tokens."""

    def load(self, threads: int, *, is_over_trees: bool = False) -> OnnxDecoder:
        """The decoder, whose graphs are built at first use.

        Raises `Unavailable` when the package of SmolLM2 is not installed or the graphs cannot be
        built, `Corrupt` for files that cannot be read or do not fit together.
        """
        return OnnxDecoder(self.cache, self._ensure_graphs(), threads, is_over_trees=is_over_trees)

    def load_mapped(self, threads: int) -> OnnxDecoder | None:
        """The decoder with mapped experts, which is loaded faster; None without quantized experts.

        Raises as `load`.
        """
        key = self._ensure_graphs()
        is_written = locate_mapped(self.cache, key).exists()
        return OnnxDecoder(self.cache, key, threads, are_experts_mapped=True) if is_written else None

    def build(self) -> None:
        """Write the graphs. The additions must belong to the installed SmolLM2."""
        from mm.models.language.base_weights import round_weights
        from mm.models.language.graph.decoder import write_graphs

        file = read_gguf(find_smollm2())
        config, experts, precise = read_config(file), {}, list[str]()
        weights = read_weights(file, config)
        if self.precision != "int4":  # which rounds them
            weights = round_weights(weights)
        if self.additions is not None:
            additions = load_additions(self.additions)
            precise = [name for name in additions.updates if self.precision == "int4"]
            weights |= round_weights({name: weights[name] for name in precise})  # the updates were trained on these
            config, weights = additions.config, additions.merge(weights)
            layers = {name.removesuffix(_GATE_UP) for name in additions.experts if name.endswith(_GATE_UP)}
            experts = {
                layer + "mlp": convert_experts(additions.experts[layer + _GATE_UP], additions.experts[layer + _DOWN])
                for layer in layers
            }
        write_graphs(self.cache, self._make_key(), weights, config, self._format, experts, precise)

    def _ensure_graphs(self) -> str:
        """The key of the graphs, which are built if they are not there."""
        key = self._make_key()
        if not locate_files(self.cache, key)[0].exists():
            if self.additions is not None:
                load_additions(self.additions).require_base(find_smollm2())
            _build_in_subprocess(self)
        return key

    @property
    def _format(self) -> WeightFormat:
        return WeightFormat(self.precision, is_by_row=self.is_by_row)

    def _make_key(self) -> str:
        """Names everything that determines the graphs."""
        path = find_smollm2()
        status = path.stat()
        base = sha256(f"{path.name} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:16]
        added = "" if self.additions is None else f"-{read_metadata(self.additions).sha256[:16]}"
        return f"smollm2-{base}{added}-{self._format.describe()}-{BUILDER_VERSION}"


def load_prefix(cache: Path, additions: Additions) -> OnnxMediaPrefix:
    """The media prefix of additions, whose graphs are in the folder of graphs.

    Raises `Corrupt` for graphs that cannot be read.
    """
    return OnnxMediaPrefix(additions.prefix, cache, f"media-prefix-{additions.metadata.sha256[:16]}")


_GATE_UP, _DOWN = "mlp.experts.gate_up_proj", "mlp.experts.down_proj"


def _build_in_subprocess(model: BuiltinModel) -> None:
    path = os.pathsep.join(filter(None, [str(Path(mm.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    arguments = [str(model.cache), model.precision, str(model.additions or ""), *(["by-row"] if model.is_by_row else [])]
    command = [sys.executable, "-P", "-m", __name__, *arguments]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"its process ended with the status {done.returncode}"])[-1]
        raise Unavailable(f"The graph of the language model cannot be built: {reason}")


def main(cache: str, precision: Precision, additions: str = "", scales: str = "") -> None:
    """Build the graphs of one model; `scales` is "by-row" or empty."""
    BuiltinModel(Path(cache), precision, Path(additions) if additions else None, scales == "by-row").build()


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
