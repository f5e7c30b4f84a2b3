"""Compare the exported built-in model in transformers with the reference, in float32 and float64.

    python -m tests.models.language.export.precision [ADDITIONS]

prints, for the beginning of a page of the docs, the largest difference of any logit between the
NumPy reference in float32, transformers in float32, and the reference in float64.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForCausalLM

from mm.models.language.checkpoint.file import SHIPPED
from mm.models.language.export.merged_model import MergedModel, load_merged_model
from mm.models.language.export.transformers_folder import write_transformers_folder
from mm.models.language.reference.attention import KVCache
from mm.models.language.reference.network import compute_logits, embed_tokens, forward
from mm.models.language.smollm2 import find_smollm2
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary

Float = npt.NDArray[np.floating]
PAGE = Path(__file__).parents[4] / "docs" / "life-of-a-video.md"
LENGTHS = (50, 200, 1000)


def compute_reference(model: MergedModel, ids: list[int], dtype: type[np.floating]) -> Float:
    """Logits (L, vocabulary) of the NumPy reference, computed in this type."""
    weights = {name: weight.astype(dtype) for name, weight in model.weights.items()}
    cache = KVCache.allocate(model.config, len(ids))
    cache = KVCache(cache.keys.astype(dtype), cache.values.astype(dtype))
    output = forward(model.config, weights, embed_tokens(model.config, weights, ids), cache)
    return compute_logits(weights, output.hidden_LW)


def main(additions: Path) -> None:
    model = load_merged_model(find_smollm2(), additions)
    ids = LanguageTokenizer(read_vocabulary(model.base)).encode(PAGE.read_text())
    with TemporaryDirectory() as folder:
        write_transformers_folder(Path(folder) / "out", model)
        exported = AutoModelForCausalLM.from_pretrained(Path(folder) / "out")

    click.echo("tokens | reference to transformers | reference to float64 | transformers to float64")
    for length in LENGTHS:
        with torch.inference_mode():
            logits = exported(torch.tensor([ids[:length]])).logits[0].numpy()
        reference = compute_reference(model, ids[:length], np.float32)
        precise = compute_reference(model, ids[:length], np.float64)
        pairs = ((reference, logits), (reference, precise), (logits, precise))
        click.echo(" | ".join([str(length), *(f"{np.abs(left - right).max():.1e}" for left, right in pairs)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
