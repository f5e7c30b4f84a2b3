"""How a graph stores and multiplies its matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mm.errors import InvalidInput

Precision = Literal["int4", "int8", "fp16", "fp32"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """The format of all matrices. Norms, routers and biases are float32.

    int4: layers with block offsets, experts symmetric, embeddings of 8 bits (`base_weights`). int8:
    all symmetric. fp16: stored in half precision, computed in float32. fp32: as given. Raises
    `InvalidInput` for another name.
    """

    precision: Precision = "int4"
    int8_activations: bool = True
    """int4, int8: round the inputs of a product to 8 bits in blocks, and multiply in integers."""
    is_by_row: bool = False
    """int4, int8: round the rounded matrices of the layers again, to 8 bits with a scale for each
    row, and their inputs with a scale for each token (`quantization.rows`): for steps of many
    tokens.

    Needs a processor with dot products of 8-bit integers; on others sums saturate."""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise InvalidInput(f"The precision must be one of {', '.join(PRECISIONS)}, not {self.precision!r:.40}.")
        if self.is_by_row and not (self.is_quantized and self.int8_activations):
            raise InvalidInput(f"Only int4 and int8 with activations of 8 bits have scales by row, not {self.precision}.")

    @property
    def is_quantized(self) -> bool:
        """Whether matrices are integers."""
        return self.precision in ("int4", "int8")

    @property
    def accuracy_level(self) -> int:
        """The attribute of the operators: 4 allows 8-bit activations, 1 requires float32."""
        return 4 if self.int8_activations else 1

    def describe(self) -> str:
        """A name that differs for each format, for names of files."""
        activations = "" if self.int8_activations or not self.is_quantized else "-fp32-activations"
        return f"{self.precision}{activations}{'-by-row' if self.is_by_row else ''}"
