"""`mm eval captions`, `caption-confidence`, `caption-search`, `routing` of the language model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.evaluation.language.routing import RoutingModel
    from mm.models.language.graph.weight_format import Precision

PRECISIONS = ("int4", "int8", "fp16")

root = click.option("--root", type=options.FOLDER, required=True, help="Folder of captioned images: captions.jsonl, images/.")
split = click.option(
    "--split", default="dev", show_default=True, help="Split of the data set; test only for final results, by explicit choice."
)
half = click.option(
    "--half", type=click.IntRange(0, 1), help="Only this half of the images, by the hash of their names; default: both halves."
)
images = click.option("--images", "limit", type=click.IntRange(1), help="Number of images, from the first; default: all.")


@click.command("captions")
@root
@split
@half
@images
@click.option("--weights", type=options.FILE, help="Trained weights of the language model; default: the shipped ones.")
@click.option(
    "--beam", "widths", type=click.IntRange(1, 16), multiple=True, default=(3, 1), show_default=True,
    help="Width of the beam search; 1 is greedy. Several are compared.",
)  # fmt: skip
@click.option(
    "--precision", "precisions", type=click.Choice(PRECISIONS), multiple=True, default=("int4",), show_default=True,
    help="Precision of the weights. Several are compared, with the first width.",
)  # fmt: skip
@click.option(
    "--ranked/--no-ranked", default=True, show_default=True,
    help="Whether captions as in the library, ranked by the image, are measured too.",
)  # fmt: skip
@click.option("--baselines/--no-baselines", default=True, show_default=True, help="Whether baselines are measured too.")
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), help="File for the captions of the first table, JSON.")
@options.as_json
def captions(
    root: Path, split: str, half: int | None, limit: int | None, weights: Path | None,
    widths: tuple[int, ...], precisions: tuple[Precision, ...], ranked: bool, baselines: bool, save: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Caption images: BLEU-4, CIDEr-D and unsupported object words, beside baselines.

    The first table is of captions as the library has them: of the candidates of beam search, that
    of the highest score by log probability, similarity to the image, objects and phrases. All
    others are the most probable candidates.
    """
    from mm.cli.commands.eval import print_progress, shipped_space
    from mm.data.captioned_images import read_captioned_images
    from mm.data.halves import select_half
    from mm.data.language.generated_captions import write_generated_captions
    from mm.evaluation.language import captions as evaluation
    from mm.generation.builtin_captioner import describe_without_image, load_captioner
    from mm.generation.caption_ranking import CaptionRanking
    from mm.generation.captioner import BEAM_WIDTH
    from mm.models.language.checkpoint.file import SHIPPED
    from mm.settings import load_settings

    rows, settings = select_half(read_captioned_images(root, split), half)[:limit], load_settings()
    written = []
    variants = [(precisions[0], BEAM_WIDTH, True)] if ranked else []
    variants += [(precisions[0], width, False) for width in widths] + [(other, widths[0], False) for other in precisions[1:]]
    with shipped_space() as (space, _):
        for precision, width, is_ranked in variants:
            search = "greedy decoding" if width == 1 else f"beam search of width {width}"
            by = f"{search}{', ranked' if is_ranked else ''}, {precision}"
            of_precision = settings.model_copy(update={"language_precision": precision})
            captioner = load_captioner(
                of_precision, weights or SHIPPED, width, CaptionRanking(space.text, space.caption_heads) if is_ranked else None
            )
            written.append(evaluation.write_captions(by, captioner, space.image_maps, rows, print_progress))
        if save is not None:
            write_generated_captions(save, written[0].by_name(rows))
        if baselines:
            train = read_captioned_images(root, "train")
            written.append(evaluation.copy_nearest_captions(space.image, rows, train, print_progress))
            written.append(evaluation.Captions("the base model without image", (describe_without_image(settings),) * len(rows)))
    reports = [evaluation.report_captions(entry, rows, split) for entry in written]
    click.echo(
        json.dumps([report.record() for report in reports]) if as_json else "\n\n".join(report.table() for report in reports)
    )


@click.command("caption-search")
@root
@split
@half
@images
@click.option("--captions", "file", type=options.FILE, required=True, help="Captions that `mm eval captions --save` wrote.")
@click.option(
    "--threshold", type=click.FloatRange(0.0, 1.0), default=0.0, show_default=True,
    help="Least confidence of captions that are searched.",
)  # fmt: skip
@click.option("--texts", type=options.FOLDER, help="Folder with the set `unanswerable`; without it, such queries are left out.")
@options.as_json
def caption_search(
    root: Path, split: str, half: int | None, limit: int | None, file: Path, threshold: float, texts: Path | None, as_json: bool
) -> None:
    """Search images by text with and without written captions as evidence."""
    from mm.cli.commands.eval import print_report, shipped_space
    from mm.data.captioned_images import read_captioned_images
    from mm.data.halves import select_half
    from mm.data.language.generated_captions import read_generated_captions
    from mm.data.query_texts import read_split_lines
    from mm.evaluation.language.caption_confidence import measure_confidences
    from mm.evaluation.language.caption_search import evaluate_search
    from mm.evaluation.near_duplicates import embed_images
    from mm.generation.caption_ranking import GeneratedCaption

    rows = select_half(read_captioned_images(root, split), half)[:limit]
    written = read_generated_captions(file)
    unanswerable = [] if texts is None else read_split_lines(texts / "unanswerable" / "questions.txt", "dev")
    with shipped_space() as (space, _):
        images_ND = embed_images(space.image, [row.path for row in rows], lambda image: image)
        captions = [written.get(row.path.name, GeneratedCaption("", 0.0)) for row in rows]
        is_searched_N = measure_confidences(space, captions, images_ND) >= threshold
        texts_N = [caption.text if is_searched else "" for caption, is_searched in zip(captions, is_searched_N, strict=True)]
        report = evaluate_search(space, rows, images_ND, texts_N, unanswerable)
    print_report(report, as_json)


@click.command("caption-confidence")
@root
@split
@half
@click.option("--captions", "file", type=options.FILE, required=True, help="Captions that `mm eval captions --save` wrote.")
@click.option(
    "--threshold", "thresholds", type=click.FloatRange(0.0, 1.0), multiple=True, default=(0.1, 0.3, 0.5, 0.7, 0.9),
    show_default=True, help="Lowest confidence of captions that are kept. Several are compared.",
)  # fmt: skip
@options.as_json
def caption_confidence(
    root: Path, split: str, half: int | None, file: Path, thresholds: tuple[float, ...], as_json: bool
) -> None:
    """Count right captions below, and wrong ones above, a least confidence."""
    from mm.cli.commands.eval import print_report, shipped_space
    from mm.data.captioned_images import read_captioned_images
    from mm.data.halves import select_half
    from mm.data.language.generated_captions import read_generated_captions
    from mm.evaluation.language.caption_confidence import evaluate_confidence
    from mm.evaluation.near_duplicates import embed_images

    written = {name: caption for name, caption in read_generated_captions(file).items() if caption.text}
    rows = [row for row in select_half(read_captioned_images(root, split), half) if row.path.name in written]
    with shipped_space() as (space, _):
        images_ND = embed_images(space.image, [row.path for row in rows], lambda image: image)
        report = evaluate_confidence(space, rows, images_ND, [written[row.path.name] for row in rows], thresholds)
    print_report(report, as_json)


@click.command("routing")
@root
@split
@click.option(
    "--images", "num_images", type=click.IntRange(1), default=200, show_default=True, help="Captioned images in the mix."
)
@click.option("--weights", type=options.FILE, help="Trained weights of the language model; default: the shipped ones.")
@options.as_json
def routing(root: Path, split: str, num_images: int, weights: Path | None, as_json: bool) -> None:
    """Measure how evenly experts are used, by kind of token, on captions, questions and answers."""
    from mm.cli.commands.eval import print_progress, print_report
    from mm.evaluation.language.routing import evaluate_routing

    with routing_model(weights) as (model, _):
        report = evaluate_routing(model, root, split, num_images, print_progress)
    print_report(report, as_json)


@click.command("expert-preference")
@root
@split
@click.option(
    "--images", "num_images", type=click.IntRange(2), default=40, show_default=True, help="Captioned images to measure groups on."
)
@click.option(
    "--documents", type=click.IntRange(1), default=4, show_default=True, help="Documents of each group to measure preferences on."
)
@click.option("--weights", type=options.FILE, help="Trained weights of the language model; default: the shipped ones.")
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), help="File for the measured groups, JSON.")
@options.as_json
def expert_preference(
    root: Path, split: str, num_images: int, documents: int, weights: Path | None, save: Path | None, as_json: bool
) -> None:
    """Measure which experts each task uses, and the effect of preferring and avoiding them.

    Preferences are measured on documents that the groups were not measured on.
    """
    from mm.cli.commands.bench.common import print_report
    from mm.cli.commands.eval import print_progress
    from mm.evaluation.language.expert_preferences import divide_documents, evaluate_preferences, measure_groups
    from mm.evaluation.language.routing import draw_documents
    from mm.models.language.expert_preference import write_groups

    with routing_model(weights) as (model, sha256):
        drawn = list(draw_documents(model.tokenizer, root, split, num_images))
        measured, held_out = divide_documents(drawn, documents)
        groups = measure_groups(model, measured, sha256, print_progress)
        if save is not None:
            write_groups(save, groups)
        report = evaluate_preferences(model, groups, held_out, print_progress)
    print_report(report, as_json)


@contextmanager
def routing_model(weights: Path | None) -> Iterator[tuple[RoutingModel, str]]:
    """The model in NumPy, and the SHA-256 of its trained weights."""
    from mm.cli.commands.eval import shipped_space
    from mm.evaluation.language.routing import RoutingModel
    from mm.models.language.base_weights import read_base_weights
    from mm.models.language.checkpoint.file import SHIPPED, load_additions
    from mm.models.language.gguf.reader import read_gguf
    from mm.models.language.smollm2 import find_smollm2, read_config
    from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary

    file = read_gguf(find_smollm2())
    additions, base = load_additions(weights or SHIPPED), read_base_weights(file, read_config(file))
    with shipped_space() as (space, _):
        tokenizer = LanguageTokenizer(read_vocabulary(file))
        yield RoutingModel(additions, base, space.image_maps, tokenizer), additions.metadata.sha256
