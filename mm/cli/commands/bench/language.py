"""`mm bench language`: loading, decoding and loss of the language model's graphs."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report


@click.command()
@click.option("--additions", type=options.FILE, help="File of trained weights to add to SmolLM2.")
@click.option("--experts", type=click.IntRange(0), default=0, help="Add 128 untrained experts of this width to layers.")
@click.option("--expert-layers", type=click.IntRange(1), default=15, show_default=True, help="Upper layers that have experts.")
@click.option("--text", type=options.FILE, help="UTF-8 text whose loss is measured.")
@click.option("--text-tokens", type=click.IntRange(2), default=2048, show_default=True, help="Tokens of the text to read.")
@click.option("--weights", "formats", multiple=True, help="Weight formats to measure; all without this option.")
@click.option(
    "--batch", "batches", type=click.IntRange(1), multiple=True, default=(1, 8, 32), show_default=True, help="Requests."
)
@click.option("--steps", type=click.IntRange(1, 400), default=60, show_default=True, help="Measured steps of each batch size.")
@click.option("--cold", "cold_starts", type=click.IntRange(1), default=1, show_default=True, help="Cold starts of each way.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of a session.")
@click.option("--layers", type=click.IntRange(2), help="Measure random weights with so many layers instead of SmolLM2.")
@click.option("--vocabulary", type=click.IntRange(2), default=49152, show_default=True, help="Tokens of the random model.")
@options.as_json
def command(
    additions: Path | None,
    experts: int,
    expert_layers: int,
    text: Path | None,
    text_tokens: int,
    formats: tuple[str, ...],
    batches: tuple[int, ...],
    steps: int,
    cold_starts: int,
    threads: int,
    layers: int | None,
    vocabulary: int,
    as_json: bool,
) -> None:
    """Measure SmolLM2 on this machine in each weight format."""
    from mm.bench.language.decoding import measure
    from mm.bench.language.models import FORMATS, draw_small, read_builtin
    from mm.errors import InvalidInput

    if unknown := sorted(set(formats) - FORMATS.keys()):
        raise InvalidInput(f"There is no weight format {unknown[0]!r}. Formats are: {'; '.join(FORMATS)}.")
    precise: list[str] = []
    if layers is None:
        config, weights, precise = read_builtin(additions, experts, expert_layers)
    else:
        config, weights = draw_small(layers, vocabulary, experts, expert_layers)
    tokens = [] if text is None else _encode(text)[:text_tokens]
    report = measure(config, weights, batches, steps, threads, tokens, formats or tuple(FORMATS), precise, cold_starts)
    print_report(report, as_json)


def _encode(path: Path) -> list[int]:
    from mm.models.language.gguf.reader import read_gguf
    from mm.models.language.smollm2 import find_smollm2
    from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary

    return LanguageTokenizer(read_vocabulary(read_gguf(find_smollm2()))).encode(path.read_text(encoding="utf-8"))
