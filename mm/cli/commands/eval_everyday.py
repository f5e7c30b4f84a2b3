"""`mm eval everyday`: what people type, by kind of question."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.evaluation.kept_reports import keeps_runs, print_reports


@click.command("everyday")
@click.option(
    "--root", "roots", type=options.FOLDER, multiple=True, required=True,
    help="Folder of flickr8k, coco_captions, tuxpaint or imagenet_samples; repeatable. Questions to other sets are left out.",
)  # fmt: skip
@click.option("--plain", is_flag=True, help="Without heads of words and corrections; scores as probabilities.")
@click.option("--shipped", is_flag=True, help="Use the shipped probabilities, which were fitted to these questions too.")
@click.option("--fit", "fitted", type=options.NEW_FILE, help="Fit the probabilities to all questions, and write bands.json here.")
@click.option("--diagram", type=options.NEW_FILE, help="Write the reliability diagram, SVG, here.")
@keeps_runs
@options.as_json
def everyday(
    roots: tuple[Path, ...], plain: bool, shipped: bool, fitted: Path | None, diagram: Path | None, as_json: bool
) -> None:
    """Search as people type, by kind of question: right hits, bands, calibration.

    Probabilities are those of a fit without the questions of a source, in five folds.
    """
    from contextlib import closing
    from dataclasses import replace

    from mm.cli.evaluation.spaces import open_space
    from mm.data.everyday.questions import read_questions
    from mm.data.sets.catalog import DATASETS
    from mm.errors import InvalidInput
    from mm.evaluation.evaluate_set import open_cache
    from mm.evaluation.everyday.diagram import draw_reliability
    from mm.evaluation.everyday.fit import LIKELY, cross_fit, fit_bands
    from mm.evaluation.everyday.libraries import load_libraries, rank_questions
    from mm.evaluation.everyday.measures import measure
    from mm.evaluation.runs.signature import hash_weights
    from mm.files import write_atomic
    from mm.spaces.text_queries.bands import compute_confidences

    questions = read_questions(DATASETS / "everyday")
    with open_space("lite") as opened:
        space = opened.space
        with closing(open_cache(opened.settings)) as cache:
            hashes = hash_weights(opened.weights)
            libraries = load_libraries(roots, questions, space, opened.reader, opened.settings, hashes, cache)
        space = replace(space, has_word_heads=False) if plain else space
        rankings = list(rank_questions(space, questions, libraries))
        if plain:
            confidences, likely = [each.scores_H for each in rankings], space.calibration.floor
        elif shipped:
            calibration = space.band_calibration
            if calibration is None:
                raise InvalidInput(f"The space {space.id} has no bands.json.")
            confidences = [compute_confidences(calibration, each.features_HF) for each in rankings]
            likely = calibration.likely
        else:
            confidences = cross_fit(rankings)
            likely = LIKELY
        if fitted is not None:
            written = fit_bands(rankings, space.calibration.image_weights).model_dump_json(indent=2)
            write_atomic(fitted, (written + "\n").encode())
        if diagram is not None:
            write_atomic(diagram, draw_reliability(rankings, confidences).encode())
        sizes = ", ".join(f"{len(library.ids_N):,} pictures of {library.name}" for library in libraries)
        num_searched = len({each.question.id for each in rankings})
        title = f"{num_searched} questions to {sizes}; likely from {likely:g}, in percent"
        report = measure(rankings, confidences, likely, title)
        print_reports(report, as_json, set_name="everyday", task="bands", root=roots[0], split="dev", weights=opened.weights)
