"""`mm models export`: the built-in language model as files of transformers or llama.cpp."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from mm.cli import options
from mm.errors import InvalidInput

DEFAULTS = {"safetensors": "float32", "gguf": "f16"}


@click.command()
@click.argument("model", type=click.Choice(["language"]))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--format", "file_format", type=click.Choice(list(DEFAULTS)), default="safetensors", show_default=True)
@click.option(
    "--precision",
    help="safetensors: float32 (default) or float16; gguf: f16 (default), q8_0 or q4_1, which are rounded again.",
)
@click.option("--additions", type=options.FILE, help="Trained weights to merge; default: the shipped ones.")
@click.option("--base-only", is_flag=True, help="The base model, without trained weights.")
def command(model: str, out: Path, file_format: str, precision: str | None, additions: Path | None, base_only: bool) -> None:
    """Write the built-in language model to OUT, for other programs.

    safetensors: a new folder that transformers loads, with tokenizer and chat template, as
    Glm4MoeForCausalLM, or as LlamaForCausalLM without trained weights. gguf: a file that llama.cpp
    loads, of the architecture glm4moe or llama. Experts that compute nothing become experts of
    zeros. Both take text; images, videos and sounds enter only here.
    """
    precision = precision or DEFAULTS[file_format]
    _require_precision(file_format, precision)
    from mm.models.language.checkpoint.file import SHIPPED
    from mm.models.language.export.merged_model import load_merged_model
    from mm.models.language.smollm2 import find_smollm2

    if not base_only and additions is None and SHIPPED.is_file():
        additions = SHIPPED
    loaded = load_merged_model(find_smollm2(), None if base_only else additions)
    if file_format == "gguf":
        from mm.models.language.export.gguf_file import write_gguf_model

        write_gguf_model(out, loaded, precision)
    else:
        from mm.models.language.export.transformers_folder import write_transformers_folder

        write_transformers_folder(out, loaded, precision)
    experts = f"with {loaded.config.num_experts} experts" if loaded.config.num_experts else "without experts"
    click.echo(f"{out}: the language model {experts}, {file_format}, {precision}.")


def _require_precision(file_format: str, precision: str) -> None:
    from mm.models.language.export import gguf_file, transformers_folder

    known = get_args({"gguf": gguf_file, "safetensors": transformers_folder}[file_format].Precision)
    if precision not in known:
        raise InvalidInput(f"The precision of {file_format} must be one of {', '.join(known)}, not {precision!r:.40}.")
